//! A password reset that is accepted first and done later.

use std::time::Duration;

use serde::Deserialize;
use subtwin_act::SendError;
use subtwin_kernel::names::shown_up_to;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::refusal;
use crate::entra::Entra;
use crate::graph::{Answer, Read};

/// Graph page "longRunningOperation resource type".
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Operation {
    status: Option<String>,
    status_detail: Option<String>,
}

impl Entra {
    /// Waits until a reset that was accepted has ended; 202 is not success. One whose end does not
    /// show in time is looked for like any other lost answer.
    pub(super) async fn wait_for_reset(
        &self,
        reset: &str,
        answer: &Answer,
    ) -> Result<(), SendError> {
        let unknown = |cause: &str| SendError::Unknown { cause: cause.to_owned().into() };
        let read = self
            .operation(reset, answer)
            .ok_or_else(|| unknown("the reset was accepted, but not where it can be looked at"))?;
        let started = Instant::now();
        let mut pause = answer.retry_after.unwrap_or(FIRST_PAUSE);
        loop {
            if started.elapsed().saturating_add(pause) > PATIENCE {
                return Err(unknown("the reset was accepted and has not ended yet"));
            }
            sleep(pause).await;
            let found = self.graph().get::<Operation>(&read).await;
            let found = found.map_err(|cause| SendError::Unknown { cause: cause.into() })?;
            match found.status.as_deref() {
                Some("succeeded") => return Ok(()),
                Some("failed" | "skipped") => return Err(failed(found.status_detail.as_deref())),
                _ => {}
            }
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }

    /// Where to look: `Location` names an operation of this very person, or it is not followed.
    fn operation(&self, reset: &str, answer: &Answer) -> Option<Read> {
        let (person, _) = reset.split_once("/authentication/")?;
        let (start, id) = answer.location.as_deref()?.rsplit_once('/')?;
        let here = start.strip_prefix(self.graph().address()).unwrap_or(start);
        let operations = format!("{person}/authentication/operations");
        let id = Uuid::try_parse(id).ok()?;
        here.eq_ignore_ascii_case(&operations).then(|| Read::at(format!("{operations}/{id}")))
    }
}

fn failed(detail: Option<&str>) -> SendError {
    let why = match detail.map(|detail| shown_up_to(detail, 200)) {
        Some(detail) if !detail.is_empty() => format!(" It says: {detail}"),
        _ => String::new(),
    };
    refusal::local(
        "reset-failed",
        &format!(
            "The directory took the new password, but the on-premises directory did not, so the \
             old one still counts.{why}"
        ),
    )
}

/// Until Graph says otherwise.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// Well within the time that a request may take.
const PATIENCE: Duration = Duration::from_secs(25);
