//! The authorization endpoint and admin consent: a person at a browser.

use url::Url;
use uuid::Uuid;

use super::clients::{self, Client, Kind as Who};
use super::consent::{self, Consent};
use super::grants::{Attempt, wants_challenges};
use super::issue;
use super::pages;
use super::params::Params;
use super::refusal::Refusal;
use super::scopes::{Asked, Resource};
use super::sessions::Code;
use super::{correlation, no_store, tenant_of};
use crate::tenant::{GrantKind, User, closed_role, closed_scope, permission};
use crate::wire::{Request, Response};
use crate::world::{Sandbox, World};

/// What the person came for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    SignIn,
    AdminConsent,
}

/// Where the browser goes in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Final {
    Redirect(String),
    /// `response_mode=form_post`.
    Form {
        url: String,
        fields: Vec<(String, String)>,
    },
}

/// How the app wants its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Query,
    Fragment,
    FormPost,
}

/// The way back to the app.
#[derive(Clone, Debug)]
struct Return {
    uri: String,
    mode: Mode,
    state: Option<String>,
}

/// A request that makes sense.
#[derive(Clone, Debug)]
struct Wish {
    client: Client,
    back: Return,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    SignIn(SignIn),
    /// Delegated scopes and application roles for the whole organisation.
    Consent {
        resource: Resource,
        scopes: Vec<String>,
        roles: Vec<String>,
        written: String,
    },
}

#[derive(Clone, Debug)]
struct SignIn {
    asked: Asked,
    challenge: Option<String>,
    nonce: Option<String>,
    cae: bool,
    /// `prompt=consent`.
    again: bool,
}

/// A request that is refused: on a page, or to the app when it is known where that is.
#[derive(Debug)]
enum No {
    Page(Refusal),
    App(Return, Refusal),
}

/// What a person said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Nothing,
    Yes { for_everybody: bool },
    No,
}

/// What comes next for the person.
#[derive(Debug)]
enum Next {
    /// Agree to these scopes, or not.
    Ask(Vec<String>),
    /// Back to the app, which learns that it was refused when there is a refusal.
    Back(Final, Option<Refusal>),
}

/// Answers the browser.
pub(super) fn page(sandbox: &Sandbox, request: &Request, tenant: &str, kind: Kind) -> Response {
    let mut world = sandbox.world();
    let path = request.path.trim_end_matches('/');
    let base = path.strip_suffix(ANSWER).unwrap_or(path);
    let answering = request.method == "POST" && path.ends_with(ANSWER);
    let query = request.query.as_deref().unwrap_or_default();
    // An app may send its request in a form, too.
    let params = if request.method == "POST" && !answering {
        Params::parse(&request.body)
    } else {
        Params::parse(query.as_bytes())
    };
    let carried = params.without(&["find"]);
    let wish = match wish(&world, tenant, &carried, kind) {
        Ok(wish) => wish,
        Err(No::Page(refusal)) => return html(400, pages::refused(&refusal)),
        Err(No::App(back, refusal)) => {
            return finish(back.refused(&mut world, request, &refusal));
        }
    };
    let answer = if answering { Params::parse(&request.body) } else { Params::default() };
    let action = format!("{base}{ANSWER}?{}", carried.to_query());
    let chosen = answer.get("as").and_then(|id| Uuid::try_parse(id).ok());
    let Some(user) = chosen.and_then(|id| world.tenant.people.get(id)).cloned() else {
        let page = pages::people(
            &world,
            &pages::Choice {
                app: &wish.client.name,
                action: &action,
                search: base,
                carried: &carried,
                find: params.get("find").unwrap_or_default(),
                hint: params.get("login_hint"),
            },
        );
        return html(200, page);
    };
    // Nobody is asked for one; but what is typed must be right.
    let typed = answer.get("passwd").unwrap_or_default();
    if !typed.is_empty()
        && let Err(refusal) = proven(&mut world, request, &wish.client, &user, typed)
    {
        return html(200, pages::refused(&refusal));
    }
    let said = match answer.get("answer") {
        Some("accept") => Said::Yes { for_everybody: answer.get("everybody").is_some() },
        Some("decline") => Said::No,
        _ => Said::Nothing,
    };
    match decide(&mut world, request, &wish, &user, said) {
        Ok(Next::Back(to, None)) => finish(to),
        // The person learns it first; the app when they go back.
        Ok(Next::Back(to, Some(refusal))) if said == Said::Nothing => {
            html(200, pages::refused_with_way_back(&refusal, &to))
        }
        Ok(Next::Back(to, Some(_))) => finish(to),
        Ok(Next::Ask(scopes)) => {
            let mut carried = Params::default();
            carried.push("as", user.id.to_string());
            html(
                200,
                pages::consent(&pages::Question {
                    app: &wish.client.name,
                    person: &user,
                    scopes: &scopes,
                    action: &action,
                    carried: &carried,
                    for_everybody: kind == Kind::SignIn && consent::is_admin(&world, user.id),
                    on_device: false,
                }),
            )
        }
        Err(refusal) => html(200, pages::refused(&refusal)),
    }
}

