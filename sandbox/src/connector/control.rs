//! Control of bots, below `/sandbox/bots`.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use super::bots::{Agent, Bot, Issuer};
use super::client::{self, Sent, absent};
use super::{keys, page};
use crate::graph::Problem;
use crate::tenant::{Application, PrincipalKind, ServicePrincipal};
use crate::wire::field;
use crate::world::{Event, Sandbox, World};

/// One of the calls below `/sandbox/bots`.
pub(crate) async fn route(
    sandbox: &Arc<Sandbox>,
    method: &str,
    segments: &[&str],
    query: &str,
    body: &Value,
) -> Result<Value, Problem> {
    match (method, segments) {
        ("POST", ["bots"]) => register(sandbox, body),
        ("GET", ["bots", app, "chat"]) => {
            let whose = url::form_urlencoded::parse(query.as_bytes())
                .find(|(name, _)| name == "as")
                .map(|(_, value)| value.into_owned())
                .unwrap_or_default();
            let (bot, person) = (bot(sandbox, app)?, person(&sandbox.world(), &whose)?);
            let chat = client::open(sandbox, bot.app, person).await?;
            page::messages(&sandbox.world(), person, &chat)
        }
        ("POST", ["bots", app, "token"]) => {
            let token = keys::token(sandbox, &bot(sandbox, app)?, field(body, "claims"));
            Ok(json!({"token": token}))
        }
        ("POST", ["bots", app, action]) => {
            let bot = bot(sandbox, app)?;
            let me = person(&sandbox.world(), text(body, "as")?)?;
            let chat = match field(body, "with").as_array() {
                Some(others) => {
                    let mut world = sandbox.world();
                    let others = others.iter().map(|one| one.as_str().unwrap_or_default());
                    let others: Result<Vec<Uuid>, _> =
                        others.map(|one| person(&world, one)).collect();
                    let people: Vec<Uuid> = std::iter::once(me).chain(others?).collect();
                    world.bots.group(bot.app, &people)
                }
                None => client::open(sandbox, bot.app, me).await?,
            };
            act(sandbox, action, &chat, me, body).await
        }
        _ => Err(absent("call")),
    }
}

async fn act(
    sandbox: &Arc<Sandbox>,
    action: &str,
    chat: &str,
    me: Uuid,
    body: &Value,
) -> Result<Value, Problem> {
    let sent = match action {
        "say" => {
            let delivery = field(body, "deliveryMode").as_str();
            client::say(sandbox, chat, me, text(body, "text")?, delivery).await?
        }
        "edit" => {
            let typed = text(body, "text")?;
            client::change(sandbox, chat, me, number(body)?, Some(typed)).await?
        }
        "delete" => client::change(sandbox, chat, me, number(body)?, None).await?,
        "press" => {
            let (button, trigger) = (text(body, "button")?, field(body, "trigger").as_str());
            client::press(sandbox, chat, me, number(body)?, button, trigger).await?
        }
        "block" => {
            let blocked = field(body, "blocked").as_bool().unwrap_or(true);
            let mut world = sandbox.world();
            let talk = world.bots.talks.get_mut(chat).ok_or_else(|| absent("chat"))?;
            talk.blocked = blocked;
            return Ok(json!({"chat": chat, "blocked": blocked}));
        }
        _ => return Err(absent("call")),
    };
    let Sent { chat, message, delivered } = sent;
    Ok(json!({
        "chat": chat,
        "message": message.to_string(),
        "status": delivered.status,
        "answer": delivered.body,
    }))
}

