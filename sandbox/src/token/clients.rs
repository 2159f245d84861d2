//! Which app asks, and whether it is who it says.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use percent_encoding::percent_decode_str;
use uuid::Uuid;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::keys::{Jws, Keys, thumbprint_sha1, thumbprint_sha256};
use super::params::Params;
use super::refusal::Refusal;
use super::{agent, federated};
use crate::tenant::{KeyCredential, PrincipalKind};
use crate::wire::{Request, field};
use crate::world::World;

/// An app that takes part in a sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Client {
    pub(super) app_id: Uuid,
    pub(super) name: String,
    /// Its service principal.
    pub(super) principal: Uuid,
    /// May sign people in without a credential of its own.
    pub(super) public: bool,
    pub(super) kind: Kind,
}

/// What kind of app it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    /// A blueprint for agents.
    Blueprint,
    /// An agent identity.
    Agent {
        /// Application id of its blueprint.
        blueprint: Uuid,
    },
}

impl Client {
    /// Refuses flows in which a person signs in at the app: agents have none of them.
    pub(super) fn signs_people_in(&self) -> Result<(), Refusal> {
        match self.kind {
            Kind::Plain => Ok(()),
            Kind::Blueprint | Kind::Agent { .. } => Err(Refusal::closed_to_agents(self.app_id)),
        }
    }
}

/// What a client showed to prove who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    None,
    Secret,
    Certificate,
    /// An assertion of somebody the client trusts.
    Federated,
}

impl Proof {
    /// `appidacr`.
    pub(super) fn level(self) -> &'static str {
        match self {
            Self::None => "0",
            Self::Secret => "1",
            Self::Certificate | Self::Federated => "2",
        }
    }
}

/// The client with this id, if it may be used in this tenant.
pub(super) fn find(world: &World, id: &str) -> Result<Client, Refusal> {
    let tenant = &world.tenant;
    let principal = Uuid::try_parse(id)
        .ok()
        .and_then(|app_id| tenant.apps.principal_of(app_id))
        .ok_or_else(|| Refusal::unknown_client(id, &tenant.name))?;
    if !principal.enabled {
        return Err(Refusal::disabled_client(principal.app_id, &principal.display_name));
    }
    let application = tenant.apps.application(principal.app_id);
    if application.is_some_and(|app| app.disabled) {
        return Err(Refusal::disabled_client(principal.app_id, &principal.display_name));
    }
    let kind = match &principal.kind {
        PrincipalKind::Application => Kind::Plain,
        PrincipalKind::Blueprint(_) => Kind::Blueprint,
        PrincipalKind::Agent(agent) => Kind::Agent { blueprint: agent.blueprint },
    };
    Ok(Client {
        app_id: principal.app_id,
        name: principal.display_name.clone(),
        principal: principal.id,
        // Apps of other tenants that are only known as a service principal: command lines.
        public: kind == Kind::Plain && application.is_none_or(|app| app.public_client),
        kind,
    })
}

/// `client_id` and `client_secret` from an `Authorization: Basic` header, as OAuth 2.0 §2.3.1
/// encodes them.
pub(super) fn basic(request: &Request) -> Option<(String, String)> {
    let (scheme, value) = request.header("authorization")?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    Some((decode(id), decode(secret)))
}

/// Checks the client's credential. `token_url` is where the request was sent.
pub(super) fn authenticate(
    world: &mut World,
    keys: &Keys,
    client: &Client,
    form: &Params,
    token_url: &str,
) -> Result<Proof, Refusal> {
    let application = world.tenant.apps.application(client.app_id);
    let has_any = application.is_some_and(|app| !app.keys.is_empty() || !app.secrets.is_empty());
    let secret = form.get("client_secret");
    let assertion = form.get("client_assertion");
    if client.public && !has_any && (secret.is_some() || assertion.is_some()) {
        return Err(Refusal::public_with_credential());
    }
    if let Some(assertion) = assertion {
        let kind = form.need("client_assertion_type")?;
        if kind != ASSERTION_TYPE {
            return Err(Refusal::malformed());
        }
        if let Kind::Agent { blueprint } = client.kind {
            agent::vouched(world, keys, client, blueprint, assertion)?;
            return Ok(Proof::Federated);
        }
        if federated::foreign(assertion) {
            federated::check(world, keys, client, assertion)?;
            return Ok(Proof::Federated);
        }
        let keys = application.map_or(&[][..], |app| &app.keys);
        let now = world.now();
        let jti = check_assertion(assertion, keys, client.app_id, token_url, now)?;
        let once = (client.app_id, jti);
        if world.sessions.assertions.get(&once).is_some() {
            return Err(Refusal::assertion("The assertion was already used."));
        }
        world.sessions.assertions.insert(once, ());
        return Ok(Proof::Certificate);
    }
    if let Some(secret) = secret {
        let now = world.now();
        let own = application.map_or(&[][..], |app| &app.secrets);
        let kept = world.tenant.manifests.get(client.principal);
        let kept = kept.map_or(&[][..], |manifest| &manifest.secrets);
        let known = own.iter().chain(kept).find(|known| known.secret.is(secret));
        return match known {
            Some(known) if known.end <= now => Err(Refusal::expired_key(client.app_id)),
            Some(_) => Ok(Proof::Secret),
            None => Err(Refusal::wrong_secret(client.app_id)),
        };
    }
    if client.public { Ok(Proof::None) } else { Err(Refusal::no_credential()) }
}

