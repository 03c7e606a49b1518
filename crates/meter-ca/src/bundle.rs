//! The files that clients are pointed at.
//!
//! `bundle.pem` is for variables that *replace* a client's roots: the system's, the user's earlier extra ones and ours.
//! `halton-roots.pem` is for variables that *add* to them: ours alone. On uninstall `bundle.pem` stays behind without ours,
//! because shells that are still open point at it.

use crate::{CaError, folder, pem};
use rustls::pki_types::CertificateDer;
use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
};

/// System roots, the user's and ours.
pub const BUNDLE: &str = "bundle.pem";
/// Ours alone.
pub const OWN_ROOTS: &str = "halton-roots.pem";

/// What was written, and what could not be taken along.
#[derive(Debug, Default)]
pub struct Written {
    /// Certificates in `bundle.pem`.
    pub certificates: usize,
    /// Extra files of the user's that gave nothing, with the reason: the client would have failed on them too.
    pub skipped: Vec<(PathBuf, String)>,
}

/// Writes both files into `dir`, each in one step. `extra` are the files that the user's variables named before ours did, or
/// folders of such files. With no `ours` only the system's and the user's roots stay in `bundle.pem`, and
/// `halton-roots.pem` holds a comment: the form left behind by an uninstall.
///
/// # Errors
/// [`CaError::File`] for our own two files. A broken file of the user's is passed over and told in [`Written::skipped`].
pub fn write(
    dir: &Path,
    system: &[CertificateDer<'static>],
    extra: &[PathBuf],
    ours: &[CertificateDer<'static>],
) -> Result<Written, CaError> {
    let mut written = Written::default();
    let mut bundle =
        String::from("# Roots of this system, of its user and of Halton Meter. Written anew when they change.\n");
    let mut seen = HashSet::new();
    let mut take = |certificate: &CertificateDer<'static>, written: &mut Written| {
        if seen.insert(certificate.to_vec()) {
            bundle.push_str(&pem::encode(certificate));
            written.certificates += 1;
        }
    };
    for certificate in system {
        take(certificate, &mut written);
    }
    for path in extra {
        match certificates_of(path) {
            Ok(certificates) if certificates.is_empty() => {
                written.skipped.push((path.clone(), "no certificate in it".to_owned()));
            }
            Ok(certificates) => certificates.iter().for_each(|certificate| take(certificate, &mut written)),
            Err(error) => written.skipped.push((path.clone(), error.to_string())),
        }
    }
    for certificate in ours {
        take(certificate, &mut written);
    }

    let mut own = String::from("# The roots of Halton Meter on this machine.\n");
    own.extend(ours.iter().map(|root| pem::encode(root)));
    folder::private(dir)?;
    folder::put(dir, OWN_ROOTS, own.as_bytes(), 0o644)?;
    folder::put(dir, BUNDLE, bundle.as_bytes(), 0o644)?;
    Ok(written)
}

fn certificates_of(path: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    if !fs::metadata(path)?.is_dir() {
        return Ok(pem::decode(&fs::read(path)?).0);
    }
    // A folder in OpenSSL's form: certificates beside links to them and other files.
    let mut files = fs::read_dir(path)?.map(|entry| entry.map(|e| e.path())).collect::<io::Result<Vec<_>>>()?;
    files.sort_unstable();
    let mut found = Vec::new();
    for file in files.into_iter().filter(|file| file.is_file()) {
        found.extend(pem::decode(&fs::read(file)?).0);
    }
    Ok(found)
}
