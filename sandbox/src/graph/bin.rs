//! `directory/deletedItems`: users, applications and service principals that were deleted, for
//! thirty days.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::agents::Cast;
use super::apps::{application, service_principal};
use super::listing::Listing;
use super::users::synthetic;
use super::{Answer, Call, Handled, Problem};
use crate::tenant::audit::events::{self, Trace, seconds};
use crate::tenant::{Deleted, Remains, Tenant};
use crate::world::{Event, World};

pub(super) fn handle(world: &mut World, call: &Call) -> Handled {
    let (method, path) = call.route();
    let ["directory", "deleteditems", rest @ ..] = path.as_slice() else { return None };
    let now = world.now();
    world.tenant.bin.empty_old(now);
    Some(match (method, rest) {
        ("GET", [kind]) if Kind::read(kind).is_some() => list(world, call, Kind::read(kind)),
        ("GET", [_]) => one(world, call),
        ("POST", [_, "restore"]) => restore(world, call),
        ("DELETE", [_]) => purge(world, call),
        _ => Err(Problem::unsupported(format!(
            "The sandbox does not implement {} /{}.",
            call.method,
            call.raw.join("/")
        ))),
    })
}

/// A type that the list can be narrowed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    User,
    Application,
    Principal,
    Agent(Cast),
}

impl Kind {
    fn read(segment: &str) -> Option<Self> {
        let name = segment.to_ascii_lowercase();
        Some(match name.trim_start_matches("microsoft.").strip_prefix("graph.")? {
            "user" => Self::User,
            "application" => Self::Application,
            "serviceprincipal" => Self::Principal,
            _ => Self::Agent(Cast::read(segment)?),
        })
    }

    fn takes(self, one: &Deleted) -> bool {
        match self {
            Self::User => matches!(one.what, Remains::User(..)),
            Self::Application => matches!(one.what, Remains::Application(_)),
            Self::Principal => matches!(one.what, Remains::Principal(..)),
            Self::Agent(cast) => of(one) == Some(cast),
        }
    }
}

/// The type of Agent ID that something deleted is of.
fn of(one: &Deleted) -> Option<Cast> {
    match &one.what {
        Remains::User(user, _) => user.identity_parent.map(|_| Cast::AgentUser),
        Remains::Application(application) => {
            application.blueprint.as_deref().map(|_| Cast::Blueprint)
        }
        Remains::Principal(principal, ..) => Cast::of_principal(principal),
    }
}

const ITEMS: Listing<'_> = Listing {
    context: "directoryObjects",
    filterable: &["id", "displayName", "appId"],
    page: 100,
    orderable: None,
};

fn list(world: &World, call: &Call, kind: Option<Kind>) -> Result<Answer, Problem> {
    let items = world.tenant.bin.0.iter();
    let items = items.filter(|one| kind.is_none_or(|kind| kind.takes(one)));
    let mut rows = Vec::new();
    for item in items {
        readable(call, item)?;
        rows.push(deleted(&world.tenant, item));
    }
    if rows.is_empty() {
        call.needs(READ)?;
    }
    ITEMS.answer(call, rows)
}

fn one(world: &World, call: &Call) -> Result<Answer, Problem> {
    let found = named(world, call)?;
    readable(call, found)?;
    ITEMS.entity(call, deleted(&world.tenant, found))
}

fn named<'a>(world: &'a World, call: &Call) -> Result<&'a Deleted, Problem> {
    let key = call.segment(2);
    let id = Uuid::try_parse(key).ok();
    id.and_then(|id| world.tenant.bin.get(id)).ok_or_else(|| Problem::not_found(key))
}

/// Bringing back and deleting for good need the same.
fn writable(world: &World, call: &Call) -> Result<(), Problem> {
    let found = named(world, call)?;
    call.needs(permissions(found))?;
    let roles: &[&str] = match (&found.what, of(found)) {
        (_, Some(_)) => &["Agent ID Administrator"],
        (Remains::User(..), None) => &["User Administrator"],
        (Remains::Application(_) | Remains::Principal(..), None) => super::apps::ADMINISTRATORS,
    };
    call.needs_role(world, roles)
}

fn readable(call: &Call, one: &Deleted) -> Result<(), Problem> {
    call.needs(READ).or_else(|_| call.needs(permissions(one)))
}

fn permissions(one: &Deleted) -> &'static [&'static str] {
    match (of(one), &one.what) {
        (Some(Cast::Blueprint), _) => {
            &["AgentIdentityBlueprint.DeleteRestore.All", "AgentIdentityBlueprint.ReadWrite.All"]
        }
        (Some(Cast::BlueprintPrincipal), _) => &[
            "AgentIdentityBlueprintPrincipal.DeleteRestore.All",
            "AgentIdentityBlueprintPrincipal.ReadWrite.All",
        ],
        (Some(Cast::Agent), _) => {
            &["AgentIdentity.DeleteRestore.All", "AgentIdentity.ReadWrite.All"]
        }
        (Some(Cast::AgentUser), _) => &[
            "AgentIdUser.ReadWrite.IdentityParentedBy",
            "AgentIdUser.ReadWrite.All",
            "User.DeleteRestore.All",
            "User.ReadWrite.All",
        ],
        (None, Remains::User(..)) => &["User.DeleteRestore.All", "User.ReadWrite.All"],
        (None, Remains::Application(_) | Remains::Principal(..)) => &["Application.ReadWrite.All"],
    }
}

