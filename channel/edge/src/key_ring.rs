use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use jsonwebtoken::DecodingKey;
use serde::Deserialize;

/// Where an issuer's keys come from: the `jwks_uri` of its OpenID document.
#[async_trait]
pub trait SigningKeys: Send + Sync + fmt::Debug {
    /// Gets the JSON Web Key Set. Bounds its size and has a deadline.
    ///
    /// # Errors
    /// When it cannot be had.
    async fn fetch(&self) -> Result<String, Box<dyn std::error::Error + Send + Sync>>;
}

/// An issuer's public keys by their ids: kept for a day, and looked up again for an id that is not
/// known, at most once a minute.
#[derive(Debug)]
pub struct KeyRing {
    keys: Arc<dyn SigningKeys>,
    state: std::sync::Mutex<State>,
    /// Held while the keys are fetched, so that it happens once and whoever needs them waits.
    fetching: tokio::sync::Mutex<()>,
}

/// One RSA key.
#[derive(Clone)]
pub struct KnownKey {
    /// What signatures are checked with.
    pub key: DecodingKey,
    /// The channels whose tokens this key may sign (Bot Connector's own member of the key set).
    pub endorsements: Vec<String>,
}

impl fmt::Debug for KnownKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownKey").field("endorsements", &self.endorsements).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct State {
    keys: HashMap<String, KnownKey>,
    fetched: Option<Fetched>,
}

#[derive(Clone, Copy, Debug)]
struct Fetched {
    at: Timestamp,
    worked: bool,
}

impl State {
    /// Whether the keys are to be fetched for a token that names `kid`.
    fn is_due(&self, kid: &str, now: Timestamp) -> bool {
        let Some(fetched) = self.fetched else { return true };
        let wait = match (fetched.worked, self.keys.contains_key(kid)) {
            (true, true) => KEYS_LAST,
            (true, false) => FETCH_AT_MOST,
            (false, _) => FETCH_AGAIN,
        };
        let age = now.duration_since(fetched.at);
        age.is_negative() || age.unsigned_abs() >= wait
    }
}

impl KeyRing {
    /// A ring that is empty until a key is asked for.
    #[must_use]
    pub fn new(keys: Arc<dyn SigningKeys>) -> Self {
        Self { keys, state: std::sync::Mutex::default(), fetching: tokio::sync::Mutex::default() }
    }

    /// The key of this id; `None` when it is not the issuer's, as far as is known.
    pub async fn get(&self, kid: &str, now: Timestamp) -> Option<KnownKey> {
        if self.state().is_due(kid, now) {
            self.fetch(kid, now).await;
        }
        self.state().keys.get(kid).cloned()
    }

    async fn fetch(&self, kid: &str, now: Timestamp) {
        let _one = self.fetching.lock().await;
        // Somebody else may have fetched them while this waited.
        if !self.state().is_due(kid, now) {
            return;
        }
        let keys = match tokio::time::timeout(FETCH_DEADLINE, self.keys.fetch()).await {
            Ok(Ok(set)) => read_keys(&set),
            Ok(Err(error)) => {
                tracing::warn!(%error, "getting the issuer's keys failed");
                None
            }
            Err(_) => {
                tracing::warn!("getting the issuer's keys took too long");
                None
            }
        };
        let mut state = self.state();
        state.fetched = Some(Fetched { at: now, worked: keys.is_some() });
        // Without new keys the old ones stay.
        if let Some(keys) = keys {
            state.keys = keys;
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The RSA keys of a key set that have an id.
fn read_keys(set: &str) -> Option<HashMap<String, KnownKey>> {
    let set: KeySet = serde_json::from_str(set).ok()?;
    let keys = set.keys.into_iter().take(MOST_KEYS).filter_map(|key| {
        let usable = key.kty == "RSA" && key.usage.as_deref().unwrap_or("sig") == "sig";
        let decoding = DecodingKey::from_rsa_components(key.n.as_deref()?, key.e.as_deref()?);
        let known = KnownKey { key: decoding.ok()?, endorsements: key.endorsements };
        Some((key.kid.filter(|_| usable)?, known))
    });
    Some(keys.collect())
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    n: Option<String>,
    e: Option<String>,
    #[serde(default)]
    endorsements: Vec<String>,
}

/// The issuer's keys are looked up again after this time.
const KEYS_LAST: Duration = Duration::from_secs(24 * 3600);

/// An unknown key id makes us look again, at most this often.
const FETCH_AT_MOST: Duration = Duration::from_secs(60);

/// The same when the last time did not work.
const FETCH_AGAIN: Duration = Duration::from_secs(5);

const FETCH_DEADLINE: Duration = Duration::from_secs(20);
const MOST_KEYS: usize = 100;