/// Does what a person at the page would do who accepts everything, or declines. `typed` is the
/// password or the temporary access pass, when one is typed.
pub(crate) fn complete(
    sandbox: &Sandbox,
    request: &Request,
    url: &Url,
    user: Uuid,
    typed: Option<&str>,
    accept: bool,
) -> Result<Final, Refusal> {
    let mut world = sandbox.world();
    let path = url.path().trim_matches('/').to_ascii_lowercase();
    let segments: Vec<&str> = path.split('/').collect();
    let (tenant, kind) = match segments.as_slice() {
        [tenant, "oauth2", "v2.0", "authorize"] => (*tenant, Kind::SignIn),
        [tenant, "adminconsent"] | [tenant, "v2.0", "adminconsent"] => {
            (*tenant, Kind::AdminConsent)
        }
        _ => return Err(Refusal::malformed()),
    };
    let params = Params::parse(url.query().unwrap_or_default().as_bytes());
    let wish = match wish(&world, tenant, &params, kind) {
        Ok(wish) => wish,
        Err(No::Page(refusal)) => return Err(refusal),
        Err(No::App(back, refusal)) => return Ok(back.refused(&mut world, request, &refusal)),
    };
    let found = world.tenant.people.get(user).cloned();
    let user = found.ok_or_else(|| Refusal::unknown_user(&world.tenant.name))?;
    if let Some(typed) = typed {
        proven(&mut world, request, &wish.client, &user, typed)?;
    }
    let said = if accept { Said::Yes { for_everybody: false } } else { Said::No };
    match decide(&mut world, request, &wish, &user, said)? {
        Next::Back(to, _) => Ok(to),
        Next::Ask(_) => Err(Refusal::declined()),
    }
}

/// Checks what a person typed, and logs it when it is wrong.
fn proven(
    world: &mut World,
    request: &Request,
    client: &Client,
    user: &User,
    typed: &str,
) -> Result<(), Refusal> {
    issue::prove(world, user.id, typed).inspect_err(|refusal| {
        let client = Some((client.app_id, client.name.clone()));
        let attempt = Attempt { client, user: Some(user.id), interactive: true };
        let correlation = correlation(world, request);
        attempt.write(world, correlation, refusal.number, None);
    })
}

