//! Looking: what of a wish is there, and what the tenant allows. Changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::licence::{Offer, TEAMS, offers};
use super::roles::DirectoryRole;
use super::wire::{
    Account, AppAssignment, Application, AuthorizationPolicy, Grant, PassConfiguration, Principal,
    RoleAssignment, SubscribedSku,
};
use super::wish::{OnboardStep, Registration, Wish};
use crate::graph::{Graph, GraphError, Read, literal, segment, user_path};
use crate::steps::{Made, Steps};

/// Something that is there.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) made: Made,
    /// It carries the mark of this very run.
    pub(super) ours: bool,
    /// What it is instead of what was wished for.
    pub(super) differs: Option<Value>,
    /// Why it must not be used whoever wants it, as a sentence.
    pub(super) strange: Option<String>,
    /// When it was made, where that is told.
    pub(super) since: Option<Timestamp>,
}

impl Seen {
    fn as_wished(made: Made) -> Self {
        Self { made, ours: false, differs: None, strange: None, since: None }
    }
}

/// Microsoft Graph as present in the tenant.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct GraphApi {
    pub(super) principal: String,
    /// Delegated scopes by name: id, and whether only an administrator may consent.
    scopes: BTreeMap<String, (Uuid, bool)>,
}

impl GraphApi {
    pub(super) async fn read(graph: &Graph) -> Result<Self, GraphError> {
        let read = Read::at("/v1.0/servicePrincipals")
            .option("$filter", &format!("appId eq {}", literal(GRAPH)))
            .option("$select", "id,appId,oauth2PermissionScopes");
        let found: Vec<Principal> = graph.list(&read, PAGES).await?;
        let found = found.into_iter().next().ok_or_else(|| GraphError::Unknown {
            operation: "GET /v1.0/servicePrincipals".to_owned(),
            cause: "the tenant does not know Microsoft Graph".into(),
        })?;
        let scopes = found.oauth2_permission_scopes.into_iter().filter_map(|scope| {
            let admin = scope.kind.as_deref() != Some("User");
            Some((scope.value?, (scope.id, admin)))
        });
        Ok(Self { principal: found.id, scopes: scopes.collect() })
    }

    pub(super) fn id(&self, scope: &str) -> Option<Uuid> {
        self.scopes.get(scope).map(|(id, _)| *id)
    }
}

/// What is known of the things that later steps refer to.
#[derive(Clone, Debug, Default)]
pub(super) struct Known(Vec<(OnboardStep, Made)>);

impl Known {
    /// What a log knows.
    pub(super) fn of(steps: &Steps<OnboardStep>) -> Self {
        let objects = steps.entries().iter();
        Self(
            objects
                .filter_map(|entry| Some((entry.step.clone(), entry.mark.object()?.clone())))
                .collect(),
        )
    }

    pub(super) fn put(&mut self, step: &OnboardStep, made: &Made) {
        self.0.retain(|(known, _)| known != step);
        self.0.push((step.clone(), made.clone()));
    }

    pub(super) fn get(&self, step: &OnboardStep) -> Option<&Made> {
        self.0.iter().find(|(known, _)| known == step).map(|(_, made)| made)
    }

    pub(super) fn id(&self, step: &OnboardStep) -> Option<&str> {
        self.get(step).map(|made| made.id.as_str())
    }
}

/// Looks for the things of one wish.
#[derive(Clone, Copy, Debug)]
pub(super) struct Eye<'a> {
    pub(super) graph: &'a Graph,
    pub(super) wish: &'a Wish,
    /// The run whose marks are its own, where there is one.
    pub(super) run: Option<Uuid>,
}

