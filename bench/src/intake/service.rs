use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use async_trait::async_trait;
use aws_lc_rs::cipher::{AES_256, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{KeySize, OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey, PublicEncryptingKey};
use aws_lc_rs::signature::{KeyPair as _, RsaKeyPair, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use subtwin_kernel::{AppId, Clock as _, SystemClock, TenantId, TwinId};
use subtwin_teams::{Graph, GraphAnswer, GraphError, GraphRequest, SigningKeys, Verb};
use uuid::Uuid;

use crate::control::at;

/// The least of a chat service: takes a subscription, and makes notifications for it.
pub(super) struct Service {
    key: EncodingKey,
    key_set: String,
    subscription: Mutex<Value>,
}

pub(super) fn ids() -> (TenantId, TwinId, AppId) {
    let guid = Uuid::from_u128;
    (TenantId::new(guid(11)), TwinId::new(guid(12)), AppId::new(guid(13)))
}

impl Service {
    pub(super) fn new() -> anyhow::Result<Arc<Self>> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048)?;
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
        let pkcs8: Pkcs8V1Der<'_> = pair.as_der()?;
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(pkcs8.as_ref())
        );
        let key_set = json!({"keys": [{"kty": "RSA", "use": "sig", "kid": KEY_ID,
            "n": URL_SAFE_NO_PAD.encode(public.n), "e": URL_SAFE_NO_PAD.encode(public.e)}]});
        Ok(Arc::new(Self {
            key: EncodingKey::from_rsa_pem(pem.as_bytes())?,
            key_set: key_set.to_string(),
            subscription: Mutex::default(),
        }))
    }

    /// Bodies of posts with so many notifications in all, `per_post` to each, about messages in
    /// [`CHATS`] conversations.
    pub(super) fn posts(
        &self,
        notifications: usize,
        per_post: usize,
    ) -> anyhow::Result<Vec<String>> {
        let subscription = self.subscription().clone();
        let sealer = Sealer::new(&subscription)?;
        let token = self.token()?;
        let begun = usize::try_from(SystemClock.now().as_millisecond())?;
        let items = (0..notifications)
            .map(|number| sealer.notification(&subscription, number % CHATS, begun + number))
            .collect::<anyhow::Result<Vec<Value>>>()?;
        let post = |items: &[Value]| json!({"value": items, "validationTokens": [token]});
        Ok(items.chunks(per_post.max(1)).map(|items| post(items).to_string()).collect())
    }

    /// The service's word for its notifications.
    fn token(&self) -> anyhow::Result<String> {
        let (tenant, _, app) = ids();
        let now = SystemClock.now().as_second();
        let claims = json!({
            "aud": app, "iss": format!("https://sts.windows.net/{tenant}/"), "appid": PUBLISHER,
            "iat": now - 60, "nbf": now - 60, "exp": now + 3600, "tid": tenant, "ver": "1.0",
        });
        let header = Header { kid: Some(KEY_ID.to_owned()), ..Header::new(Algorithm::RS256) };
        Ok(encode(&header, &claims, &self.key)?)
    }

    fn subscription(&self) -> std::sync::MutexGuard<'_, Value> {
        self.subscription.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Service")
    }
}

#[async_trait]
impl Graph for Service {
    async fn call(&self, request: GraphRequest) -> Result<GraphAnswer, GraphError> {
        let GraphRequest { verb, path, body, .. } = request;
        match (verb, path.as_str(), body) {
            (Verb::Post, "/v1.0/subscriptions", Some(Value::Object(mut body))) => {
                body.insert("id".to_owned(), json!(Uuid::from_u128(14)));
                let body = Value::Object(body);
                *self.subscription() = body.clone();
                Ok(GraphAnswer { status: 201, body })
            }
            // No chats, no other subscriptions.
            (Verb::Get, _, _) => Ok(GraphAnswer { status: 200, body: json!({"value": []}) }),
            _ => Ok(GraphAnswer { status: 204, body: Value::Null }),
        }
    }
}

