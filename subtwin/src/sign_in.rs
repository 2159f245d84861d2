//! `subtwin sign-in`: the twin's account signs in once for each of its two app registrations.

use std::time::Duration;

use anyhow::Context as _;
use subtwin_entra::Expected;
use url::Url;

use crate::config::Config;
use crate::twin::{Foundations, Registration};
use crate::{cli, run, say};

/// Signs the twin in.
///
/// # Errors
/// When nobody signs in, somebody else does, or the tokens cannot be kept.
pub fn command(options: &cli::SignIn) -> anyhow::Result<()> {
    run::log_to_stderr("info");
    let config = Config::read(&options.config)?;
    run::runtime()?.block_on(async {
        sign_in(&config, |url| {
            say::progress(format_args!(
                "Open this in a browser of this machine and sign in as {}:\n\n  {url}\n",
                config.twin.upn
            ));
        })
        .await
    })?;
    say::line(format_args!("{} is signed in; start it with `subtwin run`", config.twin.name));
    Ok(())
}

/// Signs in for both registrations; `show` gets each address.
pub(crate) async fn sign_in(config: &Config, show: impl Fn(&Url)) -> anyhow::Result<()> {
    let base = Foundations::lay(config)?;
    for registration in Registration::of(config).iter().copied() {
        let client = base.client(config, registration);
        let issued = subtwin_entra::sign_in(
            &client,
            &registration.scopes(&config.tools),
            &config.twin.upn,
            Expected::User(config.twin.id.as_user()),
            PATIENCE,
            &show,
        )
        .await
        .with_context(|| {
            format!("signing in for the {} registration failed", registration.name())
        })?;
        base.tokens(config, registration).adopt(issued).await?;
    }
    base.store.close().await;
    Ok(())
}

/// How long a person may take.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
