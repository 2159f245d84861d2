//! The sandbox's own CA and its one server certificate.

use std::io;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;

use super::http::{CLOUD_HOSTS, LOOPBACK_HOSTS};

/// What TLS needs.
pub(super) struct Tls {
    pub(super) ca_pem: String,
    pub(super) acceptor: TlsAcceptor,
}

/// Makes a CA and a certificate for every name the sandbox answers to. Both are new at each start;
/// the CA's key is dropped with this function, so that it can never sign anything else.
pub(super) fn make(now: Timestamp) -> io::Result<Tls> {
    let mut ca = params(now, &[])?;
    ca.distinguished_name.push(DnType::CommonName, "subtwin sandbox CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca_key = KeyPair::generate().map_err(io::Error::other)?;
    let ca = CertifiedIssuer::self_signed(ca, ca_key).map_err(io::Error::other)?;

    let names: Vec<&str> = CLOUD_HOSTS
        .iter()
        .map(|(name, _)| *name)
        .chain(LOOPBACK_HOSTS.iter().map(|name| name.trim_matches(['[', ']'])))
        .collect();
    let mut leaf = params(now, &names)?;
    leaf.distinguished_name.push(DnType::CommonName, "subtwin sandbox");
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // Strict verifiers (Python 3.13) insist on it.
    leaf.use_authority_key_identifier_extension = true;
    let leaf_key = KeyPair::generate().map_err(io::Error::other)?;
    let leaf = leaf.signed_by(&leaf_key, &ca).map_err(io::Error::other)?;

    let key = PrivateKeyDer::try_from(leaf_key.serialize_der()).map_err(io::Error::other)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)
        .map_err(io::Error::other)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Tls { ca_pem: ca.pem(), acceptor: TlsAcceptor::from(Arc::new(config)) })
}

fn params(now: Timestamp, names: &[&str]) -> io::Result<CertificateParams> {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut params = CertificateParams::new(names).map_err(io::Error::other)?;
    let today = now.to_zoned(TimeZone::UTC).date();
    let day = |days: i64| {
        let date = today.saturating_add(jiff::SignedDuration::from_hours(days.saturating_mul(24)));
        date_time_ymd(date.year().into(), date.month().unsigned_abs(), date.day().unsigned_abs())
    };
    params.not_before = day(-2);
    // Some verifiers refuse server certificates that live longer than 398 days.
    params.not_after = day(390);
    Ok(params)
}
