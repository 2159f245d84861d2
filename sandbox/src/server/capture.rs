//! Writes every exchange as one JSON line, secrets masked: evidence of what a client really sends.

use std::io;
use std::path::Path;

use serde_json::{Map, Value, json};
use tokio::fs::File;
use tokio::io::{AsyncWriteExt as _, BufWriter};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;
use url::form_urlencoded;

use crate::tenant::Secret;
use crate::wire::{Body, Request, Response, Service};

/// Takes exchanges to a file. The writer ends, flushed, when the last copy is dropped.
#[derive(Debug)]
pub(super) struct Capture(mpsc::Sender<Value>);

impl Capture {
    /// Opens the file (appending) and starts its writer.
    pub(super) async fn start(tasks: &TaskTracker, path: &Path) -> io::Result<Self> {
        let file = File::options().create(true).append(true).open(path).await?;
        let (sender, lines) = mpsc::channel(QUEUE);
        tasks.spawn(async move {
            if let Err(error) = write(file, lines).await {
                tracing::error!(%error, "captured exchanges could not be written");
            }
        });
        Ok(Self(sender))
    }

    /// Adds one exchange; waits when the disk is slower than the clients.
    /// The passwords and passes that were `told` to somebody are kept out wherever they stand.
    pub(super) async fn record(&self, request: &Request, response: &Response, told: &[Secret]) {
        if request.service == Service::Local {
            return;
        }
        // A writer that failed has said so.
        let mut line = line(request, response);
        hide(&mut line, told);
        let _ = self.0.send(line).await;
    }
}

/// Masks what is known to be secret inside longer texts, such as a chat message.
fn hide(value: &mut Value, told: &[Secret]) {
    match value {
        Value::String(text) => {
            for secret in told.iter().map(Secret::reveal).filter(|secret| secret.len() >= 8) {
                let escaped =
                    secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
                for form in [secret, &escaped] {
                    if text.contains(form) {
                        *text = text.replace(form, MASK);
                    }
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| hide(item, told)),
        Value::Object(fields) => fields.values_mut().for_each(|field| hide(field, told)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

async fn write(file: File, mut lines: mpsc::Receiver<Value>) -> io::Result<()> {
    let mut file = BufWriter::new(file);
    while let Some(line) = lines.recv().await {
        file.write_all(line.to_string().as_bytes()).await?;
        file.write_all(b"\n").await?;
        if lines.is_empty() {
            file.flush().await?;
        }
    }
    file.flush().await
}

fn line(request: &Request, response: &Response) -> Value {
    let query = request.query.as_deref().map(|query| format!("?{}", masked_form(query)));
    let resp = match &response.body {
        Body::Json(value) => masked(value),
        Body::Empty => Value::Null,
        Body::Cut => json!("(connection cut)"),
        // Pages can carry codes and say nothing about the protocol.
        Body::Html(_) => json!("(page)"),
        Body::Text(text) => shortened(text),
        Body::Bytes(_) => json!("(bytes)"),
        Body::File(..) => json!("(file)"),
        Body::Events(_) => json!("(events)"),
    };
    json!({
        "m": request.method,
        "url": format!("{}{}{}", request.origin, request.path, query.unwrap_or_default()),
        "body": body(request),
        "status": response.status,
        "resp": resp,
    })
}

fn body(request: &Request) -> Value {
    if request.body.is_empty() {
        return Value::Null;
    }
    let kind = request.header("content-type").unwrap_or_default();
    if kind.contains("json") {
        // What does not parse may still hold a secret.
        return serde_json::from_slice(&request.body)
            .map_or_else(|_| json!("(not JSON)"), |value| masked(&value));
    }
    if kind.contains("form-urlencoded") {
        let fields: Map<String, Value> = form_urlencoded::parse(&request.body)
            .map(|(name, value)| {
                let value = if form_secret(&name) { MASK.into() } else { shortened(&value) };
                (name.into_owned(), value)
            })
            .collect();
        return Value::Object(fields);
    }
    json!(format!("({} bytes)", request.body.len()))
}

fn masked_form(query: &str) -> String {
    let mut out = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        out.append_pair(&name, if form_secret(&name) { MASK } else { &value });
    }
    out.finish()
}

fn masked(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| {
                let hide = secret(name) && !value.is_null();
                (name.clone(), if hide { MASK.into() } else { masked(value) })
            })
            .collect(),
        Value::Array(items) => items.iter().map(masked).collect(),
        Value::String(text) => shortened(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn shortened(text: &str) -> Value {
    if text.len() > TEXT {
        json!(format!("({} bytes of text)", text.len()))
    } else if text.starts_with("eyJ") || text.starts_with("Bearer ") {
        MASK.into()
    } else {
        text.into()
    }
}

/// In forms and addresses `code` and `state` belong to a sign-in; in JSON they are Graph's error code
/// and a licence's state, which are needed to understand the exchange.
fn form_secret(name: &str) -> bool {
    secret(name) || name == "code" || name == "state"
}

/// Whether a field of this name carries a secret.
fn secret(name: &str) -> bool {
    let plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    SECRETS.contains(&plain.as_str())
}

/// Lower case, without punctuation.
const SECRETS: [&str; 22] = [
    "accesstoken",
    "refreshtoken",
    "idtoken",
    "devicecode",
    "usercode",
    "authorizationcode",
    "codeverifier",
    "clientsecret",
    "clientassertion",
    "assertion",
    "userfederatedidentitycredential",
    "password",
    "passwd",
    "newpassword",
    "currentpassword",
    "temporaryaccesspass",
    "secrettext",
    "authorization",
    "clientstate",
    "validationtokens",
    "validationtoken",
    "datakey",
];
const MASK: &str = "(masked)";
/// Longer texts are replaced by their length.
const TEXT: usize = 16 * 1024;
/// Exchanges that may wait for the disk.
const QUEUE: usize = 256;
