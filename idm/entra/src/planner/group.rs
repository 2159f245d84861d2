use futures_util::future::{try_join, try_join4};
use serde_json::json;
use subtwin_confirm::Refusal;
use subtwin_kernel::names::{look_alike, oddities, shown};
use subtwin_kernel::{
    Action, Group, GroupId, GroupKind, Inverse, Method, Part, SkuId, Step, Touch, UserId,
};

use super::subject::{Draft, Subject, touching};
use super::{contains, impossible, listed, no_such_group, unavailable, with_upn};
use crate::entra::Entra;
use crate::graph::Read;
use crate::products::product_name;
use crate::wire::{Found, Object, User, WireGroup};

/// What both directions depend on.
struct Facts {
    subject: Subject,
    wire: WireGroup,
    group: Group,
    owners: Vec<Object>,
    /// How many direct members it has, where Graph counts them.
    members: Option<u64>,
    is_member: bool,
    /// What is odd about the group's name, and which other groups have one that looks the same.
    careful: Vec<String>,
}

/// How many members a group has once the earlier parts of a plan are done.
fn after(members: u64, group: GroupId, before: &[Part]) -> u64 {
    before.iter().fold(members, |members, part| match part.action {
        Action::GroupMemberAdd { group: to, .. } if to == group => members.saturating_add(1),
        Action::GroupMemberRemove { group: from, .. } if from == group => members.saturating_sub(1),
        _ => members,
    })
}

impl Entra {
    pub(super) async fn add_member(
        &self,
        person: UserId,
        group: GroupId,
        before: &[Part],
    ) -> Result<Part, Refusal> {
        let facts = self.group_facts(person, group, before).await?;
        let (subject, name) = (&facts.subject, &facts.group.display_name);
        if facts.is_member {
            let already =
                format!("{} is already in the {}.", subject.named(), described(&facts.group));
            return Err(Refusal::AlreadySo(already));
        }
        let mut consequences =
            vec![format!("{} gets access to everything {name} gives access to.", subject.name())];
        if facts.wire.is_team() {
            consequences.push(
                "A team stands behind the group: its channels and files open, too.".to_owned(),
            );
        } else if facts.group.kind == GroupKind::Microsoft365 {
            consequences.push("The group's mailbox, site and files open, too.".to_owned());
        }
        consequences.extend(facts.careful.iter().cloned());
        let licences = facts.licences();
        if !licences.is_empty() {
            consequences.push(format!(
                "Its members get {} through it, which uses a paid seat each.",
                listed(&licences)
            ));
        }
        let link = format!("{}/v1.0/directoryObjects/{person}", self.graph().address());
        let part = subject.part(
            Action::GroupMemberAdd { person, group },
            Step {
                method: Method::Post,
                path: format!("/v1.0/groups/{group}/members/$ref"),
                body: Some(json!({"@odata.id": link})),
            },
            Draft {
                headline: format!("Add {} to the {}.", subject.named(), described(&facts.group)),
                object: Some(described(&facts.group)),
                before: format!("Not a member. {}", facts.counted(|members| members)),
                after: format!("A member. {}", facts.counted(|members| members.saturating_add(1))),
                consequences,
                undo: "Membership can be taken away again; what was read or copied meanwhile \
                       cannot."
                    .to_owned(),
            },
            Inverse::Action(Action::GroupMemberRemove { person, group }),
        );
        Ok(touching(part, facts.touched(person)))
    }

    pub(super) async fn remove_member(
        &self,
        person: UserId,
        group: GroupId,
        before: &[Part],
    ) -> Result<Part, Refusal> {
        let facts = self.group_facts(person, group, before).await?;
        let (subject, name) = (&facts.subject, &facts.group.display_name);
        if !facts.is_member {
            let already = format!("{} is not in the {}.", subject.named(), described(&facts.group));
            return Err(Refusal::AlreadySo(already));
        }
        let mut consequences =
            vec![format!("{} loses the access that {name} gives.", subject.name())];
        if facts.wire.is_team() {
            consequences.push(
                "A team stands behind the group: its channels and files close, too.".to_owned(),
            );
        }
        let licences = facts.licences();
        if !licences.is_empty() {
            consequences.push(format!(
                "{} came through the group and goes with it unless it comes from elsewhere, too; \
                 its data then enters its retention period.",
                listed(&licences)
            ));
        }
        consequences.extend(facts.careful.iter().cloned());
        if contains(&facts.owners, person.guid()) {
            consequences.push(format!("{} stays an owner of the group.", subject.name()));
        }
        let part = subject.part(
            Action::GroupMemberRemove { person, group },
            Step {
                method: Method::Delete,
                // Without `/$ref` the same request would delete the person.
                path: format!("/v1.0/groups/{group}/members/{person}/$ref"),
                body: None,
            },
            Draft {
                headline: format!(
                    "Remove {} from the {}.",
                    subject.named(),
                    described(&facts.group)
                ),
                object: Some(described(&facts.group)),
                before: format!("A member. {}", facts.counted(|members| members)),
                after: format!(
                    "Not a member. {}",
                    facts.counted(|members| members.saturating_sub(1))
                ),
                consequences,
                undo: "The person can be added again.".to_owned(),
            },
            Inverse::Action(Action::GroupMemberAdd { person, group }),
        );
        Ok(touching(part, facts.touched(person)))
    }

