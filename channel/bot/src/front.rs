use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::{Value, json};
use subtwin_hear::{Heard, Intake, RefersTo, Speaker, Turned};
use subtwin_kernel::UserId;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::activity::{Activity, Kind, NotForUs};
use crate::chats::Reference;
use crate::status::Board;
use crate::vouch::Voucher;
use crate::{Settings, Voice};

/// What the service reaches of a twin that is a bot.
#[derive(Debug)]
pub(crate) struct Front {
    pub(crate) voucher: Voucher,
    pub(crate) settings: Settings,
    pub(crate) voice: Arc<Voice>,
    pub(crate) intake: Intake,
    pub(crate) board: Board,
    /// Activities being read.
    pub(crate) reading: Semaphore,
    /// Courtesies under way.
    pub(crate) tasks: TaskTracker,
}

/// What a request is answered with.
pub(crate) enum Answer {
    /// Nothing to say.
    Accepted,
    /// A call's answer.
    Json(Value),
    Refused(StatusCode),
    /// With words for whoever set the sender up.
    NotSupported(&'static str),
}

impl Front {
    pub(crate) const READING: usize = 32;

    pub(crate) fn router(self: Arc<Self>) -> Router {
        Router::new().route("/api/messages", post(receive)).with_state(self)
    }

    async fn take(&self, request: Request) -> Answer {
        let Ok(_reading) = self.reading.try_acquire() else {
            self.board.note(|status| status.turned_away += 1);
            return Answer::Refused(StatusCode::SERVICE_UNAVAILABLE);
        };
        // Before a byte of the body is read.
        let vouched = match self.voucher.vouch(request.headers()).await {
            Ok(vouched) => vouched,
            Err(why) => return self.refuse(&why, StatusCode::FORBIDDEN),
        };
        let body = Limited::new(request.into_body(), self.settings.largest_post).collect();
        let bytes = match tokio::time::timeout(READ_DEADLINE, body).await {
            Err(_) => return Answer::Refused(StatusCode::REQUEST_TIMEOUT),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                return Answer::Refused(StatusCode::PAYLOAD_TOO_LARGE);
            }
            Ok(Err(_)) => return Answer::Refused(StatusCode::BAD_REQUEST),
            Ok(Ok(body)) => body.to_bytes(),
        };
        let activity = match Activity::read(&bytes, &self.settings) {
            Ok(activity) => activity,
            Err(why @ (NotForUs::Shape | NotForUs::Field(_))) => {
                return self.refuse(&why, StatusCode::BAD_REQUEST);
            }
            Err(why) => return self.refuse(&why, StatusCode::FORBIDDEN),
        };
        if activity.channel != CHANNEL {
            return self.refuse(&"the activity is of another channel", StatusCode::FORBIDDEN);
        }
        let covered = vouched.covers(&activity.channel, &activity.service, &self.settings.allowed);
        if let Err(why) = covered {
            return self.refuse(&why, StatusCode::FORBIDDEN);
        }
        if activity.expects_replies {
            return Answer::NotSupported(
                "This twin answers through the connector; it does not take `deliveryMode` \
                 `expectReplies`.",
            );
        }
        self.board.note(|status| status.accepted += 1);
        self.serve(activity).await
    }

    async fn serve(&self, activity: Activity) -> Answer {
        let invoked = matches!(activity.kind, Kind::Press(_) | Kind::Invoke);
        if !activity.personal {
            tracing::debug!(chat = %activity.chat, "not a personal conversation");
            return if invoked { NOT_IMPLEMENTED } else { Answer::Accepted };
        }
        let Some(person) = activity.from else {
            tracing::debug!(chat = %activity.chat, "whoever did it has no directory id");
            return if invoked { NOT_IMPLEMENTED } else { Answer::Accepted };
        };
        match self.belongs(&activity, person).await {
            Ok(true) => {}
            Ok(false) => {
                let why = "the conversation is somebody else's";
                return self.refuse(&why, StatusCode::FORBIDDEN);
            }
            Err(answer) => return answer,
        }
        match &activity.kind {
            Kind::Message { text, refers_to } => {
                self.message(&activity, person, text, *refers_to).await
            }
            Kind::Changed { message } => {
                let at = activity.at.unwrap_or_else(|| self.voice.now());
                let message = self.voice.numbers.of(&activity.chat, message, at);
                self.voice.changed(&activity.chat, message);
                Answer::Accepted
            }
            Kind::Press(press) => Answer::Json(self.press(&activity, person, press).await),
            Kind::Invoke => NOT_IMPLEMENTED,
            Kind::Submitted => {
                tracing::debug!(chat = %activity.chat, "what a card sends is not heard");
                Answer::Accepted
            }
            Kind::Arrived | Kind::Other => Answer::Accepted,
        }
    }

