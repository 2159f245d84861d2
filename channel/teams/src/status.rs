use jiff::Timestamp;
use tokio::sync::watch;

/// How listening goes; for the operator, and for tests to wait on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The subscription and when it ends, while there is one.
    pub subscription: Option<Subscribed>,
    /// How often a subscription was made.
    pub made: u64,
    /// How often one was renewed or reauthorised.
    pub renewed: u64,
    /// When everything was last looked through to the end.
    pub caught_up: Option<Timestamp>,
    /// How often single conversations were looked through.
    pub checks: u64,
    /// Notifications that passed every check.
    pub accepted: u64,
    /// Notifications that did not: forged, for somebody else, or not to be read.
    pub refused: u64,
    /// Posts turned away because too much was waiting.
    pub turned_away: u64,
    /// What does not work now, in words for the operator.
    pub trouble: Option<String>,
}

/// A living subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribed {
    /// Its id.
    pub id: String,
    /// When it ends unless it is renewed.
    pub until: Timestamp,
}

/// Where the parts of the listener say how they are doing.
#[derive(Clone, Debug)]
pub(crate) struct Board(watch::Sender<Status>);

impl Board {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(Status::default()))
    }

    pub(crate) fn note(&self, change: impl FnOnce(&mut Status)) {
        self.0.send_modify(change);
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Status> {
        self.0.subscribe()
    }
}
