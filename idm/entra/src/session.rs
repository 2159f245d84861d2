use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use jiff::{SignedDuration, Timestamp};
use reqwest::header::HeaderValue;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use subtwin_kernel::{AppId, Secret, UserId};

use crate::token::{App, Credential, Expected, Grant, Issued, TokenClient, TokenError};

/// Where refresh tokens are kept between runs. Implemented over sealed storage.
#[async_trait]
pub trait TokenStore: Send + Sync + fmt::Debug {
    /// The refresh token kept under a name.
    async fn load(&self, name: &str) -> Result<Option<Secret>, TokenStoreError>;

    /// Keeps a refresh token in place of the one before.
    async fn save(&self, name: &str, token: &Secret) -> Result<(), TokenStoreError>;

    /// Forgets what is kept under a name.
    async fn forget(&self, name: &str) -> Result<(), TokenStoreError>;
}

/// The place where refresh tokens are kept did not work.
#[derive(Debug, thiserror::Error)]
#[error("the token store failed")]
pub struct TokenStoreError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Access tokens of one account (or one app) for one set of scopes: gets them, keeps them, renews
/// them ahead of their end. However many callers wait, one renewal runs.
#[derive(Clone, Debug)]
pub struct Tokens(Arc<Session>);

/// An access token, ready for a header that the HTTP stack does not log.
#[derive(Clone, Debug)]
pub(crate) struct Bearer {
    pub(crate) header: HeaderValue,
    round: u64,
    renew_at: Timestamp,
    expires_at: Timestamp,
}

#[derive(Debug)]
struct Session {
    client: TokenClient,
    scopes: Vec<String>,
    source: Source,
    state: Mutex<State>,
}

#[derive(Debug)]
enum Source {
    Account { user: UserId, name: String, store: Arc<dyn TokenStore> },
    App,
    Agent(AgentId),
}

/// An agent identity and its user. Both have no credential: the blueprint vouches for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentId {
    /// The agent identity; its `appId` and its object id are one.
    pub identity: AppId,
    /// The agent user that belongs to it.
    pub user: UserId,
}

type Renewal = Shared<BoxFuture<'static, Result<Bearer, Arc<TokenError>>>>;

#[derive(Default)]
struct State {
    current: Option<Bearer>,
    renewal: Option<Renewal>,
    /// The newest refresh token, which may be newer than the kept one if keeping it failed.
    refresh: Option<Secret>,
    /// What the next token must satisfy.
    challenge: Option<Value>,
    /// A no, and until when it stands: not asked again before.
    refused: Option<(Timestamp, Arc<TokenError>)>,
    rounds: u64,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("rounds", &self.rounds).finish_non_exhaustive()
    }
}

impl Tokens {
    /// The tokens of one account, which has signed in before: its refresh token is kept under
    /// `name`. A token of any other account is refused.
    #[must_use]
    pub fn of_account(
        client: TokenClient,
        scopes: Vec<String>,
        user: UserId,
        name: String,
        store: Arc<dyn TokenStore>,
    ) -> Self {
        Self::new(client, scopes, Source::Account { user, name, store })
    }

    /// The tokens of the app itself. The one scope is the resource's `/.default`.
    #[must_use]
    pub fn of_app(client: TokenClient, scope: String) -> Self {
        Self::new(client, vec![scope], Source::App)
    }

    /// The tokens of an agent user. `blueprint` is the client of its blueprint, with a certificate;
    /// `scope` is the resource's `/.default`. Each token takes three requests, and no refresh token
    /// exists (Entra page "Agent user OAuth flow").
    #[must_use]
    pub fn of_agent(blueprint: TokenClient, agent: AgentId, scope: String) -> Self {
        Self::new(blueprint, vec![scope], Source::Agent(agent))
    }

    fn new(client: TokenClient, scopes: Vec<String>, source: Source) -> Self {
        Self(Arc::new(Session { client, scopes, source, state: Mutex::default() }))
    }

    /// Takes in what a sign-in gave, so that the first call need not renew.
    ///
    /// # Errors
    /// When the token is not this account's, or its refresh token cannot be kept.
    pub async fn adopt(&self, issued: Issued) -> Result<(), TokenError> {
        if let Source::Account { user, name, store } = &self.0.source {
            let tenant = self.0.client.app.tenant;
            if issued.identity.is_none_or(|who| who.user != *user || who.tenant != tenant) {
                let expected = Expected::User(*user);
                return Err(TokenError::WrongIdentity { expected, tenant });
            }
            if let Some(token) = &issued.refresh {
                store.save(name, token).await.map_err(|cause| TokenError::Store {
                    name: name.clone(),
                    cause: cause.into(),
                })?;
            }
        }
        self.0.install(issued).map(|_| ())
    }

