//! `subtwin sign-in`: the twin's account signs in once for each of its two app registrations, and
//! an administrator may agree for the whole tenant.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use subtwin_entra::{DeviceCode, Doorway, Expected, Issued, SignInError, TokenClient};
use subtwin_kernel::{SystemClock, SystemEntropy};
use url::Url;

use crate::browser::Browser;
use crate::config::{Config, KeyPlace};
use crate::twin::{self, Foundations, Registration, life};
use crate::{cli, run, say};

/// Signs the twin in, or has an administrator agree.
///
/// # Errors
/// When nobody signs in, somebody else does, or the tokens cannot be kept.
pub fn command(options: &cli::SignIn) -> anyhow::Result<()> {
    run::log_to_stderr("info");
    let config = Config::read(&options.config)?;
    let way = Way::of(options, Browser::find());
    run::runtime()?.block_on(async {
        if options.admin_consent {
            return consent(&config, way).await;
        }
        let base = Foundations::lay(&config)?;
        if let Some(agent) = &config.agent {
            let client = base.public_client(&config, agent.app);
            let scopes = life::OWNERS_SCOPES.map(str::to_owned);
            let (upn, anyone) = (&agent.owner, Expected::Anyone);
            let issued =
                signed_in(&config, &client, &scopes, upn, anyone, way, "for the agent").await?;
            life::owner_signed_in(&config, agent, &base, issued).await?;
            base.store.close().await;
            say::line(format_args!("{upn} is signed in; start {} with `subtwin run`", agent.name));
            return Ok(());
        }
        for &registration in Registration::of(&config) {
            one(&config, &base, registration, way).await?;
        }
        base.store.close().await;
        say::line(format_args!("{} is signed in; start it with `subtwin run`", config.twin.name));
        Ok(())
    })
}

/// How a person is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// A browser of this machine, which we start.
    Browser(Browser),
    /// A browser of this machine, which the person starts.
    Address,
    /// Whatever device the person likes.
    DeviceCode,
}

impl Way {
    fn of(options: &cli::SignIn, browser: Option<Browser>) -> Self {
        Self::wanted(&options.way, options.admin_consent, browser)
    }

    /// What somebody wants, as far as this machine has it.
    pub(crate) fn wanted(
        options: &cli::HowToSignIn,
        in_a_browser: bool,
        browser: Option<Browser>,
    ) -> Self {
        match browser {
            _ if options.device_code => Self::DeviceCode,
            _ if options.no_browser => Self::Address,
            Some(browser) => Self::Browser(browser),
            // Consent is given in a browser or not at all.
            None if in_a_browser => Self::Address,
            None => Self::DeviceCode,
        }
    }
}

/// Signs in for one registration and keeps the tokens.
async fn one(
    config: &Config,
    base: &Foundations,
    registration: Registration,
    way: Way,
) -> anyhow::Result<()> {
    let client = base.client(config, registration);
    let scopes = registration.scopes(&config.tools);
    let upn = &config.twin.upn;
    let expected = Expected::User(config.twin.id.as_user());
    let what = format!("for the {} registration", registration.name());
    let issued = signed_in(config, &client, &scopes, upn, expected, way, &what).await?;
    Ok(base.tokens(config, registration).adopt(issued).await?)
}

/// Signs somebody in: `upn`, or whoever it is when that is empty.
pub(crate) async fn signed_in(
    config: &Config,
    client: &TokenClient,
    scopes: &[String],
    upn: &str,
    expected: Expected,
    way: Way,
    what: &str,
) -> anyhow::Result<Issued> {
    let who = if upn.is_empty() { "somebody who may" } else { upn };
    let signed = match way {
        Way::DeviceCode => {
            let show = |device: &DeviceCode| type_the_code(device, who, what);
            subtwin_entra::sign_in_by_device_code(client, scopes, expected, show).await
        }
        Way::Browser(_) | Way::Address => {
            let show = |door: &Doorway| open(config, door, way, &format!("sign in as {who}"));
            subtwin_entra::sign_in_in_browser(client, scopes, upn, expected, PATIENCE, show).await
        }
    };
    let issued = signed.or_else(|error| explained(client, &error, scopes));
    issued.with_context(|| format!("signing in {what} failed"))
}

/// Has an administrator agree to what both registrations ask for. Needs neither state nor key.
async fn consent(config: &Config, way: Way) -> anyhow::Result<()> {
    let cloud = twin::cloud(config)?;
    for &registration in Registration::of(config) {
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy::default()));
        let client = TokenClient::new(cloud.clone(), registration.app(config), clock, entropy);
        let scopes = registration.scopes(&config.tools);
        let what = format!(
            "sign in as an administrator, to agree to what the {} registration asks for",
            registration.name()
        );
        let show = |door: &Doorway| open(config, door, way, &what);
        let given = subtwin_entra::admin_consent(&client, &scopes, PATIENCE, show).await;
        given
            .or_else(|error| explained(&client, &error, &scopes))
            .with_context(|| failed("consent", registration))?;
        say::line(format_args!("the tenant agrees to the {} registration", registration.name()));
    }
    say::line("it may take two minutes until sign-ins see it; then run `subtwin sign-in`");
    Ok(())
}

fn open(config: &Config, door: &Doorway, way: Way, what: &str) {
    let secret = match &config.state.key {
        KeyPlace::Env(name) => Some(name.as_str()),
        KeyPlace::File(_) | KeyPlace::Keyring(_) => None,
    };
    let started = match way {
        Way::Browser(browser) => browser.open(&door.local, secret),
        Way::Address | Way::DeviceCode => false,
    };
    if started {
        say::progress(format_args!(
            "A browser was opened; {what}. If you see none, open this on this machine:\n\n  {}\n",
            door.address
        ));
    } else {
        say::progress(format_args!(
            "Open this in a browser of this machine and {what}:\n\n  {}\n",
            door.address
        ));
    }
}

fn type_the_code(device: &DeviceCode, upn: &str, what: &str) {
    say::progress(format_args!(
        "Signing in {what}: open this on any device, type the code, and sign in as {upn}:\n\
         \n  {}\n  {}\n\n\
         A device code can be phished: whoever began the sign-in gets the access, so type only a \
         code that you see here because you started this.\n",
        device.verification_uri, device.user_code
    ));
}

/// An error in the words of whoever can do something about it.
fn explained<T>(client: &TokenClient, error: &SignInError, scopes: &[String]) -> anyhow::Result<T> {
    tracing::debug!(%error, "did not end well");
    Err(client.obstacle(error, scopes).into())
}

fn failed(what: &str, registration: Registration) -> String {
    format!("{what} for the {} registration failed", registration.name())
}

/// Signs in for both registrations, in a browser; `show` gets each address.
pub(crate) async fn sign_in(config: &Config, show: impl Fn(&Url)) -> anyhow::Result<()> {
    let base = Foundations::lay(config)?;
    for registration in Registration::of(config).iter().copied() {
        let client = base.client(config, registration);
        let scopes = registration.scopes(&config.tools);
        let expected = Expected::User(config.twin.id.as_user());
        let (upn, show) = (&config.twin.upn, &show);
        let signed = subtwin_entra::sign_in(&client, &scopes, upn, expected, PATIENCE, show).await;
        let issued: anyhow::Result<Issued> =
            signed.or_else(|error| explained(&client, &error, &scopes));
        let issued = issued.with_context(|| failed("signing in", registration))?;
        base.tokens(config, registration).adopt(issued).await?;
    }
    base.store.close().await;
    Ok(())
}

/// How long a person may take.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
