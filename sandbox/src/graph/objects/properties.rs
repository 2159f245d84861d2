use uuid::Uuid;

use super::{Kind, Object};
use crate::graph::licences::plan_status;
use crate::graph::odata::{Operand, Property, Row, Schema};
use crate::tenant::{Group, Role, Tenant, User};

/// Users.
pub(in crate::graph) static USER: Schema = Schema {
    name: "user",
    resource: "User",
    properties: &[USER_PROPERTIES],
    elsewhere: USER_ELSEWHERE,
    relations: &[
        ("manager", &DIRECTORY),
        ("directReports", &DIRECTORY),
        ("ownedObjects", &DIRECTORY),
        ("memberOf", &DIRECTORY),
        ("transitiveMemberOf", &DIRECTORY),
    ],
    contains: false,
};

/// Groups.
pub(in crate::graph) static GROUP: Schema = Schema {
    name: "group",
    resource: "Group",
    properties: &[GROUP_PROPERTIES],
    elsewhere: GROUP_ELSEWHERE,
    relations: &[
        ("members", &DIRECTORY),
        ("owners", &DIRECTORY),
        ("memberOf", &DIRECTORY),
        ("transitiveMembers", &DIRECTORY),
        ("transitiveMemberOf", &DIRECTORY),
    ],
    contains: false,
};

/// Activated directory roles.
pub(in crate::graph) static ROLE: Schema = Schema {
    name: "directoryRole",
    resource: "DirectoryRole",
    properties: &[ROLE_PROPERTIES],
    elsewhere: &[],
    relations: &[("members", &DIRECTORY)],
    contains: false,
};

/// Any of them: what a relation such as `memberOf` may hold.
pub(in crate::graph) static DIRECTORY: Schema = Schema {
    name: "directoryObject",
    resource: "DirectoryObject",
    properties: &[USER_PROPERTIES, GROUP_PROPERTIES, ROLE_PROPERTIES],
    elsewhere: USER_ELSEWHERE,
    relations: &[],
    contains: false,
};

/// What `User.ReadBasic.All` shows (Graph permissions reference).
pub(in crate::graph) const USER_BASIC: &[&str] = &[
    "id",
    "displayName",
    "givenName",
    "surname",
    "mail",
    "userPrincipalName",
    "securityIdentifier",
];

/// A property that cannot be asked about.
const fn plain(name: &'static str) -> Property {
    Property { name, default: false, filter: false, search: false, sort: false }
}

impl Property {
    const fn default(self) -> Self {
        Self { default: true, ..self }
    }

    const fn filter(self) -> Self {
        Self { filter: true, ..self }
    }

    const fn search(self) -> Self {
        Self { search: true, ..self }
    }

    const fn sort(self) -> Self {
        Self { sort: true, ..self }
    }
}

const USER_PROPERTIES: &[Property] = &[
    plain("businessPhones").default().filter(),
    plain("displayName").default().filter().search().sort(),
    plain("givenName").default().filter().search(),
    plain("jobTitle").default().filter(),
    plain("mail").default().filter().search(),
    plain("mobilePhone").default().filter(),
    plain("officeLocation").default().filter(),
    plain("preferredLanguage").default().filter(),
    plain("surname").default().filter().search(),
    plain("userPrincipalName").default().filter().search().sort(),
    plain("id").default().filter(),
    plain("accountEnabled").filter(),
    plain("ageGroup").filter(),
    plain("assignedLicenses").filter(),
    plain("assignedPlans").filter(),
    plain("city").filter(),
    plain("companyName").filter(),
    plain("consentProvidedForMinor").filter(),
    plain("country").filter(),
    plain("createdDateTime").filter().sort(),
    plain("creationType").filter(),
    plain("deletedDateTime"),
    plain("department").filter(),
    plain("employeeHireDate").filter(),
    plain("employeeId").filter(),
    plain("employeeLeaveDateTime"),
    plain("employeeType").filter(),
    plain("externalUserState").filter(),
    plain("externalUserStateChangeDateTime"),
    plain("faxNumber").filter(),
    plain("identities").filter(),
    plain("identityParentId").filter(),
    plain("imAddresses").filter(),
    plain("isResourceAccount"),
    plain("lastPasswordChangeDateTime"),
    plain("legalAgeGroupClassification"),
    plain("licenseAssignmentStates"),
    plain("mailNickname").filter().search(),
    plain("onPremisesDistinguishedName"),
    plain("onPremisesDomainName"),
    plain("onPremisesExtensionAttributes"),
    plain("onPremisesImmutableId").filter(),
    plain("onPremisesLastSyncDateTime").filter(),
    plain("onPremisesProvisioningErrors"),
    plain("onPremisesSamAccountName"),
    plain("onPremisesSecurityIdentifier"),
    plain("onPremisesSyncEnabled").filter(),
    plain("onPremisesUserPrincipalName"),
    plain("otherMails").filter().search(),
    plain("passwordPolicies"),
    plain("passwordProfile"),
    plain("postalCode").filter(),
    plain("preferredDataLocation"),
    plain("provisionedPlans"),
    plain("proxyAddresses").filter().search(),
    plain("securityIdentifier"),
    plain("serviceProvisioningErrors"),
    plain("showInAddressList"),
    plain("signInSessionsValidFromDateTime"),
    plain("state").filter(),
    plain("streetAddress").filter(),
    plain("usageLocation").filter(),
    plain("userType").filter(),
];