    /// `before`: whoever comes or goes earlier in the same plan counts.
    async fn group_facts(
        &self,
        person: UserId,
        group: GroupId,
        before: &[Part],
    ) -> Result<Facts, Refusal> {
        let doing = "looking at the group";
        let found =
            async { self.wire_group(group).await.map_err(|cause| unavailable(doing, cause)) };
        let people = async {
            let count = Read::at(format!("/v1.0/groups/{group}/members"))
                .option("$select", "id")
                .option("$count", "true")
                .option("$top", "1")
                .eventual();
            let (owners, counted) =
                try_join(self.owners(group), self.graph().find::<Found<Object>>(&count))
                    .await
                    .map_err(|cause| unavailable(doing, cause))?;
            let members = counted.and_then(|found| found.count);
            Ok((owners, members.map(|members| after(members, group, before))))
        };
        let groups = async {
            match self.memberships(person).await {
                Ok(groups) => Ok(groups),
                // The person is gone; the read of the person says so in better words.
                Err(cause) if cause.is_not_found() => Ok(Vec::new()),
                Err(cause) => Err(unavailable("looking at the person's groups", cause)),
            }
        };
        let subject = self.subject(person, User::SELECT);
        let (subject, found, (owners, members), groups) =
            try_join4(subject, found, people, groups).await?;
        let wire = found.ok_or_else(no_such_group)?;
        let group = wire.group();
        changeable(&group)?;
        let is_member = contains(&groups, group.id.guid());
        let careful = self.careful_with(&wire, &group).await?;
        Ok(Facts { subject, wire, group, owners, members, is_member, careful })
    }

    /// Group names are not unique, and anybody may choose one.
    async fn careful_with(&self, wire: &WireGroup, group: &Group) -> Result<Vec<String>, Refusal> {
        let this = described(group);
        let mut careful: Vec<String> = oddities(wire.raw_name())
            .into_iter()
            .map(|odd| format!("Careful: the name of the {this} {odd}."))
            .collect();
        let namesakes = self
            .groups_by_name(wire.raw_name())
            .await
            .map_err(|cause| unavailable("looking for groups of the same name", cause))?;
        let mut others: Vec<String> = namesakes
            .iter()
            .filter(|other| look_alike(other.raw_name(), wire.raw_name()))
            .map(WireGroup::group)
            .filter(|other| other.id != group.id)
            .map(|other| format!("a {} ({})", described(&other), told_apart(&other)))
            .collect();
        others.sort();
        others.dedup();
        if !others.is_empty() {
            careful.push(format!(
                "Careful: there is also {}. This one is the {this} ({}).",
                listed(&others),
                told_apart(group)
            ));
        }
        Ok(careful)
    }
}

impl Facts {
    /// The products somebody gets through the group, or loses with it.
    fn touched(&self, person: UserId) -> impl Iterator<Item = Touch> {
        self.skus().into_iter().map(move |sku| Touch::Licence { person, sku })
    }

    fn skus(&self) -> Vec<SkuId> {
        let mut skus = self.wire.licences();
        skus.sort();
        skus.dedup();
        skus
    }

    fn licences(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.skus().into_iter().map(|sku| product_name(sku, None)).collect();
        names.sort();
        names.dedup();
        names
    }

    /// The size of the group, and who looks after it.
    fn counted(&self, change: impl Fn(u64) -> u64) -> String {
        let mut owners: Vec<String> = self.owners.iter().filter_map(owner).collect();
        owners.sort();
        owners.truncate(5);
        let owned = if owners.is_empty() {
            "no owner".to_owned()
        } else {
            format!("owned by {}", listed(&owners))
        };
        match self.members.map(change) {
            Some(1) => format!("The group has 1 member, {owned}."),
            Some(members) => format!("The group has {members} members, {owned}."),
            None => format!("The group has {owned}.").replace("has owned", "is owned"),
        }
    }
}

/// An owner by name and UPN; an app has only a name.
fn owner(owner: &Object) -> Option<String> {
    let name = owner.display_name.as_deref().map(shown);
    match (name, owner.user_principal_name.as_deref().map(shown)) {
        (Some(name), Some(upn)) => Some(with_upn(&name, &upn)),
        (name, upn) => name.or(upn),
    }
}

/// Groups that cannot be changed here, each with what would help. Graph would answer all of these
/// with the same words.
fn changeable(group: &Group) -> Result<(), Refusal> {
    let name = &group.display_name;
    if group.kind == GroupKind::Dynamic {
        return Err(impossible(
            "dynamic-group",
            format!(
                "Membership of {name} follows a rule, so nobody can be added or removed by hand. \
                 Change what the rule looks at, or the rule."
            ),
        ));
    }
    if group.synced {
        return Err(impossible(
            "synced-group",
            format!(
                "{name} comes from the on-premises directory and must be changed there; the change \
                 arrives with the next sync."
            ),
        ));
    }
    if group.role_assignable {
        return Err(impossible(
            "role-assignable-group",
            format!(
                "{name} can carry administrator roles. Only a Privileged Role Administrator may \
                 change who is in it."
            ),
        ));
    }
    match group.kind {
        GroupKind::MailEnabled => Err(impossible(
            "mail-enabled-group",
            format!(
                "{name} is a distribution list or mail-enabled security group. It is changed in \
                 the Exchange admin center, not here."
            ),
        )),
        GroupKind::Security | GroupKind::Microsoft365 | GroupKind::Dynamic => Ok(()),
    }
}

/// What tells a group from another of its name and kind.
fn told_apart(group: &Group) -> String {
    match (&group.mail, &group.description) {
        (Some(mail), _) => mail.clone(),
        (None, Some(description)) => format!("“{description}”, {}", group.id),
        (None, None) => group.id.to_string(),
    }
}

fn described(group: &Group) -> String {
    let kind = match group.kind {
        GroupKind::Security => "security group",
        GroupKind::Microsoft365 => "Microsoft 365 group",
        GroupKind::Dynamic => "dynamic group",
        GroupKind::MailEnabled => "mail-enabled group",
    };
    format!("{kind} {}", group.display_name)
}
