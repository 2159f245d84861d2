use futures_util::future::{join_all, try_join};
use serde_json::json;
use subtwin_confirm::Refusal;
use subtwin_kernel::{
    Action, GroupId, Inverse, Licence, Method, Part, Property, SkuId, Step, UserId,
};
use uuid::Uuid;

use super::subject::{Draft, Subject};
use super::{impossible, listed, unavailable};
use crate::entra::Entra;
use crate::products::product_name;
use crate::wire::{LicenceState, ServicePlan, Sku, User};

impl Entra {
    pub(super) async fn assign_licence(
        &self,
        person: UserId,
        sku: SkuId,
        asked_off: &[Uuid],
        before: &[Part],
    ) -> Result<Part, Refusal> {
        let (subject, skus) = self.licence_facts(person).await?;
        let held = subject.user.licences();
        let owned = owned(&skus, sku)?;
        let licence = owned.licence();
        let product = &licence.product;

        let ways: Vec<&LicenceState> =
            held.iter().filter(|state| state.sku_id == sku && state.works()).collect();
        if let Some(way) = ways.first() {
            let through = match way.assigned_by_group {
                Some(group) => format!(" through the group {}", self.group_name(group).await),
                None => String::new(),
            };
            let already = format!("{} already has {product}{through}.", subject.named());
            return Err(Refusal::AlreadySo(already));
        }
        if subject.person.usage_location.is_none() && !sets_usage_location(before, person) {
            return Err(impossible("no-usage-location", no_usage_location(&subject.named())));
        }
        can_be_given(owned)?;
        // Seats that this very plan takes first are not free any more.
        let free = licence.free.saturating_sub(taken(before, sku));
        if free == 0 {
            let reason = if licence.free == 0 {
                format!(
                    "No {product} licence is free: all {} are in use. Free one or buy another, \
                     then ask me again.",
                    licence.total
                )
            } else {
                format!(
                    "No {product} licence is left for {}: only {} of {} are free, and the others \
                     you named come first.",
                    subject.named(),
                    licence.free,
                    licence.total
                )
            };
            return Err(impossible("no-seats", reason));
        }

        // A second assignment replaces the switched-off services, so the old choice goes along.
        let off = if asked_off.is_empty() {
            subject.user.direct(sku).and_then(|state| state.disabled_plans).unwrap_or_default()
        } else {
            asked_off.to_vec()
        };
        let mut consequences = vec!["Uses one paid seat.".to_owned()];
        if !off.is_empty() {
            consequences.push(format!(
                "The services that were switched off for {} stay switched off ({}).",
                subject.name(),
                off.len()
            ));
        }
        if is(owned, "Warning") {
            consequences.push(
                "The subscription has lapsed and is in its grace period; the licence ends with it."
                    .to_owned(),
            );
        }
        let step = assign_step(person, Some((sku, &off)), None);
        Ok(subject.part(
            Action::LicenseAssign { person, sku, disabled_plans: off },
            step,
            Draft {
                headline: format!(
                    "Give {} {} {product} licence.",
                    subject.named(),
                    article(product)
                ),
                object: Some(format!("{product} licence")),
                before: format!("{} {}", having(&held, &skus), seats(&licence, free)),
                after: format!(
                    "Has {product}{}. {}",
                    if held.is_empty() { "" } else { " as well" },
                    seats(&licence, free.saturating_sub(1))
                ),
                consequences,
                undo: "The licence can be taken away again; what was stored with it by then \
                       enters its retention period."
                    .to_owned(),
            },
            Inverse::Action(Action::LicenseRemove { person, sku }),
        ))
    }

