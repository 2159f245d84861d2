use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use subtwin_entra::{
    App, Cloud, CloudSettings, Credential, Entra, Graph, Listed, Standing, TokenClient, TokenStore,
    TokenStoreError, Tokens, Twin,
};
use subtwin_kernel::{ManualClock, PrincipalKind, Secret, SeededEntropy, Tool};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

pub(crate) const TENANT: &str = "aaaaaaaa-0000-4000-8000-000000000001";
pub(crate) const APP: &str = "bbbbbbbb-0000-4000-8000-000000000002";
pub(crate) const SAM: &str = "cccccccc-0000-4000-8000-000000000003";
pub(crate) const DOUG: &str = "dddddddd-0000-4000-8000-000000000004";
pub(crate) const SARAH: &str = "eeeeeeee-0000-4000-8000-000000000005";
pub(crate) const GROUP: &str = "ffffffff-0000-4000-8000-000000000006";
pub(crate) const HELPDESK: &str = "ffffffff-0000-4000-8000-000000000007";
pub(crate) const APPROVERS: &str = "ffffffff-0000-4000-8000-000000000008";
pub(crate) const PAT: &str = "99999999-0000-4000-8000-000000000009";
pub(crate) const GLASS: &str = "99999999-0000-4000-8000-00000000000a";
pub(crate) const E3: &str = "05e9a617-0261-4cee-bb44-138d3ef5d965";
pub(crate) const E5: &str = "06ebc4ee-1bb5-47dd-8120-11324bc54e06";
pub(crate) const TOKEN: &str = "/aaaaaaaa-0000-4000-8000-000000000001/oauth2/v2.0/token";
pub(crate) const NOW: &str = "2026-09-01T10:00:00Z";

/// One scripted answer.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Json(u16, Vec<(&'static str, String)>, Value),
    /// The connection is closed after the request was read.
    HangUp,
}

pub(crate) fn ok(body: Value) -> Reply {
    Reply::Json(200, Vec::new(), body)
}

pub(crate) fn no_content() -> Reply {
    Reply::Json(204, Vec::new(), Value::Null)
}

pub(crate) fn refuse(status: u16, code: &str, message: &str) -> Reply {
    let ids = json!({"date": "2026-09-01T10:00:00", "request-id": "r", "client-request-id": "r"});
    let error = json!({"code": code, "message": message, "innerError": ids});
    Reply::Json(status, Vec::new(), json!({"error": error}))
}

pub(crate) fn not_found() -> Reply {
    refuse(
        404,
        "Request_ResourceNotFound",
        "Resource 'x' does not exist or one of its queried reference-property objects are not \
         present.",
    )
}

/// One request the server read.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub(crate) fn form(&self) -> HashMap<String, String> {
        let fields = format!("http://x/?{}", self.body);
        url::Url::parse(&fields).unwrap().query_pairs().into_owned().collect()
    }
}

#[derive(Debug, Default)]
struct Script {
    /// Answers by "METHOD /path" or "METHOD /path?$option"; the last one of a list stays.
    replies: HashMap<String, VecDeque<Reply>>,
    seen: Vec<Seen>,
    tokens: u32,
}

/// A scripted token service and Graph on one port.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: String,
    script: Arc<Mutex<Script>>,
    _tasks: JoinSet<()>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let script = Arc::new(Mutex::new(Script::default()));
        let mut tasks = JoinSet::new();
        let shared = script.clone();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, shared.clone()));
            }
        });
        Self { address, script, _tasks: tasks }
    }

    pub(crate) fn on(&self, request: &str, reply: Reply) -> &Self {
        let mut script = self.script.lock().unwrap();
        script.replies.entry(request.to_owned()).or_default().push_back(reply);
        self
    }

    /// Forgets the script for one request and puts this answer in its place.
    pub(crate) fn instead(&self, request: &str, reply: Reply) -> &Self {
        self.script.lock().unwrap().replies.remove(request);
        self.on(request, reply)
    }

    pub(crate) fn seen(&self, method: &str, path: &str) -> Vec<Seen> {
        let script = self.script.lock().unwrap();
        let wanted = |seen: &&Seen| seen.method == method && seen.path == path;
        script.seen.iter().filter(wanted).cloned().collect()
    }

    pub(crate) fn seen_in_all(&self) -> usize {
        self.script.lock().unwrap().seen.len()
    }
}

