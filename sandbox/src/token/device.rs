//! The device code flow: the endpoint that starts it and the page where a person answers.

use jiff::SignedDuration;
use serde_json::json;
use uuid::Uuid;

use super::clients;
use super::consent::{self, Consent};
use super::grants::{older, wants_challenges};
use super::params::Params;
use super::refusal::Refusal;
use super::scopes::Asked;
use super::sessions::{Device, DeviceState};
use super::{issue, no_store, pages, refused, tenant_of};
use crate::tenant::GrantKind;
use crate::wire::{Request, Response};
use crate::world::{Sandbox, World};

/// How long a device flow may take.
pub(super) const LIFETIME: SignedDuration = SignedDuration::from_mins(15);

/// `POST /{tenant}/oauth2/v2.0/devicecode`.
pub(super) fn start(sandbox: &Sandbox, request: &Request, tenant: &str) -> Response {
    let mut world = sandbox.world();
    let page = format!("http://{}/devicelogin", sandbox.settings.listen);
    match begin(&mut world, request, tenant, &page) {
        Ok(response) => no_store(response),
        Err(refusal) => refused(&mut world, request, &refusal),
    }
}

fn begin(
    world: &mut World,
    request: &Request,
    tenant: &str,
    page: &str,
) -> Result<Response, Refusal> {
    if request.method != "POST" {
        return Err(Refusal::not_post(&request.method));
    }
    tenant_of(world, tenant)?;
    let form = Params::parse(&request.body);
    let client = clients::find(world, form.need("client_id")?)?;
    client.signs_people_in()?;
    let asked = Asked::parse(form.need("scope")?, &world.tenant)?;
    issue::resource_principal(world, asked.resource)?;
    let device_code = issue::secret(world, 6);
    let user_code = user_code(world);
    let device = Device {
        user_code: user_code.clone(),
        client: client.app_id,
        asked,
        cae: form.get("claims").is_some_and(wants_challenges),
        issued: world.now(),
        state: DeviceState::Waiting,
    };
    world.sessions.devices.insert(device_code.clone(), device);
    Ok(Response::json(
        200,
        json!({
            "user_code": user_code,
            "device_code": device_code,
            "verification_uri": page,
            "expires_in": LIFETIME.as_secs(),
            "interval": 5,
            "message": format!(
                "To sign in, use a web browser to open the page {page} and enter the code \
                 {user_code} to authenticate."
            ),
        }),
    ))
}

/// Nine characters without vowels or look-alikes.
fn user_code(world: &mut World) -> String {
    let letters = b"BCDFGHJKLMNPQRSTVWXZ3456789";
    let bound = u64::try_from(letters.len()).unwrap_or(1);
    (0..9)
        .filter_map(|_| letters.get(usize::try_from(world.roll(bound)).ok()?))
        .map(|letter| char::from(*letter))
        .collect()
}

/// A person's answer to the code they typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Sign in and consent to whatever is asked.
    Accept,
    Decline,
}

/// Answers for a person, as the page does.
pub(crate) fn decide(
    world: &mut World,
    user_code: &str,
    user: Uuid,
    answer: Answer,
) -> Result<(), Refusal> {
    let device = waiting(world, user_code)?.clone();
    let state = match answer {
        Answer::Decline => DeviceState::Declined,
        Answer::Accept => {
            issue::interactive(world, user)?;
            let client = clients::find(world, &device.client.to_string())?;
            match consent::needed(world, &client, user, &device.asked, false)? {
                Consent::Given => {}
                Consent::Ask(scopes) => {
                    let kind = GrantKind::Principal(user);
                    consent::give(world, &client, device.asked.resource, kind, scopes)?;
                }
                Consent::AskAdmin(_) => {
                    return Err(Refusal::admin_needed(&client.name, &world.tenant.name));
                }
            }
            DeviceState::Approved(user)
        }
    };
    let typed = normal(user_code);
    if let Some(device) =
        world.sessions.devices.values_mut().find(|device| device.user_code == typed)
    {
        device.state = state;
    }
    Ok(())
}