#[async_trait]
impl SigningKeys for Service {
    async fn fetch(&self) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.key_set.clone())
    }
}

/// Encrypts to the twin's certificate.
struct Sealer {
    public: OaepPublicEncryptingKey,
    certificate_id: Value,
}

impl Sealer {
    fn new(subscription: &Value) -> anyhow::Result<Self> {
        let certificate =
            at(subscription, "/encryptionCertificate").as_str().context("certificate")?;
        let der = STANDARD.decode(certificate)?;
        let (_, certificate) = x509_parser::parse_x509_certificate(&der)?;
        let public = PublicEncryptingKey::from_der(certificate.public_key().raw)?;
        Ok(Self {
            public: OaepPublicEncryptingKey::new(public)?,
            certificate_id: at(subscription, "/encryptionCertificateId").clone(),
        })
    }

    fn notification(&self, subscription: &Value, chat: usize, id: usize) -> anyhow::Result<Value> {
        let (tenant, _, _) = ids();
        let when = jiff::Timestamp::from_millisecond(i64::try_from(id)?)?.to_string();
        let (chat, id) = (format!("19:{chat}_sam@unq.gbl.spaces"), id.to_string());
        let message = json!({
            "id": id, "replyToId": null, "etag": id, "messageType": "message",
            "createdDateTime": when, "lastModifiedDateTime": when, "lastEditedDateTime": null,
            "deletedDateTime": null, "subject": null, "importance": "normal", "locale": "en-us",
            "webUrl": null, "chatId": chat, "channelIdentity": null, "policyViolation": null,
            "from": {"application": null, "device": null, "user": {
                "@odata.type": "#microsoft.graph.teamworkUserIdentity", "id": Uuid::from_u128(15),
                "displayName": "Doug", "userIdentityType": "aadUser", "tenantId": tenant}},
            "body": {"contentType": "html", "content": "<p>who is Sarah Lin?</p>"},
            "attachments": [], "mentions": [], "reactions": [], "replies": [],
            "hostedContents": [],
        });
        let resource = format!("chats('{chat}')/messages('{id}')");
        Ok(json!({
            "subscriptionId": at(subscription, "/id"), "changeType": "created",
            "clientState": at(subscription, "/clientState"), "tenantId": tenant,
            "subscriptionExpirationDateTime": at(subscription, "/expirationDateTime"),
            "resource": resource,
            "resourceData": {"id": id, "@odata.type": "#Microsoft.Graph.chatMessage",
                "@odata.id": resource},
            "encryptedContent": self.seal(message.to_string().into_bytes())?,
        }))
    }

    fn seal(&self, mut data: Vec<u8>) -> anyhow::Result<Value> {
        let mut key = [0; 32];
        aws_lc_rs::rand::fill(&mut key)?;
        let iv: [u8; 16] = *key.first_chunk().context("32 bytes are more than 16")?;
        PaddedBlockEncryptingKey::cbc_pkcs7(UnboundCipherKey::new(&AES_256, &key)?)?
            .less_safe_encrypt(&mut data, EncryptionContext::Iv128(FixedLength::from(iv)))?;
        let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), &data);
        let mut room = vec![0; self.public.ciphertext_size()];
        let wrapped = self.public.encrypt(&OAEP_SHA1_MGF1SHA1, &key, &mut room, None)?;
        Ok(json!({
            "data": STANDARD.encode(&data), "dataSignature": STANDARD.encode(signature.as_ref()),
            "dataKey": STANDARD.encode(wrapped),
            "encryptionCertificateId": self.certificate_id,
            "encryptionCertificateThumbprint": "00",
        }))
    }
}

/// Conversations the notifications are spread over.
const CHATS: usize = 200;
const KEY_ID: &str = "bench";
/// The app id of "Microsoft Graph Change Tracking", which sends all notifications.
const PUBLISHER: &str = "0bf30f3b-4a52-48df-9a82-234910c4a086";
