//! How resource data is encrypted: a fresh AES key per item, which only the subscriber's RSA key
//! opens.

use std::fmt;

use aws_lc_rs::cipher::{AES_256, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey, PublicEncryptingKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A subscriber's public key, ready for use.
pub(super) struct Recipient(OaepPublicEncryptingKey);

/// Encrypted resource data: base64 throughout.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Encrypted {
    pub(super) data: String,
    pub(super) signature: String,
    pub(super) key: String,
}

impl Recipient {
    /// From a `SubjectPublicKeyInfo`, DER.
    pub(super) fn new(public_key: &[u8]) -> Result<Self, Unspecified> {
        let key = PublicEncryptingKey::from_der(public_key).map_err(|_| Unspecified)?;
        OaepPublicEncryptingKey::new(key).map(Self)
    }

    /// Encrypts with a key nobody else has seen.
    pub(super) fn encrypt(&self, plain: &[u8]) -> Result<Encrypted, Unspecified> {
        let mut key = [0; 32];
        aws_lc_rs::rand::fill(&mut key)?;
        let (data, signature) = seal(&key, plain)?;
        let mut wrapped = vec![0; self.0.ciphertext_size()];
        let wrapped = self.0.encrypt(&OAEP_SHA1_MGF1SHA1, &key, &mut wrapped, None)?;
        Ok(Encrypted { data, signature, key: STANDARD.encode(wrapped) })
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recipient")
    }
}

/// AES-256-CBC with PKCS #7 padding, the key's first half as IV; HMAC-SHA256 over the result.
fn seal(key: &[u8; 32], plain: &[u8]) -> Result<(String, String), Unspecified> {
    let iv: [u8; 16] = *key.first_chunk().ok_or(Unspecified)?;
    let mut data = plain.to_vec();
    let cipher = PaddedBlockEncryptingKey::cbc_pkcs7(UnboundCipherKey::new(&AES_256, key)?)?;
    cipher.less_safe_encrypt(&mut data, EncryptionContext::Iv128(FixedLength::from(iv)))?;
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), &data);
    Ok((STANDARD.encode(&data), STANDARD.encode(signature)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_and_signature_equal_those_of_two_other_implementations() {
        let key: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap());
        let plain = br#"{"id":"1612289992105","body":{"contentType":"text","content":"test"}}"#;
        let (data, signature) = seal(&key, plain).unwrap();
        assert_eq!(
            data,
            "UFxzR8IUj//950kF2GeJB3idGNd4u2/figIlzAWwpqIhTAbHWvMIUdplW3oGI3dMttgby6Tqc0vJvMbiaKcy\
             X7ix/P70whPcBIfHlqpjMOM="
        );
        assert_eq!(signature, "tlOrPBNUTHf5GFNCtSt+GtFoDLWXEtTn42YainSm2+w=");
    }
}
