//! A sandbox tenant and the adapter as its twin Sam.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use subtwin_act::{Hands as _, Observed, SendError, Sent};
use subtwin_confirm::{Planner as _, Refusal};
use subtwin_entra::{
    App, Cloud, CloudSettings, Credential, Entra, Graph, Listed, Standing, TokenClient, Tokens,
    Twin, scopes,
};
use subtwin_kernel::{
    Action, Clock as _, GroupId, Inverse, Part, PrincipalKind, Secret, SkuId, SystemClock,
    SystemEntropy, Tool, UserId,
};
use subtwin_policy::Asker;
use subtwin_record::Trace;
use subtwin_sandbox::{Running, Settings, start};
use uuid::Uuid;

use crate::support::Kept;

/// The app through which the twin works.
const ADMIN: &str = "5b7a0c11-0002-4c4e-9a51-7a0000000002";

pub(crate) struct Tenant {
    pub(crate) running: Running,
    pub(crate) entra: Entra,
    http: reqwest::Client,
    /// Ids of people by the part of their UPN before the `@`.
    people: HashMap<String, String>,
    _ca: tempfile::NamedTempFile,
}

impl Tenant {
    pub(crate) async fn new() -> Self {
        Self::with(Settings { audit_delay: Duration::ZERO, ..Settings::default() }).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        Self::for_tools(settings, &Tool::ALL).await
    }

