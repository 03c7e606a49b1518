//! The roots that providers are verified with.
//!
//! They come from the system and from a file the user names, never from `SSL_CERT_FILE` or `SSL_CERT_DIR`: those may point
//! at our own bundle, and our authority must not vouch for a provider.

use crate::{RootsError, pem};
use rustls::{RootCertStore, pki_types::CertificateDer};
use std::{fs, path::Path};

/// Where distributions keep all their roots in one file, most specific first.
///
/// Debian, Ubuntu, Arch, Gentoo; Fedora and RHEL (new, old); openSUSE (two ages); NixOS; OpenELEC; Alpine, BSDs.
#[cfg(not(target_os = "macos"))]
const BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/var/lib/ca-certificates/ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/certs/ca-bundle.crt",
    "/etc/pki/tls/cacert.pem",
    "/etc/ssl/cert.pem",
];

/// A public key as it stands in a certificate: the content of `SubjectPublicKeyInfo`, without its outer tag.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Spki(Vec<u8>);

impl Spki {
    /// The key of a certificate; `None` when it cannot be read as one.
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Spki> {
        let mut store = RootCertStore::empty();
        store.add(certificate.clone()).ok()?;
        store.roots.pop().map(|anchor| Spki(anchor.subject_public_key_info.to_vec()))
    }
}

/// The system's roots and where they were found.
#[derive(Clone, Debug)]
pub struct SystemRoots {
    /// In the order of the source; may hold our own, when the user trusts them system-wide.
    pub certificates: Vec<CertificateDer<'static>>,
    /// The file, or `keychain`.
    pub source: String,
}

/// The roots this system trusts.
///
/// On Linux the distribution's bundle file, on macOS what the keychains trust.
///
/// # Errors
/// [`RootsError::None`] names every place that was looked at.
pub fn system_roots() -> Result<SystemRoots, RootsError> {
    #[cfg(target_os = "macos")]
    return keychain_roots();
    #[cfg(not(target_os = "macos"))]
    bundle_roots(BUNDLES)
}

/// What to verify providers with: the system's roots and those of `ca_file`, without any whose key is in `exclude`.
///
/// The file counts beside the system's roots; where the system has none it is enough alone.
///
/// # Errors
/// [`RootsError::File`] or [`RootsError::Empty`] for `ca_file`; [`RootsError::None`] when nothing is left to trust.
pub fn upstream_roots(ca_file: Option<&Path>, exclude: &[Spki]) -> Result<RootCertStore, RootsError> {
    let own = ca_file.map(named_file).transpose()?.unwrap_or_default();
    let system = match system_roots() {
        Ok(system) => system,
        Err(error) if own.is_empty() => return Err(error),
        Err(error) => {
            tracing::warn!(%error, "upstream.system_roots_missing");
            SystemRoots { certificates: Vec::new(), source: "none".to_owned() }
        }
    };
    let mut store = RootCertStore::empty();
    let (_, unreadable) = store.add_parsable_certificates(system.certificates.into_iter().chain(own));
    if unreadable > 0 {
        tracing::debug!(unreadable, source = %system.source, "upstream.roots_passed_over");
    }
    let all = store.roots.len();
    store.roots.retain(|anchor| !exclude.iter().any(|ours| ours.0 == anchor.subject_public_key_info.as_ref()));
    if store.is_empty() {
        let found = format!("{} ({all} certificates, none of them usable)", system.source);
        return Err(RootsError::None { tried: vec![found] });
    }
    Ok(store)
}

#[cfg(any(not(target_os = "macos"), test))]
fn bundle_roots(places: &[&str]) -> Result<SystemRoots, RootsError> {
    let mut tried = Vec::new();
    for place in places {
        match fs::read(place) {
            Ok(text) => {
                let (certificates, _) = pem::decode(&text);
                if !certificates.is_empty() {
                    return Ok(SystemRoots { certificates, source: (*place).to_owned() });
                }
                tried.push(format!("{place} (no certificate in it)"));
            }
            Err(error) => tried.push(format!("{place} ({error})")),
        }
    }
    Err(RootsError::None { tried })
}

#[cfg(target_os = "macos")]
fn keychain_roots() -> Result<SystemRoots, RootsError> {
    let none = |why: String| RootsError::None { tried: vec![format!("keychain ({why})")] };
    match crate::keychain::roots() {
        Ok(certificates) if !certificates.is_empty() => Ok(SystemRoots { certificates, source: "keychain".to_owned() }),
        Ok(_) => Err(none("no trusted root".to_owned())),
        Err(error) => Err(none(error.to_string())),
    }
}

fn named_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, RootsError> {
    let text = fs::read(path).map_err(|source| RootsError::File { path: path.to_owned(), source })?;
    let (certificates, _) = pem::decode(&text);
    if certificates.is_empty() { Err(RootsError::Empty { path: path.to_owned() }) } else { Ok(certificates) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_found_names_every_place() {
        let error = bundle_roots(&["/nowhere/a.pem", "/nowhere/b.pem"]).expect_err("no such files");
        let text = error.to_string();
        assert!(text.contains("/nowhere/a.pem") && text.contains("/nowhere/b.pem"), "{text}");
    }
}
