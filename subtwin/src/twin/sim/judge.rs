//! Judges a finished world with a plain model of its own: who said what where, what the tenant saw,
//! and what is on the record. Uses none of the code it judges but the record's reader.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use subtwin_kernel::{
    Action, Approval, ChatId, MessageId, Outcome, Plan, Property, RequestId, Span, Tool,
};
use subtwin_primitives::{Confirmation, Event, Intent, Proposed, Seen};
use subtwin_record::audit::{Archive, Kept, Trust};
use uuid::Uuid;

use super::chats::{Author, Meaning, Message};
use super::company::{GROUPS, PEOPLE, SAM, group_index, index, owner_of};
use super::people::prompt_line;
use super::tenant::{Deed, Effect, Written, owners};
use super::world::State;

/// What a schedule came to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    pub(super) intents: u64,
    pub(super) effects: u64,
    pub(super) kills: u64,
    pub(super) prompts: u64,
    pub(super) found_done: u64,
    pub(super) not_done: u64,
    pub(super) unknown: u64,
    pub(super) approvals: u64,
    pub(super) secrets: u64,
    pub(super) entries: u64,
    pub(super) matched: u64,
    /// Entries and matches of the schedules in which nothing may be missed.
    pub(super) all_entries: u64,
    pub(super) all_matched: u64,
}

impl Tally {
    pub(super) fn add(&mut self, more: &Self) {
        let fields = [
            (&mut self.intents, more.intents),
            (&mut self.effects, more.effects),
            (&mut self.kills, more.kills),
            (&mut self.prompts, more.prompts),
            (&mut self.found_done, more.found_done),
            (&mut self.not_done, more.not_done),
            (&mut self.unknown, more.unknown),
            (&mut self.approvals, more.approvals),
            (&mut self.secrets, more.secrets),
            (&mut self.entries, more.entries),
            (&mut self.matched, more.matched),
            (&mut self.all_entries, more.all_entries),
            (&mut self.all_matched, more.all_matched),
        ];
        for (sum, more) in fields {
            *sum += more;
        }
    }
}

macro_rules! hold {
    ($what:expr, $($why:tt)+) => {
        if !$what {
            return Err(format!($($why)+));
        }
    };
}

/// The record, read back.
#[derive(Default)]
struct Record {
    proposed: BTreeMap<RequestId, Vec<Proposed>>,
    intents: Vec<(Timestamp, Intent)>,
    outcomes: BTreeMap<RequestId, Vec<(Timestamp, Vec<Outcome>, bool)>>,
    seen: BTreeMap<RequestId, Vec<Vec<Seen>>>,
}

/// Everything that must hold after a schedule.
pub(super) fn judge(state: &State, dir: &std::path::Path, all: bool) -> Result<Tally, String> {
    let record = read(dir)?;
    let mut tally = Tally::default();
    let mut answers: BTreeSet<(ChatId, MessageId)> = BTreeSet::new();
    let mut of_call: BTreeMap<Uuid, (usize, usize)> = BTreeMap::new();
    for (at, (_, intent)) in record.intents.iter().enumerate() {
        for (part, id) in intent.client_request_ids.iter().enumerate() {
            hold!(of_call.insert(*id, (at, part)).is_none(), "one id for two calls: {id}");
        }
    }
    for (id, sendings) in &state.sendings {
        hold!(of_call.contains_key(id), "a call without an intent: {sendings:?}");
        hold!(
            sendings.iter().all(|sending| sending.on_record),
            "a call before its intent was on disk: {sendings:?}"
        );
    }
    let mut effects: BTreeMap<Uuid, &Effect> = BTreeMap::new();
    for effect in &state.tenant.effects {
        hold!(
            effects.insert(effect.id, effect).is_none(),
            "a second effect of one call: {effect:?}"
        );
    }
    for (at, intent) in &record.intents {
        tally.intents += 1;
        tally.approvals += u64::from(intent.plan.approval != Approval::Own);
        yeses(state, &record, intent, *at, &mut answers)?;
        allowed(state, intent, *at)?;
        outcomes(state, &record, intent, *at, &effects, &mut tally)?;
    }
    entries(state, &record, all, &mut tally)?;
    secrets(state, dir, &mut tally)?;
    tally.effects = u64::try_from(state.tenant.effects.len()).unwrap();
    tally.prompts = u64::try_from(record.proposed.values().flatten().count()).unwrap();
    Ok(tally)
}