const USER_ELSEWHERE: &[&str] = &[
    "aboutMe",
    "authorizationInfo",
    "birthday",
    "customSecurityAttributes",
    "deviceEnrollmentLimit",
    "employeeOrgData",
    "hireDate",
    "interests",
    "isManagementRestricted",
    "mailboxSettings",
    "mySite",
    "pastProjects",
    "preferredName",
    "print",
    "responsibilities",
    "schools",
    "signInActivity",
    "skills",
];

const GROUP_PROPERTIES: &[Property] = &[
    plain("id").default().filter(),
    plain("deletedDateTime").default(),
    plain("classification").default().filter(),
    plain("createdDateTime").default().filter().sort(),
    plain("description").default().filter().search(),
    plain("displayName").default().filter().search().sort(),
    plain("expirationDateTime").default().filter(),
    plain("groupTypes").default().filter(),
    plain("isAssignableToRole").default().filter(),
    plain("mail").default().filter().search(),
    plain("mailEnabled").default().filter(),
    plain("mailNickname").default().filter().search(),
    plain("membershipRule").default().filter(),
    plain("membershipRuleProcessingState").default().filter(),
    plain("onPremisesDomainName").default(),
    plain("onPremisesLastSyncDateTime").default().filter(),
    plain("onPremisesNetBiosName").default(),
    plain("onPremisesSamAccountName").default(),
    plain("onPremisesSecurityIdentifier").default(),
    plain("onPremisesSyncEnabled").default().filter(),
    plain("preferredDataLocation").default(),
    plain("preferredLanguage").default(),
    plain("proxyAddresses").default().filter().search(),
    plain("renewedDateTime").default().filter(),
    plain("resourceBehaviorOptions").default(),
    plain("resourceProvisioningOptions").default().filter(),
    plain("securityEnabled").default().filter(),
    plain("securityIdentifier").default().filter(),
    plain("theme").default(),
    plain("uniqueName").default().filter(),
    plain("visibility").default(),
    plain("onPremisesProvisioningErrors").default(),
    plain("serviceProvisioningErrors").default(),
    plain("assignedLabels"),
    plain("assignedLicenses").filter(),
    plain("hasMembersWithLicenseErrors").filter(),
    plain("licenseProcessingState"),
];

const GROUP_ELSEWHERE: &[&str] = &[
    "accessType",
    "allowExternalSenders",
    "autoSubscribeNewMembers",
    "hideFromAddressLists",
    "hideFromOutlookClients",
    "infoCatalogs",
    "isArchived",
    "isFavorite",
    "isManagementRestricted",
    "isSubscribedByMail",
    "onPremisesExtensionAttributes",
    "organizationId",
    "unseenConversationsCount",
    "unseenCount",
    "unseenMessagesCount",
    "welcomeMessageEnabled",
];

const ROLE_PROPERTIES: &[Property] = &[
    plain("id").default().filter(),
    plain("deletedDateTime").default(),
    plain("description").default(),
    plain("displayName").default().filter(),
    plain("roleTemplateId").default().filter(),
];

