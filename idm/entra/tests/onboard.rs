//! Onboarding against a sandbox tenant: made once whatever happens, and unmade without a trace.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use subtwin_entra::onboard::{
    Change, FirstSignIn, How, LicenceWish, OnboardError, OnboardStep, Onboarding, Patience,
    READING, Registration, Told, WRITING, Wish, plan, survey,
};
use subtwin_entra::{
    App, Cloud, CloudSettings, Credential, Expected, Graph, Issued, Mark, Read, StepStore,
    StepStoreError, Steps, TokenClient, Tokens, sign_in,
};
use subtwin_kernel::{Secret, SystemClock, SystemEntropy, Tool, UserId};
use subtwin_sandbox::{Running, Settings, start};

use crate::support::Kept;

/// A public client in which an administrator may consent to whatever it asks for.
const INSTALLER: &str = "5b7a0c11-0003-4c4e-9a51-7a0000000003";
/// A public client that nobody has consented to anything of that matters here.
const NO_INSTALLER: &str = "5b7a0c11-0001-4c4e-9a51-7a0000000001";
const UPN: &str = "sam.twin@contoso.com";

/// A company, its administrator's Graph, and the log of one onboarding.
pub(crate) struct Firm {
    pub(crate) running: Running,
    pub(crate) cloud: Cloud,
    pub(crate) tenant: String,
    pub(crate) http: reqwest::Client,
    pub(crate) graph: Graph,
    shelf: Arc<Shelf>,
    pub(crate) wish: Wish,
    _ca: tempfile::NamedTempFile,
}

/// A store of step logs that stops working before its nth writing.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    kept: Mutex<HashMap<String, String>>,
    saves: AtomicUsize,
    breaks_at: AtomicUsize,
}

#[async_trait]
impl StepStore for Shelf {
    async fn load(&self, name: &str) -> Result<Option<String>, StepStoreError> {
        Ok(self.kept.lock().unwrap().get(name).cloned())
    }

    async fn save(&self, name: &str, json: &str) -> Result<(), StepStoreError> {
        let save = self.saves.fetch_add(1, Ordering::SeqCst) + 1;
        if save == self.breaks_at.load(Ordering::SeqCst) {
            return Err(StepStoreError("killed".into()));
        }
        self.kept.lock().unwrap().insert(name.to_owned(), json.to_owned());
        Ok(())
    }
}

impl Firm {
    pub(crate) async fn new() -> Self {
        Self::with(INSTALLER, &WRITING, "dana").await
    }

    async fn with(installer: &str, scopes: &[&str], administrator: &str) -> Self {
        let settings = Settings { audit_delay: Duration::ZERO, ..Settings::default() };
        let running = start(settings).await.unwrap();
        let http = client();
        let ca = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(ca.path(), &running.ca_pem).unwrap();
        let here = format!("https://localhost:{}", running.address.port());
        let cloud = Cloud::open(&CloudSettings {
            login: here.clone(),
            graph: here,
            extra_ca: Some(ca.path().into()),
            ..CloudSettings::default()
        })
        .unwrap();
        let page = format!("http://{}/sandbox/tenant", running.address);
        let told: Value = http.get(page).send().await.unwrap().json().await.unwrap();
        let tenant = told["id"].as_str().unwrap().to_owned();
        let scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let graph =
            signed_in(&cloud, &tenant, installer, &scopes, administrator, &http, &running).await;
        let wish = Wish {
            tenant: tenant.parse().unwrap(),
            display_name: "Sam (new twin)".to_owned(),
            upn: UPN.to_owned(),
            usage_location: "US".to_owned(),
            department: Some("IT".to_owned()),
            job_title: None,
            tools: vec![Tool::UserFind, Tool::LicenseAssign, Tool::SessionRevoke],
            licence: LicenceWish::Cheapest,
            adopt: false,
        };
        let shelf = Arc::default();
        Self { running, cloud, tenant, http, graph: graph.unwrap(), shelf, wish, _ca: ca }
    }

    pub(crate) async fn steps(&self) -> Steps<OnboardStep> {
        let (shelf, clock) = (self.shelf.clone(), Arc::new(SystemClock));
        Steps::open("onboard", shelf, clock, &SystemEntropy::default()).await.unwrap()
    }

    pub(crate) async fn apply(&self) -> (Result<(), OnboardError>, Vec<(OnboardStep, How)>) {
        self.apply_telling(&mut |_| {}).await
    }