fn read(dir: &std::path::Path) -> Result<Record, String> {
    let archive = Archive::open(dir).map_err(|cause| cause.to_string())?;
    let report = archive.verify(&Trust::default()).map_err(|cause| cause.to_string())?;
    hold!(report.holds(), "the evidence does not verify: {:?}", report.findings);
    hold!(report.open == 0, "{} intents without an outcome", report.open);
    let mut record = Record::default();
    let read = archive.each(|shown| {
        let Kept::Whole(kept) = shown.record else { return Ok(()) };
        let at = kept.at;
        match kept.event {
            Event::Proposed(event) => record.proposed.entry(event.request).or_default().push(event),
            Event::Intent(intent) => record.intents.push((at, *intent)),
            Event::Outcome(event) => record.outcomes.entry(event.request).or_default().push((
                at,
                event.outcomes,
                event.after_restart,
            )),
            Event::Entry(event) => record.seen.entry(event.request).or_default().push(event.seen),
            Event::Declined(_) | Event::Twin(_) | Event::Erased(_) => {}
        }
        Ok(())
    });
    read.map_err(|cause| cause.to_string())?;
    Ok(record)
}

/// Every yes that this plan needed was said, by whom, where and when it had to be.
fn yeses(
    state: &State,
    record: &Record,
    intent: &Intent,
    opened: Timestamp,
    used: &mut BTreeSet<(ChatId, MessageId)>,
) -> Result<(), String> {
    let given = &intent.confirmations;
    let requester = index(intent.asked.by.user).unwrap();
    let needed = intent.plan.asked.iter().map(needs).max().unwrap();
    hold!(intent.plan.approval >= needed, "{:?} where {needed:?} is needed", intent.plan.approval);
    hold!(given.len() == 1 + needed.approvers().max(intent.plan.approval.approvers()), "{given:?}");
    hold!(index(given[0].by) == Some(requester), "the first yes is not the requester's: {given:?}");
    let mut people = BTreeSet::new();
    let plan = &intent.plan;
    for (at, yes) in given.iter().enumerate() {
        let who = index(yes.by).ok_or("nobody")?;
        hold!(people.insert(who), "one person's two yeses: {given:?}");
        hold!(used.insert((yes.chat.clone(), yes.answer)), "a yes that counted twice: {yes:?}");
        hold!(owner_of(&yes.chat) == Some(who), "a yes in another's chat: {yes:?}");
        let fixed = &PEOPLE[who];
        hold!(fixed.enabled && !fixed.guest && who != SAM, "{} may say no yes", fixed.name);
        if at > 0 {
            hold!(fixed.approver || fixed.helpdesk, "{} is no approver", fixed.name);
            let about = plan.asked.iter().any(|action| index(action.person()) == Some(who));
            hold!(!about, "{} agreed to a change of their own account", fixed.name);
        }
        one_yes(state, plan, yes, at > 0, opened)?;
        let shown = record.proposed.get(&intent.request).into_iter().flatten();
        let mut shown = shown.filter(|shown| shown.shown_to == yes.by);
        let first = shown.clone().next();
        hold!(
            shown.any(|shown| shown.prompt == yes.prompt && shown.plan_digest == plan.digest()),
            "a yes to a prompt that is not on record: {yes:?}"
        );
        hold!(first.is_some_and(|first| yes.at <= first.expires_at), "a late yes: {yes:?}");
        let seconds = opened.duration_since(yes.at).as_secs();
        hold!(at + 1 < given.len() || seconds <= 61, "acted {seconds} s after the last yes");
    }
    hold!(
        state.changed_policies.iter().all(|at| *at < given[0].at || *at + SLACK > opened)
            || given.is_empty(),
        "a yes that survived a change of the policies"
    );
    Ok(())
}

