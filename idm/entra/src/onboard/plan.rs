//! The plan: exactly what would be made, so that it can be read before anybody signs in.

use std::collections::BTreeSet;

use serde::Serialize;
use subtwin_kernel::{TenantId, Tool};

use super::licence::{Offer, choose};
use super::look::Survey;
use super::wire::REDIRECT;
use super::wish::{LicenceWish, OnboardStep, Registration, Wish};
use super::work::in_the_way;
use super::{READING, WRITING};
use crate::needs;
use crate::steps::{Mark, Steps};

/// What a step would do to what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// Nobody has looked.
    Unknown,
    /// It would be made.
    Make,
    /// It is there and would be changed.
    Change,
    /// It is there, as it should be.
    Keep,
}

/// The account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedUser {
    /// Its user principal name.
    pub user_principal_name: String,
    /// Its display name.
    pub display_name: String,
    /// Where it is used.
    pub usage_location: String,
    /// Its department.
    pub department: Option<String>,
    /// Its job title.
    pub job_title: Option<String>,
    /// Its id, where it is there.
    pub id: Option<String>,
    /// What would happen to it.
    pub change: Change,
}

/// One scope of a registration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedScope {
    /// Its name in Graph.
    pub name: String,
    /// The tools that need it; empty for signing in and chatting.
    pub tools: Vec<Tool>,
}

/// One registration with its enterprise application and consent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedApp {
    /// Which of the two.
    pub registration: Registration,
    /// Its display name.
    pub display_name: String,
    /// Client id, where it is there.
    pub app_id: Option<String>,
    /// Where answers go.
    pub redirect_uri: &'static str,
    /// Always so: it has no secret and no certificate.
    pub public_client: bool,
    /// Always so: only the account may sign in to it.
    pub assignment_required: bool,
    /// Always `Principal`: consent is given for the account alone.
    pub consent_type: &'static str,
    /// What is consented to.
    pub scopes: Vec<PlannedScope>,
    /// Scopes that would be added to a consent that is there.
    pub adds: Vec<String>,
    /// Scopes that would be taken from a consent that is there.
    pub removes: Vec<String>,
    /// What would happen to the registration.
    pub change: Change,
    /// What would happen to the consent.
    pub consent_change: Change,
}

/// One directory role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedRole {
    /// Its name.
    pub name: String,
    /// The tools it is for.
    pub tools: Vec<Tool>,
    /// What would happen.
    pub change: Change,
}

/// The licence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedLicence {
    /// How it is chosen, as a sentence.
    pub rule: String,
    /// Which one, where the tenant was looked at.
    pub product: Option<Offer>,
    /// What would happen.
    pub change: Change,
}

/// What it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Costs {
    /// Paid seats.
    pub seats: u32,
    /// Objects that count against the directory's quota.
    pub directory_objects: u32,
}

/// Exactly what would be made, and what would not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// The directory.
    pub tenant: TenantId,
    /// Whether the tenant was looked at.
    pub looked: bool,
    /// The account.
    pub user: PlannedUser,
    /// The two registrations.
    pub apps: Vec<PlannedApp>,
    /// The roles.
    pub roles: Vec<PlannedRole>,
    /// Roles of an earlier run that would be taken away.
    pub roles_removed: Vec<String>,
    /// The licence.
    pub licence: PlannedLicence,
    /// What it costs.
    pub costs: Costs,
    /// What stands in the way: with any of these, `apply` stops.
    pub obstacles: Vec<String>,
    /// What is worth knowing.
    pub notes: Vec<String>,
    /// What is not done, whatever happens.
    pub never: Vec<&'static str>,
    /// Roles that the administrator who applies it needs.
    pub administrator_roles: Vec<&'static str>,
    /// Permissions of the administrator's own sign-in, to look.
    pub reading: Vec<&'static str>,
    /// Permissions of the administrator's own sign-in, to apply.
    pub writing: Vec<&'static str>,
}

