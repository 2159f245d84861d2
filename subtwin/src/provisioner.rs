//! Whoever may make agents: signs in for it, and is forgotten with it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use subtwin_entra::{
    Expected, Graph, Issued, PROVISIONER_SCOPES, TokenClient, TokenStore, TokenStoreError, Tokens,
};
use subtwin_kernel::{Secret, UserId};
use tokio::sync::Mutex;
use url::Url;
use uuid::Uuid;

use crate::config::{Agent, Config};
use crate::sign_in::{self, Way};
use crate::twin::Foundations;

/// Signs somebody in who may make agents. Their tokens are kept in memory, for as long as the
/// returned Graph lives.
///
/// # Errors
/// When nobody signs in, or the permissions are not given.
pub(crate) async fn sign_in(
    config: &Config,
    agent: &Agent,
    base: &Foundations,
    show: impl FnOnce(&Url),
) -> anyhow::Result<Graph> {
    let client = base.public_client(config, agent.installer);
    let scopes = PROVISIONER_SCOPES.map(str::to_owned);
    let signed =
        subtwin_entra::sign_in(&client, &scopes, "", Expected::Anyone, PATIENCE, show).await;
    let issued = signed.map_err(|error| client.obstacle(&error, &scopes))?;
    graph(client, base, issued).await
}

/// The same on the command line.
///
/// # Errors
/// As [`sign_in`].
pub(crate) async fn sign_in_here(
    config: &Config,
    agent: &Agent,
    base: &Foundations,
    way: Way,
) -> anyhow::Result<Graph> {
    let client = base.public_client(config, agent.installer);
    let scopes = PROVISIONER_SCOPES.map(str::to_owned);
    let what = "to make agents";
    let issued =
        sign_in::signed_in(config, &client, &scopes, "", Expected::Anyone, way, what).await?;
    graph(client, base, issued).await
}

async fn graph(client: TokenClient, base: &Foundations, issued: Issued) -> anyhow::Result<Graph> {
    let scopes = PROVISIONER_SCOPES.map(str::to_owned).to_vec();
    let who = issued.identity.context("the token service does not say who signed in")?;
    let kept = Arc::new(Fleeting::default());
    let tokens = Tokens::of_account(client, scopes, who.user, NAME.to_owned(), kept);
    tokens.adopt(issued).await?;
    Ok(Graph::new(base.cloud.clone(), tokens, Arc::clone(&base.entropy)))
}

/// Graph as nobody: every call says that nobody is signed in.
pub(crate) fn nobody(config: &Config, agent: &Agent, base: &Foundations) -> Graph {
    let client = base.public_client(config, agent.installer);
    let (user, kept) = (UserId::new(Uuid::nil()), Arc::new(Fleeting::default()));
    let tokens = Tokens::of_account(client, Vec::new(), user, NAME.to_owned(), kept);
    Graph::new(base.cloud.clone(), tokens, Arc::clone(&base.entropy))
}

/// Keeps one token as long as the process needs it.
#[derive(Debug, Default)]
struct Fleeting(Mutex<Option<Secret>>);

#[async_trait]
impl TokenStore for Fleeting {
    async fn load(&self, _: &str) -> Result<Option<Secret>, TokenStoreError> {
        Ok(self.0.lock().await.clone())
    }

    async fn save(&self, _: &str, token: &Secret) -> Result<(), TokenStoreError> {
        *self.0.lock().await = Some(token.clone());
        Ok(())
    }

    async fn forget(&self, _: &str) -> Result<(), TokenStoreError> {
        *self.0.lock().await = None;
        Ok(())
    }
}

const NAME: &str = "provisioner";
/// How long a person may take.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