/// What the app asks for.
fn wish(world: &World, tenant: &str, params: &Params, kind: Kind) -> Result<Wish, No> {
    tenant_of(world, tenant).map_err(No::Page)?;
    let id = params.need("client_id").map_err(No::Page)?;
    let client = clients::find(world, id).map_err(No::Page)?;
    if kind == Kind::SignIn {
        client.signs_people_in().map_err(No::Page)?;
    }
    let uri = redirect_uri(world, &client, params.get("redirect_uri")).map_err(No::Page)?;
    let state = params.get("state").map(str::to_owned);
    let mut back = Return { uri, mode: Mode::Query, state };
    match params.get("response_mode").unwrap_or("query") {
        "query" => {}
        "fragment" => back.mode = Mode::Fragment,
        "form_post" => back.mode = Mode::FormPost,
        other => return Err(No::App(back, Refusal::response_mode(other))),
    }
    let what = match kind {
        Kind::SignIn => sign_in(world, params),
        Kind::AdminConsent => admin_consent(world, &client, params),
    };
    match what {
        Ok(what) => Ok(Wish { client, back, what }),
        Err(refusal) => Err(No::App(back, refusal)),
    }
}

fn sign_in(world: &World, params: &Params) -> Result<What, Refusal> {
    let response_type = params.need("response_type")?;
    if response_type != "code" {
        return Err(Refusal::response_type(response_type));
    }
    let asked = Asked::parse(params.need("scope")?, &world.tenant)?;
    issue::resource_principal(world, asked.resource)?;
    let challenge = params.get("code_challenge").map(str::to_owned);
    if challenge.is_some() && params.get("code_challenge_method") != Some("S256") {
        return Err(Refusal::malformed());
    }
    let prompts: Vec<&str> = params.get("prompt").unwrap_or_default().split(' ').collect();
    // Nobody stays signed in here.
    if prompts.contains(&"none") {
        return Err(Refusal::no_session());
    }
    Ok(What::SignIn(SignIn {
        asked,
        challenge,
        nonce: params.get("nonce").map(str::to_owned),
        cae: params.get("claims").is_some_and(wants_challenges),
        again: prompts.contains(&"consent"),
    }))
}

fn admin_consent(world: &World, client: &Client, params: &Params) -> Result<What, Refusal> {
    let written = params.get("scope").unwrap_or("https://graph.microsoft.com/.default");
    let asked = Asked::parse(written, &world.tenant)?;
    issue::resource_principal(world, asked.resource)?;
    let named: Vec<String> = asked.scopes.iter().map(|(name, _)| name.clone()).collect();
    let application = world.tenant.apps.application(client.app_id);
    let (scopes, roles) = match application {
        Some(app) if asked.default.is_some() && asked.resource == Resource::Graph => {
            (app.required_scopes.clone(), app.required_roles.clone())
        }
        _ => (named, Vec::new()),
    };
    let (scopes, roles) = match client.kind {
        Who::Agent { .. } => for_agent(params, scopes)?,
        Who::Plain | Who::Blueprint => (scopes, roles),
    };
    let written = written.to_owned();
    Ok(What::Consent { resource: asked.resource, scopes, roles, written })
}

/// Agents have no list of what they need: the request names application roles, too. What agents
/// can never have is refused.
fn for_agent(params: &Params, scopes: Vec<String>) -> Result<(Vec<String>, Vec<String>), Refusal> {
    let mut roles = Vec::new();
    for word in params.get("role").unwrap_or_default().split_whitespace() {
        let name = word.rsplit('/').next().unwrap_or(word);
        let known = permission(name).filter(|known| !known.application.is_empty());
        let known = known.filter(|known| !closed_role(known.name));
        roles.push(known.ok_or_else(|| Refusal::scope(word))?.name.to_owned());
    }
    match scopes.iter().find(|scope| closed_scope(scope)) {
        Some(closed) => Err(Refusal::scope(closed)),
        None => Ok((scopes, roles)),
    }
}

