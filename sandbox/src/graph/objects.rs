//! Users, groups and directory roles as Graph shows them: their properties, what of them a token
//! may see, and how they look in an answer.

mod properties;
mod sight;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::Problem;
use super::odata::{Expand, Operand, Query, Row};
use crate::tenant::{Group, Role, Tenant, User};
pub(super) use properties::{DIRECTORY, GROUP, ROLE, USER, USER_BASIC, initial_domain};
pub(super) use sight::{Sight, Users};

/// One object of the directory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Object<'a> {
    pub(super) tenant: &'a Tenant,
    pub(super) kind: Kind<'a>,
}

/// Which kind it is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind<'a> {
    User(&'a User),
    Group(&'a Group),
    Role(&'a Role),
}

/// A type that a relation can be narrowed to: `/memberOf/microsoft.graph.group`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cast {
    User,
    Group,
    Role,
}

impl Cast {
    /// Reads a path segment; `None` when it is no type of ours.
    pub(super) fn read(segment: &str) -> Option<Self> {
        let name = segment.to_ascii_lowercase();
        let name = name.strip_prefix("microsoft.").unwrap_or(&name).strip_prefix("graph.")?;
        match name {
            "user" => Some(Self::User),
            "group" => Some(Self::Group),
            "directoryrole" => Some(Self::Role),
            _ => None,
        }
    }

    /// The set named in `@odata.context`.
    pub(super) fn set(self) -> &'static str {
        match self {
            Self::User => "users",
            Self::Group => "groups",
            Self::Role => "directoryRoles",
        }
    }
}

impl<'a> Object<'a> {
    pub(super) fn user(tenant: &'a Tenant, user: &'a User) -> Self {
        Self { tenant, kind: Kind::User(user) }
    }

    pub(super) fn group(tenant: &'a Tenant, group: &'a Group) -> Self {
        Self { tenant, kind: Kind::Group(group) }
    }

    pub(super) fn role(tenant: &'a Tenant, role: &'a Role) -> Self {
        Self { tenant, kind: Kind::Role(role) }
    }

    /// The user, group or role with this object id.
    pub(super) fn find(tenant: &'a Tenant, id: Uuid) -> Option<Self> {
        tenant
            .people
            .get(id)
            .map(|user| Self::user(tenant, user))
            .or_else(|| tenant.groups.get(id).map(|group| Self::group(tenant, group)))
            .or_else(|| {
                tenant
                    .roles
                    .0
                    .iter()
                    .find(|role| role.id == id)
                    .map(|role| Self::role(tenant, role))
            })
    }

    pub(super) fn id(&self) -> Uuid {
        match self.kind {
            Kind::User(user) => user.id,
            Kind::Group(group) => group.id,
            Kind::Role(role) => role.id,
        }
    }

    pub(super) fn cast(&self) -> Cast {
        match self.kind {
            Kind::User(_) => Cast::User,
            Kind::Group(_) => Cast::Group,
            Kind::Role(_) => Cast::Role,
        }
    }

    /// As a member of an answer. `typed` adds `@odata.type`, as polymorphic collections have it.
    pub(super) fn show(&self, sight: &Sight, query: &Query, typed: bool) -> Value {
        let mut shown = self.shape(sight, query.select.as_deref(), typed);
        if let Some(expand) = &query.expand {
            self.expand(sight, expand, &mut shown);
        }
        Value::Object(shown)
    }

