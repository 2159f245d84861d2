use aws_lc_rs::cipher::{AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    CertificateParams, DnType, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256, RsaKeySize, SerialNumber,
    date_time_ymd,
};
use serde::Deserialize;
use subtwin_kernel::Secret;
use zeroize::Zeroizing;

/// The key that notifications are encrypted to, and the certificate that says so.
pub(crate) struct NotificationKey {
    private: OaepPrivateDecryptingKey,
    /// Base64 of the DER certificate, as `encryptionCertificate` takes it. The same for one key
    /// whenever it is made.
    certificate: String,
    /// `encryptionCertificateId`: names the key.
    id: String,
}

/// A key could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The generator or the certificate's maker failed.
    #[error("making the notification key failed")]
    Make(#[source] rcgen::Error),
    /// What was kept is not an RSA key of 2,048 to 4,096 bits.
    #[error("the kept notification key is not usable")]
    Kept,
}

/// `encryptedContent` of a notification.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Encrypted {
    pub(crate) data: String,
    pub(crate) data_signature: String,
    pub(crate) data_key: String,
    pub(crate) encryption_certificate_id: String,
}

/// Why an encrypted content was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SealError {
    #[error("it is encrypted to another certificate")]
    Certificate,
    #[error("it is not base64")]
    Encoding,
    #[error("its key cannot be decrypted")]
    Key,
    #[error("its signature is wrong")]
    Signature,
    #[error("its data cannot be decrypted")]
    Data,
}

impl NotificationKey {
    /// Makes a new RSA key of 2,048 bits and returns it as PKCS #8 PEM. Takes a noticeable part of
    /// a second; done once in a twin's life.
    pub(crate) fn generate() -> Result<Secret, KeyError> {
        let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)
            .map_err(KeyError::Make)?;
        Ok(Secret::new(pair.serialize_pem()))
    }

    /// Takes a key that [`Self::generate`] made.
    pub(crate) fn from_pem(pem: &Secret) -> Result<Self, KeyError> {
        let pair = KeyPair::from_pkcs8_pem_and_sign_algo(pem.expose(), &PKCS_RSA_SHA256)
            .map_err(|_| KeyError::Kept)?;
        let der = Zeroizing::new(pair.serialize_der());
        let private = PrivateDecryptingKey::from_pkcs8(&der)
            .ok()
            .filter(|key| (2048..=4096).contains(&key.key_size_bits()))
            .ok_or(KeyError::Kept)?;
        let id = hex::encode(digest::digest(&digest::SHA256, pair.public_key_raw()));

        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "subtwin notifications");
        params.key_usages = vec![KeyUsagePurpose::KeyEncipherment];
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2049, 12, 31);
        params.serial_number = Some(SerialNumber::from(1_u64));
        let certificate = params.self_signed(&pair).map_err(KeyError::Make)?;
        Ok(Self {
            private: OaepPrivateDecryptingKey::new(private).map_err(|_| KeyError::Kept)?,
            certificate: STANDARD.encode(certificate.der()),
            id,
        })
    }

    pub(crate) fn certificate(&self) -> &str {
        &self.certificate
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Opens a notification's content: RSA-OAEP with SHA-1, then HMAC-SHA256 over the ciphertext,
    /// and only then AES-256-CBC (Graph, "change notifications with resource data").
    ///
    /// Costs a private-key operation: not for an async thread.
    pub(crate) fn open(&self, content: &Encrypted) -> Result<Vec<u8>, SealError> {
        if content.encryption_certificate_id != self.id {
            return Err(SealError::Certificate);
        }
        let decode = |text: &str| STANDARD.decode(text).map_err(|_| SealError::Encoding);
        let wrapped = decode(&content.data_key)?;
        let signature = decode(&content.data_signature)?;
        let mut data = decode(&content.data)?;

        let mut room = Zeroizing::new(vec![0; self.private.min_output_size()]);
        let key = self
            .private
            .decrypt(&OAEP_SHA1_MGF1SHA1, &wrapped, &mut room, None)
            .map_err(|_| SealError::Key)?;
        if key.len() != AES_256_KEY {
            return Err(SealError::Key);
        }
        // INVARIANT: checked before decrypting, or the padding of forged data would answer
        // questions about it. The comparison takes constant time.
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key), &data, &signature)
            .map_err(|_| SealError::Signature)?;

        let iv = key.get(..AES_BLOCK).ok_or(SealError::Key)?;
        let iv = FixedLength::try_from(iv).map_err(|_| SealError::Key)?;
        let cipher = UnboundCipherKey::new(&AES_256, key)
            .and_then(PaddedBlockDecryptingKey::cbc_pkcs7)
            .map_err(|_| SealError::Key)?;
        let length = cipher
            .decrypt(&mut data, DecryptionContext::Iv128(iv))
            .map_err(|_| SealError::Data)?
            .len();
        data.truncate(length);
        Ok(data)
    }
}

