//! From names to directory objects. Finds, asks, or says that there is none; never chooses.

use std::collections::BTreeMap;

use subtwin_kernel::{
    Action, Call, Effect, Group, GroupId, Licence, Person, Property, SkuId, UserId, Which, Who,
    Words,
};

use crate::memory::{Conversation, Mention, Target};
use crate::pick::Choice;
use crate::{Directory, LookupError, licence, refer, say, text};

/// Longest name that is looked up, in bytes.
const LONGEST_NAME: usize = 200;

/// How long an access pass lasts when nobody says, in minutes (Graph page "temporaryAccessPass-
/// AuthenticationMethod").
const USUAL_PASS_MINUTES: u32 = 60;

/// How many "the manager of" may be nested.
const MOST_MANAGERS: usize = 3;

/// Why a request has no actions yet.
#[derive(Debug)]
pub(crate) enum Stop {
    /// A name means several: which?
    Ask(Question),
    /// Something is not there; the person is told.
    Say(Words),
    /// The directory did not answer.
    Failed(LookupError),
}

impl From<LookupError> for Stop {
    fn from(error: LookupError) -> Self {
        Self::Failed(error)
    }
}

/// What to ask when a name means several.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) phrase: String,
    pub(crate) choices: Vec<Choice>,
    /// Whether there are more than are listed.
    pub(crate) more: bool,
}

/// Resolves the calls of one message.
pub(crate) struct Resolver<'a> {
    directory: &'a dyn Directory,
    talk: &'a mut Conversation,
    requester: Mention,
    /// What the message says, for comparing: a name that is not in it was carried over from
    /// before, and means what it meant then.
    said: String,
    /// People of this message so far.
    batch: Vec<Mention>,
    licences: Option<Vec<Licence>>,
    /// What the person wrote lately, where nothing else may be repeated to them.
    written: Option<String>,
}

/// A name as the twin may repeat it. A brain that does not speak for us could put anything there.
pub(crate) fn repeated<'p>(written: Option<&str>, phrase: &'p str) -> &'p str {
    let theirs = |written: &str| written.contains(&text::key(phrase));
    if written.is_none_or(theirs) { phrase } else { "that" }
}

/// Who a name can be.
enum People {
    /// All of them are meant.
    All(Vec<Mention>),
    /// A pronoun: the first to whom the request is news.
    FirstOf(Vec<Mention>),
}

impl<'a> Resolver<'a> {
    pub(crate) fn new(
        directory: &'a dyn Directory,
        talk: &'a mut Conversation,
        requester: UserId,
        said: &str,
        written: Option<String>,
    ) -> Self {
        let requester = Mention { id: requester, label: "you".to_owned() };
        Self {
            directory,
            talk,
            requester,
            said: text::key(said),
            batch: Vec::new(),
            licences: None,
            written,
        }
    }

    /// One action per person and call, in order.
    pub(crate) async fn actions(mut self, calls: &[Call]) -> Result<Vec<Action>, Stop> {
        let mut actions: Vec<Action> = Vec::new();
        for call in calls {
            for action in self.call(call).await? {
                if !actions.contains(&action) {
                    actions.push(action);
                }
            }
        }
        for person in &self.batch {
            self.talk.mention(person.clone());
        }
        self.talk.latest = self.batch;
        self.talk.proposed.clone_from(&actions);
        Ok(actions)
    }

