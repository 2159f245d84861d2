use std::collections::{BTreeMap, HashMap};

use subtwin_kernel::RequestId;
use subtwin_primitives::{EventKind, LeafRange};

use crate::RecordError;

/// How far each request has come on the record. What keeps one yes from acting twice.
#[derive(Debug, Default)]
pub(crate) struct Ledger(HashMap<RequestId, Progress>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Open,
    Closed,
}

/// How to take back what [`Ledger::apply`] did.
#[derive(Debug)]
pub(crate) struct Undo(Option<(RequestId, Option<Progress>)>);

impl Ledger {
    /// Notes an event, or refuses it: an intent once, an outcome once after it, a decline only
    /// without an intent, an entry only after one.
    pub(crate) fn apply(
        &mut self,
        event: EventKind,
        request: Option<RequestId>,
    ) -> Result<Undo, RecordError> {
        let Some(request) = request else { return Ok(Undo(None)) };
        let before = self.0.get(&request).copied();
        let after = match (event, before) {
            (EventKind::Intent, None) => Progress::Open,
            (EventKind::Outcome, Some(Progress::Open)) => Progress::Closed,
            (EventKind::Entry, Some(_))
            | (EventKind::Declined | EventKind::Proposed, None)
            | (EventKind::Twin | EventKind::Erased, _) => return Ok(Undo(None)),
            (EventKind::Intent | EventKind::Declined | EventKind::Proposed, Some(_)) => {
                return Err(RecordError::AlreadyOpened(request));
            }
            (EventKind::Outcome, None | Some(Progress::Closed)) | (EventKind::Entry, None) => {
                return Err(RecordError::NotOpen(request));
            }
        };
        self.0.insert(request, after);
        Ok(Undo(Some((request, before))))
    }

    /// Takes back an event that could not be written.
    pub(crate) fn undo(&mut self, undo: &Undo) {
        match undo {
            Undo(Some((request, Some(before)))) => drop(self.0.insert(*request, *before)),
            Undo(Some((request, None))) => drop(self.0.remove(request)),
            Undo(None) => {}
        }
    }

    /// Whether a request's outcome is not known yet.
    pub(crate) fn is_open(&self, request: RequestId) -> bool {
        self.0.get(&request) == Some(&Progress::Open)
    }

    /// How many requests' outcomes are not known yet.
    pub(crate) fn open(&self) -> u64 {
        let open = self.0.values().filter(|progress| **progress == Progress::Open).count();
        u64::try_from(open).unwrap_or(u64::MAX)
    }
}

/// Leaves whose records were erased on the record.
#[derive(Debug, Default)]
pub(crate) struct ErasedLeaves(BTreeMap<u64, u64>);

impl ErasedLeaves {
    /// Notes more of them.
    pub(crate) fn add(&mut self, ranges: &[LeafRange]) {
        for range in ranges {
            let last = self.0.entry(range.first).or_insert(range.last);
            *last = range.last.max(*last);
        }
    }

    /// Whether a leaf is one of them.
    pub(crate) fn contain(&self, leaf: u64) -> bool {
        self.0.range(..=leaf).next_back().is_some_and(|(_, last)| *last >= leaf)
    }
}

/// Ascending indexes as ranges.
pub(crate) fn ranges(leaves: impl IntoIterator<Item = u64>) -> Vec<LeafRange> {
    let mut ranges: Vec<LeafRange> = Vec::new();
    for leaf in leaves {
        match ranges.last_mut() {
            Some(range) if range.last.checked_add(1) == Some(leaf) => range.last = leaf,
            Some(_) | None => ranges.push(LeafRange { first: leaf, last: leaf }),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use subtwin_kernel::RequestId;

    use super::*;

    #[test]
    fn a_request_is_opened_once_and_closed_once_whatever_is_tried() {
        let id = RequestId::new(uuid::Uuid::from_u128(1));
        let request = Some(id);
        let mut ledger = Ledger::default();
        assert!(ledger.apply(EventKind::Outcome, request).is_err());
        assert!(ledger.apply(EventKind::Entry, request).is_err());
        assert!(ledger.apply(EventKind::Proposed, request).is_ok());
        let undo = ledger.apply(EventKind::Intent, request).unwrap();
        ledger.undo(&undo);
        assert!(ledger.apply(EventKind::Intent, request).is_ok());
        assert!(ledger.apply(EventKind::Intent, request).is_err());
        assert!(ledger.apply(EventKind::Declined, request).is_err());
        let undo = ledger.apply(EventKind::Outcome, request).unwrap();
        ledger.undo(&undo);
        assert!(ledger.is_open(id));
        assert!(ledger.apply(EventKind::Outcome, request).is_ok());
        assert!(ledger.apply(EventKind::Outcome, request).is_err());
        assert!(ledger.apply(EventKind::Intent, request).is_err());
        assert!(ledger.apply(EventKind::Entry, request).is_ok());
    }

    #[test]
    fn erased_leaves_are_those_in_the_ranges_and_no_others() {
        let mut erased = ErasedLeaves::default();
        let gone = [0, 1, 2, 5, 9, 10];
        erased.add(&ranges(gone));
        assert_eq!(ranges(gone).len(), 3);
        for leaf in 0..12 {
            assert_eq!(erased.contain(leaf), gone.contains(&leaf), "{leaf}");
        }
    }
}
