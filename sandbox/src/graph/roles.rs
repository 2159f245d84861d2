//! Directory roles: who holds which, and giving and taking them.

#[cfg(test)]
mod tests;
mod unified;

use serde_json::{Value, json};
use uuid::Uuid;

use super::listing::Listing;
use super::{Answer, Call, Handled, Problem};
use crate::tenant::audit::events::{self, Trace};
use crate::tenant::{Role, TEMPLATES, Tenant};
use crate::world::{Event, World};

pub(super) fn handle(world: &mut World, call: &Call) -> Handled {
    let (method, path) = call.route();
    // `directoryRoles(roleTemplateId='…')` arrives as one segment.
    let (alternate, rest) = match path.split_first() {
        Some((first, rest)) => (by_template(first), rest),
        None => return None,
    };
    if let Some(template) = alternate {
        let key = template.to_owned();
        return Some(one_role(world, call, &key, method, rest, 1));
    }
    Some(match (method, path.as_slice()) {
        ("GET", ["directoryroles"]) => roles(world, call),
        ("POST", ["directoryroles"]) => activate(world, call),
        (_, ["directoryroles", key, rest @ ..]) => {
            let key = (*key).to_owned();
            return Some(one_role(world, call, &key, method, rest, 2));
        }
        ("GET", ["directoryroletemplates"]) => templates(call),
        ("GET", ["directoryroletemplates", _]) => template(call),
        ("GET", ["rolemanagement", "directory", "roledefinitions"]) => definitions(call),
        ("GET", ["rolemanagement", "directory", "roledefinitions", _]) => definition(call),
        ("GET", ["rolemanagement", "directory", "roleassignments"]) => assignments(world, call),
        ("GET", ["rolemanagement", "directory", "roleassignments", _]) => assignment(world, call),
        ("POST", ["rolemanagement", "directory", "roleassignments"]) => unified::give(world, call),
        ("DELETE", ["rolemanagement", "directory", "roleassignments", _]) => {
            unified::take(world, call)
        }
        _ => return None,
    })
}

const READ: &[&str] = &[
    "RoleManagement.Read.Directory",
    "RoleManagement.Read.All",
    "RoleManagement.ReadWrite.Directory",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];
const WRITE: &[&str] = &["RoleManagement.ReadWrite.Directory"];

const ROLES: Listing<'_> = Listing {
    context: "directoryRoles",
    filterable: &["displayName", "roleTemplateId"],
    page: 999,
    orderable: None,
};
const TEMPLATE_LIST: Listing<'_> = Listing { context: "directoryRoleTemplates", ..ROLES };
const DEFINITIONS: Listing<'_> = Listing {
    context: "roleManagement/directory/roleDefinitions",
    filterable: &["displayName", "id", "templateId", "isBuiltIn"],
    ..ROLES
};
const ASSIGNMENTS: Listing<'_> = Listing {
    context: "roleManagement/directory/roleAssignments",
    filterable: &["principalId", "roleDefinitionId", "directoryScopeId"],
    ..ROLES
};

fn by_template(segment: &str) -> Option<&str> {
    segment.strip_prefix("directoryroles(roletemplateid='")?.strip_suffix("')")
}

fn roles(world: &World, call: &Call) -> Result<Answer, Problem> {
    call.needs(READ)?;
    ROLES.answer(call, world.tenant.roles.0.iter().map(directory_role).collect())
}