    fn repeated<'p>(&self, phrase: &'p str) -> &'p str {
        repeated(self.written.as_deref(), phrase)
    }

    async fn call(&mut self, call: &Call) -> Result<Vec<Action>, Stop> {
        Ok(match call {
            Call::UserFind { person } => {
                self.people(person, |person| Action::UserFind { person }).await?
            }
            Call::SigninExplain { person } => {
                self.people(person, |person| Action::SigninExplain { person }).await?
            }
            Call::PasswordReset { person } => {
                self.people(person, |person| Action::PasswordReset { person }).await?
            }
            Call::TapIssue { person, minutes, reusable } => {
                let (minutes, reusable) = (minutes.unwrap_or(USUAL_PASS_MINUTES), *reusable);
                self.people(person, |person| Action::TapIssue { person, minutes, reusable }).await?
            }
            Call::MfaReset { person } => {
                self.people(person, |person| Action::MfaReset { person }).await?
            }
            Call::SessionRevoke { person } => {
                self.people(person, |person| Action::SessionRevoke { person }).await?
            }
            Call::AccountBlock { person } => {
                self.people(person, |person| Action::AccountBlock { person }).await?
            }
            Call::AccountUnblock { person } => {
                self.people(person, |person| Action::AccountUnblock { person }).await?
            }
            Call::LicenseAssign { person, licence } => {
                let sku = self.licence(licence).await?;
                let assign =
                    |person| Action::LicenseAssign { person, sku, disabled_plans: Vec::new() };
                self.people(person, assign).await?
            }
            Call::LicenseRemove { person, licence } => {
                let sku = self.licence(licence).await?;
                self.people(person, |person| Action::LicenseRemove { person, sku }).await?
            }
            Call::GroupMemberAdd { person, group } => {
                let group = self.group(group).await?;
                self.people(person, |person| Action::GroupMemberAdd { person, group }).await?
            }
            Call::GroupMemberRemove { person, group } => {
                let group = self.group(group).await?;
                self.people(person, |person| Action::GroupMemberRemove { person, group }).await?
            }
            Call::UserUpdate { person, set, manager } => {
                self.update(person, set, manager.as_ref()).await?
            }
        })
    }

    /// What a profile is to say becomes one action, what a password reset relies on another, the
    /// manager a third.
    async fn update(
        &mut self,
        person: &Who,
        set: &BTreeMap<Property, String>,
        manager: Option<&Who>,
    ) -> Result<Vec<Action>, Stop> {
        let (credential, profile): (BTreeMap<_, _>, BTreeMap<_, _>) =
            set.clone().into_iter().partition(|(property, _)| property.is_credential());
        let manager = match manager {
            Some(who) => match self.who(who).await? {
                People::FirstOf(people) => people.into_iter().next(),
                // "Them" are no manager.
                People::All(people) if people.len() != 1 => {
                    return Err(Stop::Say(say::one_manager()));
                }
                People::All(people) => people.into_iter().next(),
            },
            None => None,
        };
        let mut actions = Vec::new();
        for set in [profile, credential].into_iter().filter(|set| !set.is_empty()) {
            let update = |person| Action::UserUpdate { person, set: set.clone() };
            actions.extend(self.people(person, update).await?);
        }
        if let Some(manager) = manager {
            let set = |person| Action::ManagerSet { person, manager: Some(manager.id) };
            actions.extend(self.people(person, set).await?);
            // "Him" may mean either of them afterwards.
            if manager.id != self.requester.id && !self.batch.contains(&manager) {
                self.batch.push(manager);
            }
        }
        Ok(actions)
    }

    async fn people(
        &mut self,
        who: &Who,
        action: impl Fn(UserId) -> Action,
    ) -> Result<Vec<Action>, Stop> {
        let people = match self.who(who).await? {
            People::All(people) => people,
            People::FirstOf(people) => {
                // "Him as well" is somebody else than the one it was just asked for.
                let more = text::words(&self.said)
                    .iter()
                    .any(|word| matches!(word.as_str(), "too" | "also" | "well"));
                let is_news = |person: &&Mention| {
                    let action = action(person.id);
                    !(more
                        && action.tool().effect() == Effect::Write
                        && self.talk.proposed.contains(&action))
                };
                people.iter().find(is_news).or(people.first()).cloned().into_iter().collect()
            }
        };
        for person in people.iter().filter(|person| person.id != self.requester.id) {
            self.batch.retain(|known| known.id != person.id);
            self.batch.push(person.clone());
        }
        Ok(people.into_iter().map(|person| action(person.id)).collect())
    }

    async fn who(&mut self, who: &Who) -> Result<People, Stop> {
        let mut who = who;
        let mut managers = 0;
        while let Who::ManagerOf(of) = who {
            managers += 1;
            who = of;
        }
        if managers > MOST_MANAGERS {
            return Err(Stop::Say(say::who("the manager of the manager")));
        }
        let people = match who {
            Who::Me => People::All(vec![self.requester.clone()]),
            Who::Known(id) => People::All(vec![self.known(*id)?]),
            Who::Named(name) => self.named(name).await?,
            Who::ManagerOf(_) => People::All(Vec::new()),
        };
        if managers == 0 {
            return Ok(people);
        }
        let people = match people {
            People::All(people) => people,
            People::FirstOf(people) => people.into_iter().take(1).collect(),
        };
        let mut above = Vec::new();
        for mut person in people {
            for _ in 0..managers {
                let manager = self.directory.manager(person.id).await?;
                let Some(manager) = manager else {
                    return Err(Stop::Say(say::no_manager(&person.label)));
                };
                person = Mention::from(&manager);
            }
            above.push(person);
        }
        Ok(People::All(above))
    }

    /// Only somebody already spoken of: a brain that makes up an id gets nowhere.
    fn known(&self, id: UserId) -> Result<Mention, Stop> {
        let mut spoken_of = self.batch.iter().chain(&self.talk.people);
        spoken_of.find(|person| person.id == id).cloned().ok_or_else(|| Stop::Say(say::who("them")))
    }

    async fn named(&mut self, name: &str) -> Result<People, Stop> {
        if refer::is_pronoun(name) {
            return self.pronoun(name);
        }
        if refer::is_crowd(name) {
            return Err(Stop::Say(say::no_crowds()));
        }
        if name.len() > LONGEST_NAME {
            return Err(Stop::Say(say::nobody(self.repeated(name))));
        }
        if !self.said.contains(&text::key(name)) {
            let before = self.talk.settled(name).find_map(|target| match target {
                Target::Person(person) => Some(person.clone()),
                Target::Group(_) | Target::Licence(_) => None,
            });
            if let Some(person) = before {
                return Ok(People::All(vec![person]));
            }
        }
        let person = Mention::from(&self.look_up(name).await?);
        self.talk.settle(name, Target::Person(person.clone()));
        Ok(People::All(vec![person]))
    }

    fn pronoun(&self, word: &str) -> Result<People, Stop> {
        let meant = if self.batch.is_empty() { &self.talk.latest } else { &self.batch };
        match meant.as_slice() {
            [] => Err(Stop::Say(say::who(word))),
            _ if refer::is_plural(word) => Ok(People::All(meant.clone())),
            [one] => {
                let mut candidates = vec![one.clone()];
                let others = self.talk.people.iter().filter(|person| person.id != one.id);
                candidates.extend(others.cloned());
                Ok(People::FirstOf(candidates))
            }
            several => {
                let choice = |person: &Mention| {
                    Choice::new(Target::Person(person.clone()), person.label.clone(), &[])
                };
                Err(ask(word, several.iter().map(choice)))
            }
        }
    }

    async fn look_up(&self, phrase: &str) -> Result<Person, Stop> {
        // "Sarah from Finance", unless somebody's name is just like that.
        let mut name = phrase.trim();
        let mut place = Vec::new();
        let mut hits = self.directory.people(name).await?;
        if let Some((who, from)) = name.split_once(" from ").or_else(|| name.split_once(" in "))
            && hits.is_empty()
        {
            name = who.trim();
            place = text::words(from);
            hits = self.directory.people(name).await?;
        }
        let wanted = text::key(name);
        if wanted.contains('@') {
            // An address is exact or wrong; one that only looks like it is somebody else.
            hits.retain(|person| {
                text::key(&person.upn) == wanted
                    || person.mail.as_ref().is_some_and(|mail| text::key(mail) == wanted)
            });
        }
        let fits = |person: &Person| {
            let known = text::words(&say::person_label(person));
            let title = text::words(person.job_title.as_deref().unwrap_or_default());
            place.iter().all(|word| known.contains(word) || title.contains(word))
        };
        let fitting: Vec<_> = hits.iter().filter(|person| fits(person)).collect();
        if let [one] = fitting.as_slice() {
            return Ok((*one).clone());
        }
        // A full name beats names that only start like it. A guest chooses their own name, so
        // theirs does not.
        let same: Vec<_> = fitting
            .iter()
            .filter(|p| wanted.contains(' ') && text::key(&p.display_name) == wanted)
            .collect();
        if let ([one], true) = (same.as_slice(), place.is_empty())
            && !one.guest
        {
            return Ok((**one).clone());
        }
        let offered = if fitting.is_empty() { hits.iter().collect() } else { fitting };
        if offered.is_empty() {
            return Err(Stop::Say(say::nobody(self.repeated(phrase))));
        }
        let choice = |person: &&Person| {
            let mail = person.mail.as_deref().unwrap_or_default();
            let names = [person.upn.as_str(), mail];
            Choice::new(Target::Person(Mention::from(*person)), say::person_label(person), &names)
        };
        Err(ask(phrase, offered.iter().map(choice)))
    }

    async fn group(&mut self, which: &Which<GroupId>) -> Result<GroupId, Stop> {
        let name = match which {
            Which::Known(id) if self.talk.knows_group(*id) => return Ok(self.settled_on(*id)),
            Which::Known(_) => return Err(Stop::Say(say::what("that group"))),
            Which::Named(name) => name.as_str(),
        };
        if refer::is_same(name) {
            return self.talk.group.ok_or_else(|| Stop::Say(say::what(name)));
        }
        if name.len() > LONGEST_NAME || text::key(name).is_empty() {
            return Err(Stop::Say(say::no_group(self.repeated(name))));
        }
        if !self.said.contains(&text::key(name)) {
            let before = self.talk.settled(name).find_map(|target| match target {
                Target::Group(id) => Some(*id),
                Target::Person(_) | Target::Licence(_) => None,
            });
            if let Some(id) = before {
                return Ok(self.settled_on(id));
            }
        }
        let id = self.look_up_group(name).await?;
        self.talk.settle(name, Target::Group(id));
        Ok(self.settled_on(id))
    }

    fn settled_on(&mut self, id: GroupId) -> GroupId {
        self.talk.group = Some(id);
        id
    }

    /// "The sales group" can be called "Sales group" or "Sales"; both are looked for.
    async fn look_up_group(&self, phrase: &str) -> Result<GroupId, Stop> {
        let mut hits: Vec<Group> = Vec::new();
        let names = group_names(phrase);
        for name in &names {
            for group in self.directory.groups(name).await? {
                if !hits.iter().any(|known| known.id == group.id) {
                    hits.push(group);
                }
            }
        }
        let called_so =
            |group: &&Group| names.iter().any(|n| text::key(n) == text::key(&group.display_name));
        let same: Vec<_> = hits.iter().filter(called_so).collect();
        let offered = if same.is_empty() { hits.iter().collect() } else { same };
        match offered.as_slice() {
            [] => Err(Stop::Say(say::no_group(self.repeated(phrase)))),
            [one] => Ok(one.id),
            several => {
                let choice = |group: &&Group| {
                    let mail = group.mail.as_deref().unwrap_or_default();
                    let names = [group.display_name.as_str(), mail];
                    Choice::new(Target::Group(group.id), say::group_label(group), &names)
                };
                Err(ask(phrase, several.iter().map(choice)))
            }
        }
    }

    async fn licence(&mut self, which: &Which<SkuId>) -> Result<SkuId, Stop> {
        let owned = match self.licences.take() {
            Some(owned) => owned,
            None => self.directory.licences().await?,
        };
        let found = self.licence_among(which, &owned);
        self.licences = Some(owned);
        let sku = found?;
        if let Which::Named(name) = which
            && !refer::is_same(name)
        {
            self.talk.settle(name, Target::Licence(sku));
        }
        self.talk.licence = Some(sku);
        Ok(sku)
    }

    fn licence_among(&self, which: &Which<SkuId>, owned: &[Licence]) -> Result<SkuId, Stop> {
        let name = match which {
            Which::Known(sku) if owned.iter().any(|licence| licence.sku == *sku) => {
                return Ok(*sku);
            }
            Which::Known(_) => return Err(Stop::Say(say::what("that licence"))),
            Which::Named(name) => name.as_str(),
        };
        if refer::is_same(name) {
            return self.talk.licence.ok_or_else(|| Stop::Say(say::what(name)));
        }
        if !self.said.contains(&text::key(name)) {
            let before = self.talk.settled(name).find_map(|target| match target {
                Target::Licence(sku) => Some(*sku),
                Target::Person(_) | Target::Group(_) => None,
            });
            if let Some(sku) = before {
                return Ok(sku);
            }
        }
        match licence::matching(name, owned).as_slice() {
            [] => Err(Stop::Say(say::no_licence(self.repeated(name), owned))),
            [one] => Ok(one.sku),
            several => {
                let choice = |licence: &&Licence| {
                    let names = [licence.product.as_str(), licence.part_number.as_str()];
                    Choice::new(Target::Licence(licence.sku), say::licence_label(licence), &names)
                };
                Err(ask(name, several.iter().map(choice)))
            }
        }
    }
}

fn ask(phrase: &str, choices: impl Iterator<Item = Choice>) -> Stop {
    let mut choices: Vec<_> = choices.collect();
    let more = choices.len() > say::MOST_CHOICES;
    choices.truncate(say::MOST_CHOICES);
    Stop::Ask(Question { phrase: phrase.to_owned(), choices, more })
}

/// The name as said, without an article, and without the word for what it is.
fn group_names(phrase: &str) -> Vec<&str> {
    let phrase = phrase.trim();
    let phrase = phrase.strip_prefix("the ").unwrap_or(phrase);
    let mut names = vec![phrase];
    if let Some((name, kind)) = phrase.rsplit_once(' ')
        && matches!(kind.to_lowercase().as_str(), "group" | "team" | "list" | "channel")
    {
        names.push(name.trim());
    }
    names
}
