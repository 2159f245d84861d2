//! Bot Connector at both ends: what a bot is sent, and what it can say.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use crate::cloud::{Answer, Cloud, claims};

const CONNECTOR: &str = "https://smba.trafficmanager.net/teams";

/// A bot's endpoint: keeps what it is sent, and answers calls with what it is told to.
#[derive(Debug, Default)]
struct Endpoint {
    heard: Mutex<Vec<(String, Value)>>,
    answer: Mutex<Value>,
}

struct Stage {
    cloud: Cloud,
    endpoint: Arc<Endpoint>,
    app: String,
    token: String,
    tasks: TaskTracker,
}

impl Stage {
    async fn start(extra: Value) -> Self {
        let cloud = Cloud::start().await;
        let (endpoint, tasks) = (Arc::new(Endpoint::default()), TaskTracker::new());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let at = format!("http://{}/api/messages", listener.local_addr().expect("an address"));
        let (served, connections) = (Arc::clone(&endpoint), tasks.clone());
        tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let endpoint = Arc::clone(&served);
                connections.spawn(async move {
                    let service = service_fn(move |request| {
                        let endpoint = Arc::clone(&endpoint);
                        async move { Ok::<_, Infallible>(endpoint.take(request).await) }
                    });
                    let http = hyper::server::conn::http1::Builder::new();
                    let _ = http.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        let mut body = json!({"name": "Sam", "endpoint": at});
        body.as_object_mut().expect("an object").extend(extra.as_object().expect("one").clone());
        let bot = cloud.control(Method::POST, "bots", body).await;
        assert_eq!(bot.status, 200, "{bot:?}");
        let app = bot.text_of("appId");
        let secret = cloud.control(Method::POST, &format!("apps/{app}/secrets"), json!({})).await;
        let token = cloud
            .token(&[
                ("grant_type", "client_credentials"),
                ("client_id", &app),
                ("client_secret", &secret.text_of("secretText")),
                ("scope", "https://api.botframework.com/.default"),
            ])
            .await
            .text_of("access_token");
        Self { cloud, endpoint, app, token, tasks }
    }

    async fn does(&self, what: &str, body: Value) -> Value {
        let path = format!("bots/{}/{what}", self.app);
        let answer = self.cloud.control(Method::POST, &path, body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    async fn call(&self, method: Method, path: &str, body: Value) -> Answer {
        let url = format!("{CONNECTOR}/v3/{path}");
        let request = self.cloud.request(method, &url).bearer_auth(&self.token).json(&body);
        self.cloud.send(request).await
    }

    async fn chat(&self, who: &str) -> Value {
        let path = format!("bots/{}/chat?as={who}", self.app);
        self.cloud.control(Method::GET, &path, json!(null)).await.json()
    }

    /// The last activity that the bot was sent, and its token.
    fn last(&self) -> (String, Value) {
        self.endpoint.heard.lock().expect("it").last().expect("an activity").clone()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.tasks.close();
    }
}

impl Endpoint {
    async fn take(&self, request: hyper::Request<Incoming>) -> hyper::Response<Full<Bytes>> {
        let bearer = request.headers()["authorization"].to_str().expect("text");
        let token = bearer.strip_prefix("Bearer ").expect("a bearer token").to_owned();
        let body = request.into_body().collect().await.expect("a body").to_bytes();
        let activity: Value = serde_json::from_slice(&body).expect("JSON");
        let invoke = activity["type"] == "invoke";
        self.heard.lock().expect("it").push((token, activity));
        let answer = self.answer.lock().expect("it").to_string();
        let body = if invoke { Full::from(answer) } else { Full::default() };
        hyper::Response::builder().status(200).body(body).expect("an answer")
    }
}

fn card(text: &str) -> Value {
    json!({
        "type": "AdaptiveCard", "version": "1.4",
        "body": [{"type": "TextBlock", "text": text}],
        "actions": [{"type": "Action.Execute", "title": "Yes", "verb": "yes", "data": {"x": 1}}],
    })
}

fn with_card(card: &Value) -> Value {
    let attachment =
        json!({"contentType": "application/vnd.microsoft.card.adaptive", "content": card});
    json!({"type": "message", "attachments": [attachment]})
}

#[tokio::test]
async fn what_somebody_writes_is_delivered_signed_for_that_bot_and_its_service() {
    let stage = Stage::start(json!({})).await;
    let sent = stage.does("say", json!({"as": "doug", "text": "hello <b>"})).await;
    assert_eq!(sent["status"], 200);
    let (token, activity) = stage.last();
    let claims = claims(&token);
    assert_eq!(claims["iss"], "https://api.botframework.com");
    assert_eq!(claims["aud"], stage.app.as_str());
    assert_eq!(claims["serviceurl"], activity["serviceUrl"]);
    assert_eq!((&activity["type"], &activity["text"]), (&json!("message"), &json!("hello <b>")));
    assert_eq!(activity["id"], sent["message"]);
    assert_eq!(activity["conversation"]["conversationType"], "personal");
    assert_eq!(activity["recipient"]["id"], format!("28:{}", stage.app));
    let html = activity["attachments"][0]["content"].as_str().expect("markup");
    assert!(html.contains("&lt;b&gt;"), "{html}");
    let heard: Vec<Value> = stage
        .endpoint
        .heard
        .lock()
        .expect("it")
        .iter()
        .map(|(_, one)| one["type"].clone())
        .collect();
    assert_eq!(heard, ["conversationUpdate", "installationUpdate", "message"], "installed first");

    // The keys are where Bot Connector's are, endorsed for Teams.
    let document = "https://login.botframework.com/v1/.well-known/openidconfiguration";
    let document = stage.cloud.get(document).await.json();
    let keys = stage.cloud.get(document["jwks_uri"].as_str().expect("an address")).await.json();
    assert_eq!(keys["keys"][0]["endorsements"], json!(["msteams"]));
    let entra =
        stage.cloud.get("https://login.microsoftonline.com/common/discovery/v2.0/keys").await;
    assert_ne!(entra.json()["keys"][0]["kid"], keys["keys"][0]["kid"], "two issuers, two keys");
}

#[tokio::test]
async fn an_edit_a_deletion_a_group_and_an_agent_user_look_as_in_teams() {
    let caller = "5b7a0c11-0004-4c4e-9a51-7a0000000004";
    let agent = json!({"user": "sam", "app": caller});
    let extra = json!({"agent": agent, "issuer": "tenant", "caller": caller});
    let stage = Stage::start(extra).await;
    let sent = stage.does("say", json!({"as": "doug", "text": "yes"})).await;
    let (token, activity) = stage.last();
    let claims = claims(&token);
    assert_eq!((&claims["appid"], &claims["aud"]), (&json!(caller), &json!(stage.app)));
    assert!(claims["iss"].as_str().expect("text").starts_with("https://sts.windows.net/"));
    assert_eq!(activity["recipient"]["role"], "agenticUser");
    assert_eq!(activity["recipient"]["agenticAppId"], caller);

    let change = json!({"as": "doug", "message": sent["message"], "text": "no"});
    stage.does("edit", change.clone()).await;
    let (_, activity) = stage.last();
    assert_eq!((&activity["type"], &activity["id"]), (&json!("messageUpdate"), &sent["message"]));
    assert_eq!(activity["channelData"]["eventType"], "editMessage");
    stage.does("delete", change).await;
    assert_eq!(stage.last().1["type"], "messageDelete");

    let before = stage.endpoint.heard.lock().expect("it").len();
    stage.does("say", json!({"as": "doug", "with": ["dana"], "text": "hello"})).await;
    assert_eq!(stage.endpoint.heard.lock().expect("it").len(), before, "it is not mentioned");
    stage.does("say", json!({"as": "doug", "with": ["dana"], "text": "@Sam hello"})).await;
    let (_, activity) = stage.last();
    assert_eq!(activity["conversation"]["isGroup"], true);
    assert_eq!(activity["text"], "<at>Sam</at> hello");
}

#[tokio::test]
async fn a_bot_types_writes_edits_deletes_and_looks_who_is_there() {
    let stage = Stage::start(json!({})).await;
    stage.does("say", json!({"as": "doug", "text": "hello"})).await;
    let (_, activity) = stage.last();
    let chat = activity["conversation"]["id"].as_str().expect("an id").to_owned();
    let activities = format!("conversations/{chat}/activities");
    let typing = stage.call(Method::POST, &activities, json!({"type": "typing"})).await;
    assert_eq!((typing.status, typing.text.as_str()), (202, ""));
    let hi = json!({"type": "message", "textFormat": "xml", "text": "<p>hi</p>"});
    let said = stage
        .call(
            Method::POST,
            &format!("{activities}/{}", activity["id"].as_str().expect("an id")),
            hi.clone(),
        )
        .await;
    assert_eq!(said.status, 201, "{said:?}");
    let own = format!("{activities}/{}", said.text_of("id"));
    let edited = json!({"type": "message", "text": "ho"});
    assert_eq!(stage.call(Method::PUT, &own, edited).await.status, 200);
    let shown = stage.chat("doug").await;
    assert_eq!(
        (&shown["messages"][1]["content"], &shown["messages"][1]["edited"]),
        (&json!("ho"), &json!(true))
    );
    assert_eq!(stage.call(Method::DELETE, &own, json!(null)).await.status, 200);
    assert_eq!(stage.call(Method::PUT, &own, hi.clone()).await.status, 404, "it is gone");
    let others = format!("{activities}/{}", activity["id"].as_str().expect("an id"));
    assert_eq!(stage.call(Method::PUT, &others, hi.clone()).await.status, 404, "not its own");

    let members =
        stage.call(Method::GET, &format!("conversations/{chat}/members"), json!(null)).await;
    assert_eq!(members.json()[0]["userPrincipalName"], "doug@contoso.com");
    let member =
        format!("conversations/{chat}/members/{}", activity["from"]["id"].as_str().expect("an id"));
    assert_eq!(stage.call(Method::GET, &member, json!(null)).await.status, 200);

    stage.does("block", json!({"as": "doug"})).await;
    let blocked = stage.call(Method::POST, &activities, hi).await;
    assert_eq!(
        (blocked.status, &blocked.json()["error"]["code"]),
        (403, &json!("MessageWritesBlocked"))
    );
}

#[tokio::test]
async fn what_teams_would_not_take_is_refused() {
    let stage = Stage::start(json!({})).await;
    stage.does("say", json!({"as": "doug", "text": "hello"})).await;
    let chat = stage.last().1["conversation"]["id"].as_str().expect("an id").to_owned();
    let activities = format!("conversations/{chat}/activities");
    let mut old = card("?");
    old["version"] = "1.3".into();
    let mut both = with_card(&card("?"));
    both["text"] = "and".into();
    for wrong in [
        json!({}),
        json!({"type": "message"}),
        json!({"type": "event"}),
        with_card(&old),
        with_card(&json!({})),
        both,
    ] {
        let answer = stage.call(Method::POST, &activities, wrong.clone()).await;
        assert_eq!(
            (answer.status, &answer.json()["error"]["code"]),
            (400, &json!("BadSyntax")),
            "{wrong}"
        );
    }
    let hi = json!({"type": "message", "text": "hi"});
    for token in ["", "x", "a.b.c"] {
        let url = format!("{CONNECTOR}/v3/{activities}");
        let request = stage.cloud.request(Method::POST, &url).bearer_auth(token).json(&hi);
        assert_eq!(stage.cloud.send(request).await.status, 401);
    }
    // Graph's token is another API's.
    let url = format!("{CONNECTOR}/v3/{activities}");
    let graphs = stage.cloud.doug().await;
    let request = stage.cloud.request(Method::POST, &url).bearer_auth(graphs).json(&hi);
    assert_eq!(stage.cloud.send(request).await.status, 401);
    let nowhere = stage.call(Method::POST, "conversations/a:nowhere/activities", hi.clone()).await;
    assert_eq!(nowhere.status, 404);
    let mut statuses = Vec::new();
    for _ in 0..16 {
        statuses.push(stage.call(Method::POST, &activities, hi.clone()).await.status);
    }
    assert!(statuses.contains(&429), "nobody may write so much so fast: {statuses:?}");
}

#[tokio::test]
async fn a_bot_opens_a_conversation_with_somebody_of_the_tenant() {
    let stage = Stage::start(json!({})).await;
    let tenant = stage.cloud.control(Method::GET, "tenant", json!(null)).await.json();
    let people = tenant["people"].as_array().expect("people");
    let dana =
        people.iter().find(|one| one["userPrincipalName"] == "dana@contoso.com").expect("Dana");
    let ask = |member: &Value, tenant: &Value| json!({"isGroup": false, "members": [{"id": member}], "tenantId": tenant});
    let made = stage.call(Method::POST, "conversations", ask(&dana["id"], &tenant["id"])).await;
    assert_eq!(made.status, 201, "{made:?}");
    let again = stage.call(Method::POST, "conversations", ask(&dana["id"], &tenant["id"])).await;
    assert_eq!(again.text_of("id"), made.text_of("id"));
    assert_eq!(
        stage.call(Method::POST, "conversations", ask(&json!("x"), &tenant["id"])).await.status,
        403
    );
    assert_eq!(
        stage.call(Method::POST, "conversations", ask(&dana["id"], &dana["id"])).await.status,
        400
    );
}

#[tokio::test]
async fn a_press_is_delivered_and_its_answer_takes_the_cards_place() {
    let stage = Stage::start(json!({})).await;
    stage.does("say", json!({"as": "doug", "text": "hello"})).await;
    let chat = stage.last().1["conversation"]["id"].as_str().expect("an id").to_owned();
    let activities = format!("conversations/{chat}/activities");
    let said = stage.call(Method::POST, &activities, with_card(&card("<Shall I?>"))).await;
    let message = said.text_of("id");
    let shown = stage.chat("doug").await["messages"][1].clone();
    assert_eq!(shown["content"], "<p>&lt;Shall I?&gt;</p>");
    assert_eq!(shown["buttons"], json!([{"title": "Yes", "verb": "yes"}]));

    let press = |trigger: Value| json!({"as": "doug", "message": message, "button": "Yes", "trigger": trigger});
    *stage.endpoint.answer.lock().expect("it") = json!({"statusCode": 200, "type": "application/vnd.microsoft.activity.message", "value": "Wait."});
    stage.does("press", press(json!("automatic"))).await;
    let (_, activity) = stage.last();
    assert_eq!(
        (&activity["type"], &activity["name"]),
        (&json!("invoke"), &json!("adaptiveCard/action"))
    );
    assert_eq!(activity["replyToId"], message.as_str());
    assert_eq!(
        activity["value"],
        json!({
        "action": {"type": "Action.Execute", "verb": "yes", "data": {"x": 1}}, "trigger": "automatic"})
    );
    assert_eq!(stage.chat("doug").await["messages"][1]["remark"], "Wait.");

    let mut done = card("Done.");
    done.as_object_mut().expect("a card").remove("actions");
    *stage.endpoint.answer.lock().expect("it") = json!({"statusCode": 200, "type": "application/vnd.microsoft.card.adaptive", "value": done});
    stage.does("press", press(Value::Null)).await;
    assert_eq!(stage.last().1["value"].get("trigger"), None);
    let shown = stage.chat("doug").await["messages"][1].clone();
    assert_eq!((&shown["content"], &shown["buttons"]), (&json!("<p>Done.</p>"), &json!([])));
    let again = stage
        .cloud
        .control(Method::POST, &format!("bots/{}/press", stage.app), press(Value::Null))
        .await;
    assert_eq!(again.status, 404, "there is nothing to press any more");
}

#[tokio::test]
async fn the_page_shows_an_app_like_a_colleague_and_its_buttons_work() {
    let stage = Stage::start(json!({})).await;
    let tenant = stage.cloud.control(Method::GET, "tenant", json!(null)).await.json();
    let people = tenant["people"].as_array().expect("people");
    let doug =
        people.iter().find(|one| one["userPrincipalName"] == "doug@contoso.com").expect("Doug");
    let doug = doug["id"].as_str().expect("an id");
    let page = async |method: Method, path: &str, body: Value| {
        let url = format!("http://{}/page/{path}", stage.cloud.address());
        let answer = stage.cloud.send(stage.cloud.direct().request(method, url).json(&body)).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    };
    let chats = page(Method::GET, &format!("chats?as={doug}"), json!(null)).await;
    assert_eq!(chats["chats"][0]["title"], "Sam (app)");
    let new = &chats["chats"][0]["id"];
    let opened = page(Method::POST, "say", json!({"as": doug, "chat": new, "text": "hello"})).await;
    let chat = opened["chat"].as_str().expect("an id");
    assert_eq!(stage.last().1["text"], "hello");
    stage
        .call(
            Method::POST,
            &format!("conversations/{chat}/activities"),
            with_card(&card("Shall I?")),
        )
        .await;
    let shown = page(Method::GET, &format!("messages?as={doug}&chat={chat}"), json!(null)).await;
    assert_eq!(shown["messages"].as_array().expect("messages").len(), 2);
    let message = &shown["messages"][1]["id"];
    page(
        Method::POST,
        "press",
        json!({"as": doug, "chat": chat, "message": message, "text": "yes"}),
    )
    .await;
    assert_eq!(stage.last().1["value"]["action"]["verb"], "yes");
    assert_eq!(stage.last().1["value"]["trigger"], "manual");
}
