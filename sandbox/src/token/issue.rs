//! What is inside tokens, and who they speak for when they come back.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::agent;
use super::clients::{Client, Kind, Proof};
use super::keys::BASE64URL;
use super::refusal::Refusal;
use super::scopes::{Asked, Resource};
use super::sessions::{Names, Refresh, Verified, Wrong};
use crate::graph::Caller;
use crate::tenant::User;
use crate::wire::Response;
use crate::world::{Sandbox, World};

/// Tokens about to be signed. Signing is slow, so it happens after the world was let go.
#[derive(Debug)]
pub(super) struct Tokens {
    access: Value,
    verified: Verified,
    id: Option<Value>,
    refresh: Option<String>,
    scope: Option<String>,
    client_info: Option<String>,
    lifetime: i64,
    /// `uti` of the access token, for the sign-in log.
    pub(super) uti: String,
}

/// A person's sign-in that tokens are issued for.
#[derive(Debug)]
pub(super) struct SignedIn<'a> {
    pub(super) client: &'a Client,
    pub(super) proof: Proof,
    pub(super) user: Uuid,
    pub(super) asked: &'a Asked,
    /// Asked for `xms_cc` `cp1`.
    pub(super) cae: bool,
    pub(super) nonce: Option<&'a str>,
    /// When the person signed in: refresh tokens are as old as this.
    pub(super) at: Timestamp,
    /// Wants `client_info`.
    pub(super) client_info: bool,
    /// Redeeming a refresh token gives another, whatever was asked.
    pub(super) renew: bool,
}

/// Tokens for a person: consent is checked here.
pub(super) fn delegated(world: &mut World, sign_in: &SignedIn<'_>) -> Result<Tokens, Refusal> {
    let SignedIn { client, asked, .. } = *sign_in;
    let user = person(world, sign_in.user)?.clone();
    admitted(world, client, user.id)?;
    let granted = consented(world, client, &user, asked)?;
    let times = Times::now(world);
    let uti = uti(world);
    let tenant = world.tenant.id;
    let scp: Names = granted
        .iter()
        .cloned()
        .chain(
            asked
                .sign_in
                .iter()
                .filter(|name| **name != "offline_access")
                .map(|name| (*name).to_owned()),
        )
        .collect();

    let audience = Audience::of(world, asked);
    let mut access = common(world, client, sign_in.proof, &audience, &times, &uti);
    access.extend(agent::claims(client, Some(&user)).into_iter().map(owned));
    let named = if audience.v2 { ["preferred_username", ""] } else { ["upn", "unique_name"] };
    let claims = [
        ("idtyp", json!("user")),
        ("oid", json!(user.id)),
        ("sub", json!(subject(user.id, Uuid::nil()))),
        ("acct", json!(i32::from(user.guest))),
        ("acr", json!("1")),
        ("amr", json!(["pwd"])),
        ("name", json!(user.display_name)),
        ("given_name", json!(user.given_name)),
        ("family_name", json!(user.surname)),
        (named[0], json!(user.upn)),
        (named[1], json!(user.upn)),
        ("scp", json!(scp.iter().map(String::as_str).collect::<Vec<_>>().join(" "))),
        ("wids", world.tenant.roles.of(user.id).map(|role| json!(role.template)).collect()),
        ("xms_idrel", json!("1")),
        ("xms_cc", if sign_in.cae { json!(["cp1"]) } else { Value::Null }),
    ];
    access
        .extend(claims.into_iter().filter(|(name, v)| !name.is_empty() && !v.is_null()).map(owned));

    let id = asked.signs_in("openid").then(|| {
        let mut claims = json!({
            "ver": "2.0",
            "iss": format!("https://login.microsoftonline.com/{tenant}/v2.0"),
            "sub": subject(user.id, client.app_id),
            "aud": client.app_id,
            "exp": times.expires.as_second(),
            "iat": times.issued.as_second(),
            "nbf": times.issued.as_second(),
            "name": user.display_name,
            "preferred_username": user.upn,
            "oid": user.id,
            "tid": tenant,
            "uti": uti,
        });
        if let Some(claims) = claims.as_object_mut() {
            if let Some(nonce) = sign_in.nonce {
                claims.insert("nonce".to_owned(), nonce.into());
            }
            if let (true, Some(mail)) = (asked.signs_in("email"), &user.mail) {
                claims.insert("email".to_owned(), mail.as_str().into());
            }
        }
        claims
    });

    let refresh = (sign_in.renew || asked.signs_in("offline_access")).then(|| {
        let token = format!("1.{}", secret(world, 6));
        let entry = Refresh {
            client: client.app_id,
            user: user.id,
            asked: asked.clone(),
            cae: sign_in.cae,
            signed_in: sign_in.at,
            issued: times.issued,
        };
        world.sessions.refresh.insert(token.clone(), entry);
        token
    });
    let client_info = sign_in
        .client_info
        .then(|| BASE64URL.encode(json!({"uid": user.id, "utid": tenant}).to_string()));
    let caller = Caller {
        app_id: client.app_id,
        app_name: client.name.clone(),
        principal: client.principal,
        user: Some(user.id),
        permissions: scp,
        issued: times.issued,
        expires: times.expires,
        cae: sign_in.cae,
    };
    Ok(Tokens {
        access: access.into(),
        verified: Verified { caller, audience: audience.aud },
        id,
        refresh,
        scope: Some(echo(asked, &granted)),
        client_info,
        lifetime: times.lifetime(),
        uti,
    })
}

