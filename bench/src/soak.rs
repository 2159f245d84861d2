//! Many messages while notifications are lost and doubled: each is answered exactly once.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::json;

use crate::Setup;
use crate::company::Company;
use crate::control::at;
use crate::crowd::Crowd;
use crate::figures::{Aim, Figures};
use crate::stopwatch::{as_f64, rate};

pub(crate) async fn measure(setup: &Setup) -> anyhow::Result<Figures> {
    let company = Company::open(setup, 400, 0).await?;
    let twin = company.start_twin().await?;
    let faults = json!({"dropNotifications": DROPPED, "duplicateNotifications": DOUBLED});
    company.control.put("faults", &faults).await?;
    let messages = setup.soak_messages;
    let went = Crowd::of(&company, 200, messages)?.ask(&company, PATIENCE).await?;
    let notifications = company.control.get("subscriptions").await?;
    let count = |name: &str| -> anyhow::Result<f64> {
        let count = at(&notifications, &format!("/notifications/{name}"));
        count.as_f64().with_context(|| format!("`{name}` in {notifications}"))
    };

    let mut figures = Figures::of("soak");
    figures.add("direct messages", as_f64(messages), "");
    figures.judge("lost", as_f64(went.lost), "messages", Aim::AtMost(0.0));
    figures.judge("answered twice", as_f64(went.twice), "messages", Aim::AtMost(0.0));
    figures.judge("other answers", as_f64(went.strange.len()), "messages", Aim::AtMost(0.0));
    figures.add("notifications lost on the way", count("dropped")?, "");
    figures.add("notifications doubled", count("duplicated")?, "");
    figures.add("until all were posted", went.asking.as_secs_f64(), "s");
    figures.add("until 99 of 100 were answered", went.most_answered.as_secs_f64(), "s");
    figures.add("until the last was answered", went.answering.as_secs_f64(), "s");
    figures.add("answered per second up to 99 of 100", rate(messages, went.most_answered), "/s");
    figures.add("twin's memory afterwards", twin.resident()?, "MB");
    for strange in went.strange.iter().take(3) {
        figures.note(strange.clone());
    }
    for complaint in twin.complaints().into_iter().take(3) {
        figures.note(complaint);
    }
    Ok(figures)
}

/// Per thousand: 0.5 %.
const DROPPED: u32 = 5;
/// Per thousand: 5 %.
const DOUBLED: u32 = 50;
/// Longer than catching up with every conversation takes.
const PATIENCE: Duration = Duration::from_secs(300);
