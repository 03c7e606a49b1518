//! The journal's folder: who owns which file, and whether that owner still lives.
//!
//! Every process that appends has an owner name and holds a lock on `<owner>.lock` for as long as it lives. The kernel
//! drops the lock with the process, so "is it dead?" needs no process table and cannot be fooled by a reused pid. Its
//! records stand in `<owner>.<number>.jsonl`, numbered upwards.

use crate::error::JournalError;
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

/// Names one life of one writing process: start in milliseconds, then pid. Sorts by start.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Owner(String);

impl Owner {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn lock_path(&self, dir: &Path) -> PathBuf {
        dir.join(format!("{}.lock", self.0))
    }

    /// The file name of the owner's `number`-th file; also its key in `journal_offsets`.
    pub fn file_name(&self, number: u32) -> String {
        format!("{}.{number:06}.jsonl", self.0)
    }
}

/// An owner's name together with the lock that proves it.
#[derive(Debug)]
pub(crate) struct Owned {
    pub owner: Owner,
    /// Held, never read.
    _lock: File,
}

fn failed(act: &'static str, path: &Path) -> impl FnOnce(io::Error) -> JournalError {
    let path = path.to_owned();
    move |source| JournalError::File { act, path, source }
}

/// Makes a new owner in `dir` (made, 0700, when absent).
pub(crate) fn claim_new(dir: &Path, start_ms: u64, pid: u32) -> Result<Owned, JournalError> {
    make_private(dir).map_err(failed("make the folder", dir))?;
    let mut stamp = start_ms;
    loop {
        let owner = Owner(format!("{stamp:013}-{pid}"));
        let path = owner.lock_path(dir);
        if path.exists() {
            stamp += 1;
            continue;
        }
        // Locked under another name first: an unlocked `.lock` would look like a dead owner's.
        let hidden = dir.join(format!(".{}.new", owner.0));
        let lock =
            private().create(true).truncate(true).write(true).open(&hidden).map_err(failed("create", &hidden))?;
        lock.lock().map_err(failed("lock", &hidden))?;
        fs::rename(&hidden, &path).map_err(failed("rename", &hidden))?;
        return Ok(Owned { owner, _lock: lock });
    }
}

/// The owners in `dir` whose process is gone, oldest first, locked so that nobody else adopts them too.
pub(crate) fn claim_dead(dir: &Path, own: &Owner) -> Result<Vec<Owned>, JournalError> {
    let mut owners: Vec<Owner> = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed("list", dir))? {
        let name = entry.map_err(failed("list", dir))?.file_name();
        // Data without a lock file counts too: someone tidied up too much.
        let owner = name.to_str().and_then(|name| name.strip_suffix(".lock").or_else(|| owner_of(name)));
        if let Some(owner) = owner.filter(|owner| is_owner(owner)) {
            owners.push(Owner(owner.to_owned()));
        }
    }
    owners.sort();
    owners.dedup();
    let mut dead = Vec::new();
    for owner in owners.into_iter().filter(|owner| owner != own) {
        let path = owner.lock_path(dir);
        let lock = private().create(true).truncate(false).write(true).open(&path).map_err(failed("open", &path))?;
        match lock.try_lock() {
            Ok(()) => dead.push(Owned { owner, _lock: lock }),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(source)) => return Err(failed("lock", &path)(source)),
        }
    }
    Ok(dead)
}

/// Whether an owner's lock file is there: it lives, or waits to be adopted.
pub(crate) fn has_lock(dir: &Path, owner: &str) -> bool {
    dir.join(format!("{owner}.lock")).exists()
}

/// The numbers of an owner's files, rising.
pub(crate) fn numbers(dir: &Path, owner: &Owner) -> Result<Vec<u32>, JournalError> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed("list", dir))? {
        let name = entry.map_err(failed("list", dir))?.file_name();
        let number = name
            .to_str()
            .and_then(|name| name.strip_prefix(owner.as_str())?.strip_prefix('.')?.strip_suffix(".jsonl"))
            .and_then(|number| number.parse::<u32>().ok());
        numbers.extend(number);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Opens a file for appending; its mode is 0600.
pub(crate) fn open_append(path: &Path) -> io::Result<File> {
    private().create(true).append(true).open(path)
}

/// Removes a file; one that is gone already is no error.
pub(crate) fn remove(path: &Path) -> Result<(), JournalError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Removes the owner's lock file; the lock itself goes with `owned`.
pub(crate) fn retire(dir: &Path, owned: Owned) -> Result<(), JournalError> {
    remove(&owned.owner.lock_path(dir))
}

/// Whether a file of that name holds records.
pub(crate) fn is_journal(name: &str) -> bool {
    owner_of(name).is_some_and(is_owner)
}

fn owner_of(name: &str) -> Option<&str> {
    name.strip_suffix(".jsonl").and_then(|name| name.rsplit_once('.')).map(|(owner, _)| owner)
}

/// `<13 digits>-<digits>`: anything else in the folder is not ours to read.
fn is_owner(text: &str) -> bool {
    text.split_once('-').is_some_and(|(stamp, pid)| {
        stamp.len() == 13 && !pid.is_empty() && stamp.bytes().chain(pid.bytes()).all(|b| b.is_ascii_digit())
    })
}

#[cfg(unix)]
fn private() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

#[cfg(not(unix))]
fn private() -> OpenOptions {
    OpenOptions::new()
}

#[cfg(unix)]
fn make_private(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

#[cfg(not(unix))]
fn make_private(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_living_owner_is_not_adopted_and_a_dead_one_is() {
        let dir = tempfile::tempdir().unwrap();
        let old = claim_new(dir.path(), 1, 7).unwrap();
        let new = claim_new(dir.path(), 1, 7).unwrap();
        assert_ne!(old.owner, new.owner, "the same start and pid still give two names");
        assert!(claim_dead(dir.path(), &new.owner).unwrap().is_empty());
        let name = old.owner.clone();
        drop(old);
        let dead = claim_dead(dir.path(), &new.owner).unwrap();
        assert_eq!(dead.iter().map(|owned| &owned.owner).collect::<Vec<_>>(), [&name]);
        assert!(claim_dead(dir.path(), &new.owner).unwrap().is_empty(), "adopted once only");
    }

    #[test]
    fn data_without_a_lock_file_is_found_and_strange_files_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let own = claim_new(dir.path(), 5, 7).unwrap();
        for name in ["0000000000001-9.000002.jsonl", "0000000000001-9.000000.jsonl", "notes.jsonl", "rejected.jsonl"] {
            fs::write(dir.path().join(name), b"").unwrap();
        }
        let dead = claim_dead(dir.path(), &own.owner).unwrap();
        assert_eq!(dead.len(), 1);
        assert_eq!(numbers(dir.path(), &dead[0].owner).unwrap(), [0, 2]);
    }
}