    fn shape(
        &self,
        sight: &Sight,
        select: Option<&[&'static str]>,
        typed: bool,
    ) -> Map<String, Value> {
        let (kind, schema) = match self.kind {
            Kind::User(user) if user.identity_parent.is_some() => {
                ("#microsoft.graph.agentUser", &USER)
            }
            Kind::User(_) => ("#microsoft.graph.user", &USER),
            Kind::Group(_) => ("#microsoft.graph.group", &GROUP),
            Kind::Role(_) => ("#microsoft.graph.directoryRole", &ROLE),
        };
        let mut shown = Map::new();
        // A derived type says so wherever it is shown.
        if typed || kind == "#microsoft.graph.agentUser" {
            shown.insert("@odata.type".to_owned(), kind.into());
        }
        let mut add = |name: &str| {
            let value = if sight.sees(self, name) { self.get(name) } else { Operand::Null };
            shown.insert(name.to_owned(), value.json());
        };
        match select {
            // A relation's `$select` may name what only another type has.
            Some(names) => {
                names.iter().filter(|name| schema.property(name).is_some()).for_each(|n| add(n));
            }
            None => schema
                .properties
                .iter()
                .flat_map(|table| table.iter())
                .filter(|property| property.default)
                .for_each(|property| add(property.name)),
        }
        shown
    }

    fn expand(&self, sight: &Sight, expand: &Expand, shown: &mut Map<String, Value>) {
        let one = |id: Option<Uuid>| id.and_then(|id| Object::find(self.tenant, id));
        let show =
            |object: Object<'_>| Value::Object(object.shape(sight, expand.select.as_deref(), true));
        if let (Kind::User(user), "manager") = (self.kind, expand.relation) {
            // Graph leaves the member out when there is no manager.
            if let Some(manager) = one(user.manager) {
                shown.insert("manager".to_owned(), show(manager));
            }
            return;
        }
        let hidden = sight.hides(self, expand.relation);
        let related = if hidden { Vec::new() } else { self.related(expand.relation) };
        let related = related.into_iter().take(EXPANDED).filter_map(|id| one(Some(id))).map(show);
        shown.insert(expand.relation.to_owned(), related.collect());
    }

    /// Ids of the objects in a relation.
    pub(super) fn related(&self, relation: &str) -> Vec<Uuid> {
        let tenant = self.tenant;
        match (self.kind, relation) {
            (Kind::User(user), "directReports") => tenant
                .people
                .iter()
                .filter(|it| it.manager == Some(user.id))
                .map(|it| it.id)
                .collect(),
            (Kind::User(user), "ownedObjects") => tenant
                .groups
                .iter()
                .filter(|group| group.owners.contains(&user.id))
                .map(|group| group.id)
                .collect(),
            (Kind::User(_) | Kind::Group(_), "memberOf") => {
                let id = self.id();
                let groups = tenant.groups.with_member(id).map(|group| group.id);
                groups.chain(tenant.roles.of(id).map(|role| role.id)).collect()
            }
            (Kind::User(_) | Kind::Group(_), "transitiveMemberOf") => {
                let id = self.id();
                let groups = tenant.groups.with_transitive_member(id);
                let holders: Vec<Uuid> = groups.iter().copied().chain([id]).collect();
                let roles = tenant
                    .roles
                    .0
                    .iter()
                    .filter(|role| holders.iter().any(|holder| role.members.contains(holder)));
                groups.iter().copied().chain(roles.map(|role| role.id)).collect()
            }
            (Kind::Group(group), "members") => {
                group.members.iter().chain(&group.member_groups).copied().collect()
            }
            (Kind::Group(group), "transitiveMembers") => {
                let (users, groups) = tenant.groups.transitive_members(group.id);
                users.into_iter().chain(groups).collect()
            }
            (Kind::Group(group), "owners") => group.owners.iter().copied().collect(),
            (Kind::Role(role), "members") => role.members.iter().copied().collect(),
            _ => Vec::new(),
        }
    }
}

/// Reads the object id out of a reference such as
/// `https://graph.microsoft.com/v1.0/directoryObjects/{id}`.
pub(super) fn reference<'a>(tenant: &'a Tenant, address: &str) -> Result<Object<'a>, Problem> {
    let key = address.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let known = ["/directoryobjects/", "/users/", "/groups/"];
    let address = address.to_ascii_lowercase();
    if !known.iter().any(|path| address.contains(path)) {
        // From memory.
        return Err(Problem::bad_request(format!(
            "Invalid URL format specified in @odata.id for '{key}'."
        )));
    }
    let found = match Uuid::try_parse(key) {
        Ok(id) => Object::find(tenant, id),
        Err(_) => tenant.people.find(key).map(|user| Object::user(tenant, user)),
    };
    found.ok_or_else(|| Problem::not_found(key))
}

/// How many related objects `$expand` returns at most (Graph, "query parameters").
const EXPANDED: usize = 20;
