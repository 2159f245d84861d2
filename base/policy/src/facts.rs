use std::collections::HashSet;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityUid, Request, RestrictedExpression as Value,
};
use jiff::civil::Weekday;
use subtwin_kernel::{Action, GroupId, Touch, UserId};

use crate::schema::{Deed, MODEL};
use crate::{Asker, GroupTarget, Protected, Question, Target};

/// A question as Cedar reads it.
pub(crate) struct Facts {
    pub(crate) request: Request,
    pub(crate) entities: Entities,
}

/// The facts contradict each other, or what was asked: there is nothing to decide about.
pub(crate) struct Contradiction;

/// The name of setting somebody's manager among the properties of a profile.
pub(crate) const MANAGER: &str = "manager";

impl Facts {
    pub(crate) fn of(question: &Question<'_>) -> Result<Self, Contradiction> {
        let deed = Deed::Use(question.action.tool());
        Self::new(deed, question.asker, question, context(question)?)
    }

    pub(crate) fn of_approval(
        approver: &Asker,
        question: &Question<'_>,
    ) -> Result<Self, Contradiction> {
        let mut context = context(question)?;
        context.push(text("tool", question.action.tool().name()));
        let requester = Value::new_entity_uid(user(question.asker.id));
        context.push(("requester".to_owned(), requester));
        Self::new(Deed::Approve, approver, question, context)
    }

    fn new(
        deed: Deed,
        principal: &Asker,
        question: &Question<'_>,
        context: Vec<(String, Value)>,
    ) -> Result<Self, Contradiction> {
        let action = MODEL.action(deed).ok_or(Contradiction)?;
        let target = question.target;
        let mut entities = vec![action.clone()];
        // An entity stands once, with all that is known of it, whatever parts it plays.
        let about = |asker: &Asker| (asker.id == target.id).then_some(target);
        entities.push(person(Some(principal), about(principal))?);
        if question.asker.id != principal.id {
            entities.push(person(Some(question.asker), about(question.asker))?);
        } else if question.asker != principal {
            return Err(Contradiction);
        }
        if target.id != principal.id && target.id != question.asker.id {
            entities.push(person(None, Some(target))?);
        }
        if let Some(group) = question.group {
            entities.push(of_group(group)?);
        }
        // Not checked against the schema once more: what stands here is made right above.
        let entities = Entities::from_entities(entities, None).map_err(|_| Contradiction)?;
        let context = Context::from_pairs(context).map_err(|_| Contradiction)?;
        let request =
            Request::new(user(principal.id), action.uid(), user(target.id), context, None)
                .map_err(|_| Contradiction)?;
        Ok(Self { request, entities })
    }
}

/// What is asked and when. Refuses facts about somebody or something else than what is asked.
fn context(question: &Question<'_>) -> Result<Vec<(String, Value)>, Contradiction> {
    let Question { action, target, group, when, count, .. } = question;
    if action.person() != target.id || action.group() != group.map(|group| group.id) {
        return Err(Contradiction);
    }
    let credential = action.touches().iter().any(|touch| matches!(touch, Touch::Credential { .. }));
    let mut pairs = vec![
        text("risk", action.risk().name()),
        ("hour".to_owned(), Value::new_long(when.hour.into())),
        text("weekday", weekday(when.weekday)),
        ("count".to_owned(), Value::new_long(i64::try_from(*count).unwrap_or(i64::MAX))),
        flag("credential", credential),
    ];
    if let Some(sku) = action.sku() {
        pairs.push(text("licence", &sku.to_string()));
    }
    if let Some(group) = group {
        pairs.push(("group".to_owned(), Value::new_entity_uid(group_uid(group.id))));
    }
    if let Some(names) = properties(action)? {
        let names = names.into_iter().map(|name| Value::new_string(name.to_owned()));
        pairs.push(("properties".to_owned(), Value::new_set(names)));
    }
    Ok(pairs)
}

