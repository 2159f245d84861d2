//! Plays a story against the stage and checks that it goes as told.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};
use subtwin_kernel::{Clock as _, SystemClock, TenantEntry};
use subtwin_primitives::{Event, Seen};
use subtwin_record::audit::{Archive, Kept, Trust};

use super::Stage;
use super::stories::{Line, Story};
use crate::control::MESSAGE_POSTED;
use crate::{sandbox, say};

/// Plays a story to its end.
///
/// # Errors
/// At the first thing that does not go as told.
pub(super) async fn play(stage: &Stage, story: &Story, json: bool) -> anyhow::Result<()> {
    let teller = Teller { json };
    let mut told = HashMap::new();
    for scene in story.scenes {
        teller.scene(scene.title);
        for line in scene.lines {
            exchange(stage, &teller, line, &mut told).await.with_context(|| {
                let says = line.says.unwrap_or("(hears)");
                format!("the story goes wrong at `{}: {says}`", line.who)
            })?;
        }
    }
    effects(stage, story).await?;
    teller.scene("Side by side: the tenant's own log, and the twin's evidence");
    entries(stage, &teller, story).await?;
    evidence(stage, &teller)
}

/// Somebody writes, the twin answers. `told` counts the twin's messages to each person that were
/// told already; secrets it has shown are not repeated.
async fn exchange(
    stage: &Stage,
    teller: &Teller,
    line: &Line,
    told: &mut HashMap<&'static str, usize>,
) -> anyhow::Result<()> {
    let told = told.entry(line.who).or_insert(0);
    if let Some(says) = line.says {
        // What the twin said of its own accord meanwhile is not the answer to this.
        *told = (*told).max(twins_messages(stage, line.who).await?.len());
        stage.control.say(line.who, sandbox::TWIN, says).await?;
        teller.said(line.who, says);
    }
    let before = *told;
    for _ in 0..TRIES {
        let messages = twins_messages(stage, line.who).await?;
        for text in messages.iter().skip(*told) {
            teller.said(&stage.config.twin.upn, &without_secret(text));
        }
        *told = (*told).max(messages.len());
        let new = messages.iter().skip(before);
        let mut answered = false;
        for text in new {
            let lower = text.to_lowercase();
            answered |= line.hears.iter().all(|part| lower.contains(&part.to_lowercase()));
        }
        if answered {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    bail!("no answer that says {:?}", line.hears)
}

/// The transcript is kept; what is shown once is not.
fn without_secret(text: &str) -> String {
    let mut lines = text.lines();
    match (lines.next(), lines.next()) {
        (Some(head), Some(_)) if head.ends_with("shown once:") => {
            let rest: Vec<&str> = lines.collect();
            format!("{head}\n(here it stands)\n{}", rest.join("\n"))
        }
        _ => text.to_owned(),
    }
}

/// What the twin has said to somebody, oldest first, as plain text.
async fn twins_messages(stage: &Stage, person: &str) -> anyhow::Result<Vec<String>> {
    let twin = stage.config.twin.id.as_user();
    let chats = stage.control.chats(person).await?;
    let messages = chats.iter().flat_map(|chat| &chat.messages);
    let own = messages.filter(|message| message.from.as_ref().is_some_and(|by| by.id == twin));
    Ok(own.map(|message| readable(&message.content)).collect())
}

/// Everything that happened to the directory is in the story, and as often as told.
async fn effects(stage: &Stage, story: &Story) -> anyhow::Result<()> {
    let ledger = stage.control.ledger().await?;
    let mut happened: BTreeMap<(String, String), u64> = BTreeMap::new();
    for effect in ledger.effects.into_iter().filter(|effect| effect.effect != MESSAGE_POSTED) {
        *happened.entry((effect.effect, effect.upn.unwrap_or_default())).or_default() +=
            effect.times;
    }
    let told: BTreeMap<(String, String), u64> = story
        .effects
        .iter()
        .map(|(effect, upn, times)| (((*effect).to_owned(), (*upn).to_owned()), *times))
        .collect();
    ensure!(happened == told, "the directory shows {happened:?}, the story tells {told:?}");
    Ok(())
}

/// The tenant's log shows every entry under the twin's name, and the twin's own replies say so.
async fn entries(stage: &Stage, teller: &Teller, story: &Story) -> anyhow::Result<()> {
    let told: BTreeMap<&str, usize> = story.entries.iter().copied().collect();
    let mut seen = BTreeMap::new();
    for _ in 0..TRIES {
        let matched = matched(stage)?;
        seen = BTreeMap::new();
        for entry in &matched {
            *seen.entry(entry.activity.clone()).or_insert(0) += 1;
        }
        if seen.iter().map(|(name, count)| (name.as_str(), *count)).eq(told.clone()) {
            if let Some(first) = matched.first() {
                edited_reply(stage, teller, first).await?;
                teller.entry(&first.raw);
            }
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    bail!("the tenant's log shows {seen:?}, the story tells {told:?}")
}

/// The reply that now carries the tenant's entry.
async fn edited_reply(stage: &Stage, teller: &Teller, entry: &TenantEntry) -> anyhow::Result<()> {
    for _ in 0..TRIES {
        let said = twins_messages(stage, sandbox::HELPDESK).await?;
        if let Some(text) = said.iter().find(|text| text.contains(&entry.id)) {
            teller.said(&stage.config.twin.upn, &format!("(its message, edited)\n{text}"));
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    bail!("the twin's reply never carried the tenant's entry")
}

fn matched(stage: &Stage) -> anyhow::Result<Vec<TenantEntry>> {
    let mut found = Vec::new();
    Archive::open(&stage.evidence())?.each(|shown| {
        if let Kept::Whole(record) = shown.record
            && let Event::Entry(entry) = record.event
        {
            found.extend(entry.seen.into_iter().filter_map(|seen| match seen {
                Seen::Matched { entry } => Some(entry),
                Seen::NotVisible {} | Seen::NotExpected {} => None,
            }));
        }
        Ok(())
    })?;
    Ok(found)
}

/// The evidence of the story, which must verify.
fn evidence(stage: &Stage, teller: &Teller) -> anyhow::Result<()> {
    let archive = Archive::open(&stage.evidence())?;
    archive.each(|shown| {
        teller.record(&shown.receipt.to_string(), &crate::audit::line(&shown.record));
        Ok(())
    })?;
    let report = archive.verify(&Trust { vkey: None, older_checkpoint: None })?;
    ensure!(report.holds(), "the evidence does not hold: {:?}", report.findings);
    teller.verified(report.leaves);
    Ok(())
}

/// Prints what happens, as text or as JSON.
#[derive(Debug)]
struct Teller {
    json: bool,
}

impl Teller {
    fn tell(&self, event: &Value, text: &str) {
        if self.json {
            let mut event = event.clone();
            if let Value::Object(fields) = &mut event {
                fields.insert("at".to_owned(), json!(SystemClock.now()));
            }
            say::line(event);
        } else {
            say::line(text);
        }
    }

    fn scene(&self, title: &str) {
        self.tell(&json!({"event": "scene", "title": title}), &format!("\n== {title}"));
    }

    fn said(&self, who: &str, text: &str) {
        let name = who.split('@').next().unwrap_or(who);
        let indented = text.replace('\n', &format!("\n{:12}", ""));
        self.tell(
            &json!({"event": "message", "from": who, "text": text}),
            &format!("{name:>10}  {indented}"),
        );
    }

    fn entry(&self, raw: &Value) {
        let text = serde_json::to_string_pretty(raw).unwrap_or_default();
        self.tell(&json!({"event": "tenantEntry", "entry": raw}), &text);
    }

    fn record(&self, receipt: &str, line: &str) {
        self.tell(
            &json!({"event": "record", "receipt": receipt, "line": line}),
            &format!("{receipt}  {line}"),
        );
    }

    fn verified(&self, records: u64) {
        self.tell(
            &json!({"event": "verified", "records": records}),
            &format!(
                "\nThe evidence holds: {records} records, every hash and the signature checked."
            ),
        );
    }
}

/// The words of stored HTML, one line per paragraph.
pub(super) fn readable(html: &str) -> String {
    let text = html.replace("</p>", "\n").replace("<br>", "\n");
    let mut plain = String::new();
    let mut in_tag = false;
    for c in text.chars() {
        match c {
            '<' => in_tag = true,
            '>' if in_tag => in_tag = false,
            c if !in_tag => plain.push(c),
            _ => {}
        }
    }
    let plain = plain
        .replace("&nbsp;", " ")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&");
    plain.trim().to_owned()
}

/// How long an answer may take: tries times pause, 30 seconds.
const TRIES: u32 = 600;
const PAUSE: Duration = Duration::from_millis(50);
