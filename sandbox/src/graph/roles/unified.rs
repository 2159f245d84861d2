//! Giving and taking roles through `roleManagement/directory/roleAssignments`.

use serde_json::Value;
use uuid::Uuid;

use super::{ASSIGNMENTS, may_write, principal, role_assignment};
use crate::graph::{Answer, Call, Problem};
use crate::tenant::audit::events::{self, Trace};
use crate::tenant::{Role, TEMPLATES};
use crate::world::{Event, World};

pub(super) fn give(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    may_write(world, call)?;
    let text = |name: &str| call.body.get(name).and_then(Value::as_str).unwrap_or_default();
    if text("directoryScopeId") != "/" {
        return Err(Problem::unsupported("The sandbox knows roles over the whole directory only."));
    }
    let key = text("principalId");
    let holder = principal(&world.tenant, key).ok_or_else(|| Problem::not_found(key))?;
    let wanted = Uuid::try_parse(text("roleDefinitionId")).ok();
    let known = TEMPLATES.iter().find(|(template, _)| Some(*template) == wanted);
    let (template, display_name) =
        *known.ok_or_else(|| Problem::not_found(text("roleDefinitionId")))?;
    if world.tenant.roles.find(template).is_none() {
        // A definition needs no activation; the directory does it along the way.
        let id = world.guid();
        let role = Role { id, template, display_name, members: Default::default() };
        world.tenant.roles.0.push(role);
    }
    let id = world.tenant.roles.find(template).map(|role| role.id).unwrap_or_default();
    let added = world.tenant.roles.get_mut(id).is_some_and(|role| role.members.insert(holder));
    if !added {
        return Err(Problem::bad_request(
            "A conflicting object with one or more of the specified property values is present \
             in the directory.",
        ));
    }
    let Some(role) = world.tenant.roles.find(template).cloned() else {
        return Err(Problem::not_found(key));
    };
    events::role_changed(world, &Trace::of(call), &role, holder, true);
    world.emit(Event::Directory { id });
    Ok(Answer::created(ASSIGNMENTS.wrapped(call, role_assignment(&role, holder))))
}

pub(super) fn take(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    may_write(world, call)?;
    let id = call.segment(3);
    let named = |role: &Role, member: Uuid| {
        role_assignment(role, member).get("id").and_then(Value::as_str) == Some(id)
    };
    let all = world.tenant.roles.0.iter();
    let found = all.flat_map(|role| role.members.iter().map(move |member| (role, *member)));
    let mut found = found.filter(|(role, member)| named(role, *member));
    let (role, holder) = found.next().ok_or_else(|| Problem::not_found(id))?;
    let role = role.clone();
    if role.display_name == "Global Administrator" && role.members.len() == 1 {
        return Err(Problem::bad_request(
            "Removing the last Global Administrator of the tenant is not allowed.",
        ));
    }
    if let Some(role) = world.tenant.roles.get_mut(role.id) {
        role.members.remove(&holder);
    }
    events::role_changed(world, &Trace::of(call), &role, holder, false);
    world.emit(Event::Directory { id: role.id });
    Ok(Answer::no_content())
}
