use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::digest;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use subtwin_kernel::{AppId, Clock, TenantId};

use crate::Settings;

/// Where the keys come from that validation tokens are signed with: the `jwks_uri` of the
/// tenant-common OpenID document.
#[async_trait]
pub trait SigningKeys: Send + Sync + fmt::Debug {
    /// Gets the JSON Web Key Set. Bounds its size and has a deadline.
    ///
    /// # Errors
    /// When it cannot be had.
    async fn fetch(&self) -> Result<String, Box<dyn std::error::Error + Send + Sync>>;
}

/// Why a notification's validation tokens do not vouch for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum VouchError {
    #[error("there is no validation token")]
    Missing,
    #[error("the token is not an RS256 JWT with a key id")]
    Malformed,
    #[error("the token's key is not one of the issuer's")]
    Key,
    #[error("the token's signature is wrong")]
    Signature,
    #[error("the token has expired, or is not yet valid")]
    Time,
    #[error("the token is for another app")]
    Audience,
    #[error("the token is from another issuer")]
    Issuer,
    #[error("the token was not given to the notification service")]
    Publisher,
}

/// Checks validation tokens.
#[derive(Debug)]
pub(crate) struct Voucher {
    app: AppId,
    issuer: String,
    keys: Arc<dyn SigningKeys>,
    clock: Arc<dyn Clock>,
    state: std::sync::Mutex<State>,
    /// Held while the keys are fetched, so that it happens once and whoever needs them waits.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    keys: HashMap<String, DecodingKey>,
    fetched: Option<Fetched>,
    /// Digests of tokens found good, and until when they are.
    good: HashMap<[u8; 32], Timestamp>,
}

#[derive(Clone, Copy)]
struct Fetched {
    at: Timestamp,
    worked: bool,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
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

    fn remember(&mut self, token: [u8; 32], until: Timestamp, now: Timestamp) {
        if self.good.len() >= MOST_GOOD {
            self.good.retain(|_, until| now < *until);
        }
        if self.good.len() < MOST_GOOD {
            self.good.insert(token, until);
        }
    }
}

impl Voucher {
    pub(crate) fn new(
        settings: &Settings,
        keys: Arc<dyn SigningKeys>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            app: settings.app,
            issuer: issuer(&settings.issuer_base, settings.tenant),
            keys,
            clock,
            state: std::sync::Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
        }
    }

    /// Whether one of the tokens says that the notification service sends for our app and tenant.
    /// A post may carry one token for each app and tenant it is for.
    pub(crate) async fn vouches(&self, tokens: &[String]) -> Result<(), VouchError> {
        let mut why = VouchError::Missing;
        for token in tokens.iter().take(MOST_TOKENS) {
            match self.check(token).await {
                Ok(()) => return Ok(()),
                Err(error) => why = error,
            }
        }
        Err(why)
    }

    async fn check(&self, token: &str) -> Result<(), VouchError> {
        if token.len() > LONGEST_TOKEN {
            return Err(VouchError::Malformed);
        }
        let mut name = [0; 32];
        name.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
        let now = self.clock.now();
        if self.state().good.get(&name).is_some_and(|until| now < *until) {
            return Ok(());
        }
        let header = decode_header(token).map_err(|_| VouchError::Malformed)?;
        let (Algorithm::RS256, Some(kid)) = (header.alg, header.kid) else {
            return Err(VouchError::Malformed);
        };
        if self.state().is_due(&kid, now) {
            self.fetch(&kid, now).await;
        }
        let key = self.state().keys.get(&kid).cloned().ok_or(VouchError::Key)?;
        let until = self.judge(token, &key, now)?;
        self.state().remember(name, until, now);
        Ok(())
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

    /// Every check that a token must pass; until when it passes.
    fn judge(
        &self,
        token: &str,
        key: &DecodingKey,
        now: Timestamp,
    ) -> Result<Timestamp, VouchError> {
        // The claims are checked below, against our clock.
        let mut validation = Validation::new(Algorithm::RS256);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let claims = decode::<Claims>(token, key, &validation)
            .map_err(|error| match error.kind() {
                jsonwebtoken::errors::ErrorKind::InvalidSignature => VouchError::Signature,
                _ => VouchError::Malformed,
            })?
            .claims;
        let until = Timestamp::from_second(claims.exp)
            .ok()
            .and_then(|at| at.checked_add(SKEW).ok())
            .ok_or(VouchError::Malformed)?;
        let from = match claims.nbf {
            Some(nbf) => Timestamp::from_second(nbf)
                .ok()
                .and_then(|at| at.checked_sub(SKEW).ok())
                .ok_or(VouchError::Malformed)?,
            None => Timestamp::MIN,
        };
        if now < from || until <= now {
            return Err(VouchError::Time);
        }
        if claims.aud.parse::<AppId>().ok() != Some(self.app) {
            return Err(VouchError::Audience);
        }
        if claims.iss != self.issuer {
            return Err(VouchError::Issuer);
        }
        // `appid` in a v1 token, `azp` in a v2 one. Without this check any app of the tenant could
        // forge notifications.
        let publishers: Vec<_> = claims.appid.iter().chain(&claims.azp).collect();
        if publishers.is_empty() || publishers.iter().any(|id| !id.eq_ignore_ascii_case(PUBLISHER))
        {
            return Err(VouchError::Publisher);
        }
        Ok(until)
    }
}

/// Who issues validation tokens for a tenant.
fn issuer(base: &str, tenant: TenantId) -> String {
    format!("{}/{tenant}/", base.trim_end_matches('/'))
}

/// The RSA keys of a key set that have an id.
fn read_keys(set: &str) -> Option<HashMap<String, DecodingKey>> {
    let set: KeySet = serde_json::from_str(set).ok()?;
    let keys = set.keys.into_iter().take(MOST_KEYS).filter_map(|key| {
        let usable = key.kty == "RSA" && key.usage.as_deref().unwrap_or("sig") == "sig";
        let decoding = DecodingKey::from_rsa_components(key.n.as_deref()?, key.e.as_deref()?);
        Some((key.kid.filter(|_| usable)?, decoding.ok()?))
    });
    Some(keys.collect())
}

#[derive(Deserialize)]
struct Claims {
    aud: String,
    iss: String,
    exp: i64,
    nbf: Option<i64>,
    appid: Option<String>,
    azp: Option<String>,
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
}

/// The app id of "Microsoft Graph Change Tracking", which sends all notifications.
pub(crate) const PUBLISHER: &str = "0bf30f3b-4a52-48df-9a82-234910c4a086";

/// How far the issuer's clock may be from ours.
const SKEW: Duration = Duration::from_secs(60);

/// The issuer's keys are looked up again after this time.
const KEYS_LAST: Duration = Duration::from_secs(24 * 3600);

/// An unknown key id makes us look again, at most this often.
const FETCH_AT_MOST: Duration = Duration::from_secs(60);

/// The same when the last time did not work.
const FETCH_AGAIN: Duration = Duration::from_secs(5);

const FETCH_DEADLINE: Duration = Duration::from_secs(20);

const LONGEST_TOKEN: usize = 16 * 1024;
const MOST_TOKENS: usize = 8;
const MOST_GOOD: usize = 64;
const MOST_KEYS: usize = 100;
