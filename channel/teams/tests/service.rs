//! The service that sends notifications: encrypts, signs, and can be made to forge.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use aws_lc_rs::cipher::{AES_256, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA1_MGF1SHA1, OaepAlgorithm, OaepPublicEncryptingKey, PublicEncryptingKey,
};
use aws_lc_rs::signature::{KeyPair as _, RsaKeyPair, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use subtwin_teams::SigningKeys;
use tokio::sync::Semaphore;

use crate::tenant::{APP, TENANT};

pub(crate) const PUBLISHER: &str = "0bf30f3b-4a52-48df-9a82-234910c4a086";

/// Who issues validation tokens.
pub(crate) struct Issuer {
    key: EncodingKey,
    pub(crate) jwk: Value,
    pub(crate) kid: String,
}

impl Issuer {
    pub(crate) fn new(kid: &str) -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
        let pkcs8: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(pkcs8.as_ref())
        );
        let jwk = json!({"kty": "RSA", "use": "sig", "kid": kid,
            "n": URL_SAFE_NO_PAD.encode(public.n), "e": URL_SAFE_NO_PAD.encode(public.e)});
        let key = EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
        Self { key, jwk, kid: kid.to_owned() }
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_as(Some(self.kid.clone()), claims)
    }

    pub(crate) fn sign_as(&self, kid: Option<String>, claims: &Value) -> String {
        encode(&Header { kid, ..Header::new(Algorithm::RS256) }, claims, &self.key).unwrap()
    }
}

/// The published keys, with a counter and a gate.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) keys: Mutex<Vec<Value>>,
    pub(crate) fetches: AtomicUsize,
    pub(crate) gate: Semaphore,
}

impl Published {
    pub(crate) fn new(keys: Vec<Value>) -> Arc<Self> {
        let gate = Semaphore::new(Semaphore::MAX_PERMITS);
        Arc::new(Self { keys: Mutex::new(keys), fetches: AtomicUsize::new(0), gate })
    }
}

#[async_trait]
impl SigningKeys for Published {
    async fn fetch(&self) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        let _open = self.gate.acquire().await?;
        let keys = self.keys.lock().unwrap().clone();
        if keys.is_empty() {
            return Err("the issuer cannot be reached".into());
        }
        Ok(json!({"keys": keys}).to_string())
    }
}

/// How the content is encrypted; each field is one thing a forger may get wrong.
pub(crate) struct Sealing {
    pub(crate) key: Vec<u8>,
    pub(crate) mac_key: Vec<u8>,
    pub(crate) oaep: &'static OaepAlgorithm,
}

impl Default for Sealing {
    fn default() -> Self {
        let key: Vec<u8> = (100..132).collect();
        Self { mac_key: key.clone(), key, oaep: &OAEP_SHA1_MGF1SHA1 }
    }
}

/// `encryptedContent` for whoever made a subscription.
pub(crate) fn seal(subscription: &Value, plain: &[u8], sealing: &Sealing) -> Value {
    let certificate = STANDARD.decode(subscription["encryptionCertificate"].as_str().unwrap());
    let certificate = certificate.unwrap();
    let (_, certificate) = x509_parser::parse_x509_certificate(&certificate).unwrap();
    let public = PublicEncryptingKey::from_der(certificate.public_key().raw).unwrap();
    let public = OaepPublicEncryptingKey::new(public).unwrap();
    let mut data_key = vec![0; public.ciphertext_size()];
    let data_key = public.encrypt(sealing.oaep, &sealing.key, &mut data_key, None).unwrap();

    let mut data = plain.to_vec();
    let mut cipher_key = sealing.key.clone();
    cipher_key.resize(32, 0);
    let iv = FixedLength::try_from(&cipher_key[..16]).unwrap();
    let cipher = UnboundCipherKey::new(&AES_256, &cipher_key).unwrap();
    PaddedBlockEncryptingKey::cbc_pkcs7(cipher)
        .unwrap()
        .less_safe_encrypt(&mut data, EncryptionContext::Iv128(iv))
        .unwrap();
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &sealing.mac_key), &data);
    json!({"data": STANDARD.encode(&data), "dataSignature": STANDARD.encode(mac.as_ref()),
        "dataKey": STANDARD.encode(data_key),
        "encryptionCertificateId": subscription["encryptionCertificateId"],
        "encryptionCertificateThumbprint": "00"})
}

/// One notification with resource data.
pub(crate) fn item(subscription: &Value, change: &str, message: &Value) -> Value {
    let chat = message["chatId"].as_str().unwrap();
    let id = message["id"].as_str().unwrap();
    let resource = format!("chats('{chat}')/messages('{id}')");
    let mut plain = message.clone();
    plain["replies"] = json!([]);
    plain["hostedContents"] = json!([]);
    json!({
        "subscriptionId": subscription["id"], "changeType": change,
        "clientState": subscription["clientState"], "tenantId": TENANT,
        "subscriptionExpirationDateTime": "2021-02-02T10:30:34.9097561-08:00",
        "resource": resource,
        "resourceData": {"id": id, "@odata.type": "#Microsoft.Graph.chatMessage", "@odata.id": resource},
        "encryptedContent": seal(subscription, plain.to_string().as_bytes(), &Sealing::default()),
    })
}

/// What a validation token says.
pub(crate) fn claims(now: Timestamp) -> Value {
    json!({
        "aud": APP, "iss": format!("https://sts.windows.net/{TENANT}/"), "appid": PUBLISHER,
        "iat": now.as_second() - 60, "nbf": now.as_second() - 60, "exp": now.as_second() + 3600,
        "tid": TENANT, "ver": "1.0",
    })
}

/// A post of notifications.
pub(crate) fn post(items: &[Value], tokens: &[String]) -> Value {
    json!({"value": items, "validationTokens": tokens})
}
