use std::fmt;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Form, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use futures_util::future::{Either, select};
use serde::Deserialize;
use subtwin_kernel::Secret;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use url::Url;

use super::SignInError;
use crate::token::EntraError;

/// Where a person's browser begins.
#[derive(Clone, PartialEq, Eq)]
pub struct Doorway {
    /// The address at the token service. It names this request: print it, keep it out of logs and
    /// of command lines.
    pub address: Url,
    /// An address on this machine that leads there, once: for starting a browser, whose command
    /// line every user of the machine may read.
    pub local: Url,
}

/// Without the address, which names the request.
impl fmt::Debug for Doorway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Doorway({})", self.local)
    }
}

/// A port of this machine on which one answer is awaited.
#[derive(Debug)]
pub(super) struct Loopback {
    listener: TcpListener,
    port: u16,
}

impl Loopback {
    pub(super) async fn open() -> Result<Self, SignInError> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(SignInError::Listen)?;
        let port = listener.local_addr().map_err(SignInError::Listen)?.port();
        Ok(Self { listener, port })
    }

    /// Where the answer comes.
    pub(super) fn redirect(&self) -> String {
        // A registered `http://localhost` matches any port; 127.0.0.1 would have to be registered
        // too.
        format!("http://localhost:{}", self.port)
    }

    pub(super) fn doorway(&self, address: &Url) -> Doorway {
        let mut local = address.clone();
        if let Ok(parsed) = Url::parse(&format!("http://127.0.0.1:{}{BEGIN}", self.port)) {
            local = parsed;
        }
        Doorway { address: address.clone(), local }
    }

    /// Waits for the answer that carries `state`, and reads it.
    pub(super) async fn answer<T: Send + 'static>(
        self,
        state: &Secret,
        begin: &Url,
        patience: Duration,
        read: fn(&Answer) -> Result<T, Box<EntraError>>,
    ) -> Result<T, SignInError> {
        let (answers, mut answer) = mpsc::channel(1);
        let begin = Mutex::new(Some(begin.clone()));
        let page = Arc::new(Page { state: state.clone(), begin, answers, read });
        let app = Router::new()
            .route("/", get(by_query::<T>).post(by_form::<T>))
            .route(BEGIN, get(forward::<T>))
            .layer(DefaultBodyLimit::max(LARGEST_FORM))
            .with_state(page);
        let (stop, mut stopped) = watch::channel(false);
        let server = axum::serve(self.listener, app).with_graceful_shutdown(async move {
            let _ = stopped.wait_for(|stop| *stop).await;
        });
        let mut server = std::pin::pin!(server.into_future());
        let heard = std::pin::pin!(answer.recv());
        let found = match tokio::time::timeout(patience, select(heard, &mut server)).await {
            Ok(Either::Left((Some(Ok(found)), _))) => Ok(found),
            Ok(Either::Left((Some(Err(error)), _))) => Err(SignInError::Refused(error)),
            Ok(_) => Err(SignInError::Listen(std::io::ErrorKind::BrokenPipe.into())),
            Err(_) => return Err(SignInError::TooLate(patience)),
        };
        // Let the browser have its page, but do not wait for a connection it merely keeps open.
        let _ = stop.send(true);
        let _ = tokio::time::timeout(Duration::from_secs(2), server).await;
        found
    }
}

#[derive(Debug)]
struct Page<T> {
    state: Secret,
    begin: Mutex<Option<Url>>,
    answers: mpsc::Sender<Result<T, Box<EntraError>>>,
    read: fn(&Answer) -> Result<T, Box<EntraError>>,
}

/// What a browser brings back, of a sign-in or of an administrator's consent.
#[derive(Deserialize)]
pub(super) struct Answer {
    state: Option<String>,
    pub(super) code: Option<String>,
    pub(super) admin_consent: Option<String>,
    pub(super) tenant: Option<String>,
    pub(super) error: Option<String>,
    error_description: Option<String>,
    error_subcode: Option<String>,
}

impl Answer {
    /// What the token service says went wrong; `otherwise` when it says nothing.
    pub(super) fn refusal(&self, otherwise: &str) -> Box<EntraError> {
        Box::new(EntraError::from_redirect(
            self.error.as_deref().unwrap_or(otherwise),
            self.error_description.as_deref().unwrap_or_default(),
            self.error_subcode.as_deref(),
        ))
    }
}

async fn by_query<T>(State(page): State<Arc<Page<T>>>, Query(answer): Query<Answer>) -> Response {
    page.take(&answer)
}

async fn by_form<T>(State(page): State<Arc<Page<T>>>, Form(answer): Form<Answer>) -> Response {
    page.take(&answer)
}

async fn forward<T>(State(page): State<Arc<Page<T>>>, headers: HeaderMap) -> Response {
    page.forward(&headers)
}

impl<T> Page<T> {
    /// Only an answer to our own request counts; whatever else finds this port changes nothing.
    fn take(&self, answer: &Answer) -> Response {
        let presented = answer.state.clone().map(Secret::new);
        if presented.as_ref() != Some(&self.state) {
            return show(
                StatusCode::BAD_REQUEST,
                "This is not the answer to what you began. Nothing was done.",
            );
        }
        let outcome = (self.read)(answer);
        let good = outcome.is_ok();
        // A second answer finds the channel full: the first one counts.
        let _ = self.answers.try_send(outcome);
        let text = if good {
            "Done: subtwin has your answer and says in its own window how it ended. You can close \
             this page."
        } else {
            "This was not completed. You can close this page; subtwin says in its own window what \
             to do."
        };
        show(StatusCode::OK, text)
    }

    /// Sends the browser on that we started. Whoever comes second, or from another page, does not
    /// learn the address.
    fn forward(&self, headers: &HeaderMap) -> Response {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let host = text("host").and_then(|host| host.split(':').next());
        let from_here = matches!(host, Some("127.0.0.1" | "localhost"))
            && text("sec-fetch-site").is_none_or(|site| site == "none");
        let mut begin = self.begin.lock().unwrap_or_else(PoisonError::into_inner);
        let address = if from_here { begin.take() } else { None };
        match address.and_then(|url| HeaderValue::from_str(url.as_str()).ok()) {
            Some(address) => {
                let mut headers = discreet();
                headers.insert(header::LOCATION, address);
                (StatusCode::SEE_OTHER, headers).into_response()
            }
            None => show(
                StatusCode::GONE,
                "This address works once. If it was not you who opened it before, start again.",
            ),
        }
    }
}

fn show(status: StatusCode, text: &'static str) -> Response {
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>subtwin</title><p>{text}</p>"
    );
    (status, discreet(), Html(page)).into_response()
}

fn discreet() -> HeaderMap {
    let mut headers = HeaderMap::new();
    // The address of this page may hold the code: it goes nowhere from here.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers
}

const BEGIN: &str = "/begin";
const LARGEST_FORM: usize = 64 * 1024;
