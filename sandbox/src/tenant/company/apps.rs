use uuid::{Uuid, uuid};

use super::{Dice, day};
use crate::tenant::{
    Application, Apps, ConsentPolicy, Grant, GrantKind, PrincipalKind, ServicePrincipal,
};

/// The app through which the twin chats.
pub(crate) const TWIN_CHAT_APP: Uuid = uuid!("5b7a0c11-0001-4c4e-9a51-7a0000000001");
/// The app through which the twin works.
pub(crate) const TWIN_ADMIN_APP: Uuid = uuid!("5b7a0c11-0002-4c4e-9a51-7a0000000002");
/// A public client with broad scopes, for foreign command lines.
pub(crate) const SAMPLE_CLI_APP: Uuid = uuid!("5b7a0c11-0003-4c4e-9a51-7a0000000003");
/// A confidential client with application permissions.
pub(crate) const SAMPLE_DAEMON_APP: Uuid = uuid!("5b7a0c11-0004-4c4e-9a51-7a0000000004");
/// A public client that sets agents up; nothing is granted to it yet.
pub(crate) const INSTALLER_APP: Uuid = uuid!("5b7a0c11-0005-4c4e-9a51-7a0000000005");
/// A public client for a person's own agent, which acts as that person; nothing is granted to it
/// yet, and people may consent for themselves.
pub(crate) const PERSONAL_APP: Uuid = uuid!("5b7a0c11-0006-4c4e-9a51-7a0000000006");
/// Microsoft Graph, the same in every tenant.
const GRAPH: Uuid = uuid!("00000003-0000-0000-c000-000000000000");
/// Office 365 Management APIs, the same in every tenant.
const MANAGEMENT: Uuid = uuid!("c5393580-f805-4401-95e8-94b7a6ef2fc2");

/// The service that agents' users answer Teams activities through, the same in every tenant. Its
/// name is from memory.
const MESSAGING: Uuid = uuid!("5a807f24-c9de-44ee-a3a7-329e88a00ffc");

/// Azure Resource Manager, the same in every tenant.
const AZURE: Uuid = uuid!("797f4846-ba00-4fd7-9dba-dac1f8f63013");
/// The Azure command line: Microsoft's own app, known here by its service principal only.
const AZURE_CLI: Uuid = uuid!("04b07795-8ddb-461a-bbee-02f9e1bf7b46");
/// The portal's own API, the same in every tenant.
const PORTAL: Uuid = uuid!("74658136-14ec-4630-ad9b-26e160ff0fc6");

const SIGN_IN: &str = "openid profile offline_access";

const CHAT: &str = "Chat.Create Chat.ReadWrite ChatMessage.Send Presence.ReadWrite User.Read";

/// Everything the twin's thirteen tools need, each the least there is.
const ADMIN: &str = "AuditLog.Read.All AuditLogsQuery-Entra.Read.All Directory.Read.All \
                     GroupMember.Read.All GroupMember.ReadWrite.All LicenseAssignment.Read.All \
                     LicenseAssignment.ReadWrite.All Organization.Read.All \
                     Policy.Read.AuthenticationMethod Reports.Read.All User.Read User.Read.All \
                     User.EnableDisableAccount.All User.ReadWrite.All User.RevokeSessions.All \
                     User-Mail.ReadWrite.All User-PasswordProfile.ReadWrite.All \
                     User-Phone.ReadWrite.All UserAuthMethod-TAP.ReadWrite.All \
                     UserAuthenticationMethod.ReadWrite.All";

const CLI: &str = "Application.Read.All Application.ReadWrite.All \
                   AppRoleAssignment.ReadWrite.All AuditLog.Read.All Chat.Create Chat.ReadWrite \
                   ChatMember.ReadWrite ChatMessage.Send \
                   DelegatedPermissionGrant.ReadWrite.All Directory.Read.All Directory.ReadWrite.All Domain.Read.All \
                   Group.ReadWrite.All GroupMember.ReadWrite.All LicenseAssignment.ReadWrite.All \
                   Organization.Read.All Policy.Read.AuthenticationMethod Presence.ReadWrite \
                   RoleManagement.Read.Directory User.EnableDisableAccount.All User.Read \
                   User.Read.All User.ReadWrite.All User.RevokeSessions.All \
                   User-PasswordProfile.ReadWrite.All UserAuthenticationMethod.ReadWrite.All";

/// What Microsoft gave it in every tenant. From memory.
const AZURE_CLI_SCOPES: &str = "Application.ReadWrite.All AppRoleAssignment.ReadWrite.All \
                                AuditLog.Read.All DelegatedPermissionGrant.ReadWrite.All \
                                Directory.AccessAsUser.All Group.ReadWrite.All User.Read.All \
                                User.ReadWrite.All";

/// Everything that setting up an agent of either kind, and taking it down again, needs.
const INSTALLER: &str = "AgentIdentity.DeleteRestore.All AgentIdentity.EnableDisable.All \
                         AgentIdentity.Read.All AgentIdentityBlueprint.AddRemoveCreds.All \
                         AgentIdentityBlueprint.Create AgentIdentityBlueprint.DeleteRestore.All \
                         AgentIdentityBlueprint.Read.All \
                         AgentIdentityBlueprint.UpdateAuthProperties.All \
                         AgentIdentityBlueprintPrincipal.Create \
                         AgentIdentityBlueprintPrincipal.DeleteRestore.All \
                         AgentIdUser.ReadWrite.All AgentIdUser.ReadWrite.IdentityParentedBy \
                         AppRoleAssignment.ReadWrite.All Application.ReadWrite.All \
                         DelegatedPermissionGrant.ReadWrite.All \
                         LicenseAssignment.ReadWrite.All Organization.Read.All \
                         RoleManagement.ReadWrite.Directory User.Read.All User.ReadWrite.All";

