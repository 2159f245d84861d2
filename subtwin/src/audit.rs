//! `subtwin audit`: reads and verifies the evidence, offline.

mod agentack;

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::json;
use subtwin_kernel::Action;
use subtwin_primitives::{Event, Seen};
use subtwin_record::audit::{Archive, Kept, Shown, Sought, Trust};

use crate::cli::{AuditCommand, AuditPlace, TraceFormat};
use crate::{cli, say};

/// Carries out one audit command.
///
/// # Errors
/// When there is no evidence, it cannot be read, nothing is found, or it does not verify.
pub fn command(audit: &cli::Audit) -> anyhow::Result<()> {
    match &audit.command {
        AuditCommand::List(place) => list(place),
        AuditCommand::Show { place, what } => show(place, what),
        AuditCommand::Verify { place, key, since } => {
            verify(place, key.as_deref(), since.as_deref())
        }
        AuditCommand::Proof { place, receipt } => {
            say::line(open(&place.dir)?.proof(&receipt.parse()?)?.trim_end());
            Ok(())
        }
        AuditCommand::Export { dir, format: Some(TraceFormat::Agentack), out: Some(out) } => {
            traces(dir, out)
        }
        AuditCommand::Export { dir, .. } => {
            let out = io::stdout().lock();
            let mut out = io::BufWriter::new(out);
            open(dir)?.export(&mut out)?;
            Ok(out.flush()?)
        }
    }
}

fn open(dir: &Path) -> anyhow::Result<Archive> {
    Archive::open(dir).with_context(|| format!("there is no evidence in `{}`", dir.display()))
}

fn traces(dir: &Path, out: &Path) -> anyhow::Result<()> {
    let exported = agentack::export(&open(dir)?, out)?;
    say::line(format_args!("traces    {} in {}", exported.traces, out.display()));
    say::line(format_args!("requests  {}", exported.requests));
    say::line(format_args!("left out  {} (never shown)", exported.never_shown));
    say::line(format_args!("left out  {} (erased)", exported.erased));
    Ok(())
}

fn list(place: &AuditPlace) -> anyhow::Result<()> {
    open(&place.dir)?.each(|shown| {
        if place.json {
            say::line(as_json(&shown));
        } else {
            say::line(format_args!(
                "{}  {}  {}",
                shown.receipt,
                shown.leaf.at,
                line(&shown.record)
            ));
        }
        Ok(())
    })?;
    Ok(())
}

fn show(place: &AuditPlace, what: &str) -> anyhow::Result<()> {
    let sought: Sought = what.parse().with_context(|| {
        format!("`{what}` is neither a receipt (R-000123-K7QF2M) nor a request's id")
    })?;
    let found = open(&place.dir)?.show(&sought)?;
    if found.is_empty() {
        bail!("there is nothing on record about `{what}`");
    }
    for shown in &found {
        let value = as_json(shown);
        if place.json {
            say::line(value);
        } else {
            say::line(serde_json::to_string_pretty(&value)?);
        }
    }
    Ok(())
}

fn verify(place: &AuditPlace, key: Option<&str>, since: Option<&Path>) -> anyhow::Result<()> {
    let older = since
        .map(|file| {
            fs::read_to_string(file).with_context(|| format!("cannot read `{}`", file.display()))
        })
        .transpose()?;
    let trust = Trust { vkey: key, older_checkpoint: older.as_deref() };
    let report = open(&place.dir)?.verify(&trust)?;
    if place.json {
        say::line(json!({
            "holds": report.holds(),
            "records": report.leaves,
            "signed": report.signed,
            "erased": report.erased,
            "open": report.open,
            "unfinishedBytes": report.unfinished_bytes,
            "key": report.vkey,
            "findings": report.findings,
        }));
    } else {
        say::line(format_args!(
            "records   {} ({} under the signature)",
            report.leaves, report.signed
        ));
        say::line(format_args!("erased    {}", report.erased));
        say::line(format_args!("open      {} (begun, outcome not on record)", report.open));
        say::line(format_args!("signed by {}", report.vkey));
        for finding in &report.findings {
            say::line(format_args!("WRONG     {finding}"));
        }
        if key.is_none() {
            say::line("The key was read beside the log; give --key to check against one you keep.");
        }
    }
    if report.holds() {
        say::progress("the evidence holds");
        return Ok(());
    }
    bail!("the evidence does not hold: {} findings", report.findings.len())
}

fn as_json(shown: &Shown) -> serde_json::Value {
    let record = match &shown.record {
        Kept::Whole(record) => json!(record),
        Kept::Erased => json!("erased"),
        Kept::Altered => json!("ALTERED"),
    };
    json!({"receipt": shown.receipt.to_string(), "index": shown.index, "leaf": shown.leaf, "record": record})
}

/// One record in one line.
pub(crate) fn line(record: &Kept) -> String {
    let record = match record {
        Kept::Whole(record) => record,
        Kept::Erased => return "erased".to_owned(),
        Kept::Altered => return "ALTERED: this is not what was recorded".to_owned(),
    };
    match &record.event {
        Event::Proposed(proposed) => {
            let what = if proposed.dry_run { "dry run   " } else { "shown     " };
            let whom = if proposed.shown_to == proposed.asked.by.user {
                proposed.asked.by.display_name.clone()
            } else {
                format!("an approver, {}", proposed.shown_to)
            };
            format!("{what} {} to {whom}", tools(&proposed.actions))
        }
        Event::Intent(intent) => format!(
            "confirmed  {} (asked by {}, {})",
            intent.plan.headline(),
            intent.asked.by.display_name,
            match intent.confirmations.len() {
                1 => "who said yes".to_owned(),
                count => format!("{count} people said yes"),
            }
        ),
        Event::Outcome(event) => {
            let all: Vec<String> =
                event.outcomes.iter().map(|outcome| json!(outcome).to_string()).collect();
            format!("outcome    {}", all.join(" "))
        }
        Event::Entry(entry) => {
            let seen = entry.seen.iter().map(|seen| match seen {
                Seen::Matched { entry } => {
                    format!("{} by {}", entry.activity, entry.initiated_by)
                }
                Seen::NotVisible {} => "no entry became visible".to_owned(),
                Seen::NotExpected {} => "none expected".to_owned(),
            });
            format!("tenant log {}", seen.collect::<Vec<_>>().join("; "))
        }
        Event::Declined(declined) => format!(
            "declined   {} asked by {}: {}",
            tools(&declined.actions),
            declined.asked.by.display_name,
            json!(declined.why)
        ),
        Event::Twin(event) => format!("twin       {}", json!(event.change)),
        Event::Erased(erased) => format!("erased     {}", json!(erased.reason)),
    }
}

/// The tools of some actions, each once.
fn tools(actions: &[Action]) -> String {
    let mut names: Vec<&str> = actions.iter().map(|action| action.tool().name()).collect();
    names.dedup();
    if names.is_empty() { "a request".to_owned() } else { names.join(", ") }
}
