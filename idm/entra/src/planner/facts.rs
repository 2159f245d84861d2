//! What policies are told of people and groups: facts alone. What follows from them is theirs.

use futures_util::future::{join, try_join, try_join_all, try_join3};
use serde::Deserialize;
use serde_json::json;
use subtwin_confirm::Refusal;
use subtwin_kernel::{Action, GroupId, Tool, UserId};
use subtwin_policy::{Asker, GroupTarget, Protected, Target};
use uuid::Uuid;

use super::{impossible, unavailable};
use crate::entra::Entra;
use crate::graph::{GraphError, Read};
use crate::wire::{Found, Object, User};

#[derive(Deserialize)]
struct Ids {
    value: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Member {
    #[serde(rename = "@odata.type")]
    kind: Option<String>,
    id: Uuid,
    user_principal_name: Option<String>,
}

impl Entra {
    pub(super) async fn facts_of_asker(
        &self,
        who: UserId,
        groups: &[GroupId],
    ) -> Result<Asker, Refusal> {
        let standing = &self.0.standing;
        let mut wanted = groups.to_vec();
        wanted.extend(standing.helpdesk.group);
        wanted.extend(standing.approvers.group);
        let read = Read::at(format!("/v1.0/users/{who}")).option("$select", User::SELECT);
        let user = self.graph().find::<User>(&read);
        let (user, inside) = try_join(user, self.groups_among(who, &wanted))
            .await
            .map_err(|cause| unavailable("looking up who is asking", cause))?;
        let Some(user) = user else { return Err(Refusal::NotAllowed { rules: Vec::new() }) };
        let person = user.person();
        let belongs = |listed: &crate::Listed| {
            listed.people.contains(&who)
                || listed.group.is_some_and(|group| inside.contains(&group))
        };
        Ok(Asker {
            id: who,
            upn: person.upn,
            enabled: person.enabled,
            guest: person.guest,
            twin: self.is_twin(who),
            helpdesk: belongs(&standing.helpdesk),
            approver: belongs(&standing.approvers),
            department: person.department,
            groups: groups.iter().copied().filter(|group| inside.contains(group)).collect(),
        })
    }

    pub(super) async fn facts_of_target(
        &self,
        action: &Action,
    ) -> Result<(Target, Option<GroupTarget>), Refusal> {
        let person = action.person();
        let doing = "looking the person up";
        let read = Read::at(format!("/v1.0/users/{person}"))
            .option("$select", User::SELECT)
            .option("$expand", "manager($select=id)");
        let user = async {
            let found = self.graph().find::<User>(&read).await;
            found.map_err(|cause| unavailable(doing, cause))?.ok_or_else(no_such_person)
        };
        let privileged = async {
            let tool = action.tool();
            if !rules_ask_for_roles(tool) && !self.0.standing.privilege_matters.contains(&tool) {
                return Ok(false);
            }
            match self.is_privileged(person).await {
                Ok(privileged) => Ok(privileged),
                // The person is gone; the read of the person says so in better words.
                Err(cause) if cause.is_not_found() => Ok(false),
                Err(cause) => Err(unavailable("looking at the person's roles", cause)),
            }
        };
        let group = async {
            match action.group() {
                Some(group) => self.facts_of_group(group).await.map(Some),
                None => Ok(None),
            }
        };
        // What is wrong with the person is said before what is wrong with the group.
        let (user, (privileged, group)) = join(user, join(privileged, group)).await;
        let (user, privileged, group) = (user?, privileged?, group?);
        let manager = user.manager();
        let found = user.person();
        let target = Target {
            id: person,
            upn: found.upn,
            enabled: found.enabled,
            guest: found.guest,
            synced: found.synced,
            department: found.department,
            manager,
            privileged,
            protected: self.protected(person),
        };
        Ok((target, group))
    }

    async fn facts_of_group(&self, group: GroupId) -> Result<GroupTarget, Refusal> {
        let read = try_join(self.wire_group(group), self.owners(group)).await;
        let (found, owners) = read.map_err(|cause| unavailable("looking at the group", cause))?;
        let found = found.ok_or_else(super::no_such_group)?.group();
        Ok(GroupTarget {
            id: group,
            name: found.display_name,
            owners: owners.into_iter().map(|owner| UserId::new(owner.id)).collect(),
            role_assignable: found.role_assignable,
        })
    }

    /// The owners of a group; nobody where there is no such group.
    pub(super) async fn owners(&self, group: GroupId) -> Result<Vec<Object>, GraphError> {
        let read = Read::at(format!("/v1.0/groups/{group}/owners"))
            .option("$select", "id,displayName,userPrincipalName")
            .option("$top", "100");
        match self.graph().list(&read, 10).await {
            Err(error) if error.is_not_found() => Ok(Vec::new()),
            read => read,
        }
    }

    fn protected(&self, person: UserId) -> Option<Protected> {
        let standing = &self.0.standing;
        if self.is_twin(person) {
            Some(Protected::Twin)
        } else if standing.sponsors.contains(&person) {
            Some(Protected::Sponsor)
        } else if standing.break_glass.contains(&person) {
            Some(Protected::BreakGlass)
        } else {
            None
        }
    }