    pub(super) async fn remove_licence(&self, person: UserId, sku: SkuId) -> Result<Part, Refusal> {
        let (subject, skus) = self.licence_facts(person).await?;
        let held = subject.user.licences();
        let owned = skus.iter().find(|owned| owned.sku_id == sku);
        let product = owned.map_or_else(|| product_name(sku, None), Sku::product);

        let groups: Vec<GroupId> = held
            .iter()
            .filter(|state| state.sku_id == sku)
            .filter_map(|state| state.assigned_by_group)
            .collect();
        let Some(direct) = subject.user.direct(sku) else {
            if groups.is_empty() {
                let already = format!("{} does not have {product}.", subject.named());
                return Err(Refusal::AlreadySo(already));
            }
            return Err(impossible(
                "licence-from-group",
                format!(
                    "{} has {product} through the group {}. To take it away, ask me to remove them \
                     from that group instead.",
                    subject.named(),
                    self.group_names(&groups).await
                ),
            ));
        };

        let mut consequences = Vec::new();
        if groups.is_empty() {
            let lost = lost_services(&held, sku, &skus);
            if lost.is_empty() {
                consequences.push("Access to what the product contains ends.".to_owned());
            } else {
                consequences.push(format!("These stop for {}: {}.", subject.name(), listed(&lost)));
            }
            consequences.push(
                "Data kept by these services enters its retention period and is deleted after it."
                    .to_owned(),
            );
        } else {
            consequences.push(format!(
                "{} keeps {product} through the group {}; only the direct assignment goes.",
                subject.name(),
                self.group_names(&groups).await
            ));
        }
        let licence = owned.map(Sku::licence);
        let seats = |more: u32| match &licence {
            Some(licence) => format!(" {}", seats(licence, licence.free.saturating_add(more))),
            None => String::new(),
        };
        let freed = u32::from(groups.is_empty());
        let after = if groups.is_empty() { "No longer has" } else { "Has only through a group" };
        let disabled_plans = direct.disabled_plans.unwrap_or_default();
        Ok(subject.part(
            Action::LicenseRemove { person, sku },
            assign_step(person, None, Some(sku)),
            Draft {
                headline: format!("Take the {product} licence away from {}.", subject.named()),
                object: Some(format!("{product} licence")),
                before: format!("{}{}", having(&held, &skus), seats(0)),
                after: format!("{after} {product}.{}", seats(freed)),
                consequences,
                undo: "The licence can be given again while a seat is free; data comes back only \
                       within its retention period."
                    .to_owned(),
            },
            Inverse::Action(Action::LicenseAssign { person, sku, disabled_plans }),
        ))
    }

    async fn licence_facts(&self, person: UserId) -> Result<(Subject, Vec<Sku>), Refusal> {
        let skus = async {
            self.skus().await.map_err(|cause| unavailable("reading the tenant's licences", cause))
        };
        try_join(self.subject(person, User::SELECT_LICENCES), skus).await
    }

    async fn group_names(&self, groups: &[GroupId]) -> String {
        let mut names = join_all(groups.iter().take(5).map(|group| self.group_name(*group))).await;
        names.sort();
        listed(&names)
    }

    /// For a sentence only, so an unreadable group is shown by its id.
    async fn group_name(&self, group: GroupId) -> String {
        match self.wire_group(group).await {
            Ok(Some(found)) => found.group().display_name,
            Ok(None) | Err(_) => group.to_string(),
        }
    }
}

/// How many seats of a product the parts of a plan take.
fn taken(parts: &[Part], wanted: SkuId) -> u32 {
    let takes =
        |part: &&Part| matches!(part.action, Action::LicenseAssign { sku, .. } if sku == wanted);
    u32::try_from(parts.iter().filter(takes).count()).unwrap_or(u32::MAX)
}

fn sets_usage_location(parts: &[Part], of: UserId) -> bool {
    parts.iter().any(|part| match &part.action {
        Action::UserUpdate { person, set } => {
            *person == of && set.get(&Property::UsageLocation).is_some_and(|to| !to.is_empty())
        }
        _ => false,
    })
}

fn owned(skus: &[Sku], sku: SkuId) -> Result<&Sku, Refusal> {
    skus.iter().find(|owned| owned.sku_id == sku).ok_or_else(|| {
        impossible(
            "product-not-owned",
            format!("This tenant does not own {}.", product_name(sku, None)),
        )
    })
}

fn can_be_given(sku: &Sku) -> Result<(), Refusal> {
    let product = sku.product();
    if !sku.is_for_people() {
        let reason = format!("{product} belongs to the tenant as a whole and is given to nobody.");
        return Err(impossible("product-not-for-people", reason));
    }
    let status = sku.capability_status.as_deref().unwrap_or("Enabled");
    if is(sku, "Enabled") || is(sku, "Warning") {
        return Ok(());
    }
    Err(impossible(
        "subscription-suspended",
        format!(
            "The subscription for {product} is {}, so none of it can be given. Somebody who looks \
             after billing must renew it first.",
            status.to_lowercase()
        ),
    ))
}