/// An app-only token.
pub(super) fn app_only(
    world: &mut World,
    client: &Client,
    proof: Proof,
    asked: &Asked,
    fmi_path: Option<&str>,
    cae: bool,
) -> Tokens {
    let resource = asked.resource;
    let times = Times::now(world);
    let uti = uti(world);
    let mut roles: Names = resource_principal(world, resource)
        .map(|api| world.tenant.apps.roles_of(client.principal, api))
        .unwrap_or_default();
    // Every blueprint may make identities of its own (Graph, "Create agentIdentity").
    if client.kind == Kind::Blueprint {
        roles.insert("AgentIdentity.CreateAsManager".to_owned());
    }
    roles.retain(|role| resource.has_role(role));
    let audience = Audience::of(world, asked);
    let mut access = common(world, client, proof, &audience, &times, &uti);
    access.extend(agent::claims(client, None).into_iter().map(owned));
    let subject = fmi_path.map_or_else(
        || client.principal.to_string(),
        |path| agent::vouching(world.tenant.id, client.app_id, path),
    );
    access.insert("idtyp".to_owned(), "app".into());
    access.insert("oid".to_owned(), json!(client.principal));
    access.insert("sub".to_owned(), subject.into());
    access.insert("xms_idrel".to_owned(), "7".into());
    if !roles.is_empty() {
        access.insert("roles".to_owned(), json!(roles));
    }
    if cae {
        access.insert("xms_cc".to_owned(), json!(["cp1"]));
    }
    let caller = Caller {
        app_id: client.app_id,
        app_name: client.name.clone(),
        principal: client.principal,
        user: None,
        permissions: roles,
        issued: times.issued,
        expires: times.expires,
        cae,
    };
    Tokens {
        access: access.into(),
        verified: Verified { caller, audience: audience.aud },
        id: None,
        refresh: None,
        scope: None,
        client_info: None,
        lifetime: times.lifetime(),
        uti,
    }
}

impl Tokens {
    /// Signs them and answers the token request.
    pub(super) fn response(self, sandbox: &Sandbox) -> Response {
        let signing = sandbox.keys.signing();
        let access = signing.sign(&self.access);
        // We know it is genuine: the first call with it need not find out.
        sandbox.world().sessions.verified.insert(fingerprint(&access), self.verified);
        let mut body = Map::new();
        body.insert("token_type".to_owned(), "Bearer".into());
        if let Some(scope) = self.scope {
            body.insert("scope".to_owned(), scope.into());
        }
        body.insert("expires_in".to_owned(), self.lifetime.into());
        body.insert("ext_expires_in".to_owned(), self.lifetime.into());
        body.insert("access_token".to_owned(), access.into());
        if let Some(refresh) = self.refresh {
            body.insert("refresh_token".to_owned(), refresh.into());
        }
        if let Some(id) = self.id {
            body.insert("id_token".to_owned(), signing.sign(&id).into());
        }
        if let Some(client_info) = self.client_info {
            body.insert("client_info".to_owned(), client_info.into());
        }
        Response::json(200, body.into())
    }
}