    async fn apply_telling(
        &self,
        tell: &mut dyn FnMut(&Told<'_>),
    ) -> (Result<(), OnboardError>, Vec<(OnboardStep, How)>) {
        let mut steps = self.steps().await;
        let mut ended = Vec::new();
        let done = self
            .job(&mut steps)
            .apply(&mut |told| {
                tell(&told);
                if let Told::Ended(step, how) = told {
                    ended.push((step.clone(), how));
                }
            })
            .await;
        (done, ended)
    }

    async fn undo(&self) -> (Result<(), OnboardError>, Vec<(OnboardStep, How)>) {
        let mut steps = self.steps().await;
        let mut ended = Vec::new();
        let done = self
            .job(&mut steps)
            .undo(&mut |told| {
                if let Told::Ended(step, how) = told {
                    ended.push((step.clone(), how));
                }
            })
            .await;
        (done, ended)
    }

    fn job<'a>(&'a self, steps: &'a mut Steps<OnboardStep>) -> Onboarding<'a> {
        Onboarding {
            graph: &self.graph,
            wish: &self.wish,
            steps,
            patience: Patience {
                first: Duration::from_millis(5),
                total: Duration::from_millis(120),
            },
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy::default()),
        }
    }

    pub(crate) async fn control(&self, path: &str, body: Value) -> Value {
        control(&self.http, &self.running, path, body).await
    }

    async fn read(&self, path: &str) -> Value {
        self.graph.get(&Read::at(path)).await.unwrap()
    }

    async fn list(&self, path: &str) -> Vec<Value> {
        self.graph.list(&Read::at(path), 20).await.unwrap()
    }

    /// What of the twin is in the directory: accounts, registrations, principals, consents, roles.
    async fn census(&self) -> [usize; 5] {
        let people = self.list("/v1.0/users?$top=999").await;
        let user = people.iter().filter(|user| user["userPrincipalName"] == UPN);
        let users: Vec<&str> = user.map(|user| user["id"].as_str().unwrap()).collect();
        let named = |one: &&Value| {
            one["displayName"].as_str().is_some_and(|name| name.starts_with("Sam (new twin)"))
        };
        let apps = self.list("/v1.0/applications").await.iter().filter(named).count();
        let principals = self.list("/v1.0/servicePrincipals").await.iter().filter(named).count();
        let whose = |one: &&Value| users.iter().any(|id| one["principalId"] == *id);
        let grants = self.list("/v1.0/oauth2PermissionGrants").await;
        let roles = self.list("/v1.0/roleManagement/directory/roleAssignments").await;
        let (grants, roles) =
            (grants.iter().filter(whose).count(), roles.iter().filter(whose).count());
        [users.len(), apps, principals, grants, roles]
    }

    /// Seats taken of the products with free seats, to see that one is taken and given back.
    async fn seats(&self) -> i64 {
        let skus = self.list("/v1.0/subscribedSkus").await;
        skus.iter().map(|sku| sku["consumedUnits"].as_i64().unwrap()).sum()
    }
}

async fn signed_in(
    cloud: &Cloud,
    tenant: &str,
    client: &str,
    scopes: &[String],
    who: &str,
    http: &reqwest::Client,
    running: &Running,
) -> Result<Graph, subtwin_entra::SignInError> {
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy::default()));
    let app = App {
        tenant: tenant.parse().unwrap(),
        client: client.parse().unwrap(),
        credential: Credential::Public,
    };
    let client = TokenClient::new(cloud.clone(), app, clock, entropy.clone());
    let issued = issued(&client, scopes, who, http, running).await?;
    let user: UserId = issued.identity.unwrap().user;
    let kept = Kept::with("nobody", "unused");
    let tokens = Tokens::of_account(client, scopes.to_vec(), user, "x".to_owned(), kept);
    tokens.adopt(issued).await.unwrap();
    Ok(Graph::new(cloud.clone(), tokens, entropy))
}