/// One yes against the chat it was given in.
fn one_yes(
    state: &State,
    plan: &Plan,
    yes: &Confirmation,
    approver: bool,
    opened: Timestamp,
) -> Result<(), String> {
    let chat = &state.chats.0[&yes.chat];
    let prompt = chat.get(&yes.prompt.number()).ok_or("no such prompt")?;
    let answer = chat.get(&yes.answer.number()).ok_or("no such answer")?;
    hold!(prompt.author == Author::Twin, "a prompt the twin did not post: {prompt:?}");
    let posted = &prompt.words[0].1;
    let line = prompt_line(posted).ok_or_else(|| format!("no prompt: {}", posted.to_text()))?;
    let text = posted.to_text();
    hold!(
        line.contains(&format!("(plan {})", plan.digest().short())),
        "another plan's prompt: {line}"
    );
    for part in &plan.parts {
        hold!(text.contains(&part.shown.headline), "not shown: {}\n{text}", part.shown.headline);
        hold!(text.contains(&part.shown.before), "not shown: {}\n{text}", part.shown.before);
    }
    hold!(text.starts_with("Your yes is needed, too.") == approver, "the wrong prompt: {text}");
    hold!(
        matches!(answer.author, Author::Person { foreign: false, .. }),
        "a stranger's yes: {answer:?}"
    );
    let right = match &plan.type_back {
        Some(name) => answer.meaning == Meaning::Typed(name.clone()),
        None => answer.meaning == Meaning::Yes,
    };
    hold!(right, "no yes: {answer:?}");
    hold!(yes.answer > yes.prompt, "an answer before its prompt");
    use subtwin_hear::RefersTo;
    let refers = match answer.refers {
        RefersTo::Nothing => true,
        RefersTo::Message(quoted) => quoted == yes.prompt,
        RefersTo::Something => false,
    };
    hold!(refers, "a yes that quotes something else: {answer:?}");
    let between = chat.range(yes.prompt.number() + 1..yes.answer.number());
    for (_, message) in between.clone() {
        let other = message.words.first().and_then(|(_, words)| prompt_line(words));
        let other = other.filter(|line| !line.contains(&plan.digest().short()));
        hold!(other.is_none(), "another prompt stands between: {other:?}");
    }
    for (what, message) in [("prompt", prompt), ("yes", answer)] {
        let checked = message.checked.filter(|at| *at <= opened);
        hold!(checked.is_some_and(|at| at >= answer.at), "the {what} was not looked at again");
        hold!(!message.changed_before(checked.unwrap()), "a changed {what} counted: {message:?}");
    }
    let refused = chat.range(yes.prompt.number() + 1..).any(|(_, message)| {
        message.meaning == Meaning::No
            && person_of(message) == owner_of(&yes.chat)
            && message.stands()
            && message.finished.is_some_and(|at| at < opened && at < yes.at)
    });
    hold!(!refused, "a yes after a no that was heard");
    let taken_back = chat.range(yes.answer.number() + 1..).any(|(_, message)| {
        message.meaning == Meaning::No
            && person_of(message) == owner_of(&yes.chat)
            && message.stands()
            && message.finished.is_some_and(|at| at < opened)
    });
    hold!(approver || !taken_back, "carried out after the requester took it back");
    Ok(())
}

fn person_of(message: &Message) -> Option<usize> {
    match message.author {
        Author::Person { at, foreign: false } => Some(at),
        _ => None,
    }
}

/// Who must say yes, in the words of the shipped policies.
fn needs(action: &Action) -> Approval {
    match action.tool() {
        Tool::PasswordReset | Tool::MfaReset => Approval::Another,
        Tool::TapIssue if matches!(action, Action::TapIssue { .. }) => Approval::Another,
        Tool::UserUpdate if is_credential(action) => Approval::Another,
        _ => Approval::Own,
    }
}

fn is_credential(action: &Action) -> bool {
    let codes = [Property::MobilePhone, Property::BusinessPhones, Property::OtherMails];
    matches!(action, Action::UserUpdate { set, .. } if codes.iter().any(|it| set.contains_key(it)))
}