/// Checks a client assertion (RFC 7523) as leniently as shipped clients need. Returns its `jti`.
fn check_assertion(
    assertion: &str,
    keys: &[KeyCredential],
    app_id: Uuid,
    token_url: &str,
    now: Timestamp,
) -> Result<String, Refusal> {
    let jws = Jws::parse(assertion).ok_or_else(|| Refusal::assertion("It is not a JWT."))?;
    let key = keys
        .iter()
        .find(|key| {
            let names = |member: &str, thumbprint: &str| {
                let own = field(&jws.header, member).as_str();
                own.is_some_and(|own| own.trim_end_matches('=') == thumbprint)
            };
            let der = &key.certificate;
            names("x5t#S256", &thumbprint_sha256(der)) || names("x5t", &thumbprint_sha1(der))
        })
        .ok_or_else(|| Refusal::assertion("[Reason - The key was not found.]"))?;
    let verifies = X509Certificate::from_der(&key.certificate)
        .is_ok_and(|(_, certificate)| jws.verifies(certificate.public_key().raw));
    if !verifies {
        return Err(Refusal::assertion("[Reason - The provided signature value did not match.]"));
    }
    if key.end < now {
        return Err(Refusal::expired_key(app_id));
    }
    for claim in ["iss", "sub"] {
        if field(&jws.claims, claim).as_str().and_then(|id| Uuid::try_parse(id).ok())
            != Some(app_id)
        {
            return Err(Refusal::assertion(&format!("Its '{claim}' is not the client's id.")));
        }
    }
    if !audience(field(&jws.claims, "aud").as_str().unwrap_or_default(), token_url) {
        return Err(Refusal::assertion("Its audience is not this token endpoint."));
    }
    let seconds = now.as_second();
    let expires = jws.seconds("exp").ok_or_else(|| Refusal::assertion_time("It has no 'exp'."))?;
    if expires.saturating_add(SKEW.as_secs()) < seconds {
        return Err(Refusal::assertion_time("It has expired."));
    }
    let starts = jws.seconds("nbf").or_else(|| jws.seconds("iat"));
    if starts.is_some_and(|starts| starts > seconds.saturating_add(SKEW.as_secs())) {
        return Err(Refusal::assertion_time("It is not valid yet."));
    }
    field(&jws.claims, "jti")
        .as_str()
        .filter(|jti| !jti.is_empty() && jti.len() <= 256)
        .map(str::to_owned)
        .ok_or_else(|| Refusal::assertion("It has no 'jti'."))
}

/// Clients write the token endpoint in several ways: with the tenant's id, its domain or `common`,
/// under another name of the login host, and some name the authority only.
fn audience(aud: &str, token_url: &str) -> bool {
    let aud = aud.trim_end_matches('/').to_ascii_lowercase();
    let host = token_url.split('/').nth(2).unwrap_or_default();
    let Some((aud_host, path)) =
        aud.strip_prefix("https://").map(|rest| rest.split_once('/').unwrap_or((rest, "")))
    else {
        return false;
    };
    let known = [
        "login.microsoftonline.com",
        "login.windows.net",
        "login.microsoft.com",
        "sts.windows.net",
    ];
    (known.contains(&aud_host) || aud_host.eq_ignore_ascii_case(host))
        && (path.ends_with("/oauth2/v2.0/token")
            || path.ends_with("/oauth2/token")
            || path.ends_with("/v2.0")
            || !path.contains('/'))
}

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How far clocks may differ.
pub(super) const SKEW: SignedDuration = SignedDuration::from_mins(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_audience_may_be_any_spelling_of_the_token_endpoint() {
        let here = "https://localhost:8443/contoso.com/oauth2/v2.0/token";
        for good in [
            "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token",
            "https://login.microsoftonline.com/0b3d/oauth2/token",
            "https://login.microsoftonline.com/0b3d/v2.0",
            "https://LOCALHOST:8443/contoso.com/oauth2/v2.0/token",
            "https://sts.windows.net/0b3d/",
        ] {
            assert!(audience(good, here), "{good}");
        }
        for bad in
            ["", "https://evil.example/x/oauth2/v2.0/token", "https://graph.microsoft.com/a/b"]
        {
            assert!(!audience(bad, here), "{bad}");
        }
    }
}
