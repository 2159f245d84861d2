use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;
use subtwin_kernel::{AppId, Entropy, Secret, TenantId};

/// An app registration as the token service knows it.
#[derive(Clone, Debug)]
pub struct App {
    /// The directory it signs in to.
    pub tenant: TenantId,
    /// The client id.
    pub client: AppId,
    /// How it proves itself.
    pub credential: Credential,
}

/// How an app proves itself to the token service.
#[derive(Clone, Debug)]
pub enum Credential {
    /// Not at all: a public client, which acts only with a person who signed in.
    Public,
    /// By signing an assertion with the key of a registered certificate.
    Certificate(AssertionKey),
    /// With an assertion that somebody else was given for it: an agent identity has no credential of
    /// its own, its blueprint vouches for it.
    Presented(Secret),
}

/// Why a certificate and key cannot be used. Says nothing about what they contain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadKey {
    /// No certificate where one was expected.
    #[error("the certificate is not PEM (`-----BEGIN CERTIFICATE-----`)")]
    Certificate,
    /// No key where one was expected.
    #[error("the key is not an RSA private key in PEM (PKCS#8 or PKCS#1)")]
    Key,
    /// Signing failed.
    #[error("signing with the key failed")]
    Signing,
}

/// A certificate's thumbprint and its private key, which sign client assertions.
#[derive(Clone)]
pub struct AssertionKey {
    thumbprint: String,
    key: EncodingKey,
}

impl AssertionKey {
    /// Reads a certificate and its RSA key.
    ///
    /// # Errors
    /// When either is not what it should be.
    pub fn from_pem(certificate: &str, key: &Secret) -> Result<Self, BadKey> {
        let der = certificate_der(certificate).ok_or(BadKey::Certificate)?;
        Self::new(&der, key)
    }

    /// Takes a certificate as base64 of DER, and its RSA key.
    pub(super) fn from_der(certificate: &str, key: &Secret) -> Result<Self, BadKey> {
        let der = STANDARD.decode(certificate).map_err(|_| BadKey::Certificate)?;
        Self::new(&der, key)
    }

    fn new(der: &[u8], key: &Secret) -> Result<Self, BadKey> {
        let key = EncodingKey::from_rsa_pem(key.expose().as_bytes()).map_err(|_| BadKey::Key)?;
        Ok(Self { thumbprint: URL_SAFE_NO_PAD.encode(digest(&SHA256, der)), key })
    }

    /// An assertion as Entra wants it: PS256 with `x5t#S256`, for one audience, for ten minutes.
    /// RFC 7523 section 3; Entra page "certificate credentials".
    pub(super) fn assertion(
        &self,
        client: AppId,
        audience: &str,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Secret, BadKey> {
        let mut header = Header::new(Algorithm::PS256);
        header.x5t_s256 = Some(self.thumbprint.clone());
        let issuer = client.to_string();
        let claims = Claims {
            aud: audience,
            iss: &issuer,
            sub: &issuer,
            jti: entropy.guid().to_string(),
            // The service's clock and ours may differ a little.
            nbf: now.as_second().saturating_sub(60),
            iat: now.as_second(),
            exp: now.as_second().saturating_add(600),
        };
        jsonwebtoken::encode(&header, &claims, &self.key)
            .map(Secret::new)
            .map_err(|_| BadKey::Signing)
    }
}

impl fmt::Debug for AssertionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AssertionKey({})", self.thumbprint)
    }
}

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    iss: &'a str,
    sub: &'a str,
    jti: String,
    nbf: i64,
    iat: i64,
    exp: i64,
}

fn certificate_der(pem: &str) -> Option<Vec<u8>> {
    let (_, rest) = pem.split_once("-----BEGIN CERTIFICATE-----")?;
    let (body, _) = rest.split_once("-----END CERTIFICATE-----")?;
    let text: String = body.split_ascii_whitespace().collect();
    STANDARD.decode(text).ok().filter(|der| !der.is_empty())
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation};
    use rcgen::PublicKeyData as _;
    use serde_json::Value;
    use subtwin_kernel::SeededEntropy;

    use super::*;

    fn certificate() -> (rcgen::Certificate, rcgen::KeyPair) {
        let key =
            rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048)
                .unwrap();
        let params = rcgen::CertificateParams::new(vec!["twin".to_owned()]).unwrap();
        (params.self_signed(&key).unwrap(), key)
    }

    #[test]
    fn an_assertion_is_signed_with_ps256_and_names_its_certificate_by_sha_256() {
        let (certificate, pair) = certificate();
        let key =
            AssertionKey::from_pem(&certificate.pem(), &Secret::new(pair.serialize_pem())).unwrap();
        let client: AppId = "11111111-2222-3333-4444-555555555555".parse().unwrap();
        let now: Timestamp = "2026-09-01T10:00:00Z".parse().unwrap();
        let assertion =
            key.assertion(client, "https://login/token", now, &SeededEntropy::new(1)).unwrap();

        let mut rules = Validation::new(Algorithm::PS256);
        rules.set_audience(&["https://login/token"]);
        rules.validate_exp = false;
        rules.validate_nbf = false;
        let read = jsonwebtoken::decode::<Value>(
            assertion.expose(),
            &DecodingKey::from_rsa_der(pair.der_bytes()),
            &rules,
        )
        .unwrap();
        assert_eq!(
            read.header.x5t_s256.unwrap(),
            URL_SAFE_NO_PAD.encode(digest(&SHA256, certificate.der()))
        );
        assert_eq!(read.claims["iss"], client.to_string());
        assert_eq!(read.claims["sub"], client.to_string());
        assert_eq!(read.claims["exp"], now.as_second() + 600);
        assert!(read.claims["jti"].as_str().unwrap().len() == 36);
    }

    #[test]
    fn what_is_no_certificate_or_key_is_refused_without_showing_it() {
        let (certificate, pair) = certificate();
        let key = Secret::new(pair.serialize_pem());
        let wrong = AssertionKey::from_pem("nonsense", &key).unwrap_err();
        assert!(matches!(wrong, BadKey::Certificate));
        let secret = Secret::new("hunter2".to_owned());
        let wrong = AssertionKey::from_pem(&certificate.pem(), &secret).unwrap_err();
        assert!(matches!(wrong, BadKey::Key));
        assert!(!format!("{wrong:?} {wrong}").contains("hunter2"));
    }
}
