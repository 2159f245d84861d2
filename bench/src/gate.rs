//! What deciding costs: processor time of one policy decision, and of everything between a request
//! and its prompt but the directory, which is in memory here.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use subtwin_confirm::{Answers, Gate, Offered, Planner as _, prompt};
use subtwin_kernel::{Action, Digest, Tool, UserId};
use subtwin_policy::{Asker, Decision, GroupTarget, Policies, Question, Target, When};

use crate::figures::{Aim, Figures};
use crate::in_memory::{Company, DOUG, E3, FINANCE, MONA, PAUL, SARAH};
use crate::process::own_cpu;

pub(crate) async fn measure() -> anyhow::Result<Figures> {
    let mut figures = Figures::of("gate");
    decisions(&mut figures).await?;
    requests(&mut figures).await?;
    Ok(figures)
}

/// What people ask for: who, what, and whether the shipped policies let them.
fn asked() -> [(&'static str, UserId, Action, bool); 6] {
    let (person, group) = (SARAH, FINANCE);
    let licence = Action::LicenseAssign { person, sku: E3, disabled_plans: Vec::new() };
    [
        ("helpdesk gives a licence", DOUG, licence.clone(), true),
        ("helpdesk fills a group", DOUG, Action::GroupMemberAdd { person, group }, true),
        ("a group's owner fills it", MONA, Action::GroupMemberAdd { person, group }, true),
        ("helpdesk resets a password", DOUG, Action::PasswordReset { person }, true),
        ("helpdesk blocks an account", DOUG, Action::AccountBlock { person }, true),
        ("a colleague gives a licence", PAUL, licence, false),
    ]
}

async fn decisions(figures: &mut Figures) -> anyhow::Result<()> {
    let (policies, company) = (Policies::shipped(), Company::new());
    let mut all: Vec<(Asker, Action, Target, Option<GroupTarget>)> = Vec::new();
    for (what, who, action, allowed) in asked() {
        let asker = company.asker(who, policies.groups()).await?;
        let (target, group) = company.target(&action).await?;
        let one = (asker, action, target, group);
        let decided = matches!(decide(&policies, &one), Decision::Allow { .. });
        ensure!(decided == allowed, "`{what}` is decided otherwise than the bench thinks");
        all.push(one);
    }
    let mut dearest = Duration::ZERO;
    for one in &all {
        let decided = each(async || {
            black_box(decide(&policies, black_box(one)));
            Ok(1)
        });
        dearest = dearest.max(decided.await?);
    }
    let mixed = each(async || {
        for one in &all {
            black_box(decide(&policies, black_box(one)));
        }
        Ok(all.len())
    });
    let mixed = mixed.await?;
    figures.judge("one decision, all kinds alike", micros(mixed), "µs", Aim::AtMost(30.0));
    figures.judge("one decision of the dearest kind", micros(dearest), "µs", Aim::AtMost(30.0));
    Ok(())
}

fn decide(
    policies: &Policies,
    (asker, action, target, group): &(Asker, Action, Target, Option<GroupTarget>),
) -> Decision {
    let when = When { hour: 10, weekday: Weekday::Tuesday };
    policies.decide(&Question { asker, action, target, group: group.as_ref(), when, count: 1 })
}

async fn requests(figures: &mut Figures) -> anyhow::Result<()> {
    let offered = Offered { tools: Tool::ALL.to_vec(), digest: Digest::of(b"catalog") };
    let planner = Arc::new(Company::new());
    let gate = Gate::new(planner, Policies::shipped(), offered, TimeZone::UTC);
    let answers = Answers::new([]);
    let now = Timestamp::UNIX_EPOCH;
    let (allowed, _): (Vec<_>, Vec<_>) = asked().into_iter().partition(|(.., allowed)| *allowed);
    let together: Vec<Action> = allowed
        .iter()
        .filter(|(_, who, action, _)| *who == DOUG && !action.risk().stands_alone())
        .map(|(_, _, action, _)| action.clone())
        .collect();
    ensure!(together.len() == 3, "{} things are asked for at once", together.len());

    let one = each(async || {
        for (_, who, action, _) in &allowed {
            shown(&gate, &answers, *who, std::slice::from_ref(action), now).await?;
        }
        Ok(allowed.len())
    });
    let one = one.await?;
    let three = each(async || shown(&gate, &answers, DOUG, &together, now).await.map(|()| 1));
    let three = three.await?;
    figures.judge(
        "one request: policy, plan, digest, prompt",
        micros(one),
        "µs",
        Aim::AtMost(100.0),
    );
    figures.add("a request for three changes at once", micros(three), "µs");
    Ok(())
}

/// From what is asked to the text of its prompt.
async fn shown(
    gate: &Gate,
    answers: &Answers,
    who: UserId,
    actions: &[Action],
    now: Timestamp,
) -> anyhow::Result<()> {
    let plan = gate.plan(black_box(actions), who, now).await?;
    ensure!(plan.asked.len() == actions.len(), "something is left out: {:?}", plan.left_out);
    black_box(prompt(&plan, answers).to_text());
    Ok(())
}

/// Processor time of one of something, from as many as fill a while; `run` says how many it did.
async fn each(mut run: impl AsyncFnMut() -> anyhow::Result<usize>) -> anyhow::Result<Duration> {
    let (mut count, before) = (0_usize, own_cpu()?);
    loop {
        for _ in 0..AT_ONCE {
            count += run().await?;
        }
        let used = own_cpu()?.saturating_sub(before);
        if used >= LONG {
            return Ok(used / u32::try_from(count)?);
        }
        // The deadline of the whole run is looked at here.
        tokio::task::yield_now().await;
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Long enough for a clock of hundredths of a second.
const LONG: Duration = Duration::from_secs(2);
/// Runs between two looks at that clock.
const AT_ONCE: usize = 500;