/// Signs somebody in at the page.
pub(crate) async fn issued(
    client: &TokenClient,
    scopes: &[String],
    who: &str,
    http: &reqwest::Client,
    running: &Running,
) -> Result<Issued, subtwin_entra::SignInError> {
    let (shown, asked) = tokio::sync::oneshot::channel();
    let browser = async {
        let url: String = asked.await.unwrap();
        let body = json!({"url": url, "as": who, "follow": true});
        control(http, running, "sign-in", body).await
    };
    let signing = sign_in(client, scopes, "", Expected::Anyone, Duration::from_secs(10), |url| {
        shown.send(url.to_string()).unwrap();
    });
    tokio::join!(signing, browser).0
}

async fn control(http: &reqwest::Client, running: &Running, path: &str, body: Value) -> Value {
    let url = format!("http://{}/sandbox/{path}", running.address);
    let method = if path == "faults" { reqwest::Method::PUT } else { reqwest::Method::POST };
    let answer = http.request(method, url).json(&body).send().await.unwrap();
    let status = answer.status();
    let told: Value = answer.json().await.unwrap();
    assert!(status.is_success(), "{path} {body}: {told}");
    told
}

#[expect(clippy::disallowed_methods, reason = "a test plays somebody at the control endpoint")]
fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap()
}

/// Account, two registrations, two principals, two consents, three roles.
const COMPLETE: [usize; 5] = [1, 2, 2, 2, 3];
const NOTHING: [usize; 5] = [0; 5];

#[tokio::test]
async fn what_the_plan_says_is_made_once_and_a_second_run_changes_nothing() {
    let firm = Firm::new().await;
    let seats = firm.seats().await;
    let mut pass = None;
    let (done, ended) = firm
        .apply_telling(&mut |told| {
            if let Told::Shows(FirstSignIn::Pass { pass: shown, .. }) = told {
                assert_eq!(format!("{told:?}"), "Shows(Pass(…))");
                pass = Some(shown.expose().to_owned());
            }
        })
        .await;
    done.unwrap();
    assert!(ended.iter().all(|(_, how)| *how == How::Made), "{ended:?}");
    assert_eq!(firm.census().await, COMPLETE);
    assert_eq!(firm.seats().await, seats + 1);
    let pass = pass.expect("a pass is shown");
    let kept = firm.shelf.kept.lock().unwrap().clone();
    assert!(!format!("{kept:?}").contains(&pass), "the log keeps no secret");

    let user = firm.read(&format!("/v1.0/users/{UPN}")).await;
    assert_eq!(user["displayName"], "Sam (new twin)");
    let steps = firm.steps().await;
    let principal = &steps.object(&OnboardStep::Principal(Registration::Admin)).unwrap().id;
    let path = format!("/v1.0/servicePrincipals/{principal}");
    assert_eq!(firm.read(&path).await["appRoleAssignmentRequired"], true);
    let grants = firm.list(&format!("{path}/oauth2PermissionGrants")).await;
    assert_eq!(grants.len(), 1, "{grants:?}");
    assert_eq!(grants[0]["consentType"], "Principal");
    assert_eq!(grants[0]["principalId"], user["id"]);
    let scopes = firm.wish.granted(Registration::Admin).join(" ");
    let mut given: Vec<&str> = grants[0]["scope"].as_str().unwrap().split(' ').collect();
    given.sort_unstable();
    assert_eq!(given.join(" "), scopes);
    let app = steps.object(&OnboardStep::App(Registration::Admin)).unwrap();
    let app = firm.read(&format!("/v1.0/applications/{}", app.id)).await;
    assert_eq!(app["publicClient"]["redirectUris"], json!(["http://localhost"]));
    assert_eq!(app["passwordCredentials"], json!([]));

    let (done, ended) = firm.apply().await;
    done.unwrap();
    assert!(
        ended.iter().all(|(_, how)| matches!(how, How::AsLogged)),
        "nothing is done twice: {ended:?}"
    );
    assert_eq!(firm.census().await, COMPLETE);

    let (done, ended) = firm.undo().await;
    done.unwrap();
    assert_eq!(ended.first().map(|(step, _)| matches!(step, OnboardStep::Role(_))), Some(true));
    assert_eq!(ended.last(), Some(&(OnboardStep::User, How::Removed)));
    assert_eq!(firm.census().await, NOTHING);
    assert_eq!(firm.seats().await, seats);
    let (done, ended) = firm.undo().await;
    done.unwrap();
    assert!(ended.is_empty(), "{ended:?}");
    let (done, _) = firm.apply().await;
    done.unwrap();
    assert_eq!(firm.census().await, COMPLETE, "it can be begun again");
}

