use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use rcgen::{
    CertificateParams, DnType, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256, RsaKeySize, SerialNumber,
    date_time_ymd,
};
use serde::{Deserialize, Serialize};
use subtwin_kernel::{Entropy, Secret};
use uuid::Uuid;

use super::app::{AssertionKey, BadKey};

/// A key that an app proves itself with, and the certificate the directory knows it by. Made by us,
/// never seen by a person.
#[derive(Clone, Debug)]
pub struct ClientKey {
    /// Names the certificate in the directory (`keyCredentials.keyId`).
    pub id: Uuid,
    /// The self-signed certificate, base64 of DER as `keyCredentials.key` takes it.
    pub certificate: String,
    /// When it ends.
    pub not_after: Timestamp,
    pem: Secret,
}

/// How it is sealed.
#[derive(Serialize, Deserialize)]
struct Kept {
    id: Uuid,
    certificate: String,
    not_after: Timestamp,
    key: String,
}

impl ClientKey {
    /// Makes an RSA key of 2,048 bits and a certificate of it that is good for `days`. Takes a
    /// noticeable part of a second.
    ///
    /// # Errors
    /// When the generator fails.
    pub fn generate(
        name: &str,
        now: Timestamp,
        days: u16,
        entropy: &dyn Entropy,
    ) -> Result<Self, BadKey> {
        let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)
            .map_err(|_| BadKey::Signing)?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let id = entropy.guid();
        let mut serial = id.into_bytes();
        // A serial number is positive (RFC 5280 section 4.1.2.2).
        serial[0] &= 0x7f;
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        // Whole days, and from yesterday on: clocks differ.
        let from = day(now.saturating_sub(SignedDuration::from_hours(24)));
        let until = day(now.saturating_add(SignedDuration::from_hours(24 * i64::from(days))));
        let part = |part: i8| part.unsigned_abs();
        let ends = [&from, &until]
            .map(|at| date_time_ymd(at.year().into(), part(at.month()), part(at.day())));
        [params.not_before, params.not_after] = ends;
        let certificate = params.self_signed(&pair).map_err(|_| BadKey::Signing)?;
        Ok(Self {
            id,
            certificate: STANDARD.encode(certificate.der()),
            not_after: until.timestamp(),
            pem: Secret::new(pair.serialize_pem()),
        })
    }

    /// What signs with it.
    ///
    /// # Errors
    /// When it was damaged.
    pub fn assertion_key(&self) -> Result<AssertionKey, BadKey> {
        AssertionKey::from_der(&self.certificate, &self.pem)
    }

    /// Certificate and key as one text, to be sealed.
    #[must_use]
    pub fn to_text(&self) -> Secret {
        let kept = Kept {
            id: self.id,
            certificate: self.certificate.clone(),
            not_after: self.not_after,
            key: self.pem.expose().to_owned(),
        };
        Secret::new(serde_json::json!(kept).to_string())
    }

    /// Reads what [`Self::to_text`] wrote.
    ///
    /// # Errors
    /// When it is not that.
    pub fn from_text(text: &Secret) -> Result<Self, BadKey> {
        let kept: Kept = serde_json::from_str(text.expose()).map_err(|_| BadKey::Key)?;
        let pem = Secret::new(kept.key);
        Ok(Self { id: kept.id, certificate: kept.certificate, not_after: kept.not_after, pem })
    }
}

/// The start of a moment's day.
fn day(at: Result<Timestamp, jiff::Error>) -> Zoned {
    let at = at.unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(TimeZone::UTC);
    at.start_of_day().unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use subtwin_kernel::SystemEntropy;

    use super::*;

    #[test]
    fn a_key_is_good_for_as_long_as_asked_reads_back_and_does_not_print() {
        let now: Timestamp = "2026-09-01T10:00:00Z".parse().unwrap();
        let key = ClientKey::generate("Ada", now, 180, &SystemEntropy::default()).unwrap();
        assert_eq!(key.not_after, "2027-02-28T00:00:00Z".parse().unwrap());
        let again = ClientKey::from_text(&key.to_text()).unwrap();
        assert_eq!(again.certificate, key.certificate);
        let (one, other) = (key.assertion_key().unwrap(), again.assertion_key().unwrap());
        assert_eq!(format!("{one:?}"), format!("{other:?}"));
        assert!(!format!("{key:?}").contains("PRIVATE"), "{key:?}");
        assert!(ClientKey::from_text(&Secret::new("{}".to_owned())).is_err());
    }
}
