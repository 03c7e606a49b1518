//! Small private files that are replaced whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A small file could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The folder of the file, its lock or the file itself failed.
    #[error("cannot write {path}")]
    Io {
        /// The file that was to be written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A newer program wrote the file; overwriting it would lose what we cannot read.
    #[error("{path} has schema version {found}, this program knows up to {known}")]
    Newer {
        /// The file.
        path: PathBuf,
        /// The version in it.
        found: u32,
        /// The newest version this program writes.
        known: u32,
    },
}

/// Puts `text` at `path` with mode 0600: written beside it, synced, renamed over it. A reader sees the old file or the
/// new one, never a part.
///
/// Two writers need a lock around this; [`crate::EffectivePorts`] and [`crate::Identity`] bring theirs.
///
/// # Errors
/// [`WriteError::Io`]; the old file stands then.
pub fn replace(path: &Path, text: &[u8]) -> Result<(), WriteError> {
    let failed = |source| WriteError::Io { path: path.to_owned(), source };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    // The pid keeps two processes that write the same file without a lock from sharing one half-written name.
    name.push(format!(".{}.tmp", std::process::id()));
    let beside = path.with_file_name(name);
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(text)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    };
    write().map_err(|source| {
        // Best effort: the error that matters is the first one.
        let _ = std::fs::remove_file(&beside);
        failed(source)
    })
}

/// Runs `act` while holding the lock file that belongs to `path` (its name with `.lock` appended). The lock is released
/// by the system even if the process dies.
pub(crate) fn locked<T, E: From<WriteError>>(path: &Path, act: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    let lock_path = path.with_file_name(name);
    let open = || -> io::Result<File> {
        let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&lock_path)?;
        lock.lock()?;
        Ok(lock)
    };
    let lock = open().map_err(|source| WriteError::Io { path: lock_path.clone(), source })?;
    let outcome = act();
    drop(lock);
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_private_and_nothing_stays_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("edge.json");
        replace(&path, b"one").unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(replace(&folder.path().join("no/edge.json"), b"x").is_err());
    }
}
