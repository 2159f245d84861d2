//! What the token service remembers between requests: codes, devices, refresh tokens.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::Hash;

use jiff::Timestamp;
use uuid::Uuid;

use super::scopes::Asked;
use crate::graph::Caller;

/// Sign-ins under way and what they gave out.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    /// Authorization codes.
    pub(super) codes: Bounded<String, Code>,
    /// Device flows, by device code.
    pub(super) devices: Bounded<String, Device>,
    pub(super) refresh: Bounded<String, Refresh>,
    /// `(client, jti)` of client assertions: each counts once.
    pub(super) assertions: Bounded<(Uuid, String), ()>,
    /// Access tokens whose signature was checked, by their digest.
    pub(super) verified: Bounded<[u8; 32], Verified>,
    /// Keys of issuers elsewhere, by issuer: JSON Web Keys as they were registered.
    pub(crate) issuers: HashMap<String, Vec<IssuerKey>>,
    /// Wrong passwords, by user.
    pub(super) wrong: Bounded<Uuid, Wrong>,
}

/// An RSA key of an issuer elsewhere.
#[derive(Clone, Debug)]
pub(crate) struct IssuerKey {
    pub(crate) kid: Option<String>,
    /// Modulus and exponent, big-endian.
    pub(crate) n: Vec<u8>,
    pub(crate) e: Vec<u8>,
}

/// Wrong passwords of somebody in a row.
#[derive(Clone, Debug, Default)]
pub(super) struct Wrong {
    pub(super) times: u32,
    pub(super) last: Timestamp,
    pub(super) locked_until: Timestamp,
}

/// An authorization code, good once.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub(super) client: Uuid,
    pub(super) user: Uuid,
    pub(super) redirect_uri: String,
    pub(super) asked: Asked,
    pub(super) challenge: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) cae: bool,
    pub(super) issued: Timestamp,
    pub(super) used: bool,
}

/// A device flow.
#[derive(Clone, Debug)]
pub(super) struct Device {
    pub(super) user_code: String,
    pub(super) client: Uuid,
    pub(super) asked: Asked,
    pub(super) cae: bool,
    pub(super) issued: Timestamp,
    pub(super) state: DeviceState,
}

/// How far a device flow has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DeviceState {
    Waiting,
    Approved(Uuid),
    Declined,
    /// Tokens were handed out.
    Done,
}

/// A refresh token: bound to a user and a client, not to a resource.
#[derive(Clone, Debug)]
pub(super) struct Refresh {
    pub(super) client: Uuid,
    pub(super) user: Uuid,
    /// Used when the redeeming request names no scope.
    pub(super) asked: Asked,
    pub(super) cae: bool,
    /// When the user signed in; rotation keeps it.
    pub(super) signed_in: Timestamp,
    pub(super) issued: Timestamp,
}

/// An access token that is genuine.
#[derive(Clone, Debug)]
pub(super) struct Verified {
    pub(super) caller: Caller,
    pub(super) audience: String,
}

/// A map that forgets its oldest entry rather than grow without end.
#[derive(Debug)]
pub(super) struct Bounded<K, V> {
    map: HashMap<K, V>,
    order: VecDeque<K>,
}

impl<K, V> Default for Bounded<K, V> {
    fn default() -> Self {
        Self { map: HashMap::new(), order: VecDeque::new() }
    }
}

impl<K: Clone + Eq + Hash, V> Bounded<K, V> {
    pub(super) fn insert(&mut self, key: K, value: V) {
        if self.map.insert(key.clone(), value).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > MOST {
            if let Some(oldest) = self.order.pop_front() {
                self.map.remove(&oldest);
            }
        }
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.map.get(key)
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.map.get_mut(key)
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.map.values_mut()
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.map.values()
    }
}

/// Entries kept of each kind.
const MOST: usize = 20_000;

/// Scopes or roles.
pub(super) type Names = BTreeSet<String>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_entry_goes_first() {
        let mut map = Bounded::default();
        for key in 0..=MOST {
            map.insert(key, ());
        }
        assert!(map.get(&0).is_none());
        assert!(map.get(&1).is_some());
        assert!(map.get(&MOST).is_some());
        assert_eq!(map.map.len(), MOST);
    }
}
