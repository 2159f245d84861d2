//! The token endpoint: one function per grant type.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use uuid::Uuid;

use super::clients::{self, Client, Kind, Proof};
use super::issue::{self, SignedIn, Tokens};
use super::keys::{BASE64URL, Keys};
use super::params::Params;
use super::refusal::Refusal;
use super::scopes::{Asked, Resource};
use super::sessions::DeviceState;
use super::{correlation, no_store, refused, tenant_of};
use crate::tenant::{LOCAL, SignIn};
use crate::wire::{Request, Response};
use crate::world::{Event, Sandbox, World};

/// Answers a token request.
pub(super) fn token(sandbox: &Sandbox, request: &Request, tenant: &str) -> Response {
    let mut attempt = Attempt::default();
    let result = {
        let mut world = sandbox.world();
        let result = redeem(&mut world, &sandbox.keys, request, tenant, &mut attempt);
        attempt.log(&mut world, request, result.as_ref());
        result.map_err(|refusal| refused(&mut world, request, &refusal))
    };
    result.map_or_else(|response| response, |tokens| no_store(tokens.response(sandbox)))
}

/// What is known of a sign-in so far, for the log.
#[derive(Debug, Default)]
pub(super) struct Attempt {
    pub(super) client: Option<(Uuid, String)>,
    pub(super) user: Option<Uuid>,
    pub(super) interactive: bool,
}

impl Attempt {
    fn log(&self, world: &mut World, request: &Request, result: Result<&Tokens, &Refusal>) {
        let error = result.err().map_or(0, |refusal| refusal.number);
        // A device that is still waiting is no sign-in yet.
        if error == PENDING {
            return;
        }
        let correlation = correlation(world, request);
        self.write(world, correlation, error, result.ok().map(|tokens| tokens.uti.clone()));
    }

    /// Adds a line to the sign-in log, if it is known which app it was.
    pub(super) fn write(
        &self,
        world: &mut World,
        correlation: Uuid,
        error: u32,
        token: Option<String>,
    ) {
        let Some((app_id, app_name)) = self.client.clone() else { return };
        let entry = SignIn {
            id: world.guid(),
            at: world.now(),
            visible: world.visible_at(),
            user: self.user,
            app_id,
            app_name,
            interactive: self.interactive,
            error,
            correlation,
            token,
            place: LOCAL,
            client: "Mobile Apps and Desktop clients",
        };
        let log = &mut world.tenant.audit.sign_ins;
        if log.len() >= MOST_SIGN_INS {
            log.drain(..MOST_SIGN_INS / 10);
        }
        log.push(entry);
        world.emit(Event::SignIn);
    }
}

fn redeem(
    world: &mut World,
    keys: &Keys,
    request: &Request,
    tenant: &str,
    attempt: &mut Attempt,
) -> Result<Tokens, Refusal> {
    if request.method != "POST" {
        return Err(Refusal::not_post(&request.method));
    }
    let mut form = Params::parse(&request.body);
    if let Some((id, secret)) = clients::basic(request) {
        form.push("client_id", id);
        form.push("client_secret", secret);
    }
    let named = tenant_of(world, tenant)?;
    if world.faults.fail_tokens_next > 0 {
        world.faults.fail_tokens_next -= 1;
        world.emit(Event::Faults);
        return Err(Refusal::unavailable());
    }
    let grant_type = form.need("grant_type")?.to_owned();
    if form.get("resource").is_some() {
        return Err(Refusal::resource_on_v2());
    }
    let client = clients::find(world, form.need("client_id")?)?;
    attempt.client = Some((client.app_id, client.name.clone()));
    let switched = world.faults.refuse_clients.get(&client.app_id);
    if let Some(refusal) = switched.and_then(|number| Refusal::of_client(*number, &client)) {
        return Err(refusal);
    }
    let url = format!("{}{}", request.origin, request.path);
    let proof = clients::authenticate(world, keys, &client, &form, &url)?;
    let grant = Redeeming { client, proof, form };
    match grant_type.as_str() {
        "authorization_code" => grant.code(world, attempt),
        "refresh_token" => grant.refresh(world, attempt),
        "client_credentials" if named => grant.client_credentials(world),
        "client_credentials" => Err(Refusal::no_tenant()),
        "password" => grant.password(world, attempt),
        "device_code" | "urn:ietf:params:oauth:grant-type:device_code" => {
            grant.device(world, attempt)
        }
        "user_fic" => grant.agent_user(world, keys, attempt),
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => grant.on_behalf_of(world, keys, attempt),
        other => Err(Refusal::grant_type(other)),
    }
}

/// A token request whose client is known.
#[derive(Debug)]
pub(super) struct Redeeming {
    pub(super) client: Client,
    pub(super) proof: Proof,
    pub(super) form: Params,
}

