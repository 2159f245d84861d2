//! The administrator who signs in: their tokens are kept in memory and dropped at the end.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use serde::Deserialize;
use subtwin_entra::{
    App, Cloud, CloudSettings, Credential, Expected, Graph, Read, TokenClient, TokenStore,
    TokenStoreError, Tokens,
};
use subtwin_kernel::{Secret, SystemClock, SystemEntropy};

use super::settings::Onboard;
use crate::say;

/// Graph as the administrator who signed in.
#[derive(Debug)]
pub(super) struct Administrator {
    pub(super) graph: Graph,
    pub(super) upn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Me {
    user_principal_name: String,
}

impl Administrator {
    /// Signs an administrator in with the installer's registration: authorization code with PKCE,
    /// in a browser of this machine.
    pub(super) async fn sign_in(settings: &Onboard, scopes: &[&str]) -> anyhow::Result<Self> {
        let address = |url: &url::Url| url.as_str().trim_end_matches('/').to_owned();
        let cloud = Cloud::open(&CloudSettings {
            login: address(&settings.cloud.login),
            graph: address(&settings.cloud.graph),
            extra_ca: settings.cloud.ca_file.clone(),
            ..CloudSettings::default()
        })?;
        let app = App {
            tenant: settings.tenant,
            client: settings.installer,
            credential: Credential::Public,
        };
        let entropy = Arc::new(SystemEntropy::default());
        let client = TokenClient::new(cloud.clone(), app, Arc::new(SystemClock), entropy.clone());
        let mut scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        scopes.push("User.Read".to_owned());
        let show = |url: &url::Url| {
            say::progress(format_args!(
                "Open this in a browser of this machine and sign in as an administrator:\n\n  \
                 {url}\n"
            ));
        };
        let issued = subtwin_entra::sign_in(&client, &scopes, "", Expected::Anyone, PATIENCE, show)
            .await
            .context("the administrator's sign-in failed")?;
        let who = issued.identity.context("the token service does not say who signed in")?;
        let name = "administrator".to_owned();
        let tokens = Tokens::of_account(client, scopes, who.user, name, Arc::new(NotKept));
        tokens.adopt(issued).await?;
        let graph = Graph::new(cloud, tokens, entropy);
        let me = Read::at("/v1.0/me").option("$select", "id,userPrincipalName");
        let me: Me = graph.get(&me).await.context("cannot read who signed in")?;
        Ok(Self { graph, upn: me.user_principal_name })
    }
}

/// Keeps nothing: an administrator's refresh token is never on disk.
#[derive(Debug)]
struct NotKept;

#[async_trait]
impl TokenStore for NotKept {
    async fn load(&self, _: &str) -> Result<Option<Secret>, TokenStoreError> {
        Ok(None)
    }

    async fn save(&self, _: &str, _: &Secret) -> Result<(), TokenStoreError> {
        Ok(())
    }

    async fn forget(&self, _: &str) -> Result<(), TokenStoreError> {
        Ok(())
    }
}

/// How long a person may take.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