fn is(sku: &Sku, status: &str) -> bool {
    sku.capability_status.as_deref().unwrap_or("Enabled").eq_ignore_ascii_case(status)
}

fn no_usage_location(name: &str) -> String {
    format!(
        "{name} has no usage location, and without one no licence can be given. Ask me to set it \
         first, or an administrator (Entra admin center: the user, Properties, Usage location); \
         then ask me again."
    )
}

fn seats(licence: &Licence, free: u32) -> String {
    format!("{free} of {} seats free.", licence.total)
}

/// "Has Office 365 E1 and Visio Plan 2."
fn having(held: &[LicenceState], skus: &[Sku]) -> String {
    let mut names: Vec<String> = held
        .iter()
        .filter(|state| state.works())
        .map(|state| match skus.iter().find(|owned| owned.sku_id == state.sku_id) {
            Some(owned) => owned.product(),
            None => product_name(state.sku_id, None),
        })
        .collect();
    names.sort();
    names.dedup();
    if names.is_empty() { "Has no licence.".to_owned() } else { format!("Has {}.", listed(&names)) }
}

/// "a" or "an" before a product's name.
fn article(product: &str) -> &'static str {
    let vowel = product.starts_with(|c: char| "AEIOaeio".contains(c));
    if vowel { "an" } else { "a" }
}

/// The services a person notices, which no other of their licences still gives.
fn lost_services(held: &[LicenceState], sku: SkuId, skus: &[Sku]) -> Vec<String> {
    let given = |state: &LicenceState| -> Vec<&'static str> {
        let off = state.disabled_plans.as_deref().unwrap_or_default();
        skus.iter()
            .filter(|owned| owned.sku_id == state.sku_id)
            .flat_map(Sku::plans)
            .filter(|plan| !off.contains(&plan.service_plan_id))
            .filter_map(service)
            .collect()
    };
    let of = |wanted: bool| {
        held.iter().filter(move |state| state.works() && (state.sku_id == sku) == wanted)
    };
    let kept: Vec<&str> = of(false).flat_map(given).collect();
    let mut lost: Vec<String> = of(true)
        .flat_map(given)
        .filter(|service| !kept.contains(service))
        .map(str::to_owned)
        .collect();
    lost.sort();
    lost.dedup();
    lost
}

/// What people call the services they would miss. Not every plan has a name worth saying.
fn service(plan: &ServicePlan) -> Option<&'static str> {
    if plan.service_plan_id == TEAMS {
        return Some("Teams");
    }
    Some(match plan.service_plan_name.as_deref()? {
        "EXCHANGE_S_ENTERPRISE" | "EXCHANGE_S_STANDARD" | "EXCHANGE_S_DESKLESS" => {
            "mail and calendar"
        }
        "SHAREPOINTENTERPRISE" | "SHAREPOINTSTANDARD" | "SHAREPOINTDESKLESS" => {
            "OneDrive and SharePoint"
        }
        "OFFICESUBSCRIPTION" | "OFFICE_BUSINESS" => "the Office desktop apps",
        "INTUNE_A" => "device management",
        "M365_COPILOT_APPS" => "Copilot in the Office apps",
        _ => return None,
    })
}

/// The one form in which a licence is changed: both lists, of which one has one entry.
fn assign_step(person: UserId, add: Option<(SkuId, &[Uuid])>, remove: Option<SkuId>) -> Step {
    let add: Vec<_> =
        add.iter().map(|(sku, off)| json!({"skuId": sku, "disabledPlans": off})).collect();
    let remove: Vec<_> = remove.into_iter().collect();
    Step {
        method: Method::Post,
        path: format!("/v1.0/users/{person}/assignLicense"),
        body: Some(json!({"addLicenses": add, "removeLicenses": remove})),
    }
}

/// Service plan `TEAMS1`: what "has Teams" means, whatever the product is called.
const TEAMS: Uuid = Uuid::from_u128(0x57ff_2da0_773e_42df_b2af_ffb7_a231_7929);