/// The person, unless the account is gone, blocked or barred by a policy.
pub(super) fn person(world: &World, user: Uuid) -> Result<&User, Refusal> {
    let tenant = &world.tenant;
    let user = tenant.people.get(user).ok_or_else(|| Refusal::unknown_user(&tenant.name))?;
    if !user.enabled {
        return Err(Refusal::blocked_user());
    }
    match user.barred.and_then(Refusal::by_number) {
        Some(refusal) => Err(refusal),
        None => Ok(user),
    }
}

/// The same for somebody at a sign-in page: an agent's user has nothing to sign in with.
pub(super) fn interactive(world: &World, user: Uuid) -> Result<&User, Refusal> {
    let user = person(world, user)?;
    // The number is from memory.
    if user.identity_parent.is_some() { Err(Refusal::password()) } else { Ok(user) }
}

/// Refuses who is not assigned to an app that lets in only who is.
pub(super) fn admitted(world: &World, client: &Client, user: Uuid) -> Result<(), Refusal> {
    if world.tenant.apps.admits(client.principal, user) {
        Ok(())
    } else {
        Err(Refusal::not_assigned(client.app_id, &client.name))
    }
}

/// Checks what somebody typed: their password or their temporary access pass, which may be used up
/// by that.
pub(super) fn prove(world: &mut World, user: Uuid, typed: &str) -> Result<(), Refusal> {
    let now = world.now();
    person(world, user)?;
    if world.tenant.use_pass(user, typed, now) {
        return Ok(());
    }
    check_password(world, user, typed)
}

/// Checks a password. After ten wrong ones the account is locked for a minute (Entra, "smart
/// lockout").
pub(super) fn check_password(world: &mut World, user: Uuid, typed: &str) -> Result<(), Refusal> {
    let now = world.now();
    let Some(person) = world.tenant.people.get(user) else {
        return Err(Refusal::unknown_user(&world.tenant.name));
    };
    let mut wrong = world.sessions.wrong.get(&user).cloned().unwrap_or_default();
    if person.password_changed > wrong.last {
        wrong = Wrong::default();
    }
    if now < wrong.locked_until {
        return Err(Refusal::locked_out());
    }
    let right = person.password.is(typed);
    if right {
        wrong.times = 0;
    } else {
        wrong.times = wrong.times.saturating_add(1);
        wrong.last = now;
        if wrong.times >= MOST_WRONG {
            wrong.times = 0;
            wrong.locked_until = now.saturating_add(LOCKED).unwrap_or(now);
        }
    }
    world.sessions.wrong.insert(user, wrong);
    if right { Ok(()) } else { Err(Refusal::password()) }
}

/// Every scope the client has on the resource for this user; refused when one that was asked for is
/// not among them.
fn consented(world: &World, client: &Client, user: &User, asked: &Asked) -> Result<Names, Refusal> {
    let resource = resource_principal(world, asked.resource)?;
    let mut granted = world.tenant.apps.granted(client.principal, resource, user.id);
    granted.retain(|scope| {
        !["openid", "profile", "email", "offline_access"].contains(&scope.as_str())
    });
    let missing = asked.scopes.iter().any(|(name, _)| !granted.contains(name));
    if missing || (asked.default.is_some() && granted.is_empty()) {
        return Err(Refusal::no_consent(client.app_id, &client.name));
    }
    Ok(granted)
}

/// The resource's service principal in this tenant.
pub(super) fn resource_principal(world: &World, resource: Resource) -> Result<Uuid, Refusal> {
    let tenant = &world.tenant;
    tenant
        .apps
        .principal_of(resource.app_id())
        .map(|principal| principal.id)
        .ok_or_else(|| Refusal::resource(&resource.uri(), &tenant.name))
}

/// The `scope` of an answer. Clients reuse a token only if each string they asked for is in it: what
/// was asked comes back in the form it was asked in; `.default` comes with everything it stands for.
fn echo(asked: &Asked, granted: &Names) -> String {
    let sign_in = asked.sign_in.iter().filter(|name| **name != "offline_access");
    let mut words: Vec<String> = asked.scopes.iter().map(|(_, written)| written.clone()).collect();
    if let Some(default) = &asked.default {
        words.extend(granted.iter().map(|name| format!("{}/{name}", asked.audience)));
        words.push(default.clone());
    }
    words.extend(sign_in.map(|name| (*name).to_owned()));
    words.join(" ")
}

