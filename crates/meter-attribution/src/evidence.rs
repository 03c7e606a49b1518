//! What was gathered about the caller; the table of the crate says from where.

use crate::Git;
use std::collections::BTreeMap;

/// Most folders looked at from a working directory upward.
pub const FOLDERS_MAX: usize = 64;

/// Most bytes of a `.haltonrc` that are read; the rest is cut off.
pub const RC_BYTES_MAX: usize = 16 * 1024;

/// Everything known about who makes a call. Empty evidence is fine: the default project answers.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Evidence {
    /// The user's home folder, absolute; stands for `~` in path rules.
    pub home: Option<String>,
    /// The process that holds the socket.
    pub caller: Process,
    /// Its ancestors, nearest first.
    pub parents: Vec<Process>,
}

/// One process.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Process {
    /// Process id.
    pub pid: Option<u32>,
    /// Name of the executable.
    pub name: Option<String>,
    /// The asked variables that it was started with.
    pub env: BTreeMap<String, String>,
    /// Working directory, absolute.
    pub cwd: Option<String>,
    /// The files found upward from there, nearest first.
    pub rc: Vec<RcFile>,
    /// The repository around it.
    pub git: Option<Git>,
}

/// A `.haltonrc`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RcFile {
    /// Its path.
    pub path: String,
    /// What stands in it.
    pub text: String,
}

/// The folder and those around it, nearest first, `/` last; nothing for a relative path.
pub fn upward(folder: &str) -> impl Iterator<Item = &str> {
    let start = folder.starts_with('/').then(|| trimmed(folder));
    std::iter::successors(start, |folder| (*folder != "/").then(|| parent(folder))).take(FOLDERS_MAX)
}

/// Without trailing slashes; `/` stays.
pub(crate) fn trimmed(path: &str) -> &str {
    match path.trim_end_matches('/') {
        "" if path.starts_with('/') => "/",
        path => path,
    }
}

/// The folder around a path without trailing slashes.
pub(crate) fn parent(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) => "/",
        Some((folder, _)) => trimmed(folder),
        None => "",
    }
}

/// The last part of a path; empty for `/`.
pub(crate) fn base(path: &str) -> &str {
    trimmed(path).rsplit('/').next().unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_go_up_to_the_root() {
        let folders = |path| upward(path).collect::<Vec<_>>();
        assert_eq!(folders("/a//b/"), ["/a//b", "/a", "/"]);
        assert_eq!(folders("/"), ["/"]);
        assert!(folders("a/b").is_empty() && folders("").is_empty());
        assert_eq!(folders(&"/a".repeat(200)).len(), FOLDERS_MAX);
        assert_eq!((base("/a/b/"), base("/")), ("b", ""));
    }
}