impl Eye<'_> {
    /// What a step would make, if it is there.
    pub(super) async fn find(
        &self,
        step: &OnboardStep,
        known: &Known,
        api: &GraphApi,
    ) -> Result<Option<Seen>, GraphError> {
        match step {
            OnboardStep::User => self.account(known).await,
            OnboardStep::UsageLocation => {
                let there = self.raw_account(known).await?;
                Ok(there.map(|account| Seen {
                    differs: account.usage_location.is_none().then_some(Value::Null),
                    ..Seen::as_wished(Made::new(account.id))
                }))
            }
            OnboardStep::Licence => self.licence(known).await,
            OnboardStep::App(which) => self.application(*which, known, api).await,
            OnboardStep::Principal(which) => self.principal(*which, known).await,
            OnboardStep::Assignment(which) => self.assignment(*which, known).await,
            OnboardStep::Consent(which) => self.consent(*which, known, api).await,
            // What was shown once cannot be looked up.
            OnboardStep::Credential => Ok(None),
            OnboardStep::Role(template) => {
                let held = self.roles(known).await?;
                let held = held.into_iter().find(|held| held.role_definition_id == *template);
                Ok(held.map(|held| Seen::as_wished(Made::new(held.id))))
            }
        }
    }

    async fn raw_account(&self, known: &Known) -> Result<Option<Account>, GraphError> {
        let key = known.id(&OnboardStep::User).unwrap_or(&self.wish.upn);
        let read = Read::at(user_path(key)).option("$select", Account::SELECT);
        self.graph.find(&read).await
    }

    async fn account(&self, known: &Known) -> Result<Option<Seen>, GraphError> {
        let Some(account) = self.raw_account(known).await? else { return Ok(None) };
        let is = |flag: Option<bool>| flag == Some(true);
        let strange = if account.user_type.as_deref() == Some("Guest") {
            Some("is a guest; a twin is a member of your organisation")
        } else if is(account.on_premises_sync_enabled) {
            Some("comes from the on-premises directory; make a cloud account")
        } else if account.account_enabled == Some(false) {
            Some("is disabled; enable it first, or choose another name")
        } else {
            None
        };
        let upn = account.user_principal_name.unwrap_or_default();
        let name = account.display_name.unwrap_or_default();
        let made = Made::new(account.id).with_key(upn);
        Ok(Some(Seen {
            strange: strange.map(|why| format!("The account {} {why}.", self.wish.upn)),
            differs: (name != self.wish.display_name).then(|| json!({"displayName": name})),
            since: account.created_date_time,
            ..Seen::as_wished(made)
        }))
    }

    /// A licence with Teams in it that works, however it came.
    async fn licence(&self, known: &Known) -> Result<Option<Seen>, GraphError> {
        let Some(account) = self.raw_account(known).await? else { return Ok(None) };
        if account.assigned_licenses.is_empty() {
            return Ok(None);
        }
        let owned = owned(self.graph).await?;
        let held = account.assigned_licenses.iter().find(|held| {
            let product = owned.iter().find(|sku| sku.sku_id == held.sku_id);
            product.is_some_and(|sku| sku.plans().any(|plan| plan == TEAMS))
                && !held.disabled_plans.contains(&TEAMS)
        });
        Ok(held.map(|held| Seen::as_wished(Made::new(held.sku_id.to_string()))))
    }

    async fn application(
        &self,
        which: Registration,
        known: &Known,
        api: &GraphApi,
    ) -> Result<Option<Seen>, GraphError> {
        let found = match known.id(&OnboardStep::App(which)) {
            Some(id) => {
                let path = format!("/v1.0/applications/{}", segment(id));
                let read = Read::at(path).option("$select", Application::SELECT);
                self.graph.find(&read).await?
            }
            None => {
                let all = self.tagged(&self.wish.tag(which)).await?;
                let (ours, others): (Vec<_>, Vec<_>) =
                    all.into_iter().partition(|app| self.is_ours(app));
                ours.into_iter().chain(others).next()
            }
        };
        let Some(found) = found else { return Ok(None) };
        let strange = (!found.is_harmless()).then(|| {
            format!(
                "The registration {} ({}) has a secret, a certificate or another redirect address \
                 than http://localhost: whoever holds it could act as the twin. Delete it, or \
                 remove its tags.",
                self.wish.app_name(which),
                found.app_id
            )
        });
        let wanted = self.required(which, api);
        let differs = (found.required() != wanted)
            .then(|| json!({"requiredResourceAccess": required_json(found.required())}));
        let ours = self.is_ours(&found);
        Ok(Some(Seen {
            made: Made::new(found.id).with_key(found.app_id),
            ours,
            differs,
            strange,
            since: None,
        }))
    }

    /// Every registration with this tag.
    pub(super) async fn tagged(&self, tag: &str) -> Result<Vec<Application>, GraphError> {
        let read = Read::at("/v1.0/applications")
            .option("$filter", &format!("tags/any(t:t eq {})", literal(tag)))
            .option("$select", Application::SELECT);
        let found: Vec<Application> = self.graph.list(&read, PAGES).await?;
        Ok(found.into_iter().filter(|app| app.tags.iter().any(|own| own == tag)).collect())
    }

    fn is_ours(&self, app: &Application) -> bool {
        self.run.is_some_and(|run| app.tags.contains(&Wish::run_tag(run)))
    }

    /// Ids of the scopes that a registration is registered for.
    pub(super) fn required(&self, which: Registration, api: &GraphApi) -> BTreeSet<(Uuid, String)> {
        let scopes = self.wish.granted(which);
        scopes.iter().filter_map(|scope| Some((api.id(scope)?, "Scope".to_owned()))).collect()
    }

    async fn principal(
        &self,
        which: Registration,
        known: &Known,
    ) -> Result<Option<Seen>, GraphError> {
        let app = known.get(&OnboardStep::App(which)).and_then(|made| made.key.as_deref());
        let Some(app) = app else { return Ok(None) };
        let read = Read::at("/v1.0/servicePrincipals")
            .option("$filter", &format!("appId eq {}", literal(app)))
            .option("$select", "id,appId,appRoleAssignmentRequired");
        let found: Vec<Principal> = self.graph.list(&read, PAGES).await?;
        Ok(found.into_iter().next().map(|found| Seen {
            differs: (found.app_role_assignment_required != Some(true))
                .then(|| json!({"appRoleAssignmentRequired": false})),
            ..Seen::as_wished(Made::new(found.id))
        }))
    }

    async fn assignment(
        &self,
        which: Registration,
        known: &Known,
    ) -> Result<Option<Seen>, GraphError> {
        let principal = known.id(&OnboardStep::Principal(which));
        let (Some(principal), Some(user)) = (principal, known.id(&OnboardStep::User)) else {
            return Ok(None);
        };
        let path = format!("/v1.0/servicePrincipals/{}/appRoleAssignedTo", segment(principal));
        let all: Vec<AppAssignment> = self.graph.list(&Read::at(path), PAGES).await?;
        let found = all.into_iter().find(|one| one.principal_id == user);
        Ok(found.map(|one| Seen::as_wished(Made::new(one.id))))
    }

    /// Every delegated permission that a registration's principal was given.
    pub(super) async fn grants(&self, principal: &str) -> Result<Vec<Grant>, GraphError> {
        let path = format!("/v1.0/servicePrincipals/{}/oauth2PermissionGrants", segment(principal));
        self.graph.list(&Read::at(path), PAGES).await
    }

    async fn consent(
        &self,
        which: Registration,
        known: &Known,
        api: &GraphApi,
    ) -> Result<Option<Seen>, GraphError> {
        let principal = known.id(&OnboardStep::Principal(which));
        let (Some(principal), Some(user)) = (principal, known.id(&OnboardStep::User)) else {
            return Ok(None);
        };
        let all = self.grants(principal).await?;
        let found = all.into_iter().find(|grant| {
            grant.consent_type == "Principal"
                && grant.principal_id.as_deref() == Some(user)
                && grant.resource_id == api.principal
        });
        let wanted: BTreeSet<String> = self.wish.granted(which).into_iter().collect();
        Ok(found.map(|grant| Seen {
            differs: (grant.scopes() != wanted).then(|| json!({"scope": grant.scope})),
            ..Seen::as_wished(Made::new(grant.id.clone()))
        }))
    }

    /// The roles the account holds over the whole directory.
    pub(super) async fn roles(&self, known: &Known) -> Result<Vec<RoleAssignment>, GraphError> {
        let Some(user) = known.id(&OnboardStep::User) else { return Ok(Vec::new()) };
        let read = Read::at("/v1.0/roleManagement/directory/roleAssignments")
            .option("$filter", &format!("principalId eq {}", literal(user)));
        let all: Vec<RoleAssignment> = self.graph.list(&read, PAGES).await?;
        let whole = |one: &RoleAssignment| one.directory_scope_id.as_deref() == Some("/");
        Ok(all.into_iter().filter(whole).collect())
    }
}