/// Whether the requester may ask for it, in the words of the shipped policies.
fn allowed(state: &State, intent: &Intent, opened: Timestamp) -> Result<(), String> {
    let who = index(intent.asked.by.user).unwrap();
    let me = &PEOPLE[who];
    hold!(me.enabled && !me.guest && who != SAM, "{} may ask for nothing", me.name);
    for action in &intent.plan.asked {
        let whom = index(action.person()).unwrap();
        let target = &PEOPLE[whom];
        let group = action.group().and_then(group_index);
        hold!(whom != SAM && !target.sponsor, "{} is protected", target.name);
        let personal = !matches!(
            action.tool(),
            Tool::LicenseAssign
                | Tool::LicenseRemove
                | Tool::GroupMemberAdd
                | Tool::GroupMemberRemove
        );
        hold!(!(personal && target.privileged), "{} is an administrator", target.name);
        hold!(group.is_none_or(|at| !GROUPS[at].1), "a group that can carry roles");
        let credential = needs(action) == Approval::Another || action.tool() == Tool::TapIssue;
        let title = matches!(action, Action::UserUpdate { set, .. } if set.keys().all(|property| {
            [Property::JobTitle, Property::Department, Property::OfficeLocation].contains(property)
        }));
        // Managers change, and replicas may show the one before.
        let until = state.tenant.history.iter().take_while(|(from, _)| *from <= opened);
        let has_managed = until.clone().any(|(_, all)| all.0[whom].manager == Some(who));
        let may = (me.helpdesk && !(credential && whom == who))
            || (action.tool() == Tool::SessionRevoke && whom == who)
            || group.is_some_and(|at| owners(at).contains(&who))
            || (title && has_managed);
        hold!(may, "{} may not ask for {action:?}", me.name);
        let typed = action.tool() == Tool::MfaReset;
        hold!(!typed || intent.plan.type_back.is_some(), "a name that was not typed");
    }
    Ok(())
}

/// One outcome, and it is true.
fn outcomes(
    state: &State,
    record: &Record,
    intent: &Intent,
    opened: Timestamp,
    effects: &BTreeMap<Uuid, &Effect>,
    tally: &mut Tally,
) -> Result<(), String> {
    let known = record.outcomes.get(&intent.request).map(Vec::as_slice).unwrap_or_default();
    let [(at, outcomes, after_restart)] = known else {
        return Err(format!("{} outcomes of one intent", known.len()));
    };
    hold!(outcomes.len() == intent.plan.parts.len(), "an outcome for each part: {outcomes:?}");
    for ((part, id), outcome) in
        intent.plan.parts.iter().zip(&intent.client_request_ids).zip(outcomes)
    {
        let effect = effects.get(id).copied();
        if let Some(effect) = effect {
            hold!(
                Deed::of(&part.step).as_ref() == Some(&effect.deed),
                "another effect: {effect:?}"
            );
            hold!(effect.at >= opened, "an effect before its intent: {effect:?}");
        }
        let sent = state.sendings.get(id).and_then(|all| all.last());
        let key = serde_json::to_string(&part.action).unwrap();
        let mut looks = state.looked.get(&key).into_iter().flatten();
        let last = looks.rfind(|(at, _)| *at <= opened);
        hold!(
            last.is_some_and(|(_, before)| *before == part.shown.before),
            "what was shown was not so at the last look: {} {last:?}",
            part.shown.before
        );
        let told = format!("{outcome:?} of {:?}, after a restart: {after_restart}", part.action);
        match outcome {
            Outcome::Done { .. } => {
                let so = effect.is_some_and(|effect| effect.at <= *at)
                    || sent.is_some_and(|sent| sent.already);
                hold!(so, "done, and it is not: {told}");
            }
            Outcome::FoundDone { .. } => {
                tally.found_done += 1;
                let so = effect.is_some_and(|effect| effect.at <= *at) || meddled(state, part, *at);
                hold!(so, "found done, and it is not: {told}");
            }
            Outcome::NotDone { .. } => {
                tally.not_done += 1;
                // What somebody else undid by hand before it was looked at shows in no look.
                let undone = |effect: &Effect| {
                    let by_hand = |(when, whom): &(Timestamp, usize)| {
                        *whom == effect.deed.person && (effect.at..=*at).contains(when)
                    };
                    state.meddled.iter().any(by_hand)
                };
                hold!(
                    effect.is_none_or(undone),
                    "not done, and it is: {told}, opened {opened}, told {at}, {effect:?} {sent:?}"
                );
            }
            Outcome::Unknown { .. } => tally.unknown += 1,
        }
    }
    Ok(())
}