impl Row for Object<'_> {
    fn get(&self, property: &str) -> Operand<'_> {
        match self.kind {
            Kind::User(user) => user_property(self.tenant, user, property),
            Kind::Group(group) => group_property(self.tenant, group, property),
            Kind::Role(role) => role_property(role, property),
        }
    }
}

fn user_property<'a>(tenant: &'a Tenant, user: &'a User, property: &str) -> Operand<'a> {
    let extra = user.extra.as_deref();
    match property {
        "id" => Operand::made(user.id.to_string()),
        "accountEnabled" => Operand::Flag(user.enabled),
        "assignedLicenses" => Operand::List(held(user)),
        "assignedPlans" => Operand::List(plans(tenant, user, Plan::Assigned)),
        "businessPhones" => Operand::texts(&user.business_phones),
        "city" => Operand::text(extra.and_then(|extra| extra.city.as_deref())),
        "companyName" => Operand::text(extra.and_then(|extra| extra.company_name.as_deref())),
        "country" => Operand::text(extra.and_then(|extra| extra.country.as_deref())),
        "createdDateTime" => Operand::Time(user.created),
        "creationType" => Operand::text(user.guest.then_some("Invitation")),
        "department" => Operand::text(user.department.as_deref()),
        "displayName" => Operand::text(Some(&user.display_name)),
        "employeeId" => Operand::text(user.employee_id.as_deref()),
        "externalUserState" => Operand::text(user.guest.then_some("Accepted")),
        "givenName" => Operand::text(user.given_name.as_deref()),
        "identities" => {
            let identity = |kind: &'static str, issuer: String, id: &'a str| {
                Operand::Record(vec![
                    ("signInType", Operand::text(Some(kind))),
                    ("issuer", Operand::made(issuer)),
                    ("issuerAssignedId", Operand::text(Some(id))),
                ])
            };
            let own = identity("userPrincipalName", initial_domain(tenant), &user.upn);
            // A guest's address at home meets the one here only in this list.
            let home = user.mail.as_deref().filter(|_| user.guest);
            let home = home.map(|mail| identity("federated", "ExternalAzureAD".to_owned(), mail));
            Operand::List(std::iter::once(own).chain(home).collect())
        }
        "identityParentId" => {
            user.identity_parent.map_or(Operand::Null, |id| Operand::made(id.to_string()))
        }
        "jobTitle" => Operand::text(user.job_title.as_deref()),
        "lastPasswordChangeDateTime" => Operand::Time(user.password_changed),
        "licenseAssignmentStates" => Operand::List(states(user)),
        "mail" => Operand::text(user.mail.as_deref()),
        "mailNickname" => Operand::text(user.upn.split('@').next()),
        "mobilePhone" => Operand::text(user.mobile_phone.as_deref()),
        "officeLocation" => Operand::text(user.office_location.as_deref()),
        "onPremisesDomainName" => {
            Operand::text(user.on_premises_synced.then_some("corp.contoso.com"))
        }
        "onPremisesLastSyncDateTime" if user.on_premises_synced => Operand::Time(user.created),
        "onPremisesSamAccountName" if user.on_premises_synced => {
            Operand::text(user.upn.split('@').next())
        }
        "onPremisesSyncEnabled" if user.on_premises_synced => Operand::Flag(true),
        "onPremisesUserPrincipalName" if user.on_premises_synced => Operand::text(Some(&user.upn)),
        "otherMails" => Operand::texts(extra.map_or(&[], |extra| &extra.other_mails)),
        "imAddresses" | "onPremisesProvisioningErrors" | "serviceProvisioningErrors" => {
            Operand::List(Vec::new())
        }
        "postalCode" => Operand::text(extra.and_then(|extra| extra.postal_code.as_deref())),
        "preferredLanguage" => Operand::text(user.preferred_language.as_deref()),
        "provisionedPlans" => Operand::List(plans(tenant, user, Plan::Provisioned)),
        "proxyAddresses" => {
            let primary = user.mail.iter().filter(|_| !user.guest);
            Operand::List(primary.map(|mail| Operand::made(format!("SMTP:{mail}"))).collect())
        }
        "securityIdentifier" => Operand::made(security_identifier(user.id)),
        "signInSessionsValidFromDateTime" => Operand::Time(user.sessions_valid_from),
        "state" => Operand::text(extra.and_then(|extra| extra.state.as_deref())),
        "streetAddress" => Operand::text(extra.and_then(|extra| extra.street_address.as_deref())),
        "surname" => Operand::text(user.surname.as_deref()),
        "usageLocation" => Operand::text(user.usage_location.as_deref()),
        "userPrincipalName" => Operand::text(Some(&user.upn)),
        "userType" => Operand::text(Some(if user.guest { "Guest" } else { "Member" })),
        // Passwords are never returned; the rest nobody here has.
        _ => Operand::Null,
    }
}