/// Everything below one role; `members` is at `at` in the path.
fn one_role(
    world: &mut World,
    call: &Call,
    key: &str,
    method: &str,
    rest: &[&str],
    at: usize,
) -> Result<Answer, Problem> {
    let id = Uuid::try_parse(key).ok();
    let found = id.and_then(|id| {
        let by_key = |role: &&Role| if at == 1 { role.template == id } else { role.id == id };
        world.tenant.roles.0.iter().find(by_key).cloned()
    });
    let role = found.ok_or_else(|| Problem::not_found(key))?;
    match (method, rest) {
        ("GET", []) => {
            call.needs(READ)?;
            ROLES.entity(call, directory_role(&role))
        }
        ("GET", ["members"]) => {
            call.needs(READ)?;
            let context = "directoryObjects";
            let members = role.members.iter().filter_map(|id| member(&world.tenant, *id));
            Listing { context, ..ROLES }.answer(call, members.collect())
        }
        ("POST", ["members", "$ref"]) => add(world, call, &role),
        ("DELETE", ["members", _, "$ref"]) => remove(world, call, &role, call.segment(at + 1)),
        _ => Err(Problem::unsupported(format!(
            "The sandbox does not implement {} /{}.",
            call.method,
            call.raw.join("/")
        ))),
    }
}

fn activate(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    may_write(world, call)?;
    let named = call
        .body
        .get("roleTemplateId")
        .and_then(Value::as_str)
        .and_then(|id| Uuid::try_parse(id).ok());
    let template = TEMPLATES.iter().find(|(id, _)| Some(*id) == named);
    let (template, display_name) = template.ok_or_else(|| {
        Problem::not_found(call.body.get("roleTemplateId").and_then(Value::as_str).unwrap_or(""))
    })?;
    if world.tenant.roles.find(*template).is_some() {
        return Err(Problem::bad_request(
            "A conflicting object with one or more of the specified property values is present \
             in the directory.",
        ));
    }
    let id = world.guid();
    let role = Role { id, template: *template, display_name, members: Default::default() };
    let body = ROLES.wrapped(call, directory_role(&role));
    world.tenant.roles.0.push(role);
    world.emit(Event::Directory { id });
    Ok(Answer::created(body))
}

fn add(world: &mut World, call: &Call, role: &Role) -> Result<Answer, Problem> {
    may_write(world, call)?;
    let link = call.body.get("@odata.id").and_then(Value::as_str).unwrap_or_default();
    let key = link.rsplit('/').next().unwrap_or_default();
    let id = principal(&world.tenant, key).ok_or_else(|| Problem::not_found(key))?;
    let added = world.tenant.roles.get_mut(role.id).is_some_and(|role| role.members.insert(id));
    if !added {
        return Err(Problem::bad_request(
            "One or more added object references already exist for the following modified \
             properties: 'members'.",
        ));
    }
    events::role_changed(world, &Trace::of(call), role, id, true);
    world.emit(Event::Directory { id: role.id });
    Ok(Answer::no_content())
}

fn remove(world: &mut World, call: &Call, role: &Role, key: &str) -> Result<Answer, Problem> {
    may_write(world, call)?;
    let id = principal(&world.tenant, key).ok_or_else(|| Problem::not_found(key))?;
    let last = role.display_name == "Global Administrator" && role.members.len() == 1;
    if last && role.members.contains(&id) {
        return Err(Problem::bad_request(
            "Removing the last Global Administrator of the tenant is not allowed.",
        ));
    }
    let removed = world.tenant.roles.get_mut(role.id).is_some_and(|role| role.members.remove(&id));
    if !removed {
        return Err(Problem::not_found(key));
    }
    events::role_changed(world, &Trace::of(call), role, id, false);
    world.emit(Event::Directory { id: role.id });
    Ok(Answer::no_content())
}

fn may_write(world: &World, call: &Call) -> Result<(), Problem> {
    call.needs(WRITE)?;
    call.needs_role(world, &["Privileged Role Administrator"])
}

fn principal(tenant: &Tenant, key: &str) -> Option<Uuid> {
    let id = Uuid::try_parse(key).ok()?;
    let app = tenant.apps.principals.iter().any(|principal| principal.id == id);
    (app || tenant.people.get(id).is_some() || tenant.groups.get(id).is_some()).then_some(id)
}

fn templates(call: &Call) -> Result<Answer, Problem> {
    call.needs(READ)?;
    TEMPLATE_LIST.answer(call, TEMPLATES.iter().map(directory_role_template).collect())
}

