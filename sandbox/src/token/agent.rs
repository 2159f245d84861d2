//! Tokens of agents: a blueprint vouches for an identity, the identity acts on its own, as its user,
//! or on behalf of somebody (Entra, "Agent OAuth protocols").

use base64::Engine as _;
use serde_json::{Value, json};
use uuid::Uuid;

use super::clients::{Client, Kind};
use super::federated::{fresh, ours, signed, text};
use super::grants::{Attempt, Redeeming};
use super::issue::{self, SignedIn, Tokens};
use super::keys::{BASE64URL, Jws, Keys};
use super::refusal::Refusal;
use super::scopes::{Asked, Resource};
use crate::tenant::User;
use crate::world::World;

/// The `sub` of a token with which a blueprint vouches for whoever `fmi_path` names: GUIDs as
/// base64url of their little-endian bytes, the path as it was sent.
pub(super) fn vouching(tenant: Uuid, blueprint: Uuid, fmi_path: &str) -> String {
    let short = |id: Uuid| BASE64URL.encode(id.to_bytes_le());
    format!("/eid1/c/pub/t/{}/a/{}/{fmi_path}", short(tenant), short(blueprint))
}

/// Checks that the assertion of an agent identity is its blueprint's word for it.
pub(super) fn vouched(
    world: &World,
    keys: &Keys,
    client: &Client,
    blueprint: Uuid,
    assertion: &str,
) -> Result<(), Refusal> {
    let jws = Jws::parse(assertion).ok_or_else(|| Refusal::assertion("It is not a JWT."))?;
    let issuer = text(&jws, "iss");
    let unknown = || Refusal::no_federation(issuer);
    if !ours(world.tenant.id, issuer) {
        return Err(unknown());
    }
    signed(world, keys, &jws)?;
    if text(&jws, "idtyp") != "app" {
        return Err(Refusal::only_apps_federate());
    }
    let (subject, azp) = (text(&jws, "sub"), id(&jws, "azp"));
    let stem = vouching(world.tenant.id, blueprint, "");
    let named = subject.strip_prefix(&stem).and_then(|path| Uuid::try_parse(path).ok());
    let exchange = Resource::of(text(&jws, "aud")) == Some(Resource::Exchange);
    if !exchange || azp != Some(blueprint) || named != Some(client.app_id) {
        return Err(unknown());
    }
    fresh(world, &jws)?;
    // Whoever vouches must still be there, and enabled.
    super::clients::find(world, &blueprint.to_string()).map(|_| ())
}

/// Claims that tell an agent's tokens from others. Facets are odd numbers in any order, as text.
pub(super) fn claims(client: &Client, user: Option<&User>) -> Vec<(&'static str, Value)> {
    let Kind::Agent { blueprint } = client.kind else { return Vec::new() };
    let subject = match user {
        None => "9 3 11",
        Some(user) if user.identity_parent.is_some() => "3 13",
        Some(_) => "3",
    };
    vec![
        ("xms_act_fct", json!("3 9 11")),
        ("xms_sub_fct", json!(subject)),
        ("xms_par_app_azp", json!(blueprint)),
    ]
}

impl Redeeming {
    /// An agent identity signs its own user in: its blueprint's word, its own token, and the user.
    pub(super) fn agent_user(
        &self,
        world: &mut World,
        keys: &Keys,
        attempt: &mut Attempt,
    ) -> Result<Tokens, Refusal> {
        let Kind::Agent { blueprint: _ } = self.client.kind else {
            return Err(Refusal::closed_to_agents(self.client.app_id));
        };
        let given = self.form.need("user_federated_identity_credential")?;
        let key = match self.form.get("user_id") {
            Some(key) => key,
            None => self.form.need("username")?,
        };
        let jws = Jws::parse(given).ok_or_else(|| Refusal::grant_assertion("It is no JWT."))?;
        let issuer = text(&jws, "iss");
        if !ours(world.tenant.id, issuer) || !keys.signing().verifies(&jws) {
            return Err(Refusal::grant_assertion("The signature is not valid."));
        }
        if text(&jws, "idtyp") != "app" {
            return Err(Refusal::only_apps_federate());
        }
        let exchange = Resource::of(text(&jws, "aud")) == Some(Resource::Exchange);
        if !exchange || id(&jws, "azp") != Some(self.client.app_id) {
            return Err(Refusal::no_federation(issuer));
        }
        fresh(world, &jws).map_err(|_| Refusal::grant_expired())?;
        let asked = Asked::parse(self.form.need("scope")?, &world.tenant)?;
        // That another agent's user is as good as none is from memory.
        let user = world.tenant.people.find(key);
        attempt.user = user.map(|user| user.id);
        let own = user.filter(|user| user.identity_parent == Some(self.client.principal));
        let user = own.ok_or_else(|| Refusal::unknown_user(&world.tenant.name))?.id;
        self.switched(world)?;
        let now = world.now();
        self.sign_in(world, user, &asked, self.cae(), now, None)
    }

    /// A token for the app's own API becomes one for another, for the same person. Of an agent
    /// identity the API is its blueprint's.
    pub(super) fn on_behalf_of(
        &self,
        world: &mut World,
        keys: &Keys,
        attempt: &mut Attempt,
    ) -> Result<Tokens, Refusal> {
        if self.proof == super::clients::Proof::None {
            return Err(Refusal::no_credential());
        }
        let given = self.form.need("assertion")?;
        // Clients of other kinds than this have flows that the sandbox does not have.
        if self.form.need("requested_token_use")? != "on_behalf_of" {
            return Err(Refusal::malformed());
        }
        let jws = Jws::parse(given).ok_or_else(|| Refusal::grant_assertion("It is no JWT."))?;
        if !ours(world.tenant.id, text(&jws, "iss")) || !keys.signing().verifies(&jws) {
            return Err(Refusal::grant_assertion("The signature is not valid."));
        }
        let api = match self.client.kind {
            Kind::Agent { blueprint } => blueprint,
            // A blueprint acts on its own behalf only to make agents.
            Kind::Blueprint => return Err(Refusal::closed_to_agents(self.client.app_id)),
            Kind::Plain => self.client.app_id,
        };
        let audience = text(&jws, "aud");
        if !world.tenant.apps.application(api).is_some_and(|app| app.is_called(audience)) {
            return Err(Refusal::grant_audience(audience, api));
        }
        fresh(world, &jws).map_err(|_| Refusal::grant_expired())?;
        let user = id(&jws, "oid").filter(|_| text(&jws, "idtyp") == "user");
        let user = user.ok_or_else(|| Refusal::grant_assertion("It speaks for no user."))?;
        attempt.user = Some(user);
        let issued = jws.seconds("iat").and_then(|at| jiff::Timestamp::from_second(at).ok());
        let issued = issued.ok_or_else(|| Refusal::grant_assertion("It has no 'iat'."))?;
        let asked = Asked::parse(self.form.need("scope")?, &world.tenant)?;
        let valid_from = issue::person(world, user)?.sessions_valid_from;
        // Tokens count whole seconds.
        if issued.as_second() < valid_from.as_second() {
            return Err(Refusal::revoked(issued, valid_from));
        }
        self.switched(world)?;
        issue::delegated(
            world,
            &SignedIn {
                client: &self.client,
                proof: self.proof,
                user,
                asked: &asked,
                cae: self.cae(),
                nonce: None,
                at: world.now(),
                client_info: self.wants_client_info(),
                renew: false,
            },
        )
    }
}

fn id(jws: &Jws<'_>, claim: &str) -> Option<Uuid> {
    Uuid::try_parse(text(jws, claim)).ok()
}
