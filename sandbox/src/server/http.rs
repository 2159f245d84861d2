//! HTTP/1.1 on one connection: which service is meant, reading the request, writing the answer.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use hyper::http::uri::Authority;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::front::{self, Front};
use crate::tenant::Secret;
use crate::wire::{Body, Request, Response, Service};
use crate::world::Sandbox;
use crate::{azure, connector, control, graph, manage, page, token};

/// The cloud's names, all answered here.
pub(super) const CLOUD_HOSTS: [(&str, Service); 9] = [
    ("login.microsoftonline.com", Service::Login),
    ("login.windows.net", Service::Login),
    ("login.microsoft.com", Service::Login),
    ("graph.microsoft.com", Service::Graph),
    ("manage.office.com", Service::Manage),
    ("management.azure.com", Service::Azure),
    ("main.iam.ad.ext.azure.com", Service::Portal),
    ("smba.trafficmanager.net", Service::Connector),
    ("login.botframework.com", Service::BotLogin),
];

/// Our own names; on them the path says which service is meant.
pub(super) const LOOPBACK_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// What a connection runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    Plain,
    Tls,
}

type OutBody = UnsyncBoxBody<Bytes, Infallible>;
type Out = hyper::Response<OutBody>;

/// The connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("cut by a fault switch")]
struct Cut;

/// Serves one connection until it ends or the sandbox stops.
pub(super) async fn serve<S>(front: Arc<Front>, stream: S, over: Over)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stop = front.sandbox.stop.clone();
    let service = service_fn(move |request| handle(Arc::clone(&front), over, request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // Also the patience with an idle connection: longer than any client keeps one pooled.
        .header_read_timeout(IDLE)
        .max_buf_size(HEAD_BYTES)
        .max_header_size(HEAD_BYTES)
        .max_headers(100)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    if stop.run_until_cancelled(connection.as_mut()).await.is_none() {
        connection.as_mut().graceful_shutdown();
        // Bounded: whoever still reads after that is cut.
        let _ = timeout(GRACE, connection).await;
    }
}

async fn handle(
    front: Arc<Front>,
    over: Over,
    request: hyper::Request<Incoming>,
) -> Result<Out, Cut> {
    if request.method() == Method::CONNECT {
        return Ok(connect(&front, over, request));
    }
    let request = match read(over, request).await {
        Ok(request) => request,
        Err(refused) => return out(*refused, &front),
    };
    let response = answer(&front.sandbox, &request).await;
    if let Some(capture) = &front.capture {
        let told: Vec<Secret> = front.sandbox.world().tenant.told.iter().cloned().collect();
        capture.record(&request, &response, &told).await;
    }
    out(response, &front)
}

/// Opens a tunnel to ourselves, or says why not.
fn connect(front: &Arc<Front>, over: Over, request: hyper::Request<Incoming>) -> Out {
    let own_port = front.sandbox.settings.listen.port();
    let target = request.uri().authority().cloned();
    let ours = over == Over::Plain
        && target.as_ref().is_some_and(|target| {
            let host = target.host().to_ascii_lowercase();
            let port = target.port_u16().unwrap_or(443);
            let cloud = CLOUD_HOSTS.iter().any(|(name, _)| *name == host);
            let loopback = LOOPBACK_HOSTS.contains(&host.as_str());
            (cloud && port == 443) || (loopback && (port == 443 || port == own_port))
        });
    if !ours {
        let target = target.map_or_else(|| "this target".to_owned(), |target| target.to_string());
        return plain(StatusCode::BAD_GATEWAY, &elsewhere(&target));
    }
    let upgrade = hyper::upgrade::on(request);
    front.sandbox.tasks.spawn(front::tunnel(Arc::clone(front), upgrade));
    hyper::Response::new(Empty::new().boxed_unsync())
}

/// Reads a request within bounds.
async fn read(over: Over, request: hyper::Request<Incoming>) -> Result<Request, Box<Response>> {
    let refuse = |status: u16, text: String| {
        Box::new(Response { status, headers: Vec::new(), body: Body::Text(text) })
    };
    let (parts, body) = request.into_parts();
    let host = match parts.uri.authority() {
        Some(authority) => Some(authority.clone()),
        None => parts.headers.get(HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok()),
    };
    let Some(host) = host else {
        return Err(refuse(400, "A request needs one valid Host header.".to_owned()));
    };
    let secure = over == Over::Tls;
    // `GET http://…` to a proxy: only what is ours anyway.
    if parts.uri.scheme_str().is_some_and(|scheme| (scheme == "https") != secure) {
        return Err(refuse(502, elsewhere(host.as_str())));
    }
    let path = parts.uri.path();
    let Some(service) = service(&host.host().to_ascii_lowercase(), path) else {
        return Err(refuse(421, elsewhere(host.as_str())));
    };
    let scheme = if secure { "https" } else { "http" };
    let default_port = if secure { 443 } else { 80 };
    let name = host.host().to_ascii_lowercase();
    let origin = match host.port_u16() {
        Some(port) if port != default_port => format!("{scheme}://{name}:{port}"),
        _ => format!("{scheme}://{name}"),
    };
    let body = match timeout(READ, Limited::new(body, BODY_BYTES).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            return Err(refuse(413, format!("A body may have {BODY_BYTES} bytes.")));
        }
        Ok(Err(_)) => return Err(refuse(400, "The body could not be read.".to_owned())),
        Err(_) => return Err(refuse(408, "The body took too long.".to_owned())),
    };
    // The HTTP layer leaves out the body when it answers a HEAD.
    let method = if parts.method == Method::HEAD { Method::GET } else { parts.method };
    Ok(Request {
        service,
        method: method.as_str().to_owned(),
        path: path.to_owned(),
        query: parts.uri.query().map(str::to_owned),
        headers: parts.headers,
        body,
        origin,
    })
}