pub(super) async fn owned(graph: &Graph) -> Result<Vec<SubscribedSku>, GraphError> {
    graph.list(&Read::at("/v1.0/subscribedSkus"), PAGES).await
}

/// The tenant's policy for temporary access passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PassPolicy {
    /// Whether passes are issued at all.
    pub enabled: bool,
    /// Shortest life, in minutes.
    pub least_minutes: u32,
    /// Longest life, in minutes.
    pub most_minutes: u32,
    /// Whether every pass works once only.
    pub once: bool,
}

impl PassPolicy {
    /// The policy in force.
    pub(super) async fn read(graph: &Graph) -> Result<Self, GraphError> {
        let path = "/v1.0/policies/authenticationMethodsPolicy/\
                    authenticationMethodConfigurations/TemporaryAccessPass";
        let found: PassConfiguration = graph.get(&Read::at(path)).await?;
        Ok(Self {
            enabled: found.state.as_deref() == Some("enabled"),
            least_minutes: found.minimum_lifetime_in_minutes.unwrap_or(60),
            most_minutes: found.maximum_lifetime_in_minutes.unwrap_or(480),
            once: found.is_usable_once == Some(true),
        })
    }
}

/// What of a wish is there, and what the tenant allows.
#[derive(Clone, Debug)]
pub struct Survey {
    pub(super) seen: Vec<(OnboardStep, Seen)>,
    pub(super) offers: Vec<Offer>,
    /// Whether users may consent to apps themselves; `None` when the policy cannot be read.
    pub(super) users_consent: Option<bool>,
    pub(super) passes: Option<PassPolicy>,
    /// Scopes that the tenant's Graph does not list.
    pub(super) unlisted: Vec<String>,
    /// Roles the account holds that its tools do not need.
    pub(super) roles_beyond: Vec<String>,
    /// Delegated permissions of the registrations for anybody but the account.
    pub(super) grants_beyond: Vec<String>,
}