impl Redeeming {
    fn code(&self, world: &mut World, attempt: &mut Attempt) -> Result<Tokens, Refusal> {
        attempt.interactive = true;
        let now = world.now();
        let given = self.form.need("code")?.to_owned();
        let redirect_uri = self.form.need("redirect_uri")?;
        let code = world.sessions.codes.get_mut(&given).ok_or_else(Refusal::code)?;
        if code.client != self.client.app_id {
            return Err(Refusal::code());
        }
        attempt.user = Some(code.user);
        if code.used {
            return Err(Refusal::used_code());
        }
        if older(code.issued, CODE_LIFETIME, now) {
            return Err(Refusal::expired_code());
        }
        if code.redirect_uri != redirect_uri {
            return Err(Refusal::other_redirect());
        }
        if let Some(challenge) = &code.challenge {
            let verifier = self.form.get("code_verifier").ok_or_else(Refusal::verifier)?;
            let hashed = BASE64URL.encode(digest(&SHA256, verifier.as_bytes()));
            if hashed.as_bytes() != challenge.trim_end_matches('=').as_bytes() {
                return Err(Refusal::verifier());
            }
        }
        code.used = true;
        let code = code.clone();
        let asked = self.asked(world, &code.asked)?;
        self.switched(world)?;
        self.sign_in(world, code.user, &asked, code.cae, code.issued, code.nonce.as_deref())
    }

    fn refresh(&self, world: &mut World, attempt: &mut Attempt) -> Result<Tokens, Refusal> {
        let now = world.now();
        let given = self.form.need("refresh_token")?.to_owned();
        if !given.starts_with("1.") {
            return Err(Refusal::malformed());
        }
        let token = world.sessions.refresh.get(&given).ok_or_else(Refusal::refresh_token)?.clone();
        if token.client != self.client.app_id {
            return Err(Refusal::refresh_token());
        }
        attempt.user = Some(token.user);
        if older(token.issued, REFRESH_LIFETIME, now) {
            return Err(Refusal::idle());
        }
        let valid_from = issue::person(world, token.user)?.sessions_valid_from;
        if token.signed_in < valid_from {
            return Err(Refusal::revoked(token.signed_in, valid_from));
        }
        self.switched(world)?;
        let asked = self.asked(world, &token.asked)?;
        let tokens = issue::delegated(
            world,
            &SignedIn {
                client: &self.client,
                proof: self.proof,
                user: token.user,
                asked: &asked,
                cae: token.cae || self.cae(),
                nonce: None,
                at: token.signed_in,
                client_info: self.wants_client_info(),
                renew: true,
            },
        )?;
        Ok(tokens)
    }

    fn client_credentials(&self, world: &mut World) -> Result<Tokens, Refusal> {
        if self.proof == Proof::None {
            return Err(Refusal::no_credential());
        }
        let scope = self.form.need("scope")?;
        let asked = Asked::parse(scope, &world.tenant)?;
        if asked.default.is_none() {
            return Err(Refusal::only_default(scope));
        }
        // Bot Connector is in every tenant without being seen there.
        let unseen = matches!(asked.resource, Resource::Exchange | Resource::Connector);
        if !unseen {
            issue::resource_principal(world, asked.resource)?;
        }
        // From field reports: a blueprint may make its agents and vouch for them, and no more.
        let own = matches!(asked.resource, Resource::Exchange | Resource::Graph);
        if self.client.kind == Kind::Blueprint && !own {
            return Err(Refusal::closed_to_agents(self.client.app_id));
        }
        self.switched(world)?;
        // On the way to other resources the path means nothing.
        let path = self.form.get("fmi_path").filter(|_| asked.resource == Resource::Exchange);
        Ok(issue::app_only(world, &self.client, self.proof, &asked, path, self.cae()))
    }

    fn password(&self, world: &mut World, attempt: &mut Attempt) -> Result<Tokens, Refusal> {
        attempt.interactive = true;
        self.client.signs_people_in()?;
        let username = self.form.need("username")?;
        let password = self.form.need("password")?;
        let scope = self.form.need("scope")?;
        let asked = Asked::parse(scope, &world.tenant)?;
        let user = world
            .tenant
            .people
            .find(username)
            .ok_or_else(|| Refusal::unknown_user(&world.tenant.name))?;
        attempt.user = Some(user.id);
        let user = user.id;
        issue::check_password(world, user, password)?;
        let person = issue::person(world, user)?;
        if person.must_change_password && world.tenant.quirks.forced_change_stops_sign_in {
            return Err(Refusal::password_expired());
        }
        self.switched(world)?;
        let now = world.now();
        self.sign_in(world, user, &asked, self.cae(), now, None)
    }

