//! The three kinds of certificates, as parameters for the encoder.
//!
//! Key ids are the first 20 bytes of SHA-256 over the public key; subjects are unique per key, so that two roots of one
//! instance are never confused by a verifier that looks issuers up by name.

use crate::CaError;
use meter_call::UnixMillis;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P256_SHA256, SanType,
};
use std::time::Duration;

/// Life of a root in days: ten years.
pub const ROOT_DAYS: u32 = 3_653;
/// Life of an intermediate in days: five years.
pub const INTERMEDIATE_DAYS: u32 = 1_826;
/// Life of a leaf in days. Clients accept up to 397; a leaf lives in memory only, so a shorter life costs nothing.
pub const LEAF_DAYS: u32 = 90;

/// Certificates are dated a day back: clients on other clocks (containers, virtual machines) may lag.
const BACKDATE: i64 = DAY_MS;
const DAY_MS: i64 = 86_400_000;
/// 9999-12-31, the last day X.509 can say.
const LAST_MS: i64 = 253_402_214_400_000;

/// First and last instant of a certificate, whole seconds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Life {
    pub(crate) not_before: UnixMillis,
    pub(crate) not_after: UnixMillis,
}

impl Life {
    /// From a day before `now` for `days` in all.
    pub(crate) fn starting(now: UnixMillis, days: u32) -> Result<Life, CaError> {
        let not_before = (now.0 - now.0.rem_euclid(1000)).checked_sub(BACKDATE).ok_or(CaError::Clock(now.0))?;
        let not_after = not_before.checked_add(i64::from(days) * DAY_MS).ok_or(CaError::Clock(now.0))?;
        if not_before < 0 || not_after > LAST_MS {
            return Err(CaError::Clock(now.0));
        }
        Ok(Life { not_before: UnixMillis(not_before), not_after: UnixMillis(not_after) })
    }

    /// The instant is inside.
    pub(crate) fn holds(self, now: UnixMillis) -> bool {
        self.not_before <= now && now < self.not_after
    }
}

/// The subject of an authority, told apart by its key id.
pub(crate) fn authority_name(role: &str, key_id: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Halton Meter");
    name.push(DnType::CommonName, format!("Halton Meter {role} {}", key_id.get(..8).unwrap_or(key_id)));
    name
}

/// A new P-256 key.
pub(crate) fn new_key() -> Result<KeyPair, CaError> {
    Ok(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?)
}

/// The key id in hex, as it stands in SKI and AKI.
pub(crate) fn key_id(key: &KeyPair) -> String {
    hex(&CertificateParams::default().key_identifier(key))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What root and intermediate have in common: constraints, usage, key ids. `path_length` is how many authorities may stand below.
pub(crate) fn authority(
    subject: DistinguishedName,
    hosts: &[String],
    life: Life,
    path_length: u8,
) -> CertificateParams {
    let mut params = dated(life);
    params.distinguished_name = subject;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(path_length));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    // No leading dots: verifiers read them differently. All addresses are excluded, because an absent kind of name is
    // otherwise unconstrained.
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: hosts.iter().cloned().map(GeneralSubtree::DnsName).collect(),
        excluded_subtrees: vec![
            GeneralSubtree::IpAddress(CidrSubnet::V4([0; 4], [0; 4])),
            GeneralSubtree::IpAddress(CidrSubnet::V6([0; 16], [0; 16])),
        ],
    });
    params
}

/// An issuer for leaves from what is stored of an intermediate: its subject and key are all that a signature needs.
pub(crate) fn issuer(subject: DistinguishedName, key: KeyPair) -> Issuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.distinguished_name = subject;
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Issuer::new(params, key)
}

/// A server certificate for exactly `host`.
pub(crate) fn leaf(host: &str, life: Life) -> Result<CertificateParams, CaError> {
    let mut params = dated(life);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "Halton Meter");
    // X.520 allows 64 characters; verifiers read the SAN, people read this.
    if host.len() <= 64 {
        params.distinguished_name.push(DnType::CommonName, host);
    }
    // "No authority" has to be said explicitly for the subject key id to be written.
    params.is_ca = IsCa::ExplicitNoCa;
    params.subject_alt_names = vec![SanType::DnsName(host.try_into()?)];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

fn dated(life: Life) -> CertificateParams {
    let at = |at: UnixMillis| {
        rcgen::date_time_ymd(1970, 1, 1)
            + Duration::from_millis(u64::try_from(at.0).expect("checked in Life::starting"))
    };
    let mut params = CertificateParams::default();
    params.not_before = at(life.not_before);
    params.not_after = at(life.not_after);
    params.use_authority_key_identifier_extension = true;
    params
}
