use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde::Deserialize;
use subtwin_edge::KeyRing;
use subtwin_kernel::{AppId, Clock, TenantId};

use crate::ears::Keys;
use crate::service_url::ServiceUrl;
use crate::{Allowed, Settings};

/// Why nobody vouches for an activity. The sender learns only that it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("there is no bearer token")]
    Missing,
    #[error("the token is not an RS256 JWT with a key id")]
    Malformed,
    #[error("the token's issuer is neither Bot Connector nor the own tenant")]
    Issuer,
    #[error("the token's key is not one of the issuer's")]
    Key,
    #[error("the token's signature is wrong")]
    Signature,
    #[error("the token has expired, or is not yet valid")]
    Time,
    #[error("the token is for another app")]
    Audience,
    #[error("the token is of the own tenant, and of no app that is listed in `callers`")]
    Caller,
    #[error("the token's tenant is not its issuer's")]
    Tenant,
    #[error("the token's key is not endorsed for the channel")]
    Endorsement,
    #[error("the activity's service is not the one the token names")]
    Service,
}

/// A token that passed every check that does not need the activity.
#[derive(Debug)]
pub(crate) struct Vouched {
    issuer: Issuer,
    endorsements: Vec<String>,
    service_url: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Issuer {
    Connector,
    Tenant,
}

/// Checks the tokens that activities come with. Always on: there is no way to run without.
#[derive(Debug)]
pub(crate) struct Voucher {
    app: AppId,
    tenant: TenantId,
    callers: Vec<AppId>,
    connector: KeyRing,
    tenants: KeyRing,
    clock: Arc<dyn Clock>,
}

impl Voucher {
    pub(crate) fn new(settings: &Settings, keys: Keys, clock: Arc<dyn Clock>) -> Self {
        Self {
            app: settings.app,
            tenant: settings.tenant,
            callers: settings.callers.clone(),
            connector: KeyRing::new(keys.connector),
            tenants: KeyRing::new(keys.tenant),
            clock,
        }
    }

    pub(crate) async fn vouch(&self, headers: &HeaderMap) -> Result<Vouched, Refused> {
        let mut given = headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (given.next(), given.next()) else {
            return Err(Refused::Missing);
        };
        let value = value.to_str().map_err(|_| Refused::Missing)?;
        let (scheme, token) = value.split_once(' ').ok_or(Refused::Missing)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Refused::Missing);
        }
        self.check(token.trim()).await
    }

    async fn check(&self, token: &str) -> Result<Vouched, Refused> {
        if token.len() > LONGEST_TOKEN {
            return Err(Refused::Malformed);
        }
        let header = decode_header(token).map_err(|_| Refused::Malformed)?;
        let (Algorithm::RS256, Some(kid)) = (header.alg, header.kid) else {
            return Err(Refused::Malformed);
        };
        // Says only whose keys to look in; nothing is believed before the signature is checked.
        let issuer = self.issuer(&claimed_issuer(token).ok_or(Refused::Malformed)?)?;
        let now = self.clock.now();
        let keys = match issuer {
            Issuer::Connector => &self.connector,
            Issuer::Tenant => &self.tenants,
        };
        let known = keys.get(&kid, now).await.ok_or(Refused::Key)?;

        // The claims are checked below, against our clock.
        let mut validation = Validation::new(Algorithm::RS256);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let claims = decode::<Claims>(token, &known.key, &validation)
            .map_err(|error| match error.kind() {
                jsonwebtoken::errors::ErrorKind::InvalidSignature => Refused::Signature,
                _ => Refused::Malformed,
            })?
            .claims;
        self.judge(&claims, issuer, now)?;
        Ok(Vouched { issuer, endorsements: known.endorsements, service_url: claims.service_url })
    }

    fn issuer(&self, claimed: &str) -> Result<Issuer, Refused> {
        if claimed == CONNECTOR {
            return Ok(Issuer::Connector);
        }
        let ours = [
            format!("https://sts.windows.net/{}/", self.tenant),
            format!("https://login.microsoftonline.com/{}/v2.0", self.tenant),
        ];
        if ours.iter().any(|issuer| issuer == claimed) {
            return Ok(Issuer::Tenant);
        }
        Err(Refused::Issuer)
    }

    fn judge(&self, claims: &Claims, issuer: Issuer, now: Timestamp) -> Result<(), Refused> {
        let moment = |seconds: i64| Timestamp::from_second(seconds).map_err(|_| Refused::Malformed);
        let until = moment(claims.exp)?.checked_add(SKEW).map_err(|_| Refused::Malformed)?;
        let from = match claims.nbf {
            Some(nbf) => moment(nbf)?.checked_sub(SKEW).map_err(|_| Refused::Malformed)?,
            None => Timestamp::MIN,
        };
        if now < from || until <= now {
            return Err(Refused::Time);
        }
        if claims.aud.parse::<AppId>().ok() != Some(self.app) {
            return Err(Refused::Audience);
        }
        if self.issuer(&claims.iss)? != issuer {
            return Err(Refused::Issuer);
        }
        if issuer == Issuer::Tenant {
            if claims.tid.as_deref().and_then(|tid| tid.parse().ok()) != Some(self.tenant) {
                return Err(Refused::Tenant);
            }
            // `appid` in a v1 token, `azp` in a v2 one.
            let mut callers = claims.appid.iter().chain(&claims.azp).peekable();
            let listed = |id: &String| id.parse().is_ok_and(|id| self.callers.contains(&id));
            if callers.peek().is_none() || !callers.all(listed) {
                return Err(Refused::Caller);
            }
        }
        Ok(())
    }
}

impl Vouched {
    /// Whether the token vouches for an activity of this channel that lives at this service.
    pub(crate) fn covers(
        &self,
        channel: &str,
        service: &ServiceUrl,
        allowed: &Allowed,
    ) -> Result<(), Refused> {
        if self.issuer == Issuer::Connector
            && !self.endorsements.iter().any(|endorsed| endorsed == channel)
        {
            return Err(Refused::Endorsement);
        }
        match (&self.service_url, self.issuer) {
            (Some(named), _) if allowed.check(named).as_ref() == Some(service) => Ok(()),
            // Entra puts no such claim into its tokens. The list of allowed services stands alone.
            (None, Issuer::Tenant) => Ok(()),
            (Some(_) | None, _) => Err(Refused::Service),
        }
    }
}

fn claimed_issuer(token: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice::<Claimed>(&payload).ok().map(|claimed| claimed.iss)
}

#[derive(Deserialize)]
struct Claimed {
    iss: String,
}

#[derive(Deserialize)]
struct Claims {
    aud: String,
    iss: String,
    exp: i64,
    nbf: Option<i64>,
    tid: Option<String>,
    appid: Option<String>,
    azp: Option<String>,
    /// In lower case, unlike the activity's field.
    #[serde(rename = "serviceurl")]
    service_url: Option<String>,
}

/// Bot Connector, as its tokens name it ("Authentication with the Bot Connector API").
const CONNECTOR: &str = "https://api.botframework.com";

/// How far the issuer's clock may be from ours: what Bot Connector's documentation allows.
const SKEW: Duration = Duration::from_secs(5 * 60);

const LONGEST_TOKEN: usize = 16 * 1024;
