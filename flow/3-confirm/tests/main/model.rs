//! Whatever is said, by whomever, wherever and whenever: held against the rules, written down once
//! more in the plainest way.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use subtwin_confirm::{Asked, Confirmed, Standing, Verdict, Waiting};
use subtwin_hear::{Heard, RefersTo, Speaker};
use subtwin_kernel::{Approval, MessageId, Plan, RequestId, UserId};
use subtwin_understand::{Mode, Proposal};
use uuid::Uuid;

use crate::company::{DANA, DOUG, PAUL, SARAH};
use crate::talk::{ABROAD, HOME, PROMPT, SHOWN, UPN, chat, english, later, plan, says, standing};

/// What a text means, known because it was chosen for that.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Meaning {
    Yes,
    No,
    YesBut,
    Name,
    Nothing,
}

const TEXTS: [(&str, Meaning); 14] = [
    ("yes", Meaning::Yes),
    ("Yes, please!", Meaning::Yes),
    ("go ahead", Meaning::Yes),
    (UPN, Meaning::Name),
    ("Sarah.LIN@contoso.com", Meaning::Name),
    ("no", Meaning::No),
    ("No, thanks.", Meaning::No),
    ("yes, but for somebody else", Meaning::YesBut),
    ("no, Bob please", Meaning::YesBut),
    ("ja", Meaning::Nothing),
    ("\"yes\"", Meaning::Nothing),
    ("yes yes", Meaning::Nothing),
    ("sarah.lin", Meaning::Nothing),
    ("what does it cost?", Meaning::Nothing),
];

/// One request and who must agree to it.
#[derive(Clone, Copy, Debug)]
struct Request {
    by: UserId,
    approvers: usize,
    typed: bool,
}

#[derive(Clone, Debug)]
struct Said {
    by: UserId,
    at_home: bool,
    in_chat_of: UserId,
    id: u64,
    text: &'static str,
    meaning: Meaning,
    edited: bool,
    quotes: Option<u64>,
    quotes_something: bool,
}

#[derive(Clone, Debug)]
enum What {
    Said(Said),
    ShownAgain { request: usize, prompt: u64 },
    ShownTo { request: usize, approver: UserId, prompt: u64 },
}

#[derive(Clone, Debug)]
struct Happened {
    /// Seconds after the plans were shown.
    at: i64,
    what: What,
}

/// The rules. With which event, if any, the last yes that a request needs was given.
fn agreed(number: usize, request: &Request, history: &[Happened]) -> Option<usize> {
    let mut prompt = PROMPT;
    let mut prompts: BTreeMap<UserId, u64> = BTreeMap::new();
    let mut requesters_yes: Option<i64> = None;
    let mut approved: BTreeSet<UserId> = BTreeSet::new();
    for (index, Happened { at, what }) in history.iter().enumerate() {
        let said = match what {
            What::ShownAgain { request, prompt: again } => {
                if *request == number && requesters_yes.is_none() {
                    prompt = *again;
                }
                continue;
            }
            What::ShownTo { request, approver, prompt } => {
                if *request == number {
                    prompts.insert(*approver, *prompt);
                }
                continue;
            }
            What::Said(said) => said,
        };
        // It must be a person of this directory, in their own conversation with the twin.
        if !said.at_home || said.in_chat_of != said.by {
            continue;
        }
        // The requester comes first; afterwards they can only take it back.
        let (to, deadline) = match requesters_yes {
            None if said.by == request.by => (prompt, 5 * 60),
            None => continue,
            Some(_) if said.by == request.by => {
                if said.meaning == Meaning::No {
                    return None;
                }
                continue;
            }
            Some(since) => match prompts.get(&said.by) {
                Some(prompt) if !approved.contains(&said.by) => (*prompt, since + 30 * 60),
                _ => continue,
            },
        };
        // A new message, in time, as it was first written, about nothing else.
        if said.id <= to {
            continue;
        }
        if *at > deadline {
            return None;
        }
        if said.edited || said.quotes_something || said.quotes.is_some_and(|id| id != to) {
            continue;
        }
        match said.meaning {
            Meaning::Yes if !request.typed => {}
            Meaning::Name if request.typed => {}
            Meaning::No => return None,
            Meaning::YesBut if requesters_yes.is_none() => return None,
            Meaning::Yes | Meaning::Name | Meaning::YesBut | Meaning::Nothing => continue,
        }
        if requesters_yes.is_none() {
            requesters_yes = Some(*at);
        } else {
            approved.insert(said.by);
        }
        if approved.len() == request.approvers {
            return Some(index);
        }
    }
    None
}

