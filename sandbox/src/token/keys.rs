//! The key access tokens are signed with, and JSON Web Signatures as far as Entra uses them.

use std::sync::OnceLock;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD};
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256};
use serde_json::{Value, json};

use crate::wire::field;

/// base64url without padding when writing, with or without it when reading: MSAL for Python keeps
/// the padding of thumbprints.
pub(crate) const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The token service's keys: one, made when it is first needed.
#[derive(Debug, Default)]
pub(crate) struct Keys(OnceLock<Signing>);

/// An RSA key with its self-signed certificate.
#[derive(Debug)]
pub(crate) struct Signing {
    key: RsaKeyPair,
    certificate: Vec<u8>,
    /// SHA-1 of the certificate, base64url: `x5t`, and `kid` as Entra does it.
    kid: String,
}

impl Keys {
    /// The key new tokens are signed with. The first call takes a while.
    pub(crate) fn signing(&self) -> &Signing {
        self.0.get_or_init(Signing::make)
    }
}

impl Signing {
    #[expect(clippy::expect_used, reason = "RSA generation does not fail while there is memory")]
    fn make() -> Self {
        let pair = KeyPair::generate_for(&PKCS_RSA_SHA256).expect("an RSA key");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "accounts.accesscontrol.windows.net");
        let certificate = params.self_signed(&pair).expect("a certificate").der().to_vec();
        let key = RsaKeyPair::from_pkcs8(pair.serialized_der()).expect("the key just made");
        let kid = thumbprint_sha1(&certificate);
        Self { key, certificate, kid }
    }

    /// A compact JWS over `claims`, RS256.
    #[expect(clippy::expect_used, reason = "signing fails only when the buffer has another size")]
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = json!({"typ": "JWT", "alg": "RS256", "x5t": self.kid, "kid": self.kid});
        let mut token = format!(
            "{}.{}",
            BASE64URL.encode(header.to_string()),
            BASE64URL.encode(claims.to_string())
        );
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature)
            .expect("a signature");
        token.push('.');
        token.push_str(&BASE64URL.encode(&signature));
        token
    }

    /// Whether we signed it.
    pub(crate) fn verifies(&self, jws: &Jws<'_>) -> bool {
        field(&jws.header, "kid").as_str() == Some(self.kid.as_str())
            && jws.algorithm() == Some(Algorithm::Rs256)
            && jws.verifies(self.key.public_key().as_ref())
    }

    /// The JSON Web Key Set (RFC 7517).
    pub(crate) fn jwks(&self) -> Value {
        let public = self.key.public_key();
        json!({"keys": [{
            "kty": "RSA",
            "use": "sig",
            "kid": self.kid,
            "x5t": self.kid,
            "n": BASE64URL.encode(public.modulus().big_endian_without_leading_zero()),
            "e": BASE64URL.encode(public.exponent().big_endian_without_leading_zero()),
            "x5c": [STANDARD.encode(&self.certificate)],
            "issuer": "https://login.microsoftonline.com/{tenantid}/v2.0",
        }]})
    }
}

/// What the signatures in use here are made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Rs256,
    Ps256,
}

/// A compact JWS, taken apart but not yet trusted.
#[derive(Debug)]
pub(crate) struct Jws<'a> {
    pub(crate) header: Value,
    pub(crate) claims: Value,
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> Jws<'a> {
    /// `None` when it is not three base64url parts with JSON objects in the first two.
    pub(crate) fn parse(token: &'a str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let object = |part: &str| -> Option<Value> {
            let value: Value = serde_json::from_slice(&BASE64URL.decode(part).ok()?).ok()?;
            value.is_object().then_some(value)
        };
        Some(Self {
            header: object(header)?,
            claims: object(claims)?,
            signed,
            signature: BASE64URL.decode(signature).ok()?,
        })
    }

    pub(crate) fn algorithm(&self) -> Option<Algorithm> {
        match field(&self.header, "alg").as_str()? {
            "RS256" => Some(Algorithm::Rs256),
            "PS256" => Some(Algorithm::Ps256),
            _ => None,
        }
    }

    /// Whether the signature was made with this RSA key (DER, PKCS#1 or SubjectPublicKeyInfo).
    pub(crate) fn verifies(&self, public_key: &[u8]) -> bool {
        let algorithm = match self.algorithm() {
            Some(Algorithm::Rs256) => &RSA_PKCS1_2048_8192_SHA256,
            Some(Algorithm::Ps256) => &RSA_PSS_2048_8192_SHA256,
            None => return false,
        };
        UnparsedPublicKey::new(algorithm, public_key)
            .verify(self.signed.as_bytes(), &self.signature)
            .is_ok()
    }

    /// Whether the signature was made with the RSA key of this modulus and exponent.
    pub(crate) fn verifies_with(&self, n: &[u8], e: &[u8]) -> bool {
        let algorithm = match self.algorithm() {
            Some(Algorithm::Rs256) => &RSA_PKCS1_2048_8192_SHA256,
            Some(Algorithm::Ps256) => &RSA_PSS_2048_8192_SHA256,
            None => return false,
        };
        RsaPublicKeyComponents { n, e }
            .verify(algorithm, self.signed.as_bytes(), &self.signature)
            .is_ok()
    }

    /// A claim that counts seconds; MSAL for Python writes fractions.
    pub(crate) fn seconds(&self, claim: &str) -> Option<i64> {
        let value = field(&self.claims, claim);
        #[expect(clippy::cast_possible_truncation, reason = "saturates, which is still wrong")]
        value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64))
    }
}

/// `x5t` of a certificate.
pub(crate) fn thumbprint_sha1(der: &[u8]) -> String {
    BASE64URL.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, der))
}

/// `x5t#S256` of a certificate.
pub(crate) fn thumbprint_sha256(der: &[u8]) -> String {
    BASE64URL.encode(digest(&SHA256, der))
}