/// However often it is killed, and between whichever two writings of its log: in the end everything
/// is there once, and undoing leaves nothing.
#[tokio::test]
async fn a_kill_before_any_writing_of_the_log_leaves_nothing_double_and_nothing_behind() {
    let firm = Firm::new().await;
    let seats = firm.seats().await;
    let mut kills = 0;
    for at in 1.. {
        firm.shelf.saves.store(0, Ordering::SeqCst);
        firm.shelf.breaks_at.store(at, Ordering::SeqCst);
        let (done, _) = firm.apply().await;
        firm.shelf.breaks_at.store(0, Ordering::SeqCst);
        let killed = done.is_err();
        assert!(!killed || matches!(done, Err(OnboardError::Steps(_))), "{done:?}");
        // Half of the kills are cleaned up right away, the others are gone on from first.
        if at % 2 == 0 {
            let (done, _) = firm.apply().await;
            done.unwrap();
            assert_eq!(firm.census().await, COMPLETE, "after a kill at writing {at}");
        }
        let (done, _) = firm.undo().await;
        done.unwrap();
        assert_eq!(firm.census().await, NOTHING, "undone after a kill at writing {at}");
        assert_eq!(firm.seats().await, seats, "after a kill at writing {at}");
        if !killed {
            break;
        }
        kills += 1;
    }
    assert!(kills > 20, "{kills}");
}

/// Every step's request fails and nothing happens; then it fails and happened all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_looked_up_and_never_doubles_anything() {
    let firm = Firm::new().await;
    let steps = OnboardStep::of(&firm.wish);
    for step in steps.iter().filter(|step| **step != OnboardStep::UsageLocation) {
        for fault in ["failBeforeNext", "cutAfterNext"] {
            let mut armed = false;
            let (done, ended) = firm
                .apply_telling(&mut |told| {
                    if matches!(told, Told::Begins(begun) if *begun == step) && !armed {
                        armed = true;
                        tokio::task::block_in_place(|| {
                            let set = firm.control("faults", json!({fault: 1}));
                            tokio::runtime::Handle::current().block_on(set)
                        });
                    }
                })
                .await;
            assert!(armed, "{step}");
            if fault == "cutAfterNext" {
                done.unwrap_or_else(|error| panic!("{step} {fault}: {error:?} {ended:?}"));
            } else if let Err(error) = done {
                assert!(
                    matches!(error, OnboardError::Lost { .. }),
                    "{step} {fault}: {error:?} {ended:?}"
                );
                let (done, _) = firm.apply().await;
                done.unwrap();
            }
            assert_eq!(firm.census().await, COMPLETE, "{step} {fault}");
            let (done, _) = firm.undo().await;
            done.unwrap();
            assert_eq!(firm.census().await, NOTHING, "{step} {fault}");
        }
    }
}

#[tokio::test]
async fn a_directory_that_lags_behind_and_a_busy_one_are_waited_for() {
    let firm = Firm::new().await;
    firm.control("faults", json!({"replicaLagMs": 40, "throttleNext": 3})).await;
    let mut waits = 0;
    let (done, ended) =
        firm.apply_telling(&mut |told| waits += usize::from(matches!(told, Told::Waits(_)))).await;
    done.unwrap();
    assert!(ended.iter().all(|(_, how)| *how == How::Made), "{ended:?}");
    assert!(waits > 0);
    firm.control("faults", json!({"replicaLagMs": 0})).await;
    assert_eq!(firm.census().await, COMPLETE);
}

#[tokio::test]
async fn somebody_elses_account_never_becomes_a_twin_by_accident() {
    let mut firm = Firm::new().await;
    firm.wish.upn = "sarah.lin@contoso.com".to_owned();
    let (done, ended) = firm.apply().await;
    let error = done.unwrap_err();
    assert!(error.to_string().contains("this program did not make it"), "{error}");
    assert!(ended.is_empty(), "{ended:?}");
    let survey = survey(&firm.graph, &firm.wish, None).await.unwrap();
    let plan = plan(&firm.wish, Some(&survey), None);
    assert_eq!(plan.obstacles, [error.to_string()]);

    // Told to, it takes the account as it is, and gives it back as it was.
    firm.wish.adopt = true;
    let before = firm.read("/v1.0/users/sarah.lin@contoso.com").await;
    let (done, ended) = firm.apply().await;
    done.unwrap();
    assert!(ended.contains(&(OnboardStep::User, How::Found)), "{ended:?}");
    assert!(ended.contains(&(OnboardStep::Licence, How::Found)), "she has Teams: {ended:?}");
    assert!(!ended.iter().any(|(step, _)| *step == OnboardStep::Credential), "{ended:?}");
    let (done, ended) = firm.undo().await;
    done.unwrap();
    assert!(ended.contains(&(OnboardStep::User, How::Left)), "{ended:?}");
    assert_eq!(firm.read("/v1.0/users/sarah.lin@contoso.com").await, before);
}