/// The registered address that the request names, or the first one.
fn redirect_uri(world: &World, client: &Client, given: Option<&str>) -> Result<String, Refusal> {
    let application = world.tenant.apps.application(client.app_id);
    // Of an app of another tenant only the service principal is here; command lines use loopback.
    let loopback = ["http://localhost".to_owned()];
    let fixed = [AGENT_CONSENT.to_owned()];
    let registered = match client.kind {
        Who::Agent { .. } => &fixed[..],
        Who::Plain | Who::Blueprint => application.map_or(&loopback[..], |app| &app.redirect_uris),
    };
    let no = || Refusal::redirect_uri(given.unwrap_or_default(), client.app_id);
    match given {
        None => registered.first().cloned().ok_or_else(no),
        Some(given) if registered.iter().any(|uri| matches(uri, given)) => Ok(given.to_owned()),
        Some(_) => Err(no()),
    }
}

/// Exactly equal, or loopback on any port (RFC 8252 §7.3).
fn matches(registered: &str, given: &str) -> bool {
    if registered == given {
        return true;
    }
    let (Ok(registered), Ok(given)) = (Url::parse(registered), Url::parse(given)) else {
        return false;
    };
    registered.scheme() == "http"
        && given.scheme() == "http"
        && matches!(registered.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
        && registered.host_str() == given.host_str()
        && registered.path() == given.path()
        && registered.query() == given.query()
}

/// What follows from what a person said.
fn decide(
    world: &mut World,
    request: &Request,
    wish: &Wish,
    user: &User,
    said: Said,
) -> Result<Next, Refusal> {
    let attempt = Attempt {
        client: Some((wish.client.app_id, wish.client.name.clone())),
        user: Some(user.id),
        interactive: true,
    };
    let result = judge(world, wish, user, said);
    match result {
        Ok(Verdict::Ask(scopes)) => Ok(Next::Ask(scopes)),
        Ok(Verdict::Give(fields)) => Ok(Next::Back(wish.back.with(fields), None)),
        Ok(Verdict::Refuse(refusal)) => {
            let correlation = correlation(world, request);
            attempt.write(world, correlation, refusal.number, None);
            Ok(Next::Back(wish.back.refused(world, request, &refusal), Some(refusal)))
        }
        Err(refusal) => {
            let correlation = correlation(world, request);
            attempt.write(world, correlation, refusal.number, None);
            Err(refusal)
        }
    }
}

enum Verdict {
    Ask(Vec<String>),
    Give(Vec<(String, String)>),
    /// The app is told.
    Refuse(Refusal),
}

fn judge(world: &mut World, wish: &Wish, user: &User, said: Said) -> Result<Verdict, Refusal> {
    issue::interactive(world, user.id)?;
    let client = &wish.client;
    issue::admitted(world, client, user.id)?;
    match &wish.what {
        What::SignIn(sign_in) => {
            let asked = &sign_in.asked;
            match consent::needed(world, client, user.id, asked, sign_in.again)? {
                Consent::Given => {}
                Consent::AskAdmin(_) => {
                    let tenant = &world.tenant.name;
                    return Ok(Verdict::Refuse(Refusal::admin_needed(&client.name, tenant)));
                }
                Consent::Ask(scopes) => match said {
                    Said::Nothing => return Ok(Verdict::Ask(scopes)),
                    Said::No => return Ok(Verdict::Refuse(Refusal::declined())),
                    Said::Yes { for_everybody } => {
                        let everybody = for_everybody && consent::is_admin(world, user.id);
                        let kind = if everybody {
                            GrantKind::AllPrincipals
                        } else {
                            GrantKind::Principal(user.id)
                        };
                        consent::give(world, client, asked.resource, kind, scopes)?;
                    }
                },
            }
            if said == Said::No {
                return Ok(Verdict::Refuse(Refusal::declined()));
            }
            let session = world.guid();
            let code = code(world, wish, sign_in, user.id);
            Ok(Verdict::Give(vec![
                ("code".to_owned(), code),
                ("session_state".to_owned(), session.to_string()),
            ]))
        }
        What::Consent { resource, scopes, roles, written } => {
            if !consent::is_admin(world, user.id) {
                let tenant = &world.tenant.name;
                return Ok(Verdict::Refuse(
                    Refusal::admin_needed(&client.name, tenant).into_consent(),
                ));
            }
            match said {
                Said::Nothing => Ok(Verdict::Ask(scopes.iter().chain(roles).cloned().collect())),
                Said::No => Ok(Verdict::Refuse(Refusal::declined().into_consent())),
                Said::Yes { .. } => {
                    let kind = GrantKind::AllPrincipals;
                    consent::give(world, client, *resource, kind, scopes.clone())?;
                    let assignments = &mut world.tenant.apps.role_assignments;
                    for role in roles {
                        let assignment = (client.principal, role.clone());
                        if !assignments.contains(&assignment) {
                            assignments.push(assignment);
                        }
                    }
                    Ok(Verdict::Give(vec![
                        ("admin_consent".to_owned(), "True".to_owned()),
                        ("tenant".to_owned(), world.tenant.id.to_string()),
                        ("scope".to_owned(), written.clone()),
                    ]))
                }
            }
        }
    }
}

fn code(world: &mut World, wish: &Wish, sign_in: &SignIn, user: Uuid) -> String {
    let text = format!("1.{}", issue::secret(world, 4));
    let code = Code {
        client: wish.client.app_id,
        user,
        redirect_uri: wish.back.uri.clone(),
        asked: sign_in.asked.clone(),
        challenge: sign_in.challenge.clone(),
        nonce: sign_in.nonce.clone(),
        cae: sign_in.cae,
        issued: world.now(),
        used: false,
    };
    world.sessions.codes.insert(text.clone(), code);
    text
}

impl Return {
    fn refused(&self, world: &mut World, request: &Request, refusal: &Refusal) -> Final {
        let correlation = correlation(world, request);
        let description = refusal.description(world.guid(), correlation, world.now());
        let mut fields = vec![
            ("error".to_owned(), refusal.error.to_owned()),
            ("error_description".to_owned(), description),
        ];
        if let Some(suberror) = refusal.suberror {
            fields.push(("error_subcode".to_owned(), suberror.to_owned()));
        }
        self.with(fields)
    }

    fn with(&self, mut fields: Vec<(String, String)>) -> Final {
        if let Some(state) = &self.state {
            fields.push(("state".to_owned(), state.clone()));
        }
        let query =
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
        match self.mode {
            Mode::FormPost => Final::Form { url: self.uri.clone(), fields },
            Mode::Fragment => Final::Redirect(format!("{}#{query}", self.uri)),
            Mode::Query => {
                let joint = if self.uri.contains('?') { '&' } else { '?' };
                Final::Redirect(format!("{}{joint}{query}", self.uri))
            }
        }
    }
}

fn finish(to: Final) -> Response {
    match to {
        Final::Redirect(location) => {
            no_store(Response::empty(302).with_header("Location", location))
        }
        Final::Form { url, fields } => html(200, pages::form_post(&url, &fields)),
    }
}

fn html(status: u16, page: String) -> Response {
    no_store(Response::html(status, page))
}

/// Where the browser goes after consent to an agent identity (Entra).
const AGENT_CONSENT: &str = "https://entra.microsoft.com/TokenAuthorize";

/// Our own forms go to the address they are on, plus this.
const ANSWER: &str = "/answer";

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_registered_loopback_address_stands_for_every_port_and_nothing_else() {
        let registered = "http://localhost";
        for good in ["http://localhost", "http://localhost/", "http://localhost:49152"] {
            assert!(matches(registered, good), "{good}");
        }
        for bad in [
            "https://localhost:49152",
            "http://localhost:49152/elsewhere",
            "http://localhost.evil.example",
            "http://evil.example/",
            "http://127.0.0.1:49152",
            "not an address",
        ] {
            assert!(!matches(registered, bad), "{bad}");
        }
        assert!(matches("https://app.contoso.com/cb", "https://app.contoso.com/cb"));
        assert!(!matches("https://app.contoso.com/cb", "https://app.contoso.com/cb?x=1"));
    }
}