impl Survey {
    pub(super) fn of(&self, step: &OnboardStep) -> Option<&Seen> {
        self.seen.iter().find(|(seen, _)| seen == step).map(|(_, seen)| seen)
    }
}

/// Looks what of a wish is there already. `steps` is the log of an earlier run, where there is one.
///
/// # Errors
/// When Graph does not answer, or the token does not let look.
pub async fn survey(
    graph: &Graph,
    wish: &Wish,
    steps: Option<&Steps<OnboardStep>>,
) -> Result<Survey, GraphError> {
    let api = GraphApi::read(graph).await?;
    let run = steps.map(Steps::run);
    let eye = Eye { graph, wish, run };
    let mut known = steps.map(Known::of).unwrap_or_default();
    let mut seen = Vec::new();
    for step in OnboardStep::of(wish) {
        if let Some(found) = eye.find(&step, &known, &api).await? {
            known.put(&step, &found.made);
            seen.push((step, found));
        }
    }
    let wanted = wish.roles();
    let mut roles_beyond = Vec::new();
    for held in eye.roles(&known).await? {
        let id = held.role_definition_id;
        if !wanted.iter().any(|role| role.template == id) {
            let name = DirectoryRole::by_template(id).map(|role| role.name.to_owned());
            roles_beyond.push(name.unwrap_or_else(|| id.to_string()));
        }
    }
    let mut grants_beyond = Vec::new();
    for which in Registration::BOTH {
        let Some(principal) = known.id(&OnboardStep::Principal(which)) else { continue };
        for grant in eye.grants(principal).await? {
            let own = grant.principal_id.as_deref() == known.id(&OnboardStep::User);
            if grant.consent_type != "Principal" || !own {
                let whose = grant.principal_id.unwrap_or_else(|| "everybody".to_owned());
                grants_beyond.push(format!("{} for {whose}: {}", which.name(), grant.scope));
            }
        }
    }
    let scopes = Registration::BOTH.iter().flat_map(|which| wish.granted(*which));
    let unlisted: BTreeSet<String> = scopes.filter(|scope| api.id(scope).is_none()).collect();
    Ok(Survey {
        seen,
        offers: offers(&owned(graph).await?),
        users_consent: users_consent(graph).await?,
        passes: readable(PassPolicy::read(graph).await)?,
        unlisted: unlisted.into_iter().collect(),
        roles_beyond,
        grants_beyond,
    })
}

/// Whether users may consent to apps themselves (`permissionGrantPoliciesAssigned`).
async fn users_consent(graph: &Graph) -> Result<Option<bool>, GraphError> {
    let read = Read::at("/v1.0/policies/authorizationPolicy");
    let policy: Option<AuthorizationPolicy> = readable(graph.get(&read).await)?;
    Ok(policy.and_then(|policy| policy.default_user_role_permissions).map(|permissions| {
        permissions
            .permission_grant_policies_assigned
            .iter()
            .any(|name| name.starts_with("ManagePermissionGrantsForSelf."))
    }))
}

/// What may not be read is not known; that is no reason to stop looking.
fn readable<T>(read: Result<T, GraphError>) -> Result<Option<T>, GraphError> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if error.refused().is_some() => Ok(None),
        Err(error) => Err(error),
    }
}

pub(super) fn required_json(ids: impl IntoIterator<Item = (Uuid, String)>) -> Value {
    let access: Vec<Value> =
        ids.into_iter().map(|(id, kind)| json!({"id": id, "type": kind})).collect();
    json!([{"resourceAppId": GRAPH, "resourceAccess": access}])
}

/// Microsoft Graph, the same in every tenant.
pub(super) const GRAPH: &str = "00000003-0000-0000-c000-000000000000";
const PAGES: usize = 20;
