use serde::{Deserialize, Serialize};

use crate::{GroupId, SkuId, UserId};

/// A person as the directory describes them, as far as the twin speaks about people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Object id.
    pub id: UserId,
    /// Not unique: two people may share it. Never shown without the UPN.
    pub display_name: String,
    /// `userPrincipalName`; a guest's contains `#EXT#`.
    pub upn: String,
    /// Primary mail address, where there is one.
    pub mail: Option<String>,
    /// Department, to tell namesakes apart.
    pub department: Option<String>,
    /// Job title.
    pub job_title: Option<String>,
    /// Invited from another organisation (`userType` `Guest`).
    pub guest: bool,
    /// May sign in.
    pub enabled: bool,
    /// Mastered on premises: many changes must happen there.
    pub synced: bool,
    /// Two-letter country, without which no licence can be assigned.
    pub usage_location: Option<String>,
}

/// What kind of group it is, as far as it decides what can be done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GroupKind {
    /// Grants access; no mailbox.
    Security,
    /// A Microsoft 365 group (`Unified`): mailbox, site, perhaps a team.
    Microsoft365,
    /// Membership follows a rule; nobody can be added by hand.
    Dynamic,
    /// A distribution list or mail-enabled security group: managed in Exchange only.
    MailEnabled,
}

/// A group as the directory describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Object id.
    pub id: GroupId,
    /// Not unique: two groups may share it.
    pub display_name: String,
    /// Mail address, where there is one.
    pub mail: Option<String>,
    /// What the group is for, in its owner's words.
    pub description: Option<String>,
    /// Its kind.
    pub kind: GroupKind,
    /// Can carry directory roles; only a privileged administrator may change it.
    pub role_assignable: bool,
    /// Mastered on premises.
    pub synced: bool,
}

/// A licence product the tenant owns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Licence {
    /// `skuId`.
    pub sku: SkuId,
    /// `skuPartNumber`, for example `SPE_E3`.
    pub part_number: String,
    /// What people call it, for example "Microsoft 365 E3".
    pub product: String,
    /// Seats not yet assigned (`prepaidUnits.enabled` − `consumedUnits`, never below zero).
    pub free: u32,
    /// Seats bought.
    pub total: u32,
}