fn group_property<'a>(tenant: &'a Tenant, group: &'a Group, property: &str) -> Operand<'a> {
    match property {
        "id" => Operand::made(group.id.to_string()),
        "assignedLicenses" => {
            let licence = |sku: &Uuid| {
                Operand::Record(vec![
                    ("disabledPlans", Operand::List(Vec::new())),
                    ("skuId", Operand::Id(*sku)),
                ])
            };
            Operand::List(group.licences.iter().map(licence).collect())
        }
        "createdDateTime" | "renewedDateTime" => Operand::Time(group.created),
        "description" => Operand::text(group.description.as_deref()),
        "displayName" => Operand::text(Some(&group.display_name)),
        "groupTypes" => {
            let unified = group.unified.then_some("Unified");
            let dynamic = group.dynamic().then_some("DynamicMembership");
            Operand::List(
                unified.into_iter().chain(dynamic).map(|it| Operand::text(Some(it))).collect(),
            )
        }
        "hasMembersWithLicenseErrors" => Operand::Flag(group.members.iter().any(|member| {
            let user = tenant.people.get(*member);
            user.is_some_and(|user| {
                user.licences
                    .iter()
                    .any(|held| held.by_group == Some(group.id) && held.state == "Error")
            })
        })),
        // Graph has null where it was never set.
        "isAssignableToRole" if group.role_assignable => Operand::Flag(true),
        "licenseProcessingState" if !group.licences.is_empty() => {
            Operand::Record(vec![("state", Operand::text(Some("ProcessingComplete")))])
        }
        "mail" => Operand::text(group.mail.as_deref()),
        "mailEnabled" => Operand::Flag(group.mail_enabled),
        "mailNickname" => Operand::text(Some(&group.mail_nickname)),
        "membershipRule" => Operand::text(group.membership_rule.as_deref()),
        "membershipRuleProcessingState" => Operand::text(group.dynamic().then_some("On")),
        "onPremisesDomainName" => {
            Operand::text(group.on_premises_synced.then_some("corp.contoso.com"))
        }
        "onPremisesLastSyncDateTime" if group.on_premises_synced => Operand::Time(group.created),
        "onPremisesSyncEnabled" if group.on_premises_synced => Operand::Flag(true),
        "onPremisesProvisioningErrors"
        | "serviceProvisioningErrors"
        | "assignedLabels"
        | "resourceBehaviorOptions" => Operand::List(Vec::new()),
        "proxyAddresses" => {
            Operand::List(group.mail.iter().map(|it| Operand::made(format!("SMTP:{it}"))).collect())
        }
        "resourceProvisioningOptions" => {
            Operand::List(group.team.then(|| Operand::text(Some("Team"))).into_iter().collect())
        }
        "securityEnabled" => Operand::Flag(group.security_enabled),
        "securityIdentifier" => Operand::made(security_identifier(group.id)),
        "visibility" => Operand::text(group.visibility.as_deref()),
        _ => Operand::Null,
    }
}

fn role_property<'a>(role: &'a Role, property: &str) -> Operand<'a> {
    match property {
        "id" => Operand::made(role.id.to_string()),
        "displayName" => Operand::text(Some(role.display_name)),
        "roleTemplateId" => Operand::made(role.template.to_string()),
        _ => Operand::Null,
    }
}

/// `assignedLicenses`: each product once, however often it is inherited, and only if it works.
fn held(user: &User) -> Vec<Operand<'_>> {
    let mut seen = Vec::new();
    let mut licences = Vec::new();
    for held in user.licences.iter().filter(|held| held.state == "Active") {
        if !seen.contains(&held.sku) {
            seen.push(held.sku);
            licences.push(Operand::Record(vec![
                ("disabledPlans", ids(&held.disabled_plans)),
                ("skuId", Operand::Id(held.sku)),
            ]));
        }
    }
    licences
}