impl std::fmt::Debug for NotificationKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NotificationKey").field("id", &self.id).finish_non_exhaustive()
    }
}

const AES_256_KEY: usize = 32;
const AES_BLOCK: usize = 16;

#[cfg(test)]
mod tests {
    use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey, PublicEncryptingKey};
    use base64::Engine as _;
    use rcgen::PublicKeyData as _;

    use super::{Encrypted, KeyPair, NotificationKey, PKCS_RSA_SHA256, STANDARD, SealError};

    /// A key, and what opens with it: the vector of the crypto that node and openssl agree on,
    /// its key being the bytes 00 to 1f.
    fn vector() -> (NotificationKey, Encrypted) {
        let pem = NotificationKey::generate().unwrap();
        let pair = KeyPair::from_pkcs8_pem_and_sign_algo(pem.expose(), &PKCS_RSA_SHA256).unwrap();
        let public = PublicEncryptingKey::from_der(&pair.subject_public_key_info()).unwrap();
        let public = OaepPublicEncryptingKey::new(public).unwrap();
        let mut wrapped = vec![0; public.ciphertext_size()];
        let key: Vec<u8> = (0..0x20).collect();
        let wrapped = public.encrypt(&OAEP_SHA1_MGF1SHA1, &key, &mut wrapped, None).unwrap();
        let key = NotificationKey::from_pem(&pem).unwrap();
        let content = Encrypted {
            data:
                "UFxzR8IUj//950kF2GeJB3idGNd4u2/figIlzAWwpqIhTAbHWvMIUdplW3oGI3dMttgby6Tqc0vJvMbi\
                   aKcyX7ix/P70whPcBIfHlqpjMOM="
                    .to_owned(),
            data_signature: "tlOrPBNUTHf5GFNCtSt+GtFoDLWXEtTn42YainSm2+w=".to_owned(),
            data_key: STANDARD.encode(wrapped),
            encryption_certificate_id: key.id().to_owned(),
        };
        (key, content)
    }

    #[test]
    fn the_known_content_opens() {
        let (key, content) = vector();
        let plain = String::from_utf8(key.open(&content).unwrap()).unwrap();
        let known = r#"{"id":"1612289992105","body":{"contentType":"text","content":"test"}}"#;
        assert_eq!(plain, known);
    }

    #[test]
    fn what_is_wrong_with_a_content_is_told_apart() {
        let (key, content) = vector();
        let open = |change: fn(&mut Encrypted)| {
            let mut content = content.clone();
            change(&mut content);
            key.open(&content).unwrap_err()
        };
        assert_eq!(open(|c| c.encryption_certificate_id.push('0')), SealError::Certificate);
        assert_eq!(open(|c| c.data.push('%')), SealError::Encoding);
        assert_eq!(open(|c| c.data_key = STANDARD.encode([7; 256])), SealError::Key);
        assert_eq!(open(|c| c.data_key = String::new()), SealError::Key);
        assert_eq!(open(|c| c.data_signature = STANDARD.encode([7; 32])), SealError::Signature);
        // The signature is looked at first: data that cannot be decrypted is told no better.
        assert_eq!(open(|c| c.data = STANDARD.encode([7; 32])), SealError::Signature);
        assert_eq!(open(|c| c.data = String::new()), SealError::Signature);
    }

    #[test]
    fn a_key_always_has_the_same_certificate() {
        let pem = NotificationKey::generate().unwrap();
        let (one, other) =
            (NotificationKey::from_pem(&pem).unwrap(), NotificationKey::from_pem(&pem).unwrap());
        assert_eq!(one.certificate(), other.certificate());
        assert_eq!(one.id(), other.id());
        assert!(one.id().len() <= 128);
        assert!(!format!("{one:?}").contains("private"));
    }
}