    /// Those of some groups that somebody is in, directly or through other groups.
    pub(super) async fn groups_among(
        &self,
        person: UserId,
        groups: &[GroupId],
    ) -> Result<Vec<GroupId>, GraphError> {
        let path = format!("/v1.0/users/{person}/checkMemberGroups");
        let mut wanted = groups.to_vec();
        wanted.sort();
        wanted.dedup();
        let asked = wanted.chunks(MOST_GROUPS).map(|some| {
            let body = json!({"groupIds": some});
            let path = &path;
            async move {
                match self.graph().ask::<Ids>(path, &body).await {
                    Ok(found) => Ok(found.value),
                    // The person is gone; the read of the person says so in better words.
                    Err(error) if error.is_not_found() => Ok(Vec::new()),
                    Err(error) => Err(error),
                }
            }
        });
        let inside: Vec<String> = try_join_all(asked).await?.into_iter().flatten().collect();
        let is_inside = |group: &GroupId| {
            let id = group.to_string();
            inside.iter().any(|found| found.eq_ignore_ascii_case(&id))
        };
        Ok(wanted.into_iter().filter(is_inside).collect())
    }

    /// Whether somebody holds an active administrator role, or is in, or owns, a group that can
    /// carry one. Roles they are only eligible for do not show.
    async fn is_privileged(&self, person: UserId) -> Result<bool, GraphError> {
        let roles = Read::at(format!(
            "/v1.0/users/{person}/transitiveMemberOf/microsoft.graph.directoryRole"
        ))
        .option("$select", "id,displayName,roleTemplateId");
        let groups = |relation: &str| {
            Read::at(format!("/v1.0/users/{person}/{relation}/microsoft.graph.group"))
                .option("$select", "id,displayName,isAssignableToRole")
                .option("$top", "999")
        };
        let (member, owned) = (groups("transitiveMemberOf"), groups("ownedObjects"));
        let (roles, member, owned) = try_join3(
            self.graph().get::<Found<Object>>(&roles),
            self.graph().list::<Object>(&member, 10),
            self.graph().list::<Object>(&owned, 10),
        )
        .await?;
        Ok(!roles.value.is_empty() || member.iter().chain(&owned).any(Object::carries_roles))
    }

    pub(super) async fn listed_approvers(&self) -> Result<Vec<UserId>, Refusal> {
        let standing = &self.0.standing;
        let members = async |group: Option<GroupId>| match group {
            Some(group) => self.members(group).await,
            None => Ok(Vec::new()),
        };
        let (approvers, helpdesk) =
            try_join(members(standing.approvers.group), members(standing.helpdesk.group))
                .await
                .map_err(|cause| unavailable("looking up who may say yes", cause))?;
        let mut all: Vec<UserId> = Vec::new();
        let lists = [&standing.approvers.people, &approvers, &standing.helpdesk.people, &helpdesk];
        for person in lists.into_iter().flatten() {
            if !all.contains(person) {
                all.push(*person);
            }
        }
        Ok(all)
    }

    /// The people in a group, directly or through other groups, in the order of their UPNs.
    async fn members(&self, group: GroupId) -> Result<Vec<UserId>, GraphError> {
        let read = Read::at(format!("/v1.0/groups/{group}/transitiveMembers"))
            .option("$select", "id,userPrincipalName")
            .option("$top", "999");
        let mut found: Vec<Member> = match self.graph().list(&read, 10).await {
            Ok(found) => found,
            Err(error) if error.is_not_found() => Vec::new(),
            Err(error) => return Err(error),
        };
        found.retain(|member| {
            let kind = member.kind.as_deref();
            kind.is_none_or(|kind| kind.eq_ignore_ascii_case("#microsoft.graph.user"))
        });
        found.sort_by_cached_key(|member| {
            (member.user_principal_name.as_deref().map(str::to_lowercase), member.id)
        });
        found.truncate(MOST_ASKED);
        Ok(found.into_iter().map(|member| UserId::new(member.id)).collect())
    }
}

/// Whether the rules that nothing can replace look at the target's roles for it.
const fn rules_ask_for_roles(tool: Tool) -> bool {
    match tool {
        Tool::PasswordReset
        | Tool::TapIssue
        | Tool::MfaReset
        | Tool::SessionRevoke
        | Tool::AccountBlock
        | Tool::AccountUnblock
        | Tool::UserUpdate => true,
        Tool::UserFind
        | Tool::SigninExplain
        | Tool::LicenseAssign
        | Tool::LicenseRemove
        | Tool::GroupMemberAdd
        | Tool::GroupMemberRemove => false,
    }
}

pub(super) fn no_such_person() -> Refusal {
    impossible("no-such-person", "That person is not in the directory any more.")
}

/// `checkMemberGroups` takes no more at once.
const MOST_GROUPS: usize = 20;
/// Nobody is helped by a hundred people who could be asked.
const MOST_ASKED: usize = 25;
