//! `subtwin sign-in` as a process, with a person who types a code, an administrator, and refusals.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::stage::{DANA, DOUG, Guard, SAM, Setup, Stage, eventually, program};

/// A sign-in under way.
struct SigningIn<'a> {
    stage: &'a Stage,
    child: Guard,
    log: std::path::PathBuf,
}

impl<'a> SigningIn<'a> {
    fn begin(stage: &'a Stage, options: &[&str]) -> Self {
        Self::begin_with(stage, &mut program(), options)
    }

    fn begin_with(stage: &'a Stage, program: &mut Command, options: &[&str]) -> Self {
        let log = stage.dir.path().join("this-sign-in.err");
        let child = program
            .arg("sign-in")
            .args(options)
            .arg("--config")
            .arg(stage.config())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Self { stage, child: Guard(Some(child)), log }
    }

    fn told(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// The `number`th indented line that `is` one of those looked for.
    async fn shown(&self, number: usize, is: impl Fn(&str) -> bool) -> String {
        eventually("something to open or type", async || {
            let text = self.told();
            let shown = text.lines().filter_map(|line| line.strip_prefix("  "));
            shown.filter(|line| is(line)).nth(number - 1).map(str::to_owned)
        })
        .await
    }

    async fn address(&self, number: usize) -> String {
        self.shown(number, |line| line.starts_with("https:")).await
    }

    async fn code(&self, number: usize) -> String {
        let is_code = |line: &str| {
            line.len() == 9
                && line.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        };
        self.shown(number, is_code).await
    }

    async fn browse(&self, number: usize, who: &str, with: Value) {
        let mut body = json!({"url": self.address(number).await, "as": who, "follow": true});
        for (key, value) in with.as_object().unwrap() {
            body[key] = value.clone();
        }
        self.stage.control.post("sign-in", &body).await;
    }

    /// Whether it went well, and everything that was said.
    async fn ended(mut self) -> (bool, String) {
        let child = self.child.0.as_mut().unwrap();
        let status = eventually("signing in ends", async || child.try_wait().unwrap()).await;
        self.child.0.take();
        (status.success(), self.told())
    }
}

#[tokio::test]
async fn without_a_screen_a_code_is_typed_on_another_device_and_the_danger_is_named() {
    let mut stage = Stage::set(&Setup::default()).await;
    let signing_in = SigningIn::begin(&stage, &[]);
    for number in 1..=2 {
        let code = signing_in.code(number).await;
        stage.control.post("device", &json!({"user_code": code, "as": SAM})).await;
    }
    let (well, told) = signing_in.ended().await;
    assert!(well, "{told}");
    assert_eq!(told.matches("can be phished").count(), 2, "{told}");
    assert!(told.contains("/devicelogin"), "{told}");
    stage.start().await;
}

#[tokio::test]
async fn a_code_that_is_declined_or_typed_by_somebody_else_signs_nobody_in() {
    let stage = Stage::set(&Setup::default()).await;
    for (who, approve, part) in [
        (SAM, false, "the person declined; sign in again and accept"),
        (DOUG, true, "somebody else signed in; sign in as the twin itself"),
    ] {
        let signing_in = SigningIn::begin(&stage, &["--device-code"]);
        let code = signing_in.code(1).await;
        let answer = json!({"user_code": code, "as": who, "approve": approve});
        stage.control.post("device", &answer).await;
        let (well, told) = signing_in.ended().await;
        assert!(!well && told.contains(part), "{told}");
    }
    let ended = program().args(["run", "--config"]).arg(stage.config()).output().unwrap();
    assert!(String::from_utf8_lossy(&ended.stderr).contains("has not signed in"), "{ended:?}");
}

#[tokio::test]
async fn an_administrator_agrees_once_for_the_tenant_and_nobody_else_can() {
    let stage = Stage::set(&Setup::default()).await;
    fs::remove_file(stage.dir.path().join("twin.key")).unwrap();
    let asking = SigningIn::begin(&stage, &["--admin-consent", "--no-browser"]);
    for number in 1..=2 {
        asking.browse(number, DANA, json!({})).await;
    }
    let (well, told) = asking.ended().await;
    assert!(well, "needs neither key nor state: {told}");

    for (who, with, part) in [
        (DOUG, json!({}), "only an administrator may agree"),
        (DANA, json!({"decline": true}), "the person declined"),
    ] {
        let asking = SigningIn::begin(&stage, &["--admin-consent"]);
        asking.browse(1, who, with).await;
        let (well, told) = asking.ended().await;
        assert!(!well && told.contains(part), "{told}");
        assert!(told.contains("AADSTS"), "{told}");
        let linked = told.contains("once for the tenant: https://localhost:");
        assert_eq!(linked, who == DOUG, "{told}");
    }
}

#[tokio::test]
async fn what_stands_in_the_way_is_said_in_one_sentence_with_its_remedy() {
    let stage = Stage::set(&Setup::default()).await;
    let signing_in = SigningIn::begin(&stage, &["--no-browser"]);
    signing_in.browse(1, SAM, json!({"decline": true})).await;
    let (well, told) = signing_in.ended().await;
    let sentence = "because the person declined; sign in again and accept (access_denied";
    assert!(!well && told.contains(sentence), "{told}");

    // A tenant that was mistyped.
    let config = fs::read_to_string(stage.config()).unwrap();
    let tenant = config.split("tenant = \"").nth(1).unwrap().split('"').next().unwrap();
    let other = config.replacen(tenant, "99999999-0000-4000-8000-000000000009", 1);
    fs::write(stage.config(), other).unwrap();
    let (well, told) = SigningIn::begin(&stage, &["--device-code"]).ended().await;
    assert!(!well && told.contains("there is no such tenant; check `tenant`"), "{told}");
    fs::write(stage.config(), &config).unwrap();

    // An app that an administrator switched off.
    let chat = config.split("chat_app = \"").nth(1).unwrap().split('"').next().unwrap();
    stage.control.post(&format!("apps/{chat}"), &json!({"enabled": false})).await;
    let (well, told) = SigningIn::begin(&stage, &["--device-code"]).ended().await;
    assert!(
        !well && told.contains("the app is disabled in this tenant; an administrator"),
        "{told}"
    );
}

#[tokio::test]
async fn a_browser_is_started_with_an_address_that_says_nothing_of_the_request() {
    let stage = Stage::set(&Setup::default()).await;
    let bin = stage.dir.path().join("bin");
    fs::create_dir(&bin).unwrap();
    let opener = bin.join("xdg-open");
    fs::write(&opener, "#!/bin/sh\necho \"$@\" >> \"$0.opened\"\n").unwrap();
    fs::set_permissions(&opener, fs::Permissions::from_mode(0o755)).unwrap();
    let mut program = program();
    program.env("PATH", format!("{}:/usr/bin:/bin", bin.display())).env("DISPLAY", ":99");
    let signing_in = SigningIn::begin_with(&stage, &mut program, &[]);
    for number in 1..=2 {
        let opened = eventually("a browser is started", async || {
            let text = fs::read_to_string(bin.join("xdg-open.opened")).ok()?;
            text.lines().nth(number - 1).map(str::to_owned)
        });
        let opened = opened.await;
        let local = url::Url::parse(&opened).unwrap();
        assert_eq!((local.host_str(), local.path()), (Some("127.0.0.1"), "/begin"), "{opened}");
        assert_eq!(local.query(), None, "{opened}");
        let address = signing_in.address(number).await;
        #[expect(clippy::disallowed_methods, reason = "the browser, which is not ours")]
        let browser = reqwest::Client::builder().no_proxy();
        let browser = browser.redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let sent = browser.get(local.clone()).send().await.unwrap();
        assert_eq!(sent.headers()["location"], address.as_str());
        assert_eq!(browser.get(local).send().await.unwrap().status(), 410);
        signing_in.browse(number, SAM, json!({})).await;
    }
    let (well, told) = signing_in.ended().await;
    assert!(well && !told.contains("phished"), "{told}");
}