/// The gate's own view of a request.
fn ask(number: usize, request: &Request) -> (Plan, Waiting) {
    let approval = [Approval::Own, Approval::Another, Approval::Two][request.approvers];
    let plan = Plan { approval, type_back: request.typed.then(|| UPN.to_owned()), ..plan() };
    let proposal = Proposal {
        request: RequestId::new(Uuid::from_u128(number as u128)),
        heard: Heard { message: MessageId::new(1), ..says(request.by, "please") },
        actions: plan.asked.clone(),
        mode: Mode::Ask,
    };
    (plan.clone(), Waiting::ask(proposal, plan, MessageId::new(PROMPT), SHOWN))
}

fn heard(said: &Said) -> Heard {
    let refers_to = match (said.quotes_something, said.quotes) {
        (true, _) => RefersTo::Something,
        (false, Some(id)) => RefersTo::Message(MessageId::new(id)),
        (false, None) => RefersTo::Nothing,
    };
    let tenant = if said.at_home { HOME } else { ABROAD };
    Heard {
        chat: chat(said.in_chat_of),
        message: MessageId::new(said.id),
        from: Speaker { tenant, ..says(said.by, "").from },
        edited: said.edited,
        refers_to,
        ..says(said.by, said.text)
    }
}

/// What the gate makes of one event: still waiting or not, and what was released by it.
fn gate(
    number: usize,
    plan: &Plan,
    waiting: Waiting,
    happened: &Happened,
) -> (Option<Waiting>, Option<Confirmed>) {
    match &happened.what {
        What::ShownAgain { request, prompt } if *request == number => {
            (Some(waiting.shown_again(MessageId::new(*prompt))), None)
        }
        What::ShownTo { request, approver, prompt } if *request == number => {
            let (chat, prompt) = (chat(*approver), MessageId::new(*prompt));
            (Some(waiting.shown_to(Asked { approver: *approver, chat, prompt })), None)
        }
        What::ShownAgain { .. } | What::ShownTo { .. } => (Some(waiting), None),
        What::Said(said) => match waiting.hear(&heard(said), english(), later(happened.at)) {
            Verdict::Yes(assent) => {
                let standing: Vec<Standing> = standing(&assent);
                (None, Some(assent.release(plan, &standing, later(happened.at)).unwrap()))
            }
            Verdict::More(waiting) | Verdict::Wait(waiting, _) => (Some(waiting), None),
            Verdict::Over(_) => (None, None),
        },
    }
}

fn person() -> impl Strategy<Value = UserId> {
    prop_oneof![3 => Just(DOUG), 3 => Just(PAUL), 3 => Just(DANA), 1 => Just(SARAH)]
}

/// Mostly as it should be, so that something comes of it; each fault now and then.
fn seldom() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.05)
}

/// What happens next; ids and times are counted on from what was before.
#[derive(Clone, Debug)]
enum Next {
    Say {
        by: UserId,
        abroad: bool,
        elsewhere: Option<UserId>,
        old: Option<u64>,
        text: usize,
        edited: bool,
        quotes: Option<u64>,
        quotes_something: bool,
    },
    ShowAgain {
        request: usize,
    },
    ShowTo {
        request: usize,
        approver: UserId,
    },
}