    /// With the permissions of these tools and no more.
    pub(crate) async fn for_tools(settings: Settings, tools: &[Tool]) -> Self {
        let running = start(settings).await.unwrap();
        let http = client();
        let page = format!("http://{}/sandbox/tenant", running.address);
        let told: Value = http.get(page).send().await.unwrap().json().await.unwrap();
        let people = told["people"].as_array().unwrap().iter().map(|person| {
            let upn = person["userPrincipalName"].as_str().unwrap();
            let alias = upn.split('@').next().unwrap().to_owned();
            (alias, person["id"].as_str().unwrap().to_owned())
        });
        let people: HashMap<String, String> = people.collect();

        let ca = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(ca.path(), &running.ca_pem).unwrap();
        let here = format!("https://localhost:{}", running.address.port());
        let cloud = Cloud::open(&CloudSettings {
            login: here.clone(),
            graph: here.clone(),
            extra_ca: Some(ca.path().into()),
            ..CloudSettings::default()
        })
        .unwrap();
        let tenant = told["id"].as_str().unwrap();
        let wanted = scopes(tools);
        let refresh = refresh_token(cloud.http(), &here, tenant, &wanted).await;

        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy::default()));
        let app = App {
            tenant: tenant.parse().unwrap(),
            client: ADMIN.parse().unwrap(),
            credential: Credential::Public,
        };
        let sam: UserId = people["sam"].parse().unwrap();
        let client = TokenClient::new(cloud.clone(), app, clock.clone(), entropy.clone());
        let kept = Kept::with("sam", &refresh);
        let tokens = Tokens::of_account(client, wanted, sam, "sam".to_owned(), kept);
        let graph = Graph::new(cloud, tokens, entropy);
        let twin = Twin {
            user: sam,
            display_name: "Sam (IT twin)".to_owned(),
            upn: "sam@contoso.com".to_owned(),
            kind: PrincipalKind::MemberUser,
        };
        let person = |alias: &str| people[alias].parse::<UserId>().unwrap();
        let standing = Standing {
            helpdesk: Listed { people: vec![person("doug")], group: None },
            approvers: Listed { people: vec![person("dana")], group: None },
            sponsors: vec![person("dana")],
            break_glass: vec![person("emergency")],
            privilege_matters: Vec::new(),
        };
        let entra = Entra::new(graph, twin, standing, clock);
        Self { running, entra, http, people, _ca: ca }
    }

    pub(crate) fn person(&self, alias: &str) -> UserId {
        self.people[alias].parse().unwrap()
    }

    pub(crate) async fn group(&self, name: &str) -> GroupId {
        use subtwin_understand::Directory as _;
        self.entra.groups(name).await.unwrap()[0].id
    }

    pub(crate) async fn sku(&self, part_number: &str) -> SkuId {
        use subtwin_understand::Directory as _;
        let all = self.entra.licences().await.unwrap();
        all.iter().find(|licence| licence.part_number == part_number).unwrap().sku
    }

    /// The control endpoint.
    pub(crate) async fn control(&self, path: &str, body: Value) -> Value {
        let url = format!("http://{}/sandbox/{path}", self.running.address);
        let method = if path == "faults" { reqwest::Method::PUT } else { reqwest::Method::POST };
        let answer = self.http.request(method, url).json(&body).send().await.unwrap();
        let status = answer.status();
        let told: Value = answer.json().await.unwrap();
        assert!(status.is_success(), "{path} {body}: {told}");
        told
    }

    /// What really happened, by kind.
    pub(crate) async fn totals(&self) -> Value {
        let url = format!("http://{}/sandbox/ledger", self.running.address);
        let told: Value = self.http.get(url).send().await.unwrap().json().await.unwrap();
        told["totals"].clone()
    }

    pub(crate) fn asker(&self, alias: &str) -> Asker {
        Asker {
            id: self.person(alias),
            upn: format!("{alias}@contoso.com"),
            enabled: true,
            guest: false,
            twin: false,
            helpdesk: true,
            approver: false,
            department: None,
            groups: Vec::new(),
        }
    }

    pub(crate) async fn plan(&self, action: &Action) -> Result<Vec<Part>, Refusal> {
        self.entra.parts(action, &self.asker("doug"), &[]).await
    }

    pub(crate) async fn part(&self, action: &Action) -> Part {
        let mut parts = self.plan(action).await.unwrap();
        assert_eq!(parts.len(), 1, "{parts:?}");
        parts.remove(0)
    }

    /// Why there is no plan: the obstacle's name and its sentence.
    pub(crate) async fn obstacle(&self, action: &Action) -> (&'static str, String) {
        match self.plan(action).await.unwrap_err() {
            Refusal::Impossible { code, reason } => (code, reason),
            Refusal::AlreadySo(reason) => ("already", reason),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn send(&self, part: &Part) -> (Result<Sent, SendError>, Trace, Secret) {
        let password = Secret::new_password(&SystemEntropy::default());
        let id = Uuid::from_u128(u128::from_be_bytes(random()));
        let sent_at = SystemClock.now();
        let given = part.step.needs_password().then_some(&password);
        let sent = self.entra.send(&part.step, given, id).await;
        let trace = Trace {
            action: part.action.clone(),
            client_request_id: id,
            sent_at,
            ended_at: Some(SystemClock.now()),
        };
        (sent, trace, password)
    }

    /// Carries a part out and sees it in place.
    pub(crate) async fn done(&self, part: &Part) -> (Option<Secret>, Trace, Secret) {
        let (sent, trace, password) = self.send(part).await;
        let sent = sent.unwrap_or_else(|error| panic!("{}: {error:?}", part.shown.headline));
        assert_eq!(self.look(part, &trace).await, Observed::InPlace, "{}", part.shown.headline);
        (sent.secret, trace, password)
    }

    pub(crate) async fn look(&self, part: &Part, trace: &Trace) -> Observed {
        self.entra.look(&part.action, trace.sent_at).await.unwrap()
    }

    /// Why Graph refused a part that had been planned: its code and our sentence.
    pub(crate) async fn refused(&self, part: &Part) -> (String, String) {
        let (sent, trace, _) = self.send(part).await;
        let Err(SendError::Refused { code, reason }) = sent else { panic!("{sent:?}") };
        assert_eq!(self.look(part, &trace).await, Observed::NotThere, "{reason}");
        (code, reason)
    }

    /// Undoes a part that can be undone.
    pub(crate) async fn undone(&self, part: &Part) -> Part {
        let Inverse::Action(back) = &part.inverse else { panic!("{:?}", part.inverse) };
        let back = self.part(back).await;
        self.done(&back).await;
        back
    }

    /// Fails before and after the change, and with its connection cut: what happened is what the
    /// ledger and a look say, whatever the answer was.
    pub(crate) async fn fails_all_ways(&self, action: &Action, effect: &str) {
        let parts = self.plan(action).await.unwrap();
        let part = &parts[0];
        self.control("faults", json!({"failBeforeNext": 1})).await;
        let (sent, trace, _) = self.send(part).await;
        assert!(
            matches!(sent, Err(SendError::Unknown { .. } | SendError::Busy { .. })),
            "{sent:?}"
        );
        assert_eq!(self.look(part, &trace).await, Observed::NotThere, "{effect}");
        assert_eq!(self.totals().await[effect], Value::Null, "{effect}");

        self.control("faults", json!({"cutAfterNext": 1})).await;
        let (sent, trace, _) = self.send(part).await;
        assert!(matches!(sent, Err(SendError::Unknown { .. })), "{effect}: {sent:?}");
        assert_eq!(self.look(part, &trace).await, Observed::InPlace, "{effect}");
        assert_eq!(self.totals().await[effect], 1, "{effect}: {}", self.totals().await);
    }

    /// Parts as a golden text: ids by their owners' names, times left out.
    pub(crate) fn told(&self, parts: &[Part]) -> String {
        let mut text = String::new();
        for part in parts {
            let shown = &part.shown;
            let body = part.step.body.as_ref().map_or(String::new(), |body| format!(" {body}"));
            let method = format!("{:?}", part.step.method).to_uppercase();
            text.push_str(&format!("{}\n", shown.headline));
            text.push_str(&format!("target: {}\n", shown.target));
            if let Some(object) = &shown.object {
                text.push_str(&format!("object: {object}\n"));
            }
            text.push_str(&format!("before: {}\nafter: {}\n", shown.before, shown.after));
            for line in &shown.consequences {
                text.push_str(&format!("- {line}\n"));
            }
            text.push_str(&format!("undo: {}\n", shown.undo));
            text.push_str(&format!("{method} {}{body}\n", part.step.path));
            text.push_str(&format!("action: {}\n", json!(part.action)));
            text.push_str(&format!("inverse: {}\n", json!(part.inverse)));
            text.push_str(&format!("touches: {}\n", json!(part.touches)));
            text.push_str(&format!("type back: {:?}\n\n", part.type_back));
        }
        for (alias, id) in &self.people {
            text = text.replace(id, &format!("{{{alias}}}"));
        }
        let here = format!("https://localhost:{}", self.running.address.port());
        without_times(&text.replace(&here, "{graph}"))
    }
}

fn without_times(text: &str) -> String {
    let words = text.split_inclusive([' ', '\n']).map(|word| {
        let is_day = word.len() == 11 && word.as_bytes()[4] == b'-' && word.as_bytes()[7] == b'-';
        let is_hour = word.len() == 6 && word.as_bytes()[2] == b':';
        if is_day {
            "{day} "
        } else if is_hour {
            "{hour} "
        } else {
            word
        }
    });
    words.collect()
}

fn random() -> [u8; 16] {
    use subtwin_kernel::Entropy as _;
    let mut bytes = [0; 16];
    SystemEntropy::default().fill(&mut bytes);
    bytes
}

async fn refresh_token(
    http: &reqwest::Client,
    here: &str,
    tenant: &str,
    scopes: &[String],
) -> String {
    let scope = scopes.iter().map(|scope| format!("https://graph.microsoft.com/{scope}"));
    let scope = scope.chain(["offline_access".to_owned()]).collect::<Vec<_>>().join(" ");
    let form = [
        ("grant_type", "password"),
        ("client_id", ADMIN),
        ("username", "sam@contoso.com"),
        ("password", "Sandbox!1"),
        ("scope", &scope),
    ];
    let url = format!("{here}/{tenant}/oauth2/v2.0/token");
    let answer = http.post(url).form(&form).send().await.unwrap();
    let told: Value = answer.json().await.unwrap();
    told["refresh_token"].as_str().unwrap_or_else(|| panic!("{told}")).to_owned()
}

#[expect(clippy::disallowed_methods, reason = "a test plays somebody at the control endpoint")]
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap()
}