/// Registers a bot, or changes where it listens.
fn register(sandbox: &Arc<Sandbox>, body: &Value) -> Result<Value, Problem> {
    let endpoint = text(body, "endpoint")?;
    let endpoint: url::Url =
        endpoint.parse().map_err(|_| bad(format!("`{endpoint}` is no address.")))?;
    let loopback = matches!(endpoint.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    if !loopback {
        return Err(bad("A bot's endpoint is on this machine.".to_owned()));
    }
    let name = field(body, "name").as_str().unwrap_or("Sam").to_owned();
    let port = sandbox.settings.listen.port();
    let service_url = match field(body, "serviceUrl").as_str() {
        Some(given) => given.to_owned(),
        None => format!("https://localhost:{port}/connector/teams/"),
    };
    let mut world = sandbox.world();
    let app = match field(body, "appId").as_str() {
        Some(given) => {
            Uuid::try_parse(given).map_err(|_| bad(format!("`{given}` is not an app id.")))?
        }
        None => new_app(&mut world, &name),
    };
    let agent = match field(body, "agent") {
        Value::Null => None,
        agent => Some(Agent {
            user: person(&world, text(agent, "user")?)?,
            app: Uuid::try_parse(text(agent, "app")?)
                .map_err(|_| bad("`agent.app` is not an app id.".to_owned()))?,
        }),
    };
    let issuer = match field(body, "issuer").as_str() {
        None | Some("connector") => Issuer::Connector,
        Some("tenant") => {
            let caller = field(body, "caller").as_str();
            let caller = caller
                .map(Uuid::try_parse)
                .transpose()
                .map_err(|_| bad("`caller` is not an app id.".to_owned()))?;
            Issuer::Tenant { caller }
        }
        Some(other) => {
            return Err(bad(format!("`issuer` is `connector` or `tenant`, not `{other}`.")));
        }
    };
    let answer = json!({"appId": app, "name": name, "serviceUrl": service_url});
    world.bots.all.insert(app, Bot { app, name, endpoint, service_url, issuer, agent });
    world.emit(Event::Chat { chat: String::new() });
    Ok(answer)
}

/// A confidential client of the bot's own.
fn new_app(world: &mut World, name: &str) -> Uuid {
    let (app_id, id, principal, created) = (world.guid(), world.guid(), world.guid(), world.now());
    let display_name = format!("{name} (bot)");
    world.tenant.apps.applications.push(Application {
        id,
        app_id,
        display_name: display_name.clone(),
        redirect_uris: Vec::new(),
        public_client: false,
        keys: Vec::new(),
        secrets: Vec::new(),
        federated: Vec::new(),
        identifier_uris: Vec::new(),
        own_scopes: Vec::new(),
        token_version: None,
        required_scopes: Vec::new(),
        required_roles: Vec::new(),
        created,
        disabled: false,
        blueprint: None,
    });
    world.tenant.apps.principals.push(ServicePrincipal {
        id: principal,
        app_id,
        display_name,
        enabled: true,
        assigned_only: false,
        assigned: BTreeSet::default(),
        created,
        kind: PrincipalKind::Application,
    });
    app_id
}

fn bot(sandbox: &Sandbox, app: &str) -> Result<Bot, Problem> {
    let app = Uuid::try_parse(app).map_err(|_| absent("bot"))?;
    sandbox.world().bots.all.get(&app).cloned().ok_or_else(|| absent("bot"))
}

/// By id, by UPN, or by what stands before the `@`.
fn person(world: &World, key: &str) -> Result<Uuid, Problem> {
    let tenant = &world.tenant;
    tenant
        .people
        .find(key)
        .or_else(|| tenant.people.find(&format!("{key}@{}", tenant.domain)))
        .map(|user| user.id)
        .ok_or_else(|| absent("person"))
}

fn text<'a>(body: &'a Value, name: &str) -> Result<&'a str, Problem> {
    let value = field(body, name).as_str();
    value.ok_or_else(|| bad(format!("`{name}` is missing or not a text.")))
}

fn number(body: &Value) -> Result<u64, Problem> {
    let value = field(body, "message");
    let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
    number.ok_or_else(|| bad("`message` is missing or not a message id.".to_owned()))
}

fn bad(message: String) -> Problem {
    Problem::new(400, "BadRequest", message)
}