/// Which service a host and a path mean; `None` when the host is not ours.
fn service(host: &str, path: &str) -> Option<Service> {
    if let Some((_, service)) = CLOUD_HOSTS.iter().find(|(name, _)| *name == host) {
        return Some(*service);
    }
    if !LOOPBACK_HOSTS.contains(&host) {
        return None;
    }
    let lower = path.to_ascii_lowercase();
    let mut segments = lower.split('/').filter(|segment| !segment.is_empty());
    let first = segments.next().unwrap_or("");
    let second = segments.next().unwrap_or("");
    Some(match (first, second) {
        ("v1.0" | "beta" | "oidc", _) => Service::Graph,
        ("api", "v1.0") if lower.contains("/activity/feed/") => Service::Manage,
        ("sandbox", _) => Service::Local,
        ("connector", _) => Service::Connector,
        ("botframework", _) => Service::BotLogin,
        ("common" | "organizations" | "consumers" | "devicelogin", _) => Service::Login,
        (_, "oauth2" | "v2.0" | "discovery" | ".well-known" | "adminconsent") => Service::Login,
        _ => Service::Local,
    })
}

async fn answer(sandbox: &Arc<Sandbox>, request: &Request) -> Response {
    if request.service != Service::Local {
        let slow = Duration::from_millis(sandbox.world().faults.slow_ms.min(MAX_SLOW_MS));
        if !slow.is_zero() {
            sandbox.stop.run_until_cancelled(tokio::time::sleep(slow)).await;
        }
    }
    match request.service {
        Service::Login => token::answer(sandbox, request).await,
        Service::Graph => graph::answer(sandbox, request).await,
        Service::Manage => manage::answer(sandbox, request),
        Service::Azure => azure::manage(sandbox, request),
        Service::Portal => azure::portal(sandbox, request),
        Service::Connector => connector::answer(sandbox, request),
        Service::BotLogin => connector::keys(sandbox, request),
        Service::Local if request.path == "/sandbox" || request.path.starts_with("/sandbox/") => {
            control::answer(sandbox, request).await
        }
        Service::Local => page::answer(sandbox, request).await,
    }
}

