//! A repository's names, from the few files that git keeps beside the work.
//!
//! `.git` is a folder in an ordinary clone. In a linked worktree it is a file, `gitdir: /repo/.git/worktrees/NAME`; in a submodule one
//! with `…/.git/modules/NAME` (gitrepository-layout(5), git-worktree(1)).

use crate::evidence::{base, parent, trimmed};

/// Which of a repository's names is the project.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum GitUse {
    /// The folder of the repository, the same for all its worktrees.
    #[default]
    Repository,
    /// The path of `origin`'s URL, `acme/billing`, the same for all clones; the folder where there is no such remote.
    Remote,
    /// The folder of the worktree.
    Worktree,
}

impl GitUse {
    /// The value of a word in `tagging.toml`.
    pub fn from_word(word: &str) -> Option<GitUse> {
        match word {
            "repository" => Some(GitUse::Repository),
            "remote" => Some(GitUse::Remote),
            "worktree" => Some(GitUse::Worktree),
            _ => None,
        }
    }
}

/// What `.git` is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DotGit {
    /// A folder.
    Folder,
    /// A file with this text.
    File(String),
}

/// A repository as gathered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Git {
    /// The folder that holds `.git`, absolute.
    pub root: String,
    /// What that is.
    pub dot_git: DotGit,
    /// Text of [`GitAsks::head`].
    pub head: Option<String>,
    /// Text of [`GitAsks::config`].
    pub config: Option<String>,
}

/// Files of a repository that are worth reading, absolute.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GitAsks {
    /// `HEAD` of this worktree.
    pub head: String,
    /// `config` of the repository; needed only for [`GitUse::Remote`].
    pub config: String,
}

/// What a repository is called.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Repository {
    /// Folder of the repository.
    pub repository: String,
    /// Path of `origin`'s URL.
    pub remote: Option<String>,
    /// Folder of the worktree; of an ordinary clone the same as `repository`.
    pub worktree: String,
    /// The work is in a linked worktree.
    pub linked: bool,
    /// The branch; `None` on a detached head.
    pub branch: Option<String>,
}

impl DotGit {
    /// What to read next, once `.git` was found in `root`; `None` when the file is none of git's.
    pub fn asks(&self, root: &str) -> Option<GitAsks> {
        let own = self.folder(root)?;
        let (common, _) = common(&own);
        Some(GitAsks { head: format!("{own}/HEAD"), config: format!("{common}/config") })
    }

    /// The folder where git keeps this worktree's state.
    fn folder(&self, root: &str) -> Option<String> {
        match self {
            DotGit::Folder => Some(resolve(root, ".git")),
            DotGit::File(text) => {
                let path = text.lines().next()?.strip_prefix("gitdir:")?.trim();
                (!path.is_empty()).then(|| resolve(root, path))
            }
        }
    }
}

impl Git {
    /// The names; `None` when `.git` is none of git's.
    pub fn repository(&self) -> Option<Repository> {
        let own = self.dot_git.folder(&self.root)?;
        let (common, linked) = common(&own);
        let worktree = base(&self.root).to_owned();
        let repository = match base(common) {
            _ if !linked => worktree.clone(),
            // A worktree of a bare repository: `billing.git`, or the folder around `.bare`.
            ".git" | ".bare" => base(parent(common)).to_owned(),
            name => name.strip_suffix(".git").unwrap_or(name).to_owned(),
        };
        Some(Repository {
            repository,
            remote: self.config.as_deref().and_then(origin),
            worktree,
            linked,
            branch: self.head.as_deref().and_then(branch),
        })
    }
}

/// The state that all worktrees share, and whether this is a linked one.
fn common(own: &str) -> (&str, bool) {
    let around = parent(own);
    if base(around) == "worktrees" { (parent(around), true) } else { (own, false) }
}

