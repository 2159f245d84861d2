use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;
use subtwin_edge::{KeyRing, SigningKeys};
use subtwin_kernel::{AppId, Clock, TenantId};

use crate::Settings;

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
    keys: KeyRing,
    clock: Arc<dyn Clock>,
    state: std::sync::Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Digests of tokens found good, and until when they are.
    good: HashMap<[u8; 32], Timestamp>,
}

impl State {
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
            keys: KeyRing::new(keys),
            clock,
            state: std::sync::Mutex::default(),
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
        let known = self.keys.get(&kid, now).await.ok_or(VouchError::Key)?;
        let until = self.judge(token, &known.key, now)?;
        self.state().remember(name, until, now);
        Ok(())
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

#[derive(Deserialize)]
struct Claims {
    aud: String,
    iss: String,
    exp: i64,
    nbf: Option<i64>,
    appid: Option<String>,
    azp: Option<String>,
}

/// The app id of "Microsoft Graph Change Tracking", which sends all notifications.
pub(crate) const PUBLISHER: &str = "0bf30f3b-4a52-48df-9a82-234910c4a086";

/// How far the issuer's clock may be from ours.
const SKEW: Duration = Duration::from_secs(60);

const LONGEST_TOKEN: usize = 16 * 1024;
const MOST_TOKENS: usize = 8;
const MOST_GOOD: usize = 64;