fn out(response: Response, front: &Arc<Front>) -> Result<Out, Cut> {
    let stop = front.sandbox.stop.clone();
    let (content_type, body): (_, OutBody) = match response.body {
        Body::Cut => return Err(Cut),
        Body::Empty => ("", Empty::new().boxed_unsync()),
        Body::Json(value) => ("application/json; charset=utf-8", full(value.to_string())),
        Body::Html(page) => ("text/html; charset=utf-8", full(page)),
        Body::Text(text) => ("text/plain; charset=utf-8", full(text)),
        Body::Bytes(bytes) => ("application/octet-stream", full(bytes)),
        Body::File(kind, bytes) => (kind, full(Bytes::from_static(bytes))),
        Body::Events(receiver) => {
            let items = stream::unfold((receiver, stop), |(mut receiver, stop)| async move {
                let next = timeout(KEEP_ALIVE, receiver.recv());
                let text = match stop.run_until_cancelled(next).await {
                    Some(Ok(Some(item))) => event(&item),
                    // A comment: keeps the connection open and tells us when the reader has gone.
                    Some(Err(_)) => ":\n\n".to_owned(),
                    Some(Ok(None)) | None => return None,
                };
                Some((Ok(Frame::data(Bytes::from(text))), (receiver, stop)))
            });
            ("text/event-stream", StreamBody::new(items).boxed_unsync())
        }
    };
    let mut out = hyper::Response::new(body);
    *out.status_mut() =
        StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = out.headers_mut();
    if !content_type.is_empty() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    for (name, value) in response.headers {
        let name = HeaderName::try_from(name);
        let value = HeaderValue::try_from(value);
        match (name, value) {
            (Ok(name), Ok(value)) if name == CONTENT_TYPE => drop(headers.insert(name, value)),
            (Ok(name), Ok(value)) => drop(headers.append(name, value)),
            (name, _) => tracing::warn!(?name, "a header could not be written"),
        }
    }
    Ok(out)
}

/// One server-sent event; its data may have several lines.
fn event(data: &str) -> String {
    let mut text = String::with_capacity(data.len().saturating_add(16));
    for line in data.split('\n') {
        text.push_str("data: ");
        text.push_str(line.trim_end_matches('\r'));
        text.push('\n');
    }
    text.push('\n');
    text
}

fn full(body: impl Into<Bytes>) -> OutBody {
    Full::new(body.into()).boxed_unsync()
}

fn plain(status: StatusCode, text: &str) -> Out {
    let mut out = hyper::Response::new(full(text.to_owned()));
    *out.status_mut() = status;
    out.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    out
}

fn elsewhere(target: &str) -> String {
    let names: Vec<&str> = CLOUD_HOSTS.iter().map(|(name, _)| *name).collect();
    format!(
        "This is a sandbox tenant. It answers for {} (HTTPS, port 443), localhost and 127.0.0.1. \
         It forwards nothing, so {target} cannot be reached through it.\n",
        names.join(", ")
    )
}

const HEAD_BYTES: usize = 64 * 1024;
const BODY_BYTES: usize = 8 * 1024 * 1024;
const IDLE: Duration = Duration::from_secs(120);
const READ: Duration = Duration::from_secs(30);
const GRACE: Duration = Duration::from_secs(2);
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const MAX_SLOW_MS: u64 = 120_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_loopback_the_path_decides_and_elsewhere_the_name() {
        let cases = [
            ("graph.microsoft.com", "/anything", Some(Service::Graph)),
            ("login.windows.net", "/common/oauth2/token", Some(Service::Login)),
            ("manage.office.com", "/x", Some(Service::Manage)),
            ("management.azure.com", "/subscriptions", Some(Service::Azure)),
            ("main.iam.ad.ext.azure.com", "/api/x", Some(Service::Portal)),
            ("localhost", "/v1.0/users", Some(Service::Graph)),
            ("127.0.0.1", "/beta/users", Some(Service::Graph)),
            ("localhost", "/contoso.com/oauth2/v2.0/token", Some(Service::Login)),
            ("localhost", "/Common/UserRealm/x", Some(Service::Login)),
            ("localhost", "/contoso.com/v2.0/adminconsent", Some(Service::Login)),
            ("localhost", "/devicelogin", Some(Service::Login)),
            ("localhost", "/api/v1.0/t/activity/feed/subscriptions/list", Some(Service::Manage)),
            ("localhost", "/sandbox/tenant", Some(Service::Local)),
            ("smba.trafficmanager.net", "/teams/v3/conversations", Some(Service::Connector)),
            ("localhost", "/connector/teams/v3/conversations", Some(Service::Connector)),
            ("login.botframework.com", "/v1/.well-known/keys", Some(Service::BotLogin)),
            ("localhost", "/botframework/v1/.well-known/keys", Some(Service::BotLogin)),
            ("localhost", "/", Some(Service::Local)),
            ("[::1]", "/", Some(Service::Local)),
            ("evil.example", "/v1.0/users", None),
        ];
        for (host, path, expected) in cases {
            assert_eq!(service(host, path), expected, "{host}{path}");
        }
    }

    #[test]
    fn an_event_of_several_lines_stays_one_event() {
        assert_eq!(event("a\r\nb"), "data: a\ndata: b\n\n");
    }
}