async fn serve(mut stream: TcpStream, script: Arc<Mutex<Script>>) {
    while let Some(seen) = read_request(&mut stream).await {
        let reply = script.lock().unwrap().answer(seen);
        let Reply::Json(status, headers, body) = reply else { return };
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
        head.push_str("content-type: application/json\r\nrequest-id: graph-1\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let answer = format!("{head}\r\n{body}");
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: HashMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers.get("content-length").map_or(0, |text| text.parse().unwrap());
    while bytes.len() < head_end + 4 + length {
        stream.read_buf(&mut bytes).await.ok()?;
    }
    let body = String::from_utf8(bytes[head_end + 4..head_end + 4 + length].to_vec()).unwrap();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let query = percent_decode_str(query).decode_utf8().unwrap().into_owned();
    Some(Seen { method, path: path.to_owned(), query, headers, body })
}

impl Script {
    fn answer(&mut self, seen: Seen) -> Reply {
        let plain = format!("{} {}", seen.method, seen.path);
        let option = seen.query.split('=').next().unwrap_or_default();
        let narrow = format!("{plain}?{option}");
        let asked_by = seen.header("authorization").to_owned();
        self.seen.push(seen);
        let key = if self.replies.contains_key(&narrow) { narrow } else { plain };
        if let Some(replies) = self.replies.get_mut(&key) {
            let next =
                if replies.len() > 1 { replies.pop_front() } else { replies.front().cloned() };
            return next.unwrap();
        }
        if key.ends_with("/oauth2/v2.0/token") {
            self.tokens += 1;
            return ok(token(&format!("token-{}", self.tokens), SAM));
        }
        assert!(asked_by.starts_with("Bearer token-"), "no token on {key}");
        refuse(400, "NotScripted", &key)
    }
}

/// What the token service gives to an account.
pub(crate) fn token(access: &str, oid: &str) -> Value {
    json!({
        "token_type": "Bearer", "scope": "User.Read.All", "expires_in": 3600,
        "ext_expires_in": 3600, "access_token": access, "refresh_token": format!("refresh-{access}"),
        "id_token": id_token(oid, None), "client_info": b64(&json!({"uid": oid, "utid": TENANT})),
    })
}

pub(crate) fn id_token(oid: &str, nonce: Option<&str>) -> String {
    let claims = json!({"aud": APP, "oid": oid, "tid": TENANT, "nonce": nonce});
    format!("e30.{}.c2ln", b64(&claims))
}

pub(crate) fn b64(value: &Value) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string())
}

/// Refresh tokens in memory.
#[derive(Debug, Default)]
pub(crate) struct Kept(pub(crate) Mutex<HashMap<String, Secret>>);

impl Kept {
    pub(crate) fn with(name: &str, token: &str) -> Arc<Self> {
        let secret = Secret::new(token.to_owned());
        Arc::new(Self(Mutex::new(HashMap::from([(name.to_owned(), secret)]))))
    }

    pub(crate) fn now(&self, name: &str) -> String {
        self.0.lock().unwrap()[name].expose().to_owned()
    }
}

#[async_trait]
impl TokenStore for Kept {
    async fn load(&self, name: &str) -> Result<Option<Secret>, TokenStoreError> {
        Ok(self.0.lock().unwrap().get(name).cloned())
    }

    async fn save(&self, name: &str, token: &Secret) -> Result<(), TokenStoreError> {
        self.0.lock().unwrap().insert(name.to_owned(), token.clone());
        Ok(())
    }

    async fn forget(&self, name: &str) -> Result<(), TokenStoreError> {
        self.0.lock().unwrap().remove(name);
        Ok(())
    }
}

/// A server and everything that talks to it, as the twin Sam.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) server: Server,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) kept: Arc<Kept>,
    pub(crate) client: TokenClient,
    pub(crate) tokens: Tokens,
    pub(crate) graph: Graph,
}

impl World {
    pub(crate) async fn new() -> Self {
        let server = Server::start().await;
        let settings = CloudSettings {
            login: server.address.clone(),
            graph: server.address.clone(),
            ..CloudSettings::default()
        };
        let cloud = Cloud::open(&settings).unwrap();
        let clock = Arc::new(ManualClock::at(NOW.parse().unwrap()));
        let entropy = Arc::new(SeededEntropy::new(1));
        let app = App {
            tenant: TENANT.parse().unwrap(),
            client: APP.parse().unwrap(),
            credential: Credential::Public,
        };
        let client = TokenClient::new(cloud.clone(), app, clock.clone(), entropy.clone());
        let kept = Kept::with("sam", "refresh-0");
        let tokens = Tokens::of_account(
            client.clone(),
            vec!["User.Read.All".to_owned()],
            SAM.parse().unwrap(),
            "sam".to_owned(),
            kept.clone(),
        );
        let graph = Graph::new(cloud, tokens.clone(), entropy);
        Self { server, clock, kept, client, tokens, graph }
    }

    pub(crate) fn entra(&self) -> Entra {
        self.entra_as(PrincipalKind::MemberUser)
    }

    pub(crate) fn entra_as(&self, kind: PrincipalKind) -> Entra {
        let twin = Twin {
            user: SAM.parse().unwrap(),
            display_name: "Sam".to_owned(),
            upn: "sam@contoso.com".to_owned(),
            kind,
        };
        let standing = Standing {
            helpdesk: Listed {
                group: Some(HELPDESK.parse().unwrap()),
                people: vec![DOUG.parse().unwrap()],
            },
            approvers: Listed {
                group: Some(APPROVERS.parse().unwrap()),
                people: vec![PAT.parse().unwrap()],
            },
            sponsors: vec![DOUG.parse().unwrap()],
            break_glass: vec![GLASS.parse().unwrap()],
            privilege_matters: vec![Tool::LicenseRemove],
        };
        Entra::new(self.graph.clone(), twin, standing, self.clock.clone())
    }
}

/// A user as Graph describes one, with some members replaced.
pub(crate) fn user(id: &str, name: &str, with: Value) -> Value {
    let first = name.split(' ').next().unwrap().to_lowercase();
    let mut user = json!({
        "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#users/$entity",
        "id": id, "displayName": name, "userPrincipalName": format!("{first}@contoso.com"),
        "mail": format!("{first}@contoso.com"), "userType": "Member", "accountEnabled": true,
        "department": "Marketing", "jobTitle": null, "usageLocation": "US",
        "onPremisesSyncEnabled": null, "assignedLicenses": [], "licenseAssignmentStates": [],
    });
    for (key, value) in with.as_object().unwrap() {
        user[key] = value.clone();
    }
    user
}
