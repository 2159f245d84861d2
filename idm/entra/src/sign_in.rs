use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Form, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use futures_util::future::{Either, select};
use serde::Deserialize;
use subtwin_kernel::Secret;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use url::Url;

use crate::token::{
    AuthorizeRequest, EntraError, Expected, Grant, Issued, TokenClient, TokenError,
};

/// Why a sign-in did not end well.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignInError {
    /// No port could be opened on this machine.
    #[error("opening a port on 127.0.0.1 for the browser's answer failed")]
    Listen(#[source] std::io::Error),
    /// Nobody signed in in time.
    #[error("nobody signed in within {} seconds", .0.as_secs())]
    TooLate(Duration),
    /// The browser brought back an error.
    #[error("the sign-in was not completed")]
    Refused(#[source] Box<EntraError>),
    /// The code could not be traded for a token.
    #[error("the sign-in could not be completed")]
    Token(#[source] TokenError),
}

/// Signs a person's browser in: shows the address to open, waits for the answer on a free port of
/// 127.0.0.1, checks that it answers this request, and trades the code for tokens of the expected
/// account.
///
/// `hint` is the UPN of the account that should sign in, or empty. `show` gets the address; it
/// opens a browser or prints it.
///
/// # Errors
/// When nobody signs in within `patience`, they decline, or somebody else signs in.
pub async fn sign_in(
    client: &TokenClient,
    scopes: &[String],
    hint: &str,
    expected: Expected,
    patience: Duration,
    show: impl FnOnce(&Url),
) -> Result<Issued, SignInError> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(SignInError::Listen)?;
    let port = listener.local_addr().map_err(SignInError::Listen)?.port();
    // A registered `http://localhost` matches any port; 127.0.0.1 would have to be registered too.
    let redirect = format!("http://localhost:{port}");
    let request = client.authorize(scopes, &redirect, hint).map_err(SignInError::Token)?;
    show(&request.url);
    let code = wait_for_code(listener, &request, patience).await?;
    let grant = Grant::Code { code: &code, request: &request };
    client.token(grant, scopes, expected).await.map_err(SignInError::Token)
}

async fn wait_for_code(
    listener: TcpListener,
    request: &AuthorizeRequest,
    patience: Duration,
) -> Result<Secret, SignInError> {
    let (answers, mut answer) = mpsc::channel(1);
    let page = Arc::new(Page { state: request.state.clone(), answers });
    let app = Router::new()
        .route("/", get(by_query).post(by_form))
        .layer(DefaultBodyLimit::max(LARGEST_FORM))
        .with_state(page);
    let (stop, mut stopped) = watch::channel(false);
    let server = axum::serve(listener, app).with_graceful_shutdown(async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    });
    let mut server = std::pin::pin!(server.into_future());
    let heard = std::pin::pin!(answer.recv());
    let code = match tokio::time::timeout(patience, select(heard, &mut server)).await {
        Ok(Either::Left((Some(Ok(code)), _))) => Ok(code),
        Ok(Either::Left((Some(Err(error)), _))) => Err(SignInError::Refused(Box::new(error))),
        Ok(_) => Err(SignInError::Listen(std::io::ErrorKind::BrokenPipe.into())),
        Err(_) => return Err(SignInError::TooLate(patience)),
    };
    // Let the browser have its page, but do not wait for a connection it merely keeps open.
    let _ = stop.send(true);
    let _ = tokio::time::timeout(Duration::from_secs(2), server).await;
    code
}

#[derive(Debug)]
struct Page {
    state: Secret,
    answers: mpsc::Sender<Result<Secret, EntraError>>,
}

#[derive(Deserialize)]
struct Answer {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

async fn by_query(State(page): State<Arc<Page>>, Query(answer): Query<Answer>) -> Response {
    page.take(answer)
}

async fn by_form(State(page): State<Arc<Page>>, Form(answer): Form<Answer>) -> Response {
    page.take(answer)
}

impl Page {
    /// Only an answer to our own request counts; whatever else finds this port changes nothing.
    fn take(&self, answer: Answer) -> Response {
        if answer.state.as_deref() != Some(self.state.expose()) {
            return show(
                StatusCode::BAD_REQUEST,
                "This is not the answer to the sign-in you began.",
            );
        }
        let outcome = match (answer.code, answer.error) {
            (Some(code), None) => Ok(Secret::new(code)),
            (_, error) => {
                let description = answer.error_description.unwrap_or_default();
                let error = error.unwrap_or_else(|| "no code".to_owned());
                Err(EntraError::from_redirect(&error, &description))
            }
        };
        let good = outcome.is_ok();
        // A second answer finds the channel full: the first one counts.
        let _ = self.answers.try_send(outcome);
        if good {
            show(StatusCode::OK, "You are signed in. You can close this page.")
        } else {
            show(StatusCode::OK, "The sign-in was not completed. You can close this page.")
        }
    }
}

fn show(status: StatusCode, text: &'static str) -> Response {
    let mut headers = HeaderMap::new();
    // The address of this page holds the code: it goes nowhere from here.
    headers.insert(header::REFERRER_POLICY, header::HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    let page = format!("<!doctype html><title>subtwin</title><p>{text}</p>");
    (status, headers, Html(page)).into_response()
}

const LARGEST_FORM: usize = 64 * 1024;