/// The flow a typed code belongs to, if it can still be answered.
fn waiting<'a>(world: &'a World, user_code: &str) -> Result<&'a Device, Refusal> {
    let typed = normal(user_code);
    if typed.is_empty() {
        return Err(Refusal::device_code_empty());
    }
    let device = world
        .sessions
        .devices
        .values()
        .find(|device| device.user_code == typed)
        .ok_or_else(Refusal::device_code)?;
    if device.state != DeviceState::Waiting {
        return Err(Refusal::device_code_used());
    }
    if older(device.issued, LIFETIME, world.now()) {
        return Err(Refusal::device_expired());
    }
    Ok(device)
}

fn normal(user_code: &str) -> String {
    user_code
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(32)
        .collect::<String>()
        .to_ascii_uppercase()
}

/// `/devicelogin`: the code, then who you are, then what the app may do.
pub(super) fn page(sandbox: &Sandbox, request: &Request) -> Response {
    let mut world = sandbox.world();
    let fields = if request.method == "POST" {
        Params::parse(&request.body)
    } else {
        Params::parse(request.query.as_deref().unwrap_or_default().as_bytes())
    };
    let html = |page| no_store(Response::html(200, page));
    let Some(code) = fields.get("user_code").or_else(|| fields.get("otc")) else {
        let error = (request.method == "POST").then(Refusal::device_code_empty);
        return html(pages::device_code(error.as_ref()));
    };
    let device = match waiting(&world, code) {
        Ok(device) => device.clone(),
        Err(refusal) => return html(pages::device_code(Some(&refusal))),
    };
    let client = match clients::find(&world, &device.client.to_string()) {
        Ok(client) => client,
        Err(refusal) => return html(pages::device_code(Some(&refusal))),
    };
    let mut carried = Params::default();
    carried.push("user_code", code);
    let chosen = fields.get("as").and_then(|id| Uuid::try_parse(id).ok());
    let Some(user) = chosen.and_then(|id| world.tenant.people.get(id)).cloned() else {
        let find = fields.get("find").unwrap_or_default();
        return html(pages::people(
            &world,
            &pages::Choice {
                app: &client.name,
                action: "/devicelogin",
                search: "/devicelogin",
                carried: &carried,
                find,
                hint: None,
            },
        ));
    };
    let typed = fields.get("passwd").filter(|_| request.method == "POST").unwrap_or_default();
    if !typed.is_empty()
        && let Err(refusal) = issue::prove(&mut world, user.id, typed)
    {
        return html(pages::refused(&refusal));
    }
    // A form sent by GET would be answered by a link somebody else made.
    let answer = match fields.get("answer") {
        Some("accept") if request.method == "POST" => Some(Answer::Accept),
        Some("decline") if request.method == "POST" => Some(Answer::Decline),
        _ => None,
    };
    if let Some(answer) = answer {
        let page = match (decide(&mut world, code, user.id, answer), answer) {
            (Ok(()), Answer::Accept) => pages::message(
                "You are signed in",
                &format!(
                    "You have signed in to {} on your device. You can close this window.",
                    client.name
                ),
            ),
            (Ok(()), Answer::Decline) => {
                pages::message("Nothing was signed in", "The device gets no access.")
            }
            (Err(refusal), _) => pages::refused(&refusal),
        };
        return html(page);
    }
    carried.push("as", user.id.to_string());
    let scopes = match consent::needed(&world, &client, user.id, &device.asked, false) {
        Ok(Consent::Given) => Vec::new(),
        Ok(Consent::Ask(scopes)) => scopes,
        Ok(Consent::AskAdmin(_)) => {
            return html(pages::refused(&Refusal::admin_needed(&client.name, &world.tenant.name)));
        }
        Err(refusal) => return html(pages::refused(&refusal)),
    };
    html(pages::consent(&pages::Question {
        app: &client.name,
        person: &user,
        scopes: &scopes,
        action: "/devicelogin",
        carried: &carried,
        for_everybody: false,
        on_device: true,
    }))
}