/// The properties of a profile that are to change. Never an empty set: `containsAll` holds for it,
/// so a rule about some properties would let it pass.
fn properties(action: &Action) -> Result<Option<Vec<&'static str>>, Contradiction> {
    match action {
        Action::UserUpdate { set, .. } if set.is_empty() => Err(Contradiction),
        Action::UserUpdate { set, .. } => Ok(Some(set.keys().map(|key| key.name()).collect())),
        Action::ManagerSet { .. } => Ok(Some(vec![MANAGER])),
        Action::UserFind { .. }
        | Action::SigninExplain { .. }
        | Action::PasswordReset { .. }
        | Action::TapIssue { .. }
        | Action::TapWithdraw { .. }
        | Action::MfaReset { .. }
        | Action::MethodRemove { .. }
        | Action::SessionRevoke { .. }
        | Action::AccountBlock { .. }
        | Action::AccountUnblock { .. }
        | Action::LicenseAssign { .. }
        | Action::LicenseRemove { .. }
        | Action::GroupMemberAdd { .. }
        | Action::GroupMemberRemove { .. } => Ok(None),
    }
}

/// A person with what is known of them. What is not known is left out rather than made up, so that
/// a rule which asks for it all the same fails instead of not applying.
fn person(asker: Option<&Asker>, target: Option<&Target>) -> Result<Entity, Contradiction> {
    let of_asker = asker.map(|a| (a.id, &a.upn, a.enabled, a.guest, &a.department));
    let of_target = target.map(|t| (t.id, &t.upn, t.enabled, t.guest, &t.department));
    let (id, upn, enabled, guest, department) = match (of_asker, of_target) {
        // Both were read from one directory for this question.
        (Some(one), Some(other)) if one != other => return Err(Contradiction),
        (Some(one), _) | (None, Some(one)) => one,
        (None, None) => return Err(Contradiction),
    };
    let mut attributes =
        vec![text("upn", &upn.to_lowercase()), flag("enabled", enabled), flag("guest", guest)];
    if let Some(department) = department {
        attributes.push(text("department", department));
    }
    let mut groups = HashSet::new();
    if let Some(asker) = asker {
        attributes.push(flag("twin", asker.twin));
        attributes.push(flag("helpdesk", asker.helpdesk));
        attributes.push(flag("approver", asker.approver));
        groups.extend(asker.groups.iter().copied().map(group_uid));
    }
    if let Some(target) = target {
        if let Some(manager) = target.manager {
            attributes.push((MANAGER.to_owned(), Value::new_entity_uid(user(manager))));
        }
        attributes.push(flag("synced", target.synced));
        attributes.push(flag("privileged", target.privileged));
        attributes.push(text("protected", protection(target.protected)));
    }
    Entity::new_with_tags(user(id), attributes, groups, []).map_err(|_| Contradiction)
}

fn of_group(group: &GroupTarget) -> Result<Entity, Contradiction> {
    let owners = group.owners.iter().map(|owner| Value::new_entity_uid(user(*owner)));
    let attributes = [
        text("name", &group.name),
        ("owners".to_owned(), Value::new_set(owners)),
        flag("roleAssignable", group.role_assignable),
    ];
    Entity::new_with_tags(group_uid(group.id), attributes, [], []).map_err(|_| Contradiction)
}

/// What protects an account, as policies write it.
pub(crate) const fn protection(protected: Option<Protected>) -> &'static str {
    match protected {
        None => "no",
        Some(Protected::Twin) => "twin",
        Some(Protected::Sponsor) => "sponsor",
        Some(Protected::BreakGlass) => "break-glass",
    }
}

/// A day of the week, as policies write it.
pub(crate) const fn weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "monday",
        Weekday::Tuesday => "tuesday",
        Weekday::Wednesday => "wednesday",
        Weekday::Thursday => "thursday",
        Weekday::Friday => "friday",
        Weekday::Saturday => "saturday",
        Weekday::Sunday => "sunday",
    }
}

fn user(id: UserId) -> EntityUid {
    EntityUid::from_type_name_and_id(MODEL.user.clone(), EntityId::new(id.to_string()))
}

fn group_uid(id: GroupId) -> EntityUid {
    EntityUid::from_type_name_and_id(MODEL.group.clone(), EntityId::new(id.to_string()))
}

fn text(name: &str, value: &str) -> (String, Value) {
    (name.to_owned(), Value::new_string(value.to_owned()))
}

fn flag(name: &str, value: bool) -> (String, Value) {
    (name.to_owned(), Value::new_bool(value))
}