/// By default any user may register an app: one that is prepared to get the consent must not.
#[tokio::test]
async fn an_app_prepared_by_somebody_else_gets_no_consent() {
    let mut firm = Firm::new().await;
    let tag = format!("subtwin.admin:{UPN}");
    let body = json!({
        "displayName": "Sam (new twin) admin", "tags": [tag], "isFallbackPublicClient": true,
        "publicClient": {"redirectUris": ["http://localhost"]},
    });
    let made = firm.graph.post("/v1.0/applications", Some(&body)).await.unwrap().body;
    let (done, _) = firm.apply().await;
    assert!(matches!(done, Err(OnboardError::InTheWay(_))), "{done:?}");
    firm.wish.adopt = true;
    let path = format!("/v1.0/applications/{}", made["id"].as_str().unwrap());
    let secret = json!({"passwordCredential": {"displayName": "mine"}});
    firm.graph.post(&format!("{path}/addPassword"), Some(&secret)).await.unwrap();
    let (done, _) = firm.apply().await;
    let error = done.unwrap_err().to_string();
    assert!(error.contains("whoever holds it could act as the twin"), "{error}");
    let (done, _) = firm.undo().await;
    done.unwrap();
    assert_eq!(firm.read(&path).await["id"], made["id"], "what was there stays");
}

#[tokio::test]
async fn other_tools_narrow_and_widen_consent_and_roles_to_the_letter() {
    let mut firm = Firm::new().await;
    firm.apply().await.0.unwrap();
    firm.wish.tools = vec![Tool::UserFind, Tool::GroupMemberAdd];
    let steps = firm.steps().await;
    let survey = survey(&firm.graph, &firm.wish, Some(&steps)).await.unwrap();
    let plan = plan(&firm.wish, Some(&survey), Some(&steps));
    let admin = &plan.apps[1];
    assert_eq!(admin.consent_change, Change::Change);
    assert_eq!(admin.adds, ["GroupMember.ReadWrite.All"]);
    assert_eq!(admin.removes, ["LicenseAssignment.ReadWrite.All", "User.RevokeSessions.All"]);
    assert_eq!(plan.apps[0].consent_change, Change::Keep);
    assert_eq!(
        plan.roles_removed,
        ["the role Helpdesk Administrator", "the role License Administrator"]
    );
    assert!(plan.obstacles.is_empty(), "{:?}", plan.obstacles);

    let (done, ended) = firm.apply().await;
    done.unwrap();
    let consent = OnboardStep::Consent(Registration::Admin);
    assert!(ended.contains(&(consent.clone(), How::Changed)), "{ended:?}");
    let steps = firm.steps().await;
    assert!(matches!(steps.mark(&consent), Some(Mark::Made(_))), "still ours to take away");
    let principal = &steps.object(&OnboardStep::Principal(Registration::Admin)).unwrap().id;
    let path = format!("/v1.0/servicePrincipals/{principal}/oauth2PermissionGrants");
    let scope = firm.list(&path).await[0]["scope"].as_str().unwrap().to_owned();
    assert!(scope.contains("GroupMember.ReadWrite.All"), "{scope}");
    assert!(!scope.contains("LicenseAssignment.ReadWrite.All"), "{scope}");
    let removed = ended.iter().filter(|(_, how)| *how == How::Removed).count();
    assert_eq!(removed, 2, "{ended:?}");
    assert_eq!(firm.census().await, [1, 2, 2, 2, 2]);
    firm.undo().await.0.unwrap();
    assert_eq!(firm.census().await, NOTHING);
}

