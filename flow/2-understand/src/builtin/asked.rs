use std::collections::BTreeMap;

use subtwin_kernel::{Call, Property, Tool, Which, Who};

use super::credential::Terms;

/// One thing asked for: a tool, for whom, and what of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) tool: Tool,
    pub(super) people: Vec<Who>,
    /// Names of licences or groups, as the tool has it.
    pub(super) things: Vec<String>,
    /// New values of a profile.
    pub(super) set: BTreeMap<Property, String>,
    /// Who is to be the manager.
    pub(super) manager: Option<Who>,
    /// A property that is to change, and nobody said to what.
    pub(super) wanting: Option<Property>,
    /// What an access pass is to be like.
    pub(super) terms: Terms,
    /// It ends in a value without quotes, so that what follows it could be more of the value.
    pub(super) open_end: bool,
}

/// What a tool is about besides a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    Nothing,
    Licence,
    Group,
}

impl Asked {
    /// A request for people, that says nothing more.
    pub(super) fn new(tool: Tool, people: Vec<Who>) -> Self {
        Self {
            tool,
            people,
            things: Vec::new(),
            set: BTreeMap::new(),
            manager: None,
            wanting: None,
            terms: Terms::default(),
            open_end: false,
        }
    }

    pub(super) fn about(&self) -> About {
        match self.tool {
            Tool::UserFind
            | Tool::SigninExplain
            | Tool::PasswordReset
            | Tool::TapIssue
            | Tool::MfaReset
            | Tool::SessionRevoke
            | Tool::AccountBlock
            | Tool::AccountUnblock
            | Tool::UserUpdate => About::Nothing,
            Tool::LicenseAssign | Tool::LicenseRemove => About::Licence,
            Tool::GroupMemberAdd | Tool::GroupMemberRemove => About::Group,
        }
    }

    /// Whether it takes something from somebody.
    pub(super) const fn takes_away(&self) -> bool {
        match self.tool {
            Tool::SessionRevoke
            | Tool::AccountBlock
            | Tool::LicenseRemove
            | Tool::GroupMemberRemove
            | Tool::PasswordReset
            | Tool::MfaReset => true,
            Tool::UserFind
            | Tool::SigninExplain
            | Tool::TapIssue
            | Tool::AccountUnblock
            | Tool::LicenseAssign
            | Tool::GroupMemberAdd
            | Tool::UserUpdate => false,
        }
    }

    /// The question to put when something is missing.
    pub(super) fn lacks(&self) -> Option<&'static str> {
        let no_thing = self.things.is_empty();
        match (self.about(), self.people.is_empty()) {
            (_, true) => Some("For whom? A name, mail address or user principal name is fine."),
            (About::Licence, false) if no_thing => Some(
                "Which licence? Its name is enough, for example \u{201C}Microsoft 365 E3\u{201D}.",
            ),
            (About::Group, false) if no_thing => Some("Which group? Its name is enough."),
            (About::Nothing, false) if self.wanting.is_some() => Some("What shall it say?"),
            (About::Nothing | About::Licence | About::Group, false) => None,
        }
    }

    /// One call per person and thing.
    pub(super) fn calls(&self) -> Vec<Call> {
        let things = match self.about() {
            About::Nothing => &[String::new()],
            About::Licence | About::Group => self.things.as_slice(),
        };
        let call = |person: &Who, thing: &String| {
            let (person, thing) = (person.clone(), thing.clone());
            match self.tool {
                Tool::UserFind => Call::UserFind { person },
                Tool::LicenseAssign => Call::LicenseAssign { person, licence: Which::Named(thing) },
                Tool::LicenseRemove => Call::LicenseRemove { person, licence: Which::Named(thing) },
                Tool::GroupMemberAdd => Call::GroupMemberAdd { person, group: Which::Named(thing) },
                Tool::GroupMemberRemove => {
                    Call::GroupMemberRemove { person, group: Which::Named(thing) }
                }
                Tool::SigninExplain => Call::SigninExplain { person },
                Tool::PasswordReset => Call::PasswordReset { person },
                Tool::TapIssue => Call::TapIssue {
                    person,
                    minutes: self.terms.minutes,
                    reusable: self.terms.reusable.unwrap_or_default(),
                },
                Tool::MfaReset => Call::MfaReset { person },
                Tool::SessionRevoke => Call::SessionRevoke { person },
                Tool::AccountBlock => Call::AccountBlock { person },
                Tool::AccountUnblock => Call::AccountUnblock { person },
                Tool::UserUpdate => Call::UserUpdate {
                    person,
                    set: self.set.clone(),
                    manager: self.manager.clone(),
                },
            }
        };
        let pairs = self.people.iter().flat_map(|who| things.iter().map(move |what| (who, what)));
        pairs.map(|(who, what)| call(who, what)).collect()
    }

    /// The same for other people.
    pub(super) fn for_people(&self, people: &[Who]) -> Self {
        Self { people: people.to_vec(), ..self.clone() }
    }
}