fn states(user: &User) -> Vec<Operand<'_>> {
    let state = |held: &crate::tenant::AssignedLicence| {
        Operand::Record(vec![
            ("skuId", Operand::Id(held.sku)),
            ("disabledPlans", ids(&held.disabled_plans)),
            ("assignedByGroup", held.by_group.map_or(Operand::Null, Operand::Id)),
            ("state", Operand::text(Some(held.state))),
            ("error", Operand::text(Some(held.error))),
            ("lastUpdatedDateTime", Operand::Time(held.updated)),
        ])
    };
    user.licences.iter().map(state).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    Assigned,
    Provisioned,
}

fn plans<'a>(tenant: &'a Tenant, user: &'a User, shape: Plan) -> Vec<Operand<'a>> {
    let mut plans = Vec::new();
    for held in user.licences.iter().filter(|held| held.state == "Active") {
        let Some(sku) = tenant.skus.get(held.sku) else { continue };
        for (plan, name) in &sku.plans {
            let enabled = !held.disabled_plans.contains(plan);
            let status = if enabled { plan_status(sku) } else { "Deleted" };
            let status = Operand::text(Some(status));
            let service = Operand::text(Some(service(name)));
            plans.push(Operand::Record(match shape {
                Plan::Assigned => vec![
                    ("assignedDateTime", Operand::Time(held.updated)),
                    ("capabilityStatus", status),
                    ("service", service),
                    ("servicePlanId", Operand::Id(*plan)),
                ],
                Plan::Provisioned => vec![
                    ("capabilityStatus", status),
                    ("provisioningStatus", Operand::text(Some("Success"))),
                    ("service", service),
                ],
            }));
        }
    }
    plans
}

/// The service behind a plan. From memory, and only the well-known ones.
fn service(plan: &str) -> &'static str {
    const SERVICES: &[(&str, &str)] = &[
        ("TEAMS", "TeamspaceAPI"),
        ("EXCHANGE", "exchange"),
        ("SHAREPOINT", "SharePoint"),
        ("MCO", "MicrosoftCommunicationsOnline"),
        ("YAMMER", "YammerEnterprise"),
        ("AAD_PREMIUM", "AADPremiumService"),
        ("INTUNE", "SCO"),
        ("RMS", "RMSOnline"),
        ("SWAY", "Sway"),
    ];
    let found = SERVICES.iter().find(|(prefix, _)| plan.starts_with(prefix));
    found.map_or("MicrosoftOffice", |(_, service)| service)
}

fn ids<'a>(ids: &[Uuid]) -> Operand<'a> {
    Operand::List(ids.iter().map(|id| Operand::Id(*id)).collect())
}

/// `contoso.onmicrosoft.com`.
pub(in crate::graph) fn initial_domain(tenant: &Tenant) -> String {
    let company = tenant.domain.split('.').next().unwrap_or_default();
    format!("{company}.onmicrosoft.com")
}

/// The SID that the cloud derives from an object id.
fn security_identifier(id: Uuid) -> String {
    let bytes = id.to_bytes_le();
    let mut sid = "S-1-12-1".to_owned();
    for part in bytes.chunks_exact(4) {
        let part = part.iter().rev().fold(0u32, |sum, byte| (sum << 8) | u32::from(*byte));
        sid.push_str(&format!("-{part}"));
    }
    sid
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_security_identifier_is_the_object_id_in_four_little_endian_numbers() {
        let id = uuid::uuid!("01020304-0506-0708-090a-0b0c0d0e0f10");
        assert_eq!(security_identifier(id), "S-1-12-1-16909060-117966086-202050057-269422093");
    }

    #[test]
    fn every_property_has_one_name() {
        for schema in [&USER, &GROUP, &ROLE] {
            let mut names: Vec<_> =
                schema.properties.iter().flat_map(|table| table.iter()).map(|p| p.name).collect();
            names.extend(schema.elsewhere);
            let all = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), all, "{}", schema.name);
        }
    }

    #[test]
    fn times_in_answers_have_whole_seconds() {
        let time: Timestamp = "2026-01-02T03:04:05.678Z".parse().unwrap();
        assert_eq!(Operand::Time(time).json(), "2026-01-02T03:04:05Z");
    }
}
