use tokio::sync::watch;

/// How listening goes; for the operator, and for tests to wait on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Activities that passed every check.
    pub accepted: u64,
    /// Activities that did not: forged, for somebody else, or not to be read.
    pub refused: u64,
    /// Activities turned away because too much was waiting.
    pub turned_away: u64,
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