/// `path` seen from `folder`, with `.` and `..` taken out.
fn resolve(folder: &str, path: &str) -> String {
    let whole = if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", trimmed(folder)) };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

fn branch(head: &str) -> Option<String> {
    let name = head.trim().strip_prefix("ref:")?.trim();
    let name = name.strip_prefix("refs/heads/").unwrap_or(name);
    (!name.is_empty()).then(|| name.to_owned())
}

/// The path of `remote.origin.url` in a config file (git-config(1)), without a trailing `.git`.
fn origin(config: &str) -> Option<String> {
    let mut inside = false;
    for line in config.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line.starts_with("[remote \"origin\"]");
        } else if inside
            && let Some((key, url)) = line.split_once('=')
            && key.trim().eq_ignore_ascii_case("url")
        {
            return remote_path(url.trim().trim_matches('"'));
        }
    }
    None
}

/// `https://host/a/b.git`, `ssh://git@host:22/a/b`, `git@host:a/b.git` → `a/b`; of a local path the last part only.
fn remote_path(url: &str) -> Option<String> {
    let path = if let Some((scheme, rest)) = url.split_once("://") {
        let path = rest.split_once('/')?.1;
        if scheme == "file" { base(path) } else { path }
    } else {
        match url.split_once(':') {
            Some((host, path)) if !host.contains('/') => path,
            _ => base(url),
        }
    };
    let path = path.trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path).trim_matches('/');
    (!path.is_empty()).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(root: &str, dot_git: DotGit) -> (String, String, bool) {
        let git = Git { root: root.to_owned(), dot_git, head: None, config: None };
        let names = git.repository().expect("a repository");
        (names.repository, names.worktree, names.linked)
    }

    fn file(text: &str) -> DotGit {
        DotGit::File(text.to_owned())
    }

    #[test]
    fn a_worktree_belongs_to_its_repository() {
        let own = |text: &str| text.to_owned();
        assert_eq!(check("/src/billing", DotGit::Folder), (own("billing"), own("billing"), false));
        let linked = file("gitdir: /src/billing/.git/worktrees/fix-7\n");
        assert_eq!(check("/tmp/fix-7", linked), (own("billing"), own("fix-7"), true));
        let relative = file("gitdir: ../billing/.git/worktrees/fix");
        assert_eq!(check("/src/fix/", relative), (own("billing"), own("fix"), true));
        assert_eq!(check("/w/a", file("gitdir: /srv/billing.git/worktrees/a")), (own("billing"), own("a"), true));
        assert_eq!(check("/w/a", file("gitdir: /srv/billing/.bare/worktrees/a")), (own("billing"), own("a"), true));
        assert_eq!(check("/src/app/lib", file("gitdir: ../.git/modules/lib")), (own("lib"), own("lib"), false));
    }

    #[test]
    fn the_files_to_read_are_named() {
        let asks = |dot_git: DotGit| dot_git.asks("/src/fix").map(|asks| (asks.head, asks.config));
        let pair = |head: &str, config: &str| Some((head.to_owned(), config.to_owned()));
        assert_eq!(asks(DotGit::Folder), pair("/src/fix/.git/HEAD", "/src/fix/.git/config"));
        assert_eq!(
            asks(file("gitdir: ../billing/.git/worktrees/fix")),
            pair("/src/billing/.git/worktrees/fix/HEAD", "/src/billing/.git/config")
        );
        assert_eq!(asks(file("no file of git's")), None);
        assert_eq!(asks(file("")), None);
    }

    #[test]
    fn branches_and_detached_heads() {
        assert_eq!(branch("ref: refs/heads/fix/rounding\n").as_deref(), Some("fix/rounding"));
        assert_eq!(branch("5c1b8c5f0f0e2a8f4c0f4ee8e29c0f3a6d9c7a11\n"), None);
    }

    #[test]
    fn the_path_of_origin() {
        for (url, path) in [
            ("https://github.com/acme/billing.git", Some("acme/billing")),
            ("git@github.com:acme/billing.git", Some("acme/billing")),
            ("ssh://git@host.example:2222/group/sub/billing", Some("group/sub/billing")),
            ("/srv/git/billing.git", Some("billing")),
            ("file:///srv/git/billing.git", Some("billing")),
            ("../billing", Some("billing")),
            ("https://github.com/", None),
        ] {
            let config = format!("[core]\n\tbare = false\n[remote \"origin\"]\n\turl = {url}\n\tfetch = +refs/*\n");
            assert_eq!(origin(&config).as_deref(), path, "{url}");
        }
        assert_eq!(origin("[remote \"fork\"]\n\turl = git@h:a/b\n"), None);
    }
}
