//! Brains of the simulated world.

use std::sync::Arc;

use async_trait::async_trait;
use subtwin_kernel::Words;
use subtwin_understand::{Brain, BrainError, Talk, Turn};

use super::world::World;

/// Understands exactly what the schedule says: "… #7" is its seventh request.
#[derive(Clone, Debug)]
pub(super) struct Scripted(pub(super) Arc<World>);

#[async_trait]
impl Brain for Scripted {
    async fn turn(&self, talk: &Talk) -> Result<Turn, BrainError> {
        self.0.pass().await;
        let last = talk.lines.last().map(|(_, text)| text.clone()).unwrap_or_default();
        let number = last.rsplit_once('#').and_then(|(_, number)| number.parse::<usize>().ok());
        Ok(self.0.with(|state| {
            state.brain_saw.extend(talk.lines.iter().map(|(_, text)| text.clone()));
            let asked = number.and_then(|number| state.asks.get(number).cloned());
            match (asked, last.as_str()) {
                (Some(turn), _) => turn,
                (None, "cancel") => Turn::Cancel,
                (None, _) => Turn::Say(Words::plain("I see.")),
            }
        }))
    }
}
