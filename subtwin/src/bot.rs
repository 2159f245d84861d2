//! `subtwin bot`: what a twin that is a bot needs before it runs.

use anyhow::{Context as _, ensure};
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use subtwin_kernel::Secret;

use crate::config::Config;
use crate::twin::{BOT_CERTIFICATE, BOT_KEY, Foundations};
use crate::{cli, run, say};

/// Makes the certificate with which the bot's app proves itself, or shows the one there is. Its key
/// never leaves the sealed state.
///
/// # Errors
/// When the configuration is not right or names no bot, or the state cannot be opened: a twin that
/// runs must be stopped first.
pub fn command(options: &cli::Bot) -> anyhow::Result<()> {
    let cli::BotCommand::Certificate(options) = &options.command;
    let config = Config::read(&options.config)?;
    let bot = config.bot.as_ref();
    let app = bot.context("the configuration has no `[bot]`")?.app;
    let certificate = run::runtime()?.block_on(async {
        let base = Foundations::lay(&config)?;
        let there = base.store.sealed(BOT_CERTIFICATE).await?;
        let certificate = match there.filter(|_| !options.renew) {
            Some(certificate) => certificate.expose().to_owned(),
            None => {
                let made = tokio::task::spawn_blocking(move || make(&app.to_string())).await;
                let (certificate, key) = made??;
                // The key first: a certificate without its key would be shown and never work.
                base.store.put_sealed(BOT_KEY, &key).await?;
                base.store.put_sealed(BOT_CERTIFICATE, &Secret::new(certificate.clone())).await?;
                certificate
            }
        };
        base.store.close().await;
        anyhow::Ok(certificate)
    })?;
    ensure!(!certificate.is_empty(), "the bot's certificate is damaged; make a new one");
    say::line(certificate.trim_end());
    say::progress(format_args!(
        "Upload this certificate to the app registration {app} (Certificates & secrets)."
    ));
    Ok(())
}

/// A self-signed certificate and its key.
fn make(name: &str) -> anyhow::Result<(String, Secret)> {
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)
        .context("cannot make a key")?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    let certificate = params.self_signed(&key).context("cannot make a certificate")?;
    Ok((certificate.pem(), Secret::new(key.serialize_pem())))
}