/// Makes the plan: from the wish alone, and with a survey also of what is there.
#[must_use]
pub fn plan(wish: &Wish, survey: Option<&Survey>, steps: Option<&Steps<OnboardStep>>) -> Plan {
    let change = |step: &OnboardStep| match (survey, survey.and_then(|it| it.of(step))) {
        (None, _) => Change::Unknown,
        (Some(_), None) => Change::Make,
        (Some(_), Some(seen)) if seen.differs.is_some() && *step != OnboardStep::User => {
            Change::Change
        }
        (Some(_), Some(_)) => Change::Keep,
    };
    let seen = |step: &OnboardStep| survey.and_then(|it| it.of(step));
    let user = PlannedUser {
        user_principal_name: wish.upn.clone(),
        display_name: wish.display_name.clone(),
        usage_location: wish.usage_location.clone(),
        department: wish.department.clone(),
        job_title: wish.job_title.clone(),
        id: seen(&OnboardStep::User).map(|seen| seen.made.id.clone()),
        change: change(&OnboardStep::User),
    };
    let apps: Vec<PlannedApp> = Registration::BOTH
        .into_iter()
        .map(|which| {
            let scopes = wish.granted(which);
            let there = seen(&OnboardStep::Consent(which)).and_then(|seen| {
                let before = seen.differs.as_ref()?.get("scope")?.as_str()?;
                Some(before.split_whitespace().map(str::to_owned).collect::<BTreeSet<_>>())
            });
            let wanted: BTreeSet<String> = scopes.iter().cloned().collect();
            let there = there.unwrap_or_else(|| wanted.clone());
            PlannedApp {
                registration: which,
                display_name: wish.app_name(which),
                app_id: seen(&OnboardStep::App(which)).and_then(|seen| seen.made.key.clone()),
                redirect_uri: REDIRECT,
                public_client: true,
                assignment_required: true,
                consent_type: "Principal",
                adds: wanted.difference(&there).cloned().collect(),
                removes: there.difference(&wanted).cloned().collect(),
                scopes: scopes.into_iter().map(|name| scope(which, name, &wish.tools)).collect(),
                change: change(&OnboardStep::App(which)),
                consent_change: change(&OnboardStep::Consent(which)),
            }
        })
        .collect();
    let roles = wish.roles().into_iter().map(|role| PlannedRole {
        name: role.name.to_owned(),
        tools: role.tools(&wish.tools),
        change: change(&OnboardStep::Role(role.template)),
    });
    let made = |step: &OnboardStep| {
        steps.is_some_and(|steps| matches!(steps.mark(step), Some(Mark::Made(_))))
    };
    let roles_removed = steps.into_iter().flat_map(Steps::entries).filter_map(|entry| {
        let wanted = OnboardStep::of(wish).contains(&entry.step);
        let given = matches!(entry.step, OnboardStep::Role(_)) && made(&entry.step);
        (given && !wanted).then(|| entry.step.to_string())
    });
    let licence = licence(wish, survey, change(&OnboardStep::Licence));
    let mut administrator_roles: Vec<&'static str> =
        OnboardStep::of(wish).iter().map(OnboardStep::done_by).collect();
    administrator_roles.sort_unstable();
    administrator_roles.dedup();
    Plan {
        tenant: wish.tenant,
        looked: survey.is_some(),
        costs: Costs {
            seats: u32::from(wish.licence != LicenceWish::Nothing),
            // The account, two registrations and their two enterprise applications.
            directory_objects: 5,
        },
        obstacles: obstacles(wish, survey, steps),
        notes: notes(wish, survey),
        user,
        apps,
        roles: roles.collect(),
        roles_removed: roles_removed.collect(),
        licence,
        never: NEVER.to_vec(),
        administrator_roles,
        reading: READING.to_vec(),
        writing: WRITING.to_vec(),
    }
}

fn scope(which: Registration, name: String, tools: &[Tool]) -> PlannedScope {
    let needed = |tool: &&Tool| {
        let needs = needs(**tool);
        needs.permissions.iter().chain(needs.reads).any(|scope| *scope == name)
    };
    let tools = match which {
        Registration::Chat => Vec::new(),
        Registration::Admin => tools.iter().filter(needed).copied().collect(),
    };
    PlannedScope { tools, name }
}

fn licence(wish: &Wish, survey: Option<&Survey>, change: Change) -> PlannedLicence {
    let rule = match &wish.licence {
        LicenceWish::Cheapest => {
            "The cheapest product with the Teams plan and a free seat. Graph tells no prices: \
             products for frontline workers come first, then those with the fewest services."
                .to_owned()
        }
        LicenceWish::Product(part) => format!("{part}, as the configuration says."),
        LicenceWish::Nothing => {
            "None: somebody else sees to it that the account has Teams.".to_owned()
        }
    };
    let product = survey.filter(|_| change == Change::Make);
    let product = product.and_then(|survey| choose(&survey.offers, &wish.licence).ok()).cloned();
    PlannedLicence { rule, product, change }
}

fn obstacles(
    wish: &Wish,
    survey: Option<&Survey>,
    steps: Option<&Steps<OnboardStep>>,
) -> Vec<String> {
    let Some(survey) = survey else { return Vec::new() };
    let mut all = Vec::new();
    for (step, seen) in &survey.seen {
        if let Some(strange) = &seen.strange {
            all.push(strange.clone());
            continue;
        }
        let guarded = matches!(step, OnboardStep::User | OnboardStep::App(_));
        let known = seen.ours || steps.is_some_and(|steps| steps.mark(step).is_some());
        if guarded && !known && !wish.adopt {
            all.push(in_the_way(step, wish));
        }
    }
    let licensed = survey.of(&OnboardStep::Licence).is_some();
    if !licensed
        && wish.licence != LicenceWish::Nothing
        && let Err(why) = choose(&survey.offers, &wish.licence)
    {
        all.push(why);
    }
    all
}

