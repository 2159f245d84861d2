use std::sync::Arc;

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{FILES, answer};
use crate::client;
use crate::settings::Settings;
use crate::tenant::{AccessPass, SET, Secret, Tenant};
use crate::wire::{Body, Request, Response, Service};
use crate::world::Sandbox;

const HOST: &str = "127.0.0.1:4711";

struct Page(Arc<Sandbox>);

impl Page {
    fn of(users: usize) -> Self {
        let settings = Settings { users, ..Settings::default() };
        let tenant = Tenant::sample(settings.seed, settings.users);
        let (sandbox, _notifier) = Sandbox::new(settings, tenant);
        Self(sandbox)
    }

    fn id(&self, alias: &str) -> Uuid {
        self.0.world().tenant.people.find(&format!("{alias}@contoso.com")).expect("known").id
    }

    fn chat(&self, one: &str, other: &str) -> String {
        let (one, other) = (self.id(one), self.id(other));
        client::direct(&mut self.0.world(), one, other).expect("both are here")
    }

    fn say(&self, chat: &str, who: &str, text: &str) -> String {
        let who = self.id(who);
        client::say(&mut self.0.world(), chat, who, text).expect("a member").to_string()
    }

    async fn raw(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: Value,
    ) -> Response {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut all = HeaderMap::new();
        for (name, value) in [("host", HOST)].iter().chain(headers) {
            all.insert(
                HeaderName::try_from(*name).unwrap(),
                HeaderValue::try_from(*value).unwrap(),
            );
        }
        let request = Request {
            service: Service::Local,
            method: method.to_owned(),
            path: path.to_owned(),
            query: Some(query.to_owned()),
            headers: all,
            body: Bytes::from(body.to_string()),
            origin: format!("http://{HOST}"),
        };
        answer(&self.0, &request).await
    }

    async fn get(&self, target: &str) -> (u16, Value) {
        read(self.raw("GET", target, &[], Value::Null).await)
    }

    async fn post(&self, target: &str, body: Value) -> (u16, Value) {
        read(self.raw("POST", target, &[], body).await)
    }

    /// The card beside somebody's chat.
    async fn card(&self, who: &str, chat: &str) -> Value {
        let target = format!("/page/messages?as={}&chat={}", self.id(who), encoded(chat));
        let (status, body) = self.get(&target).await;
        assert_eq!(status, 200);
        body["about"].clone()
    }
}

fn read(response: Response) -> (u16, Value) {
    match response.body {
        Body::Json(value) => (response.status, value),
        _ => (response.status, Value::Null),
    }
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    let found = response.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map_or("", |(_, value)| value)
}

#[tokio::test]
async fn another_site_another_host_and_a_name_that_points_here_are_refused() {
    let page = Page::of(20);
    type Case = (&'static str, &'static [(&'static str, &'static str)], u16);
    let cases: &[Case] = &[
        ("/page/people", &[], 200),
        ("/page/people", &[("origin", "http://127.0.0.1:4711")], 200),
        ("/page/people", &[("sec-fetch-site", "same-origin")], 200),
        ("/", &[("sec-fetch-site", "cross-site")], 200),
        ("/page/people", &[("origin", "http://127.0.0.1:9")], 403),
        ("/page/people", &[("origin", "https://evil.example")], 403),
        ("/page/people", &[("origin", "null")], 403),
        ("/page/people", &[("host", "evil.example:4711")], 403),
        ("/page/people", &[("host", "127.0.0.1.evil.example")], 403),
        ("/page/people", &[("sec-fetch-site", "cross-site")], 403),
        ("/page/people", &[("sec-fetch-site", "same-site")], 403),
        ("/", &[("host", "evil.example")], 403),
    ];
    for (path, headers, expected) in cases {
        let status = page.raw("GET", path, headers, Value::Null).await.status;
        assert_eq!(status, *expected, "{path} {headers:?}");
    }
    let refused = page.raw("POST", "/page/say", &[("origin", "https://evil.example")], json!({}));
    assert_eq!(refused.await.status, 403);
}

#[tokio::test]
async fn every_file_comes_with_a_policy_that_allows_no_script_but_ours() {
    let page = Page::of(20);
    for (path, kind, _) in FILES {
        let response = page.raw("GET", path, &[], Value::Null).await;
        let policy = header(&response, "content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"));
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(header(&response, "x-content-type-options"), "nosniff");
        assert!(matches!(response.body, Body::File(sent, _) if sent == kind));
    }
}

#[test]
fn what_the_files_name_is_among_them_and_nothing_is_elsewhere() {
    for (path, _, bytes) in FILES {
        let text = str::from_utf8(bytes).expect("text");
        for name in text.split(['"', '\'']).filter(|word| word.starts_with("/page/")) {
            let file = FILES.iter().any(|(known, ..)| *known == name);
            assert!(file || !name.contains('.'), "{path} names {name}");
        }
        let text = text.replace("http://www.w3.org/2000/svg", "");
        assert!(!text.contains("://"), "{path} names an address");
    }
}

#[tokio::test]
async fn a_name_that_two_people_share_shows_nobody_and_an_address_decides() {
    let page = Page::of(80);
    let chat = page.chat("doug", "sam");
    page.say(&chat, "doug", "Assign Alex Kim an E3");
    assert_eq!(page.card("doug", &chat).await, Value::Null);
    page.say(&chat, "doug", "I mean (alex.kim2@contoso.com).");
    assert_eq!(page.card("doug", &chat).await["upn"], "alex.kim2@contoso.com");
    page.say(&chat, "doug", "and Sarah Lin too");
    assert_eq!(page.card("doug", &chat).await["upn"], "sarah.lin@contoso.com");
}

