//! Reads that come too early: the directory as its replicas still show it.

use std::collections::VecDeque;
use std::mem::swap;

use jiff::{SignedDuration, Timestamp};

use crate::tenant::{Apps, Bin, Groups, People, Skus, Tenant};

/// What the directory looked like before each of the newest writes, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Replica(VecDeque<Past>);

/// People with their licences and methods, memberships, seats and apps, as they once were.
#[derive(Debug)]
pub(crate) struct Past {
    /// When the write happened that this was before.
    until: Timestamp,
    people: People,
    groups: Groups,
    skus: Skus,
    apps: Apps,
    bin: Bin,
}

impl Past {
    /// The directory as it is, for when it will have changed.
    pub(crate) fn of(tenant: &Tenant, now: Timestamp) -> Self {
        Self {
            until: now,
            people: tenant.people.clone(),
            groups: tenant.groups.clone(),
            skus: tenant.skus.clone(),
            apps: tenant.apps.clone(),
            bin: tenant.bin.clone(),
        }
    }

    /// Puts it in the place of the present, and the present in its own.
    pub(crate) fn change_places(&mut self, tenant: &mut Tenant) {
        swap(&mut self.people, &mut tenant.people);
        swap(&mut self.groups, &mut tenant.groups);
        swap(&mut self.skus, &mut tenant.skus);
        swap(&mut self.apps, &mut tenant.apps);
        swap(&mut self.bin, &mut tenant.bin);
    }
}

impl Replica {
    /// A write has happened: this was before.
    pub(crate) fn remember(&mut self, past: Past) {
        if self.0.len() >= KEPT {
            self.0.pop_front();
        }
        self.0.push_back(past);
    }

    /// What a replica that is `lag` behind shows at `now`; `None` when that is the present. To be
    /// put back with [`Self::put_back`].
    pub(crate) fn take(&mut self, lag: SignedDuration, now: Timestamp) -> Option<Past> {
        let seen = now.saturating_sub(lag).unwrap_or(Timestamp::MIN);
        while self.0.front().is_some_and(|past| past.until <= seen) {
            self.0.pop_front();
        }
        self.0.pop_front()
    }

    pub(crate) fn put_back(&mut self, past: Past) {
        self.0.push_front(past);
    }

    /// Nothing lags any more.
    pub(crate) fn catch_up(&mut self) {
        self.0.clear();
    }
}

/// Writes that are remembered at most. When there are more, reads show what was after the oldest.
const KEPT: usize = 32;