/// Somebody else has made it so by hand: what the directory shows is true, whoever did it.
fn meddled(state: &State, part: &subtwin_kernel::Part, at: Timestamp) -> bool {
    let account = &state.tenant.at(at).0[index(part.action.person()).unwrap()];
    let lasting =
        !matches!(part.action.tool(), Tool::SessionRevoke | Tool::PasswordReset | Tool::TapIssue);
    lasting && super::acting::in_place(account, &part.action, at)
}

/// Each entry of the tenant's log belongs to one part, and is found for that one.
fn entries(state: &State, record: &Record, all: bool, tally: &mut Tally) -> Result<(), String> {
    let written: BTreeMap<&str, &Written> =
        state.tenant.log.iter().map(|written| (written.entry.id.as_str(), written)).collect();
    let mut found = BTreeSet::new();
    let mut missing = Vec::new();
    for (_, intent) in &record.intents {
        let seen = record.seen.get(&intent.request).map(Vec::as_slice).unwrap_or_default();
        hold!(seen.len() <= 1, "looked for twice on the record: {seen:?}");
        for (seen, id) in seen.iter().flatten().zip(&intent.client_request_ids) {
            if let Seen::Matched { entry } = seen {
                let written = written.get(entry.id.as_str()).ok_or("an entry nobody wrote")?;
                hold!(found.insert(entry.id.clone()), "one entry for two parts: {entry:?}");
                // A call that changed nothing, because it was so already and no replica showed it,
                // has no entry of its own; nothing tells it from the one beside it.
                let none = state.sendings.get(id).is_some_and(|all| all.iter().any(|s| s.already));
                hold!(written.by == *id || none, "another call's entry: {entry:?} for {id}");
                tally.matched += u64::from(written.by == *id);
            }
        }
    }
    for entry in &state.tenant.log {
        if !found.contains(&entry.entry.id) {
            missing.push(&entry.entry);
        }
    }
    tally.entries = u64::try_from(written.len()).unwrap();
    if all {
        tally.all_entries = tally.entries;
        tally.all_matched = tally.matched;
        hold!(missing.is_empty(), "entries that were not found: {missing:?}");
    }
    Ok(())
}

/// No secret anywhere but in the one message it is shown in.
fn secrets(state: &State, dir: &std::path::Path, tally: &mut Tally) -> Result<(), String> {
    let mut files = Vec::new();
    // Where nothing was ever put on the record, there is no such folder.
    for file in std::fs::read_dir(dir.join("records")).into_iter().flatten().flatten() {
        files.push(std::fs::read(file.path()).map_err(|cause| cause.to_string())?);
    }
    for secret in &state.secrets {
        tally.secrets += 1;
        let text = secret.expose();
        let in_record = files
            .iter()
            .any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()));
        hold!(!in_record, "a secret in the record");
        hold!(!state.brain_saw.iter().any(|line| line.contains(text)), "a brain saw a secret");
        let mut shown = 0;
        for (chat, messages) in &state.chats.0 {
            for message in messages.values() {
                for (_, words) in &message.words {
                    hold!(!words.to_text().contains(text), "a secret as plain text");
                    let spans = words.paragraphs().iter().flatten();
                    let here = spans.filter(|span| matches!(span, Span::Secret(s) if s == secret));
                    let here = here.count();
                    hold!(
                        here == 0 || owner_of(chat).is_some_and(|at| entitled(state, at)),
                        "a secret in {chat}"
                    );
                    shown += here;
                }
                let last = message.words.last();
                let stays = last.is_some_and(|(_, words)| {
                    words.paragraphs().iter().flatten().any(|span| matches!(span, Span::Secret(_)))
                });
                hold!(
                    !stays || state.faults.posts > 0 || state.dead_once,
                    "a secret was left standing"
                );
            }
        }
        hold!(shown <= 1, "a secret was shown {shown} times");
    }
    Ok(())
}

/// Only helpdesk may ask for credentials, so only they are shown any.
fn entitled(_: &State, who: usize) -> bool {
    PEOPLE[who].helpdesk && PEOPLE[who].enabled && !PEOPLE[who].guest
}

const SLACK: SignedDuration = SignedDuration::from_secs(60);