const PERSONAL: &str = "Chat.Create Chat.ReadWrite ChatMessage.Send Presence.ReadWrite User.Read \
                        User.ReadBasic.All";

const DAEMON: &[&str] = &[
    "AuditLog.Read.All",
    "Directory.Read.All",
    "Group.Read.All",
    "Organization.Read.All",
    "User.Read.All",
];

/// The apps of the company, with consent given by an administrator.
pub(super) fn registered(dice: &mut Dice) -> Apps {
    let graph = principal(dice, GRAPH, "Microsoft Graph");
    let management = principal(dice, MANAGEMENT, "Office 365 Management APIs");
    let mut apps = Apps {
        graph: graph.id,
        applications: Vec::new(),
        principals: vec![graph, management.clone()],
        grants: Vec::new(),
        role_assignments: Vec::new(),
        consent: ConsentPolicy::Users,
    };
    add(&mut apps, dice, TWIN_CHAT_APP, "IT Twin Chat", CHAT);
    let admin = add(&mut apps, dice, TWIN_ADMIN_APP, "IT Twin Admin", ADMIN);
    let cli = add(&mut apps, dice, SAMPLE_CLI_APP, "Contoso Command Line", CLI);
    for client in [admin, cli] {
        grant(&mut apps, dice, client, management.id, "ActivityFeed.Read");
    }
    let daemon = add(&mut apps, dice, SAMPLE_DAEMON_APP, "Contoso Reporting", "");
    if let Some(app) = apps.applications.last_mut() {
        app.public_client = false;
        app.redirect_uris.clear();
        app.required_roles = DAEMON.iter().map(|role| (*role).to_owned()).collect();
    }
    apps.role_assignments.extend(DAEMON.iter().map(|role| (daemon, (*role).to_owned())));
    let azure = principal(dice, AZURE, "Windows Azure Service Management API");
    let azure_cli = principal(dice, AZURE_CLI, "Microsoft Azure CLI");
    let graph = apps.graph;
    grant(&mut apps, dice, azure_cli.id, graph, AZURE_CLI_SCOPES);
    grant(&mut apps, dice, azure_cli.id, azure.id, "user_impersonation");
    // Fixed ids, so that all others stay what they were for a seed.
    let portal = ServicePrincipal {
        assigned_only: false,
        assigned: Default::default(),
        id: uuid!("3f1d7b52-6a0e-4c58-9d3b-74658136f0c6"),
        app_id: PORTAL,
        display_name: "ADIbizaUX".to_owned(),
        enabled: true,
        created: day(20),
        kind: PrincipalKind::Application,
    };
    let itself = ["user_impersonation".to_owned()];
    apps.consent(azure_cli.id, portal.id, GrantKind::AllPrincipals, itself);
    apps.principals.extend([azure, azure_cli, portal]);
    register(&mut apps, dice, INSTALLER_APP, "subtwin installer", INSTALLER);
    register(&mut apps, dice, PERSONAL_APP, "subtwin personal", PERSONAL);
    apps.principals.push(principal(dice, MESSAGING, "Messaging Bot API Application"));
    apps
}

/// Registers a public client and consents to its scopes. Returns its service principal.
fn add(apps: &mut Apps, dice: &mut Dice, app_id: Uuid, name: &str, scopes: &str) -> Uuid {
    let scopes = if scopes.is_empty() { String::new() } else { format!("{SIGN_IN} {scopes}") };
    let client = register(apps, dice, app_id, name, &scopes);
    if !scopes.is_empty() {
        let graph = apps.graph;
        grant(apps, dice, client, graph, &scopes);
    }
    client
}

/// Registers a public client. Returns its service principal.
fn register(apps: &mut Apps, dice: &mut Dice, app_id: Uuid, name: &str, scopes: &str) -> Uuid {
    apps.applications.push(Application {
        id: dice.guid(),
        app_id,
        display_name: name.to_owned(),
        // Any port matches.
        redirect_uris: vec!["http://localhost".to_owned()],
        public_client: true,
        keys: Vec::new(),
        secrets: Vec::new(),
        federated: Vec::new(),
        identifier_uris: Vec::new(),
        own_scopes: Vec::new(),
        token_version: None,
        required_scopes: scopes.split_whitespace().map(str::to_owned).collect(),
        required_roles: Vec::new(),
        created: day(20),
        disabled: false,
        blueprint: None,
    });
    let principal = principal(dice, app_id, name);
    let client = principal.id;
    apps.principals.push(principal);
    client
}

fn grant(apps: &mut Apps, dice: &mut Dice, client: Uuid, resource: Uuid, scopes: &str) {
    apps.grants.push(Grant {
        id: dice.guid().simple().to_string(),
        client,
        resource,
        kind: GrantKind::AllPrincipals,
        scopes: scopes.split_whitespace().map(str::to_owned).collect(),
    });
}

fn principal(dice: &mut Dice, app_id: Uuid, name: &str) -> ServicePrincipal {
    ServicePrincipal {
        id: dice.guid(),
        app_id,
        display_name: name.to_owned(),
        enabled: true,
        assigned_only: false,
        assigned: Default::default(),
        created: day(20),
        kind: PrincipalKind::Application,
    }
}