#[tokio::test]
async fn the_plan_needs_no_permission_to_write() {
    assert!(READING.iter().all(|scope| !scope.contains("Write")));
    let firm = Firm::with(NO_INSTALLER, &READING, "dana").await;
    let survey = survey(&firm.graph, &firm.wish, None).await.unwrap();
    let plan = plan(&firm.wish, Some(&survey), None);
    assert_eq!(plan.user.change, Change::Make);
    assert!(plan.apps.iter().all(|app| app.change == Change::Make));
    let offer = plan.licence.product.unwrap();
    assert!(offer.frontline && offer.free > 0, "{offer:?}");
    assert!(plan.obstacles.is_empty(), "{:?}", plan.obstacles);
    assert!(plan.notes.iter().any(|note| note.contains("may consent to apps")), "{:?}", plan.notes);
    let (done, _) = firm.apply().await;
    assert!(matches!(done, Err(OnboardError::NotAllowed { .. })), "{done:?}");
    assert_eq!(firm.census().await, NOTHING);
}

#[tokio::test]
async fn without_access_passes_a_password_is_shown_once_and_must_be_changed() {
    let firm = Firm::new().await;
    firm.control("policies/temporaryAccessPass", json!({"state": "disabled"})).await;
    let mut shown = 0;
    let (done, _) = firm
        .apply_telling(&mut |told| {
            if let Told::Shows(FirstSignIn::Password(_)) = told {
                shown += 1;
            }
        })
        .await;
    done.unwrap();
    assert_eq!(shown, 1);
    let (done, _) = firm.apply_telling(&mut |told| assert!(!matches!(told, Told::Shows(_)))).await;
    done.unwrap();
}

/// The twin cannot get more than it was given: not with its refresh token, and not at the sign-in
/// page, even where users may consent.
#[tokio::test]
async fn the_directory_refuses_the_twin_one_scope_more() {
    let firm = Firm::new().await;
    firm.apply().await.0.unwrap();
    for policy in ["users", "admins"] {
        firm.control("consent", json!({"policy": policy})).await;
        let steps = firm.steps().await;
        for which in Registration::BOTH {
            let app = steps.object(&OnboardStep::App(which)).unwrap().key.clone().unwrap();
            let pinned = which.scopes(&firm.wish.tools);
            let twin = |scopes: Vec<String>, who: &'static str| {
                let app = app.clone();
                let firm = &firm;
                async move {
                    let (cloud, http, at) = (&firm.cloud, &firm.http, &firm.running);
                    signed_in(cloud, &firm.tenant, &app, &scopes, who, http, at).await
                }
            };
            twin(pinned.clone(), "sam.twin").await.unwrap();
            // At the page: Mail.Read is one that users may usually consent to.
            let mut more = pinned.clone();
            more.push("Mail.Read".to_owned());
            let refused = twin(more.clone(), "sam.twin").await.unwrap_err();
            let told = format!("{refused:?}");
            assert!(told.contains("90094"), "{policy} {which:?}: {told}");
            // With the refresh token.
            let told = refreshed(&firm, &app, &pinned, &more).await;
            assert!(told.contains("65001"), "{policy} {which:?}: {told}");
        }
    }
}

/// What the token service says to a refresh token of the twin that asks for other scopes.
async fn refreshed(firm: &Firm, app: &str, signed_in: &[String], asked: &[String]) -> String {
    let url = format!("{}/{}/oauth2/v2.0/token", firm.cloud.login(), firm.tenant);
    let form = |kind: &[(&str, &str)], scopes: &[String]| {
        let mut form: Vec<(String, String)> =
            kind.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        form.push(("client_id".to_owned(), app.to_owned()));
        form.push(("scope".to_owned(), format!("{} offline_access", scopes.join(" "))));
        form
    };
    let user = firm.read(&format!("/v1.0/users/{UPN}")).await;
    firm.control(
        &format!("users/{}", user["id"].as_str().unwrap()),
        json!({"password": "Chosen!by-the-test1"}),
    )
    .await;
    let password =
        [("grant_type", "password"), ("username", UPN), ("password", "Chosen!by-the-test1")];
    let first = firm.cloud.http().post(&url).form(&form(&password, signed_in)).send().await;
    let first: Value = first.unwrap().json().await.unwrap();
    let token = Secret::new(
        first["refresh_token"].as_str().unwrap_or_else(|| panic!("{first}")).to_owned(),
    );
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", token.expose())];
    let more = firm.cloud.http().post(&url).form(&form(&refresh, asked)).send().await;
    more.unwrap().text().await.unwrap()
}
