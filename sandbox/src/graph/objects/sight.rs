use uuid::Uuid;

use super::{Cast, Kind, Object, USER_BASIC};
use crate::graph::{Call, Problem};
use crate::world::World;

/// How much of other users a token may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::graph) enum Users {
    None,
    /// Name, address and picture.
    Basic,
    Full,
}

/// What of the directory a token may see.
#[derive(Clone, Copy, Debug)]
pub(in crate::graph) struct Sight {
    pub(in crate::graph) users: Users,
    pub(in crate::graph) groups: bool,
    pub(in crate::graph) roles: bool,
    /// Members of groups that hide them.
    hidden: bool,
    viewer: Option<Uuid>,
    /// The signed-in user, whom the token may see whatever else it may.
    own: Option<Uuid>,
}

impl Sight {
    /// What the token of this call may see.
    pub(in crate::graph) fn of(world: &World, call: &Call) -> Self {
        let any = |wanted: &[&str]| call.needs(wanted).is_ok();
        let user = call.caller.user;
        // Guests see themselves; the directory's default restricts the rest.
        let guest = user.and_then(|id| world.tenant.people.get(id)).is_some_and(|user| user.guest);
        let own = user.filter(|_| any(OWN) || any(FULL));
        let users = match () {
            () if guest => Users::None,
            () if any(FULL) => Users::Full,
            () if any(&["User.ReadBasic.All"]) => Users::Basic,
            () => Users::None,
        };
        Self {
            users,
            groups: !guest && any(GROUPS),
            roles: !guest && any(ROLES),
            hidden: any(&["Member.Read.Hidden"]),
            viewer: user,
            own,
        }
    }

    /// Whether a property of an object may be shown. The id always is.
    pub(super) fn sees(&self, object: &Object<'_>, property: &str) -> bool {
        property == "id"
            || match object.kind {
                Kind::User(user) if self.own == Some(user.id) => true,
                Kind::User(_) => match self.users {
                    Users::Full => true,
                    Users::Basic => USER_BASIC.contains(&property),
                    Users::None => false,
                },
                Kind::Group(_) => self.groups,
                Kind::Role(_) => self.roles,
            }
    }

    /// Whether a relation is kept from the caller: the members of a group that hides them.
    pub(in crate::graph) fn hides(&self, object: &Object<'_>, relation: &str) -> bool {
        let Kind::Group(group) = object.kind else { return false };
        matches!(relation, "members" | "transitiveMembers")
            && group.visibility.as_deref() == Some("HiddenMembership")
            && !self.hidden
            && self.viewer.is_none_or(|viewer| !group.members.contains(&viewer))
    }

    /// Refuses to ask about objects of a relation whose properties the token may not see.
    pub(in crate::graph) fn asks(&self, cast: Option<Cast>) -> Result<(), Problem> {
        let users = self.users == Users::Full;
        let open = match cast {
            None => users && self.groups,
            Some(Cast::User) => users,
            Some(Cast::Group) => self.groups,
            Some(Cast::Role) => self.roles,
        };
        if open { Ok(()) } else { Err(Problem::denied()) }
    }

    /// Refuses to look at a user whom the token may not see at all.
    pub(in crate::graph) fn user(&self, user: Option<Uuid>) -> Result<(), Problem> {
        let own = user.is_some() && user == self.own;
        if own || self.users > Users::None { Ok(()) } else { Err(Problem::denied()) }
    }

    /// Refuses properties of users beyond what the token may see. That Graph answers 403 and not
    /// null is from memory.
    pub(in crate::graph) fn properties(
        &self,
        user: Option<Uuid>,
        properties: &[&str],
    ) -> Result<(), Problem> {
        self.user(user)?;
        let own = user.is_some() && user == self.own;
        let fits = |property: &&str| USER_BASIC.contains(property);
        if own || self.users == Users::Full || properties.iter().all(fits) {
            Ok(())
        } else {
            Err(Problem::denied())
        }
    }
}

const OWN: &[&str] = &["User.Read", "User.ReadWrite"];

const FULL: &[&str] = &[
    "User.Read.All",
    "User.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
    "Directory.AccessAsUser.All",
];

const GROUPS: &[&str] = &[
    "Group.ReadBasic.All",
    "GroupMember.Read.All",
    "GroupMember.ReadWrite.All",
    "Group.Read.All",
    "Group.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
    "Directory.AccessAsUser.All",
];

const ROLES: &[&str] = &[
    "RoleManagement.Read.Directory",
    "RoleManagement.ReadWrite.Directory",
    "RoleManagement.Read.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
    "Directory.AccessAsUser.All",
];