#[tokio::test]
async fn a_chat_is_for_its_members_and_an_unknown_one_looks_the_same() {
    let page = Page::of(20);
    let chat = page.chat("doug", "sam");
    page.say(&chat, "doug", "hello");
    let dana = page.id("dana");
    let foreign = page.get(&format!("/page/messages?as={dana}&chat={}", encoded(&chat))).await;
    let unknown = page.get(&format!("/page/messages?as={dana}&chat=19:none")).await;
    assert_eq!(foreign.0, 404);
    assert_eq!(foreign, unknown);
    assert_eq!(page.get("/page/messages?as=nobody&chat=x").await.0, 400);
    let (_, hers) = page.get(&format!("/page/chats?as={dana}")).await;
    assert_eq!(hers, json!({"chats": []}));
    let said = json!({"as": dana, "chat": chat, "text": "let me in"});
    assert_eq!(page.post("/page/say", said).await.0, 403);
}

#[tokio::test]
async fn only_ones_own_message_is_edited_or_deleted() {
    let page = Page::of(20);
    let chat = page.chat("doug", "sam");
    let message = page.say(&chat, "doug", "helo");
    let (doug, sam) = (page.id("doug"), page.id("sam"));
    let act =
        |me: Uuid, text: &str| json!({"as": me, "chat": chat, "message": message, "text": text});
    assert_eq!(page.post("/page/edit", act(sam, "mine now")).await.0, 403);
    assert_eq!(page.post("/page/delete", act(sam, "")).await.0, 403);
    assert_eq!(page.post("/page/edit", act(doug, "hello")).await.0, 200);
    let list = format!("/page/messages?as={doug}&chat={}", encoded(&chat));
    let shown = page.get(&list).await.1["messages"][0].clone();
    assert_eq!((&shown["content"], &shown["edited"]), (&json!("<p>hello</p>"), &json!(true)));
    assert_eq!(page.post("/page/delete", act(doug, "")).await.0, 200);
    let shown = page.get(&list).await.1["messages"][0].clone();
    assert_eq!(shown["deleted"], true);
    assert_eq!(page.post("/page/edit", act(doug, "back")).await.0, 404);
}

#[tokio::test]
async fn a_search_in_a_big_company_is_answered_with_a_few_and_how_many_more() {
    let page = Page::of(300);
    let (_, first) = page.get("/page/people").await;
    let upns: Vec<&str> = first["people"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|person| person["upn"].as_str())
        .collect();
    insta::assert_debug_snapshot!(upns, @r#"
    [
        "doug@contoso.com",
        "sarah.lin@contoso.com",
        "dana@contoso.com",
        "paula.stone@contoso.com",
        "sam@contoso.com",
    ]
    "#);
    let (_, all) = page.get("/page/people?find=%40").await;
    assert_eq!(all["people"].as_array().map(Vec::len), Some(20));
    assert_eq!(all["more"], 280);
    let (_, none) = page.get("/page/people?find=nobody%20at%20all").await;
    assert_eq!((&none["people"], &none["more"]), (&json!([]), &json!(0)));
    assert_eq!(page.get("/page/person?who=SARAH.LIN@contoso.com").await.1["name"], "Sarah Lin");
    assert_eq!(page.get("/page/person?who=nobody").await.0, 404);
}

#[tokio::test]
async fn the_card_shows_how_somebody_signs_in_and_no_secret() {
    let page = Page::of(80);
    let chat = page.chat("doug", "sam");
    page.say(&chat, "doug", "alex.kim@contoso.com cannot sign in");
    let card = page.card("doug", &chat).await;
    let methods = card["methods"].as_array().expect("methods");
    assert_eq!(methods.len(), 3);
    assert!(methods[1].as_str().expect("words").ends_with("(default)"), "{methods:?}");
    assert_eq!((&card["pass"], &card["mustChangePassword"]), (&Value::Null, &json!(false)));
    {
        let mut world = page.0.world();
        let now = world.now();
        let alex = world.tenant.people.find("alex.kim@contoso.com").expect("Alex").id;
        let user = world.tenant.people.get_mut(alex).expect("Alex");
        user.must_change_password = true;
        user.methods.pass = Some(AccessPass {
            id: Uuid::from_u128(7),
            secret: Secret::new("tell-nobody"),
            created: now,
            start: now,
            minutes: 60,
            once: true,
            used: false,
        });
    }
    let card = page.card("doug", &chat).await;
    assert_eq!(
        (&card["pass"]["state"], &card["pass"]["once"]),
        (&json!("enabledByPolicy"), &json!(true))
    );
    assert_eq!(card["mustChangePassword"], true);
    assert!(!card.to_string().contains("tell-nobody"));
    page.say(&chat, "doug", "and taro.yamada@contoso.com?");
    assert_eq!(page.card("doug", &chat).await["barred"], 53003);
}

#[tokio::test]
async fn the_list_of_chats_says_who_is_there_and_what_was_said_last() {
    let page = Page::of(20);
    let chat = page.chat("doug", "sam");
    let (doug, sam) = (page.id("doug"), page.id("sam"));
    {
        let mut world = page.0.world();
        let (now, [available, ..]) = (world.now(), SET);
        let lasts = jiff::SignedDuration::from_mins(5);
        world.tenant.chats.presences.set(sam, "its own", available, now, lasts);
    }
    page.say(&chat, "doug", &"long ".repeat(100));
    let row = page.get(&format!("/page/chats?as={doug}")).await.1["chats"][0].clone();
    assert_eq!(row["with"]["presence"], "Available");
    assert_eq!(row["with"]["twin"], true);
    assert_eq!(row["last"]["mine"], true);
    assert_eq!(row["last"]["text"].as_str().map(str::len), Some(120));
}