/// Claims of every access token.
fn common(
    world: &World,
    client: &Client,
    proof: Proof,
    audience: &Audience,
    times: &Times,
    uti: &str,
) -> Map<String, Value> {
    let tenant = world.tenant.id;
    if audience.v2 {
        let claims = json!({
            "aud": audience.aud,
            "iss": format!("https://login.microsoftonline.com/{tenant}/v2.0"),
            "iat": times.issued.as_second(),
            "nbf": times.issued.as_second(),
            "exp": times.expires.as_second(),
            "aio": BASE64URL.encode(uti.as_bytes()),
            "azp": client.app_id,
            "azpacr": proof.level(),
            "tid": tenant,
            "uti": uti,
            "ver": "2.0",
        });
        return claims.as_object().cloned().unwrap_or_default();
    }
    let claims = json!({
        "aud": audience.aud,
        "iss": format!("https://sts.windows.net/{tenant}/"),
        "iat": times.issued.as_second(),
        "nbf": times.issued.as_second(),
        "exp": times.expires.as_second(),
        "aio": BASE64URL.encode(uti.as_bytes()),
        "app_displayname": client.name,
        "appid": client.app_id,
        "appidacr": proof.level(),
        "idp": format!("https://sts.windows.net/{tenant}/"),
        "tenant_region_scope": "NA",
        "tid": tenant,
        "uti": uti,
        "ver": "1.0",
    });
    match claims {
        Value::Object(claims) => claims,
        _ => Map::new(),
    }
}

/// Whom a token is for, and in which of the two forms it is.
#[derive(Clone, Debug)]
struct Audience {
    aud: String,
    v2: bool,
}

impl Audience {
    /// APIs of apps say which form they want; assertions for federated clients are in the newer.
    fn of(world: &World, asked: &Asked) -> Self {
        let version = match asked.resource {
            Resource::Own(app_id) => {
                world.tenant.apps.application(app_id).and_then(|app| app.token_version)
            }
            Resource::Exchange => Some(2),
            Resource::Graph
            | Resource::Manage
            | Resource::Azure
            | Resource::Portal
            | Resource::Connector
            | Resource::Messaging => None,
        };
        match (version, asked.resource) {
            (Some(2), resource) => Self { aud: resource.app_id().to_string(), v2: true },
            (Some(_) | None, _) => Self { aud: asked.audience.clone(), v2: false },
        }
    }
}

fn owned((name, value): (&'static str, Value)) -> (String, Value) {
    (name.to_owned(), value)
}

const MOST_WRONG: u32 = 10;
const LOCKED: SignedDuration = SignedDuration::from_mins(1);

/// When a token was issued and when it ends.
#[derive(Clone, Copy, Debug)]
struct Times {
    issued: Timestamp,
    expires: Timestamp,
}

impl Times {
    fn now(world: &World) -> Self {
        let issued = world.now();
        let lifetime = SignedDuration::try_from(world.token_lifetime()).unwrap_or_default();
        Self { issued, expires: issued.saturating_add(lifetime).unwrap_or(Timestamp::MAX) }
    }

    fn lifetime(&self) -> i64 {
        self.expires.as_second().saturating_sub(self.issued.as_second())
    }
}

/// A person's pairwise `sub` for a client.
pub(crate) fn subject(user: Uuid, client: Uuid) -> String {
    let mut both = user.into_bytes().to_vec();
    both.extend(client.into_bytes());
    BASE64URL.encode(digest(&SHA256, &both))
}

/// What a verified token is remembered by.
pub(super) fn fingerprint(token: &str) -> [u8; 32] {
    let digest = digest(&SHA256, token.as_bytes());
    digest.as_ref().try_into().unwrap_or_default()
}

/// A token's own id: 22 characters.
fn uti(world: &mut World) -> String {
    secret(world, 1)
}

/// `blocks` times 128 random bits.
pub(super) fn secret(world: &mut World, blocks: usize) -> String {
    let mut text = String::new();
    for _ in 0..blocks {
        text.push_str(&BASE64URL.encode(world.guid().into_bytes()));
    }
    text
}