fn template(call: &Call) -> Result<Answer, Problem> {
    call.needs(READ)?;
    TEMPLATE_LIST.entity(call, directory_role_template(known(call.segment(1))?))
}

fn definitions(call: &Call) -> Result<Answer, Problem> {
    call.needs(READ)?;
    DEFINITIONS.answer(call, TEMPLATES.iter().map(role_definition).collect())
}

fn definition(call: &Call) -> Result<Answer, Problem> {
    call.needs(READ)?;
    DEFINITIONS.entity(call, role_definition(known(call.segment(3))?))
}

fn known(key: &str) -> Result<&'static (Uuid, &'static str), Problem> {
    let id = Uuid::try_parse(key).ok();
    let found = TEMPLATES.iter().find(|(template, _)| Some(*template) == id);
    found.ok_or_else(|| Problem::not_found(key))
}

fn assignments(world: &World, call: &Call) -> Result<Answer, Problem> {
    call.needs(READ)?;
    ASSIGNMENTS.answer(call, all_assignments(&world.tenant))
}

fn assignment(world: &World, call: &Call) -> Result<Answer, Problem> {
    call.needs(READ)?;
    let id = call.segment(3);
    let mut all = all_assignments(&world.tenant).into_iter();
    let found = all.find(|assignment| assignment.get("id").and_then(Value::as_str) == Some(id));
    ASSIGNMENTS.entity(call, found.ok_or_else(|| Problem::not_found(id))?)
}

fn all_assignments(tenant: &Tenant) -> Vec<Value> {
    let held = |role: &Role| -> Vec<Value> {
        role.members.iter().map(|member| role_assignment(role, *member)).collect()
    };
    tenant.roles.0.iter().flat_map(held).collect()
}

/// A `directoryRole`.
pub(crate) fn directory_role(role: &Role) -> Value {
    json!({
        "id": role.id,
        "deletedDateTime": null,
        "description": format!("{}.", role.display_name),
        "displayName": role.display_name,
        "roleTemplateId": role.template,
    })
}

fn directory_role_template((id, name): &(Uuid, &str)) -> Value {
    json!({
        "id": id,
        "deletedDateTime": null,
        "description": format!("{name}."),
        "displayName": name,
    })
}

fn role_definition((id, name): &(Uuid, &str)) -> Value {
    json!({
        "id": id,
        "description": format!("{name}."),
        "displayName": name,
        "isBuiltIn": true,
        "isEnabled": true,
        "resourceScopes": ["/"],
        "templateId": id,
        "version": "1",
        "rolePermissions": [],
    })
}

fn role_assignment(role: &Role, member: Uuid) -> Value {
    // Opaque in reality; here derived, so that it stays the same.
    let id = Uuid::from_u128(role.id.as_u128() ^ member.as_u128());
    json!({
        "id": format!("{}-1", id.simple()),
        "principalId": member,
        "directoryScopeId": "/",
        "roleDefinitionId": role.template,
    })
}

fn member(tenant: &Tenant, id: Uuid) -> Option<Value> {
    if let Some(user) = tenant.people.get(id) {
        return Some(json!({
            "@odata.type": "#microsoft.graph.user",
            "id": user.id,
            "businessPhones": user.business_phones,
            "displayName": user.display_name,
            "givenName": user.given_name,
            "jobTitle": user.job_title,
            "mail": user.mail,
            "mobilePhone": user.mobile_phone,
            "officeLocation": user.office_location,
            "preferredLanguage": user.preferred_language,
            "surname": user.surname,
            "userPrincipalName": user.upn,
        }));
    }
    if let Some(group) = tenant.groups.get(id) {
        return Some(json!({
            "@odata.type": "#microsoft.graph.group",
            "id": group.id,
            "displayName": group.display_name,
        }));
    }
    let principal = tenant.apps.principals.iter().find(|principal| principal.id == id)?;
    Some(json!({
        "@odata.type": "#microsoft.graph.servicePrincipal",
        "id": principal.id,
        "appId": principal.app_id,
        "displayName": principal.display_name,
    }))
}