    /// Whether a personal conversation is this person's. Who is heard first in it, is in it; where
    /// it lives is kept for what the twin says later.
    async fn belongs(&self, activity: &Activity, person: UserId) -> Result<bool, Answer> {
        let silent = |cause: crate::MemoryError| {
            tracing::error!(cause = crate::chain(&cause), "the twin's memory failed");
            Answer::Refused(StatusCode::SERVICE_UNAVAILABLE)
        };
        let known = self.voice.chats.get(&activity.chat).await.map_err(silent)?;
        if known.is_some_and(|(reference, _)| reference.person != person) {
            return Ok(false);
        }
        let reference = Reference::new(
            &activity.service,
            activity.chat.clone(),
            person,
            activity.account.clone(),
            activity.bot.clone(),
        );
        self.voice.chats.keep(reference).await.map_err(silent)?;
        Ok(true)
    }

    async fn message(
        &self,
        activity: &Activity,
        person: UserId,
        text: &str,
        refers_to: RefersTo,
    ) -> Answer {
        if text.is_empty() {
            tracing::debug!(chat = %activity.chat, "it holds no text");
            return Answer::Accepted;
        }
        let at = activity.at.unwrap_or_else(|| self.voice.now());
        let message = self.voice.numbers.of(&activity.chat, &activity.id, at);
        let heard = Heard { message, refers_to, ..self.heard(activity, person, text, at) };
        if self.intake.is_full() {
            return self.turn_away();
        }
        // Noted before it is accepted: nobody sends it a second time.
        match self.voice.chats.wait(&heard).await {
            Ok(true) => {}
            Ok(false) => return self.turn_away(),
            Err(cause) => {
                tracing::error!(cause = crate::chain(&cause), "a message could not be noted");
                return self.turn_away();
            }
        }
        let chat = heard.chat.clone();
        match self.intake.offer(heard) {
            Ok(subtwin_hear::Offered::Queued) => {
                let voice = Arc::clone(&self.voice);
                self.tasks.spawn(async move { voice.at_work(&chat).await });
                Answer::Accepted
            }
            Ok(subtwin_hear::Offered::Known) => Answer::Accepted,
            Err(Turned::Full | Turned::Closed) => {
                self.voice.chats.finish(&chat, message).await;
                self.turn_away()
            }
        }
    }

    pub(crate) fn heard(
        &self,
        activity: &Activity,
        person: UserId,
        text: &str,
        at: jiff::Timestamp,
    ) -> Heard {
        Heard {
            chat: activity.chat.clone(),
            message: subtwin_kernel::MessageId::new(0),
            from: Speaker {
                tenant: activity.tenant,
                user: person,
                display_name: activity.name.clone(),
            },
            text: text.to_owned(),
            one_on_one: true,
            at,
            edited: false,
            refers_to: RefersTo::Nothing,
        }
    }

    fn turn_away(&self) -> Answer {
        self.board.note(|status| status.turned_away += 1);
        Answer::Refused(StatusCode::SERVICE_UNAVAILABLE)
    }

    fn refuse(&self, why: &dyn std::fmt::Display, status: StatusCode) -> Answer {
        tracing::warn!(%why, "an activity was refused");
        self.board.note(|status| status.refused += 1);
        Answer::Refused(status)
    }
}

async fn receive(State(front): State<Arc<Front>>, request: Request) -> Response {
    match front.take(request).await {
        Answer::Accepted => StatusCode::ACCEPTED.into_response(),
        Answer::Json(value) => axum::Json(value).into_response(),
        // Who forges learns nothing.
        Answer::Refused(status) => status.into_response(),
        Answer::NotSupported(why) => {
            let body = json!({"error": {"code": "NotSupported", "message": why}});
            (StatusCode::BAD_REQUEST, axum::Json(body)).into_response()
        }
    }
}

const NOT_IMPLEMENTED: Answer = Answer::Refused(StatusCode::NOT_IMPLEMENTED);

/// The only channel served: Teams.
const CHANNEL: &str = "msteams";

/// The service gives up after fifteen seconds.
const READ_DEADLINE: Duration = Duration::from_secs(10);
