//! Resident memory of the twin's process, idle and after many messages; and what they cost.

use std::time::Duration;

use anyhow::ensure;

use crate::Setup;
use crate::company::Company;
use crate::crowd::Crowd;
use crate::figures::{Aim, Figures, millis};
use crate::stopwatch::{as_f64, rate};

pub(crate) async fn measure(setup: &Setup) -> anyhow::Result<Figures> {
    let company = Company::open(setup, 400, 0).await?;
    // The first start makes a key and a database; what counts is a twin that was set up before.
    company.start_twin().await?.stop().await?;
    let twin = company.start_twin().await?;
    tokio::time::sleep(A_MOMENT).await;
    let idle = twin.resident()?;
    let (cpu, sandbox_cpu) = (twin.cpu()?, company.sandbox.cpu()?);
    let messages = setup.memory_messages;
    let went = Crowd::of(&company, 200, messages)?.ask(&company, PATIENCE).await?;
    let (cpu, sandbox_cpu) = (twin.cpu()? - cpu, company.sandbox.cpu()? - sandbox_cpu);
    ensure!(
        went.lost + went.twice + went.strange.len() == 0,
        "{} lost, {} answered twice, other answers {:?}, and nothing was broken; the twin says {:?}",
        went.lost,
        went.twice,
        went.strange.first(),
        twin.complaints().first()
    );
    let mut figures = Figures::of("memory");
    figures.judge("twin, idle", idle, "MB", Aim::AtMost(20.0));
    figures.add(format!("twin, after {messages} messages"), twin.resident()?, "MB");
    figures.add("twin, most ever", twin.peak()?, "MB");
    figures.add("sandbox, after the same", company.sandbox.resident()?, "MB");
    figures.add("messages answered per second", rate(messages, went.answering), "/s");
    figures.add("processor time of the twin per message", millis(cpu) / as_f64(messages), "ms");
    let sandbox_each = millis(sandbox_cpu) / as_f64(messages);
    figures.add("processor time of the sandbox per message", sandbox_each, "ms");
    Ok(figures)
}

const A_MOMENT: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_secs(60);