    fn device(&self, world: &mut World, attempt: &mut Attempt) -> Result<Tokens, Refusal> {
        attempt.interactive = true;
        let now = world.now();
        let given = self.form.need("device_code")?.to_owned();
        let device = world.sessions.devices.get_mut(&given).ok_or_else(Refusal::device_code)?;
        if device.client != self.client.app_id {
            return Err(Refusal::device_code());
        }
        if older(device.issued, super::device::LIFETIME, now) {
            return Err(Refusal::device_expired());
        }
        let user = match device.state {
            DeviceState::Waiting => return Err(Refusal::device_pending()),
            DeviceState::Declined => return Err(Refusal::device_declined()),
            DeviceState::Done => return Err(Refusal::used_code()),
            DeviceState::Approved(user) => user,
        };
        attempt.user = Some(user);
        device.state = DeviceState::Done;
        let device = device.clone();
        let asked = self.asked(world, &device.asked)?;
        self.switched(world)?;
        self.sign_in(world, user, &asked, device.cae || self.cae(), now, None)
    }

    pub(super) fn sign_in(
        &self,
        world: &mut World,
        user: Uuid,
        asked: &Asked,
        cae: bool,
        at: Timestamp,
        nonce: Option<&str>,
    ) -> Result<Tokens, Refusal> {
        issue::delegated(
            world,
            &SignedIn {
                client: &self.client,
                proof: self.proof,
                user,
                asked,
                cae: cae || self.cae(),
                nonce,
                at,
                client_info: self.wants_client_info(),
                renew: false,
            },
        )
    }

    /// What this request asks for; what the sign-in asked for when it does not say.
    fn asked(&self, world: &World, before: &Asked) -> Result<Asked, Refusal> {
        match self.form.get("scope") {
            Some(scope) => Asked::parse(scope, &world.tenant),
            None => Ok(before.clone()),
        }
    }

    pub(super) fn wants_client_info(&self) -> bool {
        self.form.get("client_info") == Some("1")
    }

    pub(super) fn cae(&self) -> bool {
        self.form.get("claims").is_some_and(wants_challenges)
    }

    /// The switch that refuses every sign-in.
    pub(super) fn switched(&self, world: &World) -> Result<(), Refusal> {
        match world.faults.refuse_sign_ins.and_then(Refusal::by_number) {
            Some(refusal) => Err(refusal),
            None => Ok(()),
        }
    }
}

/// Whether a `claims` parameter says that the client can be challenged.
pub(super) fn wants_challenges(claims: &str) -> bool {
    let claims: Value = serde_json::from_str(claims).unwrap_or_default();
    claims.pointer("/access_token/xms_cc/values").and_then(Value::as_array).is_some_and(|values| {
        values
            .iter()
            .any(|value| value.as_str().is_some_and(|value| value.eq_ignore_ascii_case("cp1")))
    })
}

/// Whether more than `lifetime` has passed.
pub(super) fn older(since: Timestamp, lifetime: SignedDuration, now: Timestamp) -> bool {
    now.duration_since(since) > lifetime
}

const CODE_LIFETIME: SignedDuration = SignedDuration::from_mins(10);
const REFRESH_LIFETIME: SignedDuration = SignedDuration::from_hours(90 * 24);
/// `authorization_pending`.
const PENDING: u32 = 70016;
const MOST_SIGN_INS: usize = 50_000;

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hyper::HeaderMap;

    use super::*;
    use crate::settings::Settings;
    use crate::tenant::{SAMPLE_CLI_APP, Tenant};
    use crate::wire::Service;

    fn request(form: &str) -> Request {
        Request {
            service: Service::Login,
            method: "POST".to_owned(),
            path: "/contoso.com/oauth2/v2.0/token".to_owned(),
            query: None,
            headers: HeaderMap::new(),
            body: Bytes::from(format!("client_id={SAMPLE_CLI_APP}&{form}")),
            origin: "https://login.microsoftonline.com".to_owned(),
        }
    }

    #[test]
    fn every_sign_in_is_logged_and_waiting_devices_are_not() {
        let (sandbox, _changes) = Sandbox::new(Settings::default(), Tenant::sample(1, 20));
        let before = sandbox.world().tenant.audit.sign_ins.len();
        let password = "grant_type=password&username=doug@contoso.com&scope=User.Read&password=";
        for form in [
            format!("{password}wrong"),
            format!("{password}Sandbox%211"),
            "grant_type=device_code&device_code=x".to_owned(),
        ] {
            token(&sandbox, &request(&form), "contoso.com");
        }
        let device = "scope=User.Read";
        let started = super::super::device::start(&sandbox, &request(device), "contoso.com");
        let crate::wire::Body::Json(started) = started.body else { panic!("no device code") };
        let code = started["device_code"].as_str().expect("a code");
        let poll = format!("grant_type=device_code&device_code={code}");
        token(&sandbox, &request(&poll), "contoso.com");

        let world = sandbox.world();
        let doug = world.tenant.people.find("doug@contoso.com").expect("Doug").id;
        let logged: Vec<(Option<Uuid>, u32, bool, bool)> = world.tenant.audit.sign_ins[before..]
            .iter()
            .map(|one| (one.user, one.error, one.interactive, one.token.is_some()))
            .collect();
        assert_eq!(
            logged,
            [
                (Some(doug), 50126, true, false),
                (Some(doug), 0, true, true),
                (None, 70018, true, false),
            ]
        );
    }
}
