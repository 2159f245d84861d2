//! A subscriber on loopback, for tests.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use url::form_urlencoded;

use crate::world::Sandbox;

/// What a subscriber heard and how it behaves.
#[derive(Debug)]
pub(crate) struct Hook {
    pub(crate) port: u16,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Path and query, content type, body.
    heard: Vec<(String, String, String)>,
    /// Statuses of the next notifications; 202 after those.
    answers: VecDeque<u16>,
    /// Answers the handshake with this instead of the token.
    handshake: Option<(u16, String)>,
    /// Never answers notifications.
    silent: bool,
}

impl Hook {
    /// Listens until the sandbox stops.
    pub(crate) async fn start(sandbox: &Sandbox) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let hook = Arc::new(Self { port, state: Mutex::default() });
        let (served, tasks) = (Arc::clone(&hook), sandbox.tasks.clone());
        sandbox.tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let hook = Arc::clone(&served);
                tasks.spawn(async move {
                    let answer = service_fn(move |request| {
                        let hook = Arc::clone(&hook);
                        async move { Ok::<_, Infallible>(hook.answer(request).await) }
                    });
                    let connection = hyper::server::conn::http1::Builder::new();
                    let _ = connection.serve_connection(TokioIo::new(stream), answer).await;
                });
            }
        });
        hook
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    pub(crate) fn answers(&self, statuses: &[u16]) {
        self.state.lock().unwrap().answers.extend(statuses);
    }

    pub(crate) fn handshakes_with(&self, status: u16, body: &str) {
        self.state.lock().unwrap().handshake = Some((status, body.to_owned()));
    }

    pub(crate) fn falls_silent(&self, silent: bool) {
        self.state.lock().unwrap().silent = silent;
    }

    /// Everything heard: path and query, content type, body.
    pub(crate) fn heard(&self) -> Vec<(String, String, String)> {
        self.state.lock().unwrap().heard.clone()
    }

    /// The bodies heard at a path, handshakes aside.
    pub(crate) fn bodies(&self, path: &str) -> Vec<Value> {
        let heard = self.heard();
        let bodies = heard.iter().filter(|(at, _, _)| at == path);
        bodies.map(|(_, _, body)| serde_json::from_str(body).unwrap()).collect()
    }

    /// The notifications heard at a path, one by one.
    pub(crate) fn items(&self, path: &str) -> Vec<Value> {
        self.bodies(path)
            .iter()
            .flat_map(|body| body["value"].as_array().unwrap().clone())
            .collect()
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let at = request.uri().path_and_query().unwrap().to_string();
        let kind =
            request.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let token = at.split_once('?').and_then(|(_, query)| {
            form_urlencoded::parse(query.as_bytes())
                .find(|(name, _)| name == "validationToken")
                .map(|(_, token)| token.into_owned())
        });
        let (status, text, silent) = {
            let mut state = self.state.lock().unwrap();
            let body = String::from_utf8(body.to_vec()).unwrap();
            state.heard.push((at, kind.unwrap_or_default(), body));
            match token {
                Some(token) => {
                    let (status, text) = state.handshake.clone().unwrap_or((200, token));
                    (status, text, false)
                }
                None => (state.answers.pop_front().unwrap_or(202), String::new(), state.silent),
            }
        };
        if silent {
            std::future::pending::<()>().await;
        }
        Response::builder()
            .status(status)
            .header("content-type", "text/plain; charset=utf-8")
            .body(Full::from(text))
            .unwrap()
    }
}

/// Waits for a state, up to a generous deadline.
pub(crate) async fn eventually(what: &str, mut reached: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while !reached() {
        assert!(tokio::time::Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