fn purge(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    writable(world, call)?;
    let key = call.segment(2).to_owned();
    let gone = Uuid::try_parse(&key).ok().and_then(|id| world.tenant.bin.take(id));
    let gone = gone.ok_or_else(|| Problem::not_found(&key))?;
    logged(world, call, &gone, true);
    Ok(Answer::no_content())
}

fn restore(world: &mut World, call: &Call) -> Result<Answer, Problem> {
    writable(world, call)?;
    let found = named(world, call)?;
    let id = found.id();
    let taken = match &found.what {
        Remains::User(user, _) => world.tenant.people.find_by_upn(&user.upn).is_some(),
        Remains::Application(one) => world.tenant.apps.application(one.app_id).is_some(),
        Remains::Principal(one, ..) => world.tenant.apps.principal_of(one.app_id).is_some(),
    };
    if taken {
        // The text is from memory.
        return Err(Problem::bad_request(
            "Another object with the same value for a unique property exists.",
        ));
    }
    let Some(back) = world.tenant.bin.take(id) else { return Err(Problem::not_found("")) };
    let mut shown = deleted(&world.tenant, &back);
    if let Value::Object(shown) = &mut shown {
        shown.insert("deletedDateTime".to_owned(), Value::Null);
    }
    logged(world, call, &back, false);
    put_back(&mut world.tenant, back);
    world.emit(Event::Directory { id });
    Ok(Answer::ok(ITEMS.wrapped(call, shown)))
}

fn put_back(tenant: &mut Tenant, back: Deleted) {
    match back.what {
        Remains::User(user, groups) => {
            let id = user.id;
            let mut held: Vec<Uuid> = user.licences.iter().map(|held| held.sku).collect();
            held.sort_unstable();
            held.dedup();
            // That it happens even when no seat is left is from memory.
            for sku in held {
                if let Some(sku) = tenant.skus.get_mut(sku) {
                    sku.consumed = sku.consumed.saturating_add(1);
                }
            }
            tenant.people.add(*user);
            for group in groups {
                if let Some(group) = tenant.groups.get_mut(group) {
                    group.members.insert(id);
                }
            }
        }
        Remains::Application(application) => tenant.apps.applications.push(*application),
        Remains::Principal(principal, grants, roles) => {
            let id = principal.id;
            tenant.apps.principals.push(*principal);
            tenant.apps.grants.extend(grants);
            tenant.apps.role_assignments.extend(roles.into_iter().map(|role| (id, role)));
        }
    }
}

fn logged(world: &mut World, call: &Call, one: &Deleted, for_good: bool) {
    let trace = Trace::of(call);
    let id = one.id();
    match &one.what {
        Remains::User(user, _) => events::user_binned(world, &trace, id, &user.upn, for_good),
        Remains::Application(it) => {
            let deed = if for_good {
                ("Hard Delete application", "Delete")
            } else {
                ("Restore application", "Update")
            };
            events::application_changed(world, &trace, id, &it.display_name, deed);
        }
        Remains::Principal(it, ..) => {
            // From memory.
            let deed = if for_good {
                ("Hard delete service principal", "Delete")
            } else {
                ("Restore service principal", "Update")
            };
            events::principal_changed(world, &trace, id, &it.display_name, deed);
        }
    }
}

/// Something deleted, as it was and with the time of its deletion.
pub(crate) fn deleted(tenant: &Tenant, one: &Deleted) -> Value {
    let at: Timestamp = one.at;
    let mut shown = match &one.what {
        Remains::User(user, _) => synthetic(tenant, user),
        Remains::Application(it) => application(it, &tenant.domain),
        Remains::Principal(it, ..) => service_principal(tenant, it),
    };
    if let Value::Object(shown) = &mut shown {
        let kind = match &one.what {
            Remains::User(..) => "#microsoft.graph.user",
            Remains::Application(_) => "#microsoft.graph.application",
            Remains::Principal(..) => "#microsoft.graph.servicePrincipal",
        };
        shown.entry("@odata.type").or_insert_with(|| json!(kind));
        shown.insert("deletedDateTime".to_owned(), json!(seconds(at)));
        if let Remains::User(user, _) = &one.what {
            // So that the name is free for somebody else.
            let mangled = format!("{}{}", user.id.simple(), user.upn);
            shown.insert("userPrincipalName".to_owned(), json!(mangled));
        }
    }
    shown
}

const READ: &[&str] = &["Directory.Read.All", "Directory.ReadWrite.All", "Application.Read.All"];
