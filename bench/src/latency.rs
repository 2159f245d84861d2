//! How long a person waits, one exchange at a time.

use std::time::Duration;

use anyhow::{bail, ensure};

use crate::Setup;
use crate::company::{Company, Person, TWIN};
use crate::figures::{Aim, Figures, millis};
use crate::stopwatch::{Stopwatch, as_f64};

pub(crate) async fn measure(setup: &Setup) -> anyhow::Result<Figures> {
    let company = Company::open(setup, 120, HELPDESK).await?;
    let twin = company.start_twin().await?;
    let desk: Vec<&Person> = company.people.iter().take(HELPDESK).collect();
    // Not counted: connections, first looks at the directory.
    for who in desk.iter().take(WARM_UP) {
        exchange(&company, who, QUESTION, "sarah.lin").await?;
    }
    let (mut cards, mut summaries, mut actions) = (Vec::new(), Vec::new(), Vec::new());
    let (begun, sandbox_begun) = (twin.cpu()?, company.sandbox.cpu()?);
    for who in desk.iter().cycle().take(setup.rounds) {
        cards.push(exchange(&company, who, QUESTION, "sarah.lin").await?);
    }
    let (answered, sandbox_answered) = (twin.cpu()?, company.sandbox.cpu()?);
    for (round, who) in desk.iter().cycle().take(setup.rounds).enumerate() {
        let ask = if round % 2 == 0 { GIVE } else { TAKE };
        summaries.push(exchange(&company, who, ask, "yes").await?);
        actions.push(exchange(&company, who, "yes", "Done").await?);
    }
    let (done, rounds) = (twin.cpu()?, setup.rounds);
    let sandbox_done = company.sandbox.cpu()?;
    let mut calls = Vec::new();
    for _ in 0..CALLS {
        let call = Stopwatch::start();
        company.control.get("faults").await?;
        calls.push(call.elapsed());
    }
    let complaints = twin.complaints();
    ensure!(complaints.is_empty(), "the twin complains: {complaints:?}");

    let mut figures = Figures::of("latency");
    let aim = Some(Aim::AtMost(10.0));
    figures.spread("question posted → card posted", &mut cards, aim);
    figures.spread("request posted → summary posted", &mut summaries, aim);
    figures.spread("yes posted → done posted", &mut actions, aim);
    figures.spread("the sandbox's own round trip", &mut calls, None);
    let each = |time: Duration, count: usize| millis(time) / as_f64(count);
    figures.add("processor time of the twin per question", each(answered - begun, rounds), "ms");
    figures.add(
        "processor time of the sandbox and its people, the same",
        each(sandbox_answered - sandbox_begun, rounds),
        "ms",
    );
    figures.add("processor time of the twin per action", each(done - answered, rounds), "ms");
    figures.add(
        "processor time of the sandbox and its people, the same",
        each(sandbox_done - sandbox_answered, rounds),
        "ms",
    );
    Ok(figures)
}

/// Somebody writes and waits. The time is between the two messages as the tenant stamps them: a
/// message's id is when it was posted, in milliseconds.
async fn exchange(
    company: &Company,
    who: &Person,
    text: &str,
    expected: &str,
) -> anyhow::Result<Duration> {
    let asked = company.control.say(&who.upn, TWIN, text).await?;
    let waited = Stopwatch::start();
    loop {
        tokio::time::sleep(POLL).await;
        let heard = company.control.heard(&who.upn, &company.twin).await?;
        if let Some((id, content)) = heard.into_iter().find(|(id, _)| *id > asked) {
            ensure!(content.contains(expected), "{} asked `{text}` and got `{content}`", who.upn);
            return Ok(Duration::from_millis(id - asked));
        }
        if waited.elapsed() > PATIENCE {
            bail!("no answer to `{text}` of {}", who.upn);
        }
    }
}

const HELPDESK: usize = 40;
const WARM_UP: usize = 10;
const CALLS: usize = 500;
const QUESTION: &str = "who is Sarah Lin?";
const GIVE: &str = "give Sarah Lin a Microsoft 365 E3";
const TAKE: &str = "remove Microsoft 365 E3 from Sarah Lin";
const POLL: Duration = Duration::from_millis(4);
const PATIENCE: Duration = Duration::from_secs(30);
