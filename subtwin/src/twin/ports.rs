//! Where the ports of one part meet the functions of another.

use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::Method;
use subtwin_confirm::Refusal;
use subtwin_entra::{Entra, Graph, StepStore, StepStoreError, TokenStore, TokenStoreError};
use subtwin_hear::SeenError;
use subtwin_kernel::{Action, ChatId, MessageId, Secret, Words};
use subtwin_store::Store;
use subtwin_teams::{GraphAnswer, GraphError, GraphRequest, Memory, MemoryError, Verb};

use super::cards::Cards;

/// The sealed store, as adapters know it.
#[derive(Clone, Debug)]
pub(crate) struct Sealed(pub(crate) Store);

#[async_trait]
impl TokenStore for Sealed {
    async fn load(&self, name: &str) -> Result<Option<Secret>, TokenStoreError> {
        self.0.sealed(name).await.map_err(|cause| TokenStoreError(cause.into()))
    }

    async fn save(&self, name: &str, token: &Secret) -> Result<(), TokenStoreError> {
        self.0.put_sealed(name, token).await.map_err(|cause| TokenStoreError(cause.into()))
    }

    async fn forget(&self, name: &str) -> Result<(), TokenStoreError> {
        self.0.forget_sealed(name).await.map_err(|cause| TokenStoreError(cause.into()))
    }
}

#[async_trait]
impl StepStore for Sealed {
    async fn load(&self, name: &str) -> Result<Option<String>, StepStoreError> {
        let kept = self.0.sealed(name).await.map_err(|cause| StepStoreError(cause.into()))?;
        Ok(kept.map(|kept| kept.expose().to_owned()))
    }

    async fn save(&self, name: &str, json: &str) -> Result<(), StepStoreError> {
        let kept = Secret::new(json.to_owned());
        self.0.put_sealed(name, &kept).await.map_err(|cause| StepStoreError(cause.into()))
    }
}

/// The tokens of a twin that may be running: read, and never written. A refresh token stays valid
/// when it is used, so the twin's own is not spoilt.
#[derive(Clone, Debug)]
pub(super) struct Borrowed(pub(super) Store);

#[async_trait]
impl TokenStore for Borrowed {
    async fn load(&self, name: &str) -> Result<Option<Secret>, TokenStoreError> {
        self.0.sealed(name).await.map_err(|cause| TokenStoreError(cause.into()))
    }

    async fn save(&self, _: &str, _: &Secret) -> Result<(), TokenStoreError> {
        Ok(())
    }

    async fn forget(&self, _: &str) -> Result<(), TokenStoreError> {
        Ok(())
    }
}

/// What is heard with its owner's token is remembered apart from what is heard with its own.
#[derive(Clone, Debug)]
pub(super) struct SealedApart(pub(super) Store);

#[async_trait]
impl Memory for SealedApart {
    async fn get(&self, name: &'static str) -> Result<Option<Secret>, MemoryError> {
        let name = format!("borrowed/{name}");
        self.0.sealed(&name).await.map_err(forgot("read a sealed value"))
    }

    async fn put(&self, name: &'static str, value: &Secret) -> Result<(), MemoryError> {
        let name = format!("borrowed/{name}");
        self.0.put_sealed(&name, value).await.map_err(forgot("seal a value"))
    }

    async fn watermarks(&self) -> Result<Vec<(ChatId, Timestamp)>, MemoryError> {
        Memory::watermarks(&Sealed(self.0.clone())).await
    }

    async fn set_watermark(&self, chat: &ChatId, at: Timestamp) -> Result<(), MemoryError> {
        Memory::set_watermark(&Sealed(self.0.clone()), chat, at).await
    }
}

#[async_trait]
impl Memory for Sealed {
    async fn get(&self, name: &'static str) -> Result<Option<Secret>, MemoryError> {
        self.0.sealed(name).await.map_err(forgot("read a sealed value"))
    }

    async fn put(&self, name: &'static str, value: &Secret) -> Result<(), MemoryError> {
        self.0.put_sealed(name, value).await.map_err(forgot("seal a value"))
    }

    async fn watermarks(&self) -> Result<Vec<(ChatId, Timestamp)>, MemoryError> {
        self.0.watermarks().await.map_err(forgot("read how far chats were read"))
    }

    async fn set_watermark(&self, chat: &ChatId, at: Timestamp) -> Result<(), MemoryError> {
        self.0.set_watermark(chat, at).await.map_err(forgot("note how far a chat was read"))
    }
}

fn forgot<E>(operation: &'static str) -> impl FnOnce(E) -> MemoryError
where
    E: std::error::Error + Send + Sync + 'static,
{
    move |cause| MemoryError { operation, cause: Box::new(cause) }
}

/// The store's memory of messages.
#[derive(Clone, Debug)]
pub(super) struct Seen(pub(super) Store);

#[async_trait]
impl subtwin_hear::Seen for Seen {
    async fn take(
        &self,
        chat: &ChatId,
        message: MessageId,
        at: Timestamp,
    ) -> Result<bool, SeenError> {
        self.0.take(chat, message, at).await.map_err(|cause| SeenError(cause.into()))
    }

    async fn finish(&self, chat: &ChatId, message: MessageId) -> Result<(), SeenError> {
        self.0.finish(chat, message).await.map_err(|cause| SeenError(cause.into()))
    }
}

/// Graph with the chat registration's tokens.
#[derive(Debug)]
pub(super) struct ChatGraph(pub(super) Graph);

#[async_trait]
impl subtwin_teams::Graph for ChatGraph {
    async fn call(&self, request: GraphRequest) -> Result<GraphAnswer, GraphError> {
        let method = match request.verb {
            Verb::Get => Method::GET,
            Verb::Post => Method::POST,
            Verb::Patch => Method::PATCH,
            Verb::Delete => Method::DELETE,
        };
        if request.new_token {
            self.0.renew();
        }
        let body = request.body.as_ref();
        let sent = self.0.send(method, &request.path, &request.headers, body).await;
        match sent {
            Ok((status, body)) => Ok(GraphAnswer { status, body }),
            Err(subtwin_entra::GraphError::Refused { refused, .. }) => Err(GraphError::Refused {
                status: refused.status,
                code: refused.code,
                message: refused.message,
            }),
            Err(subtwin_entra::GraphError::Busy { after, .. }) => Err(GraphError::Busy { after }),
            Err(cause) => Err(GraphError::Unknown { cause: Box::new(cause) }),
        }
    }
}

#[async_trait]
impl Cards for Entra {
    async fn card(&self, action: &Action) -> Result<Words, Refusal> {
        self.read(action).await
    }
}