fn next() -> impl Strategy<Value = Next> {
    let text = prop_oneof![12 => 0..5_usize, 1 => 0..TEXTS.len()];
    let id = || PROMPT - 20..PROMPT + 200;
    let say = (
        person(),
        seldom(),
        prop::option::weighted(0.05, person()),
        prop::option::weighted(0.06, id()),
        text,
        seldom(),
        prop::option::weighted(0.06, id().prop_map(|id| id / 10 * 10)),
        seldom(),
    )
        .prop_map(|(by, abroad, elsewhere, old, text, edited, quotes, quotes_something)| {
            Next::Say { by, abroad, elsewhere, old, text, edited, quotes, quotes_something }
        });
    prop_oneof![
        8 => say,
        1 => (0..2_usize).prop_map(|request| Next::ShowAgain { request }),
        3 => (0..2_usize, person())
            .prop_map(|(request, approver)| Next::ShowTo { request, approver }),
    ]
}

fn history(all: Vec<(i64, Next)>) -> Vec<Happened> {
    let (mut at, mut id) = (0, PROMPT);
    let one = |(pause, next): (i64, Next)| {
        at += pause;
        id += 10;
        let what = match next {
            Next::Say { by, abroad, elsewhere, old, text, edited, quotes, quotes_something } => {
                let (text, meaning) = TEXTS[text];
                What::Said(Said {
                    by,
                    at_home: !abroad,
                    in_chat_of: elsewhere.unwrap_or(by),
                    id: old.unwrap_or(id),
                    text,
                    meaning,
                    edited,
                    quotes,
                    quotes_something,
                })
            }
            Next::ShowAgain { request } => What::ShownAgain { request, prompt: id },
            Next::ShowTo { request, approver } => What::ShownTo { request, approver, prompt: id },
        };
        Happened { at, what }
    };
    all.into_iter().map(one).collect()
}

fn schedules() -> impl Strategy<Value = ([Request; 2], Vec<Happened>)> {
    // Each may be an approver of the other's request.
    let request = |by| {
        (0..3_usize, prop::bool::weighted(0.3)).prop_map(move |(approvers, typed)| Request {
            by,
            approvers,
            typed,
        })
    };
    let pause = prop_oneof![20 => 0..30_i64, 1 => 0..400_i64, 1 => 0..2500_i64];
    let all = prop::collection::vec((pause, next()), 0..60).prop_map(history);
    ((request(DOUG), request(PAUL)).prop_map(|(one, other)| [one, other]), all)
}

#[test]
fn whatever_is_said_a_plan_is_released_exactly_when_every_yes_was_given_and_once() {
    let config = Config { cases: 3000, failure_persistence: None, ..Config::default() };
    let mut released = [0; 3];
    let counted = std::cell::RefCell::new(&mut released);
    let outcome = TestRunner::new(config).run(&schedules(), |(requests, history)| {
        for (number, request) in requests.iter().enumerate() {
            let (plan, waiting) = ask(number, request);
            let mut waiting = Some(waiting);
            for (index, happened) in history.iter().enumerate() {
                let was = waiting.take().map(|waiting| gate(number, &plan, waiting, happened));
                let (still, confirmed) = was.unwrap_or_default();
                waiting = still;
                let said = agreed(number, request, &history[..=index]) == Some(index);
                prop_assert_eq!(confirmed.is_some(), said, "event {} of request {}", index, number);
                let Some(confirmed) = confirmed else { continue };
                counted.borrow_mut()[request.approvers] += 1;
                let by: Vec<UserId> = confirmed.given().iter().map(|yes| yes.by).collect();
                let different: BTreeSet<UserId> = by.iter().copied().collect();
                prop_assert_eq!(by.first(), Some(&request.by));
                prop_assert_eq!((by.len(), different.len()), (request.approvers + 1, by.len()));
                prop_assert_eq!(confirmed.plan(), &plan);
            }
        }
        Ok(())
    });
    outcome.unwrap();
    // Otherwise it would have shown little.
    assert!(released.iter().all(|count| *count > 20), "{released:?}");
}