    /// A token that has not ended, renewed if its end is near.
    pub(crate) async fn bearer(&self) -> Result<Bearer, Arc<TokenError>> {
        let renewal = {
            let now = self.0.client.clock.now();
            let mut state = self.0.state();
            if let Some(current) = state.current.as_ref().filter(|bearer| now < bearer.renew_at) {
                return Ok(current.clone());
            }
            if let Some((until, error)) = &state.refused
                && now < *until
            {
                // Renewing ahead was refused, but there is still time.
                let current = state.current.clone().filter(|bearer| now < bearer.expires_at);
                return current.ok_or_else(|| error.clone());
            }
            state.renewal.get_or_insert_with(|| self.0.clone().renew().boxed().shared()).clone()
        };
        let renewed = renewal.await;
        let now = self.0.client.clock.now();
        match renewed {
            Ok(bearer) => Ok(bearer),
            // Renewing ahead failed, but there is still time.
            Err(error) => {
                let current = self.0.state().current.clone();
                current.filter(|bearer| now < bearer.expires_at).ok_or(error)
            }
        }
    }

    /// The definite no that the last renewal ended with; `None` once a token was had again.
    #[must_use]
    pub fn refused(&self) -> Option<Arc<TokenError>> {
        self.0.state().refused.as_ref().map(|(_, error)| Arc::clone(error))
    }

    /// Sees to it that there is a token. Asks the token service only when one is due, and after a
    /// definite no only once in a while.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn check(&self) -> Result<(), Arc<TokenError>> {
        self.bearer().await.map(drop)
    }

    /// A token that has not ended, as a header value that is not logged: for a service other than
    /// Graph.
    ///
    /// # Errors
    /// When there is none to be had.
    pub async fn authorization(&self) -> Result<HeaderValue, Arc<TokenError>> {
        self.bearer().await.map(|bearer| bearer.header)
    }

    /// The service did not take the current token: the next one is new.
    pub fn renew(&self) {
        self.drop_current();
    }

    /// Forgets the current token, so that the next call gets a new one.
    pub(crate) fn drop_current(&self) {
        self.0.state().current = None;
    }

    /// Graph did not take this token: drops it, so that the next call gets another one which also
    /// satisfies the challenge. Does nothing if it was replaced meanwhile.
    pub(crate) fn reject(&self, bearer: &Bearer, challenge: Option<Value>) {
        let mut state = self.0.state();
        if state.current.as_ref().is_some_and(|current| current.round == bearer.round) {
            state.current = None;
            state.challenge = challenge;
        }
    }
}

impl Session {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    async fn renew(self: Arc<Self>) -> Result<Bearer, Arc<TokenError>> {
        let renewed = self.renew_patiently().await.and_then(|issued| self.install(issued));
        let mut state = self.state();
        state.renewal = None;
        renewed.map_err(|error| {
            let error = Arc::new(error);
            let rest = match &*error {
                // It names a time (429, 503), and is left alone for that long.
                TokenError::Unavailable { after, .. } => after.map(|after| after.min(LONGEST_REST)),
                _ => Some(REST),
            };
            if let Some(rest) = rest {
                let now = self.client.clock.now();
                state.refused = Some((now.saturating_add(rest).unwrap_or(now), error.clone()));
            }
            error
        })
    }

    /// Asks again, a few times, when the token service does not answer: nothing is changed by it.
    async fn renew_patiently(&self) -> Result<Issued, TokenError> {
        for pause in PAUSES {
            match self.renew_once().await {
                Err(TokenError::Unavailable { after, cause }) => {
                    let pause = after.unwrap_or(pause);
                    if pause > LONGEST_PAUSE {
                        return Err(TokenError::Unavailable { after, cause });
                    }
                    tracing::warn!(cause = %cause, "the token service did not answer; asking again");
                    tokio::time::sleep(pause).await;
                }
                done => return done,
            }
        }
        self.renew_once().await
    }

