//! One root with its intermediate: made once, kept in a folder, reopened.
//!
//! `authority.json` is written last: a folder without it holds no authority, whatever else a crash left there, and is
//! written over. A folder with it holds all four files, because each was synced before.

use crate::{
    CaError, Spki,
    folder::{self, failed},
    host::within,
    mint::{self, INTERMEDIATE_DAYS, Life, ROOT_DAYS},
    pem,
};
use meter_call::UnixMillis;
use rcgen::{Issuer, KeyPair};
use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use std::{
    fs,
    io::ErrorKind,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

const STATEMENT: &str = "authority.json";
const ROOT: &str = "root.pem";
const INTERMEDIATE: &str = "intermediate.pem";
const KEY: &str = "intermediate.key";

/// `authority.json`: what the folder holds.
#[derive(Serialize, Deserialize)]
struct Statement {
    schema_version: u32,
    hosts: Vec<String>,
    created_at: jiff::Timestamp,
    /// End of the intermediate: no leaf lives longer.
    not_after: jiff::Timestamp,
    root_not_after: jiff::Timestamp,
    root_key_id: String,
    intermediate_key_id: String,
    root_sha256: String,
    intermediate_sha256: String,
}

/// What people are told about an authority.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Summary {
    /// Its folder: the authority's folder for the first one, `2`, `3`, … in it for later ones.
    pub folder: PathBuf,
    /// The names in its constraints, lower case; everything under them is covered too.
    pub hosts: Vec<String>,
    /// When it was made.
    pub created_at: UnixMillis,
    /// When its intermediate ends; it has to be renewed before.
    pub not_after: UnixMillis,
    /// SHA-256 of the root certificate in lower-case hex, as trust stores show it.
    pub root_sha256: String,
}

/// An open authority.
pub(crate) struct Chain {
    pub(crate) summary: Summary,
    pub(crate) life: Life,
    pub(crate) root: CertificateDer<'static>,
    pub(crate) intermediate: CertificateDer<'static>,
    pub(crate) issuer: Issuer<'static, KeyPair>,
}

impl Chain {
    /// Makes a root and an intermediate for `hosts` and writes them to `folder`. The root's key ends with this call.
    pub(crate) fn create(folder: &Path, hosts: &[String], now: UnixMillis) -> Result<Chain, CaError> {
        let root_key = mint::new_key()?;
        let key = mint::new_key()?;
        let (root_key_id, key_id) = (mint::key_id(&root_key), mint::key_id(&key));
        let (root_life, life) = (Life::starting(now, ROOT_DAYS)?, Life::starting(now, INTERMEDIATE_DAYS)?);

        let root_params = mint::authority(mint::authority_name("root", &root_key_id), hosts, root_life, 1);
        let root = root_params.self_signed(&root_key)?;
        let params = mint::authority(mint::authority_name("intermediate", &key_id), hosts, life, 0);
        let intermediate = params.signed_by(&key, &Issuer::from_params(&root_params, &root_key))?;
        drop(root_key);

        let statement = Statement {
            schema_version: 1,
            hosts: hosts.to_vec(),
            created_at: timestamp(now)?,
            not_after: timestamp(life.not_after)?,
            root_not_after: timestamp(root_life.not_after)?,
            root_key_id,
            intermediate_key_id: key_id,
            root_sha256: sha256(root.der()),
            intermediate_sha256: sha256(intermediate.der()),
        };
        folder::private(folder)?;
        folder::put(folder, KEY, key.serialize_pem().as_bytes(), 0o600)?;
        folder::put(folder, INTERMEDIATE, pem::encode(intermediate.der()).as_bytes(), 0o644)?;
        folder::put(folder, ROOT, pem::encode(root.der()).as_bytes(), 0o644)?;
        let text = serde_json::to_vec_pretty(&statement).expect("plain texts always serialise");
        folder::put(folder, STATEMENT, &text, 0o644)?;
        Ok(Chain::assemble(folder, statement, root.into(), intermediate.into(), key))
    }

