use std::error::Error;

use async_trait::async_trait;
use serde::Deserialize;
use url::Url;

use crate::SigningKeys;

/// The keys an OpenID document points to.
#[derive(Clone, Debug)]
pub struct OpenIdKeys {
    client: reqwest::Client,
    document: Url,
}

impl OpenIdKeys {
    /// Reads `document`, for the public cloud
    /// `https://login.microsoftonline.com/common/.well-known/openid-configuration`. The client
    /// must have a deadline.
    #[must_use]
    pub const fn new(client: reqwest::Client, document: Url) -> Self {
        Self { client, document }
    }

    async fn get(&self, address: Url) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
        let mut answer = self.client.get(address).send().await?.error_for_status()?;
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if bytes.len() + chunk.len() > LARGEST {
                return Err("the document is too large".into());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}

#[async_trait]
impl SigningKeys for OpenIdKeys {
    async fn fetch(&self) -> Result<String, Box<dyn Error + Send + Sync>> {
        let document: Document = serde_json::from_slice(&self.get(self.document.clone()).await?)?;
        Ok(String::from_utf8(self.get(document.jwks_uri.parse()?).await?)?)
    }
}

#[derive(Deserialize)]
struct Document {
    jwks_uri: String,
}

/// Bytes; the real ones take about 20 KB.
const LARGEST: usize = 1024 * 1024;
