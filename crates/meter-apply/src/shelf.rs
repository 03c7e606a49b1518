//! `applied/`: stored snapshots, each in a folder named by its digest, and which one is in force.
//!
//! A snapshot's folder appears by one rename and is never changed afterwards; `current` is replaced in one step. The one
//! before it is kept, older ones are removed.

use crate::error::{Act, ApplyError};
use meter_hop::paths::Home;
use meter_manifest::{ManifestFile, Snapshot};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Names the snapshot in force.
const CURRENT: &str = "current";

/// Names the one before.
const PREVIOUS: &str = "previous";

/// Begins the names of folders that are not finished.
const UNFINISHED: &str = ".new-";

/// The folder of stored snapshots. Writers hold a [`Lock`].
#[derive(Clone, Debug)]
pub(crate) struct Shelf {
    root: PathBuf,
}

/// Held while something is put in force; the system releases it even when the process dies.
#[derive(Debug)]
pub(crate) struct Lock(#[allow(dead_code)] File);

impl Lock {
    /// Waits for whoever else writes.
    pub(crate) fn take(home: &Home) -> Result<Lock, ApplyError> {
        let path = home.root().join("applied.lock");
        let open = || OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = open().act("open", &path)?;
        file.lock().act("lock", &path)?;
        Ok(Lock(file))
    }
}

impl Shelf {
    pub(crate) fn of(home: &Home) -> Shelf {
        Shelf { root: home.applied() }
    }

    /// The digest in force; `None` before the first.
    pub(crate) fn current(&self) -> Result<Option<String>, ApplyError> {
        self.pointer(CURRENT)
    }

    /// The digest before that.
    pub(crate) fn previous(&self) -> Result<Option<String>, ApplyError> {
        self.pointer(PREVIOUS)
    }

    fn pointer(&self, name: &str) -> Result<Option<String>, ApplyError> {
        let path = self.root.join(name);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(ApplyError::NoDigest { path }),
            Err(source) => return Err(ApplyError::File { act: "read", path, source }),
        };
        let digest = text.trim_end();
        match is_digest(digest) {
            true => Ok(Some(digest.to_owned())),
            false => Err(ApplyError::NoDigest { path }),
        }
    }

    /// A stored snapshot, checked against its name.
    pub(crate) fn read(&self, digest: &str) -> Result<Snapshot, ApplyError> {
        let folder = self.root.join(digest);
        let mut files = Vec::new();
        gather(&folder, "", &mut files)?;
        Snapshot::from_files(digest, &files).map_err(|source| ApplyError::Snapshot { path: folder, source })
    }

    /// Stores a snapshot; nothing happens when it is there already and whole.
    pub(crate) fn store(&self, snapshot: &Snapshot) -> Result<(), ApplyError> {
        private(&self.root)?;
        if self.read(&snapshot.digest).is_ok() {
            return Ok(());
        }
        let beside = self.root.join(format!("{UNFINISHED}{}", std::process::id()));
        remove(&beside)?;
        for file in snapshot.files() {
            let path = beside.join(&file.path);
            private(path.parent().expect("a stored file lies in a folder"))?;
            let write = || {
                let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
                out.write_all(&file.text)?;
                out.sync_all()
            };
            write().act("write", &path)?;
        }
        let place = self.root.join(&snapshot.digest);
        // Only a damaged one can stand there.
        remove(&place)?;
        fs::rename(&beside, &place).act("name", &place)?;
        self.sync()
    }

    /// Names the snapshot in force, and the one before it.
    pub(crate) fn point(&self, digest: &str) -> Result<(), ApplyError> {
        // One that cannot be read is no snapshot to go back to.
        let before = self.current().ok().flatten();
        if let Some(before) = before.filter(|before| before != digest) {
            meter_hop::replace(&self.root.join(PREVIOUS), format!("{before}\n").as_bytes())?;
        }
        meter_hop::replace(&self.root.join(CURRENT), format!("{digest}\n").as_bytes())?;
        self.sync()
    }

    /// Names none: the state before the first apply.
    pub(crate) fn point_nowhere(&self) -> Result<(), ApplyError> {
        remove(&self.root.join(CURRENT))?;
        self.sync()
    }

    /// Removes what neither name leads to. Trouble is logged: old folders harm nobody.
    pub(crate) fn sweep(&self) {
        let kept = [self.current(), self.previous()].map(|name| name.ok().flatten());
        let Ok(entries) = fs::read_dir(&self.root) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let stale = is_digest(&name) && !kept.iter().flatten().any(|kept| *kept == name);
            if (stale || name.starts_with(UNFINISHED))
                && let Err(error) = remove(&entry.path())
            {
                tracing::warn!(%error, "apply.sweep");
            }
        }
    }

    fn sync(&self) -> Result<(), ApplyError> {
        File::open(&self.root).and_then(|folder| folder.sync_all()).act("sync", &self.root)
    }
}

fn is_digest(text: &str) -> bool {
    text.strip_prefix("b3:").is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn private(folder: &Path) -> Result<(), ApplyError> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).act("create", folder)
}

fn remove(path: &Path) -> Result<(), ApplyError> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    };
    removed.act("remove", path)
}

fn gather(folder: &Path, prefix: &str, files: &mut Vec<ManifestFile>) -> Result<(), ApplyError> {
    for entry in fs::read_dir(folder).act("read", folder)? {
        let entry = entry.act("read", folder)?;
        let path = entry.path();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        // Links are not followed: we never store one.
        if entry.file_type().act("read", &path)?.is_dir() {
            gather(&path, &format!("{name}/"), files)?;
        } else {
            files.push(ManifestFile::new(name, fs::read(&path).act("read", &path)?));
        }
    }
    Ok(())
}