    /// The authority in `folder`; `None` when there is none (or one that was never finished).
    ///
    /// # Errors
    /// [`CaError::Damaged`] when the files do not fit together.
    pub(crate) fn open(folder: &Path) -> Result<Option<Chain>, CaError> {
        let path = folder.join(STATEMENT);
        let text = match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            read => read.map_err(failed("read", &path))?,
        };
        let damaged = |what: String| CaError::Damaged { folder: folder.to_owned(), what };
        let statement: Statement =
            serde_json::from_slice(&text).map_err(|error| damaged(format!("{STATEMENT} cannot be read ({error})")))?;
        if statement.schema_version != 1 {
            return Err(damaged(format!("{STATEMENT} was written by a newer version")));
        }
        let certificate = |name: &str, sha: &str| {
            let path = folder.join(name);
            let text = fs::read(&path).map_err(|error| match error.kind() {
                ErrorKind::NotFound => damaged(format!("{name} is missing")),
                _ => failed("read", &path)(error),
            })?;
            match pem::decode(&text).0.into_iter().next() {
                Some(certificate) if sha256(&certificate) == sha => Ok(certificate),
                Some(_) => Err(damaged(format!("{name} is not the certificate that {STATEMENT} names"))),
                None => Err(damaged(format!("{name} holds no certificate"))),
            }
        };
        let root = certificate(ROOT, &statement.root_sha256)?;
        let intermediate = certificate(INTERMEDIATE, &statement.intermediate_sha256)?;
        let key = private_key(folder)?;
        if mint::key_id(&key) != statement.intermediate_key_id {
            return Err(damaged(format!("{KEY} is not the key of {INTERMEDIATE}")));
        }
        Ok(Some(Chain::assemble(folder, statement, root, intermediate, key)))
    }

    /// The constraints allow a leaf for this name.
    pub(crate) fn covers(&self, host: &str) -> bool {
        self.summary.hosts.iter().any(|constraint| within(constraint, host))
    }

    /// The public keys of root and intermediate.
    pub(crate) fn public_keys(&self) -> impl Iterator<Item = Spki> {
        [&self.root, &self.intermediate].into_iter().filter_map(Spki::of)
    }

    fn assemble(
        folder: &Path,
        statement: Statement,
        root: CertificateDer<'static>,
        intermediate: CertificateDer<'static>,
        key: KeyPair,
    ) -> Chain {
        let created_at = UnixMillis(statement.created_at.as_millisecond());
        let not_after = UnixMillis(statement.not_after.as_millisecond());
        let subject = mint::authority_name("intermediate", &statement.intermediate_key_id);
        Chain {
            summary: Summary {
                folder: folder.to_owned(),
                hosts: statement.hosts,
                created_at,
                not_after,
                root_sha256: statement.root_sha256,
            },
            life: Life { not_before: created_at, not_after },
            root,
            intermediate,
            issuer: mint::issuer(subject, key),
        }
    }
}

/// Reads the key; one that others could read is closed to them again, loudly.
fn private_key(folder: &Path) -> Result<KeyPair, CaError> {
    let path = folder.join(KEY);
    let damaged = |what: String| CaError::Damaged { folder: folder.to_owned(), what };
    let metadata = match fs::metadata(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(damaged(format!("{KEY} is missing"))),
        found => found.map_err(failed("read", &path))?,
    };
    if metadata.permissions().mode() & 0o077 != 0 {
        tracing::warn!(path = %path.display(), mode = format!("{:o}", metadata.permissions().mode() & 0o777), "ca.key_was_open");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(failed("protect", &path))?;
    }
    let text = fs::read_to_string(&path).map_err(failed("read", &path))?;
    KeyPair::from_pem(&text).map_err(|_| damaged(format!("{KEY} holds no private key")))
}

fn sha256(bytes: &[u8]) -> String {
    mint::hex(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref())
}

fn timestamp(at: UnixMillis) -> Result<jiff::Timestamp, CaError> {
    jiff::Timestamp::from_millisecond(at.0).map_err(|_| CaError::Clock(at.0))
}