    async fn renew_once(&self) -> Result<Issued, TokenError> {
        let challenge = self.state().challenge.clone();
        let challenge = challenge.as_ref();
        let (user, name, store) = match &self.source {
            Source::Account { user, name, store } => (user, name, store),
            Source::App => {
                let grant = Grant::ClientCredentials;
                return self.client.token_with(grant, &self.scopes, Expected::App, challenge).await;
            }
            Source::Agent(agent) => {
                return agent_token(&self.client, *agent, &self.scopes, challenge).await;
            }
        };
        let newest = self.state().refresh.clone();
        let refresh = match newest {
            Some(token) => token,
            None => store
                .load(name)
                .await
                .map_err(|cause| TokenError::Store { name: name.clone(), cause: cause.into() })?
                .ok_or_else(|| TokenError::SignedOut { name: name.clone() })?,
        };
        let grant = Grant::Refresh(&refresh);
        let expected = Expected::User(*user);
        let renewed = self.client.token_with(grant, &self.scopes, expected, challenge).await;
        if matches!(&renewed, Err(TokenError::Refused(_))) {
            // A later sign-in keeps a new one; do not hold on to this.
            self.state().refresh = None;
        }
        let issued = renewed?;
        if let Some(token) = &issued.refresh
            && let Err(error) = store.save(name, token).await
        {
            // The old one stays valid at the token service, so nothing is lost yet.
            tracing::warn!(name, error = %error, "the rotated refresh token could not be kept");
        }
        Ok(issued)
    }

    fn install(&self, issued: Issued) -> Result<Bearer, TokenError> {
        let mut header = HeaderValue::try_from(format!("Bearer {}", issued.access.expose()))
            .map_err(|_| TokenError::Unreadable { what: "the token is not a header value" })?;
        header.set_sensitive(true);
        let life = issued.expires_at.duration_since(issued.issued_at);
        // Five minutes ahead, or at half time if that is later: short tokens are used, too.
        let until_renewal = (life - AHEAD).max(life / 2);
        let mut state = self.state();
        state.rounds += 1;
        let bearer = Bearer {
            header,
            round: state.rounds,
            renew_at: issued.issued_at.saturating_add(until_renewal).unwrap_or(issued.expires_at),
            expires_at: issued.expires_at,
        };
        state.current = Some(bearer.clone());
        state.challenge = None;
        state.refused = None;
        if issued.refresh.is_some() {
            state.refresh = issued.refresh;
        }
        Ok(bearer)
    }
}

/// The three hops (Entra page "Agent user OAuth flow"): the blueprint vouches for the identity, the
/// identity proves itself, and is given a token of its user.
pub(crate) async fn agent_token(
    blueprint: &TokenClient,
    agent: AgentId,
    scopes: &[String],
    challenge: Option<&Value>,
) -> Result<Issued, TokenError> {
    let exchange = [EXCHANGE.to_owned()];
    let identity = identity_client(blueprint, agent.identity).await?;
    let grant = Grant::ClientCredentials;
    let proof = identity.token(grant, &exchange, Expected::App).await?.access;
    let grant = Grant::AgentUser { user: agent.user, proof: &proof };
    identity.token_with(grant, scopes, Expected::User(agent.user), challenge).await
}

/// The client of an agent identity, good for one use soon.
async fn identity_client(
    blueprint: &TokenClient,
    identity: AppId,
) -> Result<TokenClient, TokenError> {
    let exchange = [EXCHANGE.to_owned()];
    let grant = Grant::Impersonate(identity);
    let vouched = blueprint.token(grant, &exchange, Expected::App).await?.access;
    let app = App {
        tenant: blueprint.app.tenant,
        client: identity,
        credential: Credential::Presented(vouched),
    };
    let (clock, entropy) = (Arc::clone(&blueprint.clock), Arc::clone(&blueprint.entropy));
    Ok(TokenClient::new(blueprint.cloud.clone(), app, clock, entropy))
}

/// What tokens are asked for that are only worth something at the token service.
const EXCHANGE: &str = "api://AzureADTokenExchange/.default";
const AHEAD: SignedDuration = SignedDuration::from_mins(5);
/// How long a definite no stands before the token service is asked again.
const REST: Duration = Duration::from_secs(30);
/// The longest that a service which is busy is left alone at its own word.
const LONGEST_REST: Duration = Duration::from_secs(300);
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(1)];
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
