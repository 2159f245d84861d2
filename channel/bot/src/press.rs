//! A press of a card's button, bound to the very question it stands under.

use std::time::Duration;

use serde_json::Value;
use subtwin_hear::{Heard, RefersTo};
use subtwin_kernel::UserId;

use crate::activity::{Activity, Press};
use crate::card;
use crate::front::Front;
use crate::prompts::{NotPressed, Pressed};

impl Front {
    /// Hands a press on as the word it stands for, in answer to its question; gives what the
    /// service is told. Whether it confirms anything, the gate decides, as for a typed word.
    pub(crate) async fn press(&self, activity: &Activity, person: UserId, press: &Press) -> Value {
        if press.automatic {
            return card::error(400, "BadRequest", "Only a person can press this.");
        }
        let prompts = &self.voice.prompts;
        let pressed = match prompts.press(&activity.chat, &press.prompt, &press.choice) {
            Ok(pressed) => pressed,
            Err(NotPressed::Used) => return card::remark(USED),
            Err(NotPressed::Old) => return card::remark(OLD),
            Err(NotPressed::NoSuchChoice) => {
                return card::error(400, "BadRequest", "There is no such button.");
            }
        };
        let Pressed { mut message, words, choice } = pressed;
        // It can be pressed before the service's answer to its posting has come.
        let named = tokio::time::timeout(NAMED_WITHIN, message.wait_for(Option::is_some)).await;
        let Some(prompt) = named.ok().and_then(Result::ok).and_then(|message| *message) else {
            prompts.give_back(&activity.chat, &press.prompt);
            return card::error(500, "Busy", AGAIN);
        };
        let at = activity.at.unwrap_or_else(|| self.voice.now());
        let name = format!("press:{}", press.prompt);
        let heard = Heard {
            message: self.voice.numbers.after_all(&activity.chat, &name, at),
            refers_to: RefersTo::Message(prompt),
            ..self.heard(activity, person, &choice.says, at)
        };
        match self.intake.offer(heard) {
            Ok(_) => card::reply(&card::answered(&words, &choice)),
            Err(_) => {
                prompts.give_back(&activity.chat, &press.prompt);
                card::error(500, "Busy", AGAIN)
            }
        }
    }
}

const USED: &str = "This was answered already. What came of it stands below.";
const OLD: &str = "This question is not open any more. Nothing was changed by pressing it.";
const AGAIN: &str = "I cannot take that at the moment. Please press again, or type your answer.";
const NAMED_WITHIN: Duration = Duration::from_secs(5);
