//! `manifests/tagging.toml`, checked.

use crate::{GitUse, PathRule};
use meter_call::ProjectSlug;
use std::{fmt, str::FromStr};

/// Where a project's name can come from.
///
/// [`Source::IdeWorkspace`], [`Source::IdeLabel`], [`Source::Container`] and [`Source::Sandbox`] keep their place in the order and
/// yield nothing yet.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Source {
    /// The user's path rules, on the working directory.
    Rules,
    /// A variable of the calling process.
    Env,
    /// A `.haltonrc`, upward from the working directory.
    RcFile,
    /// The folder an editor was opened with. Yields nothing yet.
    IdeWorkspace,
    /// The git repository around the working directory.
    Git,
    /// A label that an editor gives its processes. Yields nothing yet.
    IdeLabel,
    /// Rules, variable, file and repository of the ancestors, nearest first.
    Parents,
    /// The container's name. Yields nothing yet.
    Container,
    /// The bundle of a sandboxed app. Yields nothing yet.
    Sandbox,
    /// The name of the working directory.
    Workdir,
}

impl Source {
    /// Every source, in the default order.
    pub const ALL: &'static [Source] = &[
        Source::Rules,
        Source::Env,
        Source::RcFile,
        Source::IdeWorkspace,
        Source::Git,
        Source::IdeLabel,
        Source::Parents,
        Source::Container,
        Source::Sandbox,
        Source::Workdir,
    ];

    /// The word in manifests and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Source::Rules => "rules",
            Source::Env => "env",
            Source::RcFile => "rcfile",
            Source::IdeWorkspace => "ide_workspace",
            Source::Git => "git",
            Source::IdeLabel => "ide_label",
            Source::Parents => "parents",
            Source::Container => "container",
            Source::Sandbox => "sandbox",
            Source::Workdir => "workdir",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The word names no source.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is no source of a project's name")]
pub struct UnknownSource(pub String);

impl FromStr for Source {
    type Err = UnknownSource;
    fn from_str(text: &str) -> Result<Source, UnknownSource> {
        Source::ALL.iter().copied().find(|source| source.as_str() == text).ok_or_else(|| UnknownSource(text.to_owned()))
    }
}

/// How projects are named.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tagging {
    /// Sources in the order they are asked; one that is not listed is not asked.
    pub order: Vec<Source>,
    /// Path rules; the first that matches names the project.
    pub rules: Vec<PathRule>,
    /// The project of calls that no source names.
    pub default_project: ProjectSlug,
    /// The variable of [`Source::Env`].
    pub variable: String,
    /// The file of [`Source::RcFile`].
    pub rc_name: String,
    /// Which of a repository's names [`Source::Git`] takes.
    pub git: GitUse,
    /// How many ancestors [`Source::Parents`] asks at most.
    pub parents_depth: usize,
}

impl Default for Tagging {
    fn default() -> Tagging {
        Tagging {
            order: Source::ALL.to_vec(),
            rules: Vec::new(),
            default_project: "misc".parse().expect("a slug"),
            variable: "HALTON_PROJECT".to_owned(),
            rc_name: ".haltonrc".to_owned(),
            git: GitUse::Repository,
            parents_depth: 12,
        }
    }
}

/// What a gatherer has to look for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Asks<'a> {
    /// Names of variables; nothing else of an environment may be read.
    pub variables: Vec<&'a str>,
    /// The file to look for in each folder upward.
    pub rc_name: &'a str,
    /// Look for `.git` in each folder upward.
    pub git: bool,
    /// Ancestors to gather, 0 for none.
    pub parents: usize,
}

impl Tagging {
    /// What has to be gathered for these settings; see the table of the crate.
    pub fn asks(&self) -> Asks<'_> {
        let asked = |source| self.order.contains(&source);
        Asks {
            variables: if asked(Source::Env) { vec![self.variable.as_str()] } else { Vec::new() },
            rc_name: &self.rc_name,
            git: asked(Source::Git),
            parents: if asked(Source::Parents) { self.parents_depth } else { 0 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back_and_others_are_named() {
        for source in Source::ALL {
            assert_eq!(source.as_str().parse(), Ok(*source));
        }
        assert_eq!("folder".parse::<Source>(), Err(UnknownSource("folder".to_owned())));
    }

    #[test]
    fn nothing_is_gathered_for_sources_that_are_not_asked() {
        let tagging = Tagging { order: vec![Source::Workdir], ..Tagging::default() };
        let asks = tagging.asks();
        assert_eq!((asks.variables.len(), asks.git, asks.parents), (0, false, 0));
        let full = Tagging::default();
        let asks = full.asks();
        assert_eq!((asks.variables, asks.git, asks.parents), (vec!["HALTON_PROJECT"], true, 12));
    }
}