fn notes(wish: &Wish, survey: Option<&Survey>) -> Vec<String> {
    let mut all = Vec::new();
    let other_apps = "Whoever can sign in as the account could still consent, for it, to other apps \
                      than these two, if your tenant lets users consent.";
    match survey.map(|survey| survey.users_consent) {
        Some(Some(false)) => all.push(
            "Users of your tenant cannot consent to apps: nobody can widen what the account's apps \
             may do but an administrator."
                .to_owned(),
        ),
        Some(Some(true)) => all.push(format!(
            "Users of your tenant may consent to apps. These two ask for assignment, and Entra \
             takes no user consent for apps that do: their scopes stay as they are. {other_apps} \
             Turn user consent off, or keep the account to these two apps by Conditional Access."
        )),
        Some(None) => all.push(format!(
            "Whether users may consent to apps could not be read. {other_apps}"
        )),
        None => all.push(format!(
            "The two apps ask for assignment, so that nobody consents to more for them but an \
             administrator. {other_apps}"
        )),
    }
    match survey.map(|survey| survey.passes) {
        Some(Some(passes)) if passes.enabled => all.push(
            "For its first sign-in the account gets a temporary access pass, shown once. Nobody \
             learns its password."
                .to_owned(),
        ),
        Some(Some(_)) => all.push(
            "Your tenant issues no temporary access passes: for its first sign-in the account gets \
             a password, shown once, that must be changed then."
                .to_owned(),
        ),
        Some(None) | None => all.push(
            "For its first sign-in the account gets a temporary access pass, or a password where \
             your tenant issues no passes. It is shown once and kept nowhere."
                .to_owned(),
        ),
    }
    let Some(survey) = survey else { return all };
    if !survey.unlisted.is_empty() {
        all.push(format!(
            "Microsoft Graph in this tenant does not list {}: consent names them all the same, the \
             registration cannot.",
            survey.unlisted.join(", ")
        ));
    }
    if !survey.roles_beyond.is_empty() {
        all.push(format!(
            "The account holds roles that its tools do not need: {}.",
            survey.roles_beyond.join(", ")
        ));
    }
    for beyond in &survey.grants_beyond {
        all.push(format!("A registration was granted more than this plan says: {beyond}."));
    }
    let name = survey.of(&OnboardStep::User).and_then(|seen| seen.differs.as_ref());
    if let Some(name) = name.and_then(|differs| differs.get("displayName")?.as_str()) {
        all.push(format!("The account is called {name}, and keeps that name."));
    }
    if wish.adopt {
        all.push("What is there already may be used (`adopt = true`).".to_owned());
    }
    all
}

const NEVER: &[&str] = &[
    "No consent for the whole organisation (`AllPrincipals`), and none for an application as itself.",
    "No secret and no certificate for either registration.",
    "No role but those listed; no role that can be activated later; nobody else's roles.",
    "No change to a policy, a group, a domain, another account or another app.",
    "Nothing is bought.",
    "The administrator's tokens are kept in memory and dropped at the end.",
    "The account's password is told to nobody, unless it is shown for the first sign-in, and is \
     kept nowhere.",
];

#[cfg(test)]
mod tests {
    use super::super::wish::tests::wish;
    use super::*;

    #[test]
    fn without_looking_the_plan_says_all_that_follows_from_the_wish() {
        let plan = plan(&wish(), None, None);
        assert!(!plan.looked && plan.obstacles.is_empty());
        assert_eq!(plan.user.change, Change::Unknown);
        assert_eq!(plan.costs, Costs { seats: 1, directory_objects: 5 });
        assert_eq!(plan.apps.len(), 2);
        assert!(plan.apps.iter().all(|app| app.consent_type == "Principal"));
        let names: Vec<&str> = plan.roles.iter().map(|role| role.name.as_str()).collect();
        assert_eq!(names, ["License Administrator", "Reports Reader"]);
        assert_eq!(
            plan.administrator_roles,
            [
                "Authentication Administrator",
                "Cloud Application Administrator",
                "License Administrator",
                "Privileged Role Administrator",
                "User Administrator"
            ]
        );
    }

    #[test]
    fn every_scope_of_the_admin_registration_says_which_tool_needs_it() {
        let plan = plan(&wish(), None, None);
        let admin = plan.apps.iter().find(|app| app.registration == Registration::Admin).unwrap();
        for scope in &admin.scopes {
            let signs_in = ["offline_access", "openid", "profile"].contains(&scope.name.as_str());
            assert_eq!(scope.tools.is_empty(), signs_in, "{}", scope.name);
        }
    }
}
