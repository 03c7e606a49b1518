//! Asking the sources.

use crate::{
    Evidence, GitUse, Process, Rc, Source, Tagging,
    evidence::{base, trimmed},
    quote::{cut, plain, quote},
};
use meter_call::ProjectSlug;

/// Whose a call is, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attribution {
    /// The project.
    pub project: ProjectSlug,
    /// The word of the source that named it; `default` when none did.
    pub source: String,
    /// A sentence for people, with everything that was passed over on the way.
    pub reason: String,
    /// The branch, when a repository named the project.
    pub branch: Option<String>,
    /// The worktree's folder, when a repository named the project and the work is in a linked worktree.
    pub worktree: Option<String>,
}

/// A name that a source found.
struct Named {
    project: ProjectSlug,
    reason: String,
    branch: Option<String>,
    worktree: Option<String>,
}

impl Named {
    fn new(project: ProjectSlug, reason: String) -> Named {
        Named { project, reason, branch: None, worktree: None }
    }
}

/// The project of a caller: the first of [`Tagging::order`] that yields a valid name, else the default.
pub fn attribute(tagging: &Tagging, evidence: &Evidence) -> Attribution {
    let mut passed = Vec::new();
    let found = tagging.order.iter().find_map(|source| {
        let named = match source {
            Source::Parents => parents(tagging, evidence, &mut passed),
            source => ask(*source, tagging, evidence, &evidence.caller, &mut passed),
        };
        named.map(|named| (source.as_str(), named))
    });
    let (source, named) = found.unwrap_or_else(|| {
        let why = match (&evidence.caller.cwd, evidence.caller.pid) {
            (None, None) => "the calling process is not known, so the default project applies",
            (None, Some(_)) => "the caller's working directory is not known, so the default project applies",
            (Some(_), _) => "no source named a project, so the default applies",
        };
        ("default", Named::new(tagging.default_project.clone(), why.to_owned()))
    });
    let mut reason = named.reason;
    if !passed.is_empty() {
        reason.push_str(" (passed over: ");
        reason.push_str(&passed.join("; "));
        reason.push(')');
    }
    Attribution {
        project: named.project,
        source: source.to_owned(),
        reason: plain(&reason),
        branch: named.branch,
        worktree: named.worktree,
    }
}

fn ask(
    source: Source,
    tagging: &Tagging,
    evidence: &Evidence,
    process: &Process,
    passed: &mut Vec<String>,
) -> Option<Named> {
    match source {
        Source::Rules => rules(tagging, evidence, process, passed),
        Source::Env => env(tagging, process, passed),
        Source::RcFile => rcfile(process, passed),
        Source::Git => git(tagging, evidence, process, passed),
        Source::Workdir => workdir(evidence, process),
        Source::IdeWorkspace | Source::IdeLabel | Source::Container | Source::Sandbox | Source::Parents => None,
    }
}

fn rules(tagging: &Tagging, evidence: &Evidence, process: &Process, passed: &mut Vec<String>) -> Option<Named> {
    let cwd = process.cwd.as_deref()?;
    let matching = tagging.rules.iter().find_map(|rule| Some((rule, rule.project(cwd, evidence.home.as_deref())?)));
    match matching? {
        (rule, Some(project)) => {
            Some(Named::new(project, format!("the path rule `{rule}` matches the working directory {}", quote(cwd))))
        }
        (rule, None) => {
            passed.push(format!("the path rule `{rule}` matches {} and captures no name", quote(cwd)));
            None
        }
    }
}

fn env(tagging: &Tagging, process: &Process, passed: &mut Vec<String>) -> Option<Named> {
    let variable = &tagging.variable;
    // Set to nothing is how a shell takes a variable back.
    let value = process.env.get(variable).map(|value| value.trim()).filter(|value| !value.is_empty())?;
    match value.parse() {
        Ok(project) => {
            Some(Named::new(project, format!("{variable} is {} in the environment of {}", quote(value), who(process))))
        }
        Err(error) => {
            passed.push(format!("{variable} is {} ({error})", quote(value)));
            None
        }
    }
}

fn rcfile(process: &Process, passed: &mut Vec<String>) -> Option<Named> {
    for file in &process.rc {
        let rc = Rc::parse(&file.text);
        if let Some(project) = rc.project {
            return Some(Named::new(project, format!("{} pins the project", quote(&file.path))));
        }
        // A file that means to pin a project and fails is not overruled by one further up.
        if let Some(problem) = rc.problems.iter().find(|problem| problem.key == "project") {
            passed.push(format!("{} line {}: {}", quote(&file.path), problem.line, problem.why));
            return None;
        }
    }
    None
}

fn git(tagging: &Tagging, evidence: &Evidence, process: &Process, passed: &mut Vec<String>) -> Option<Named> {
    let git = process.git.as_ref()?;
    if nowhere(&git.root, evidence) {
        // A repository of dot files would claim every folder that has none of its own.
        passed.push(format!("the repository {} is the home folder", quote(&git.root)));
        return None;
    }
    let names = git.repository()?;
    let folder = match tagging.git {
        GitUse::Worktree => &names.worktree,
        GitUse::Repository | GitUse::Remote => &names.repository,
    };
    let remote = names.remote.as_deref().filter(|_| tagging.git == GitUse::Remote);
    let from_remote = remote.and_then(|path| {
        let parts: Option<Vec<ProjectSlug>> = path.split('/').map(ProjectSlug::from_folder).collect();
        let parts: Vec<String> = parts?.into_iter().map(String::from).collect();
        parts.join("/").parse::<ProjectSlug>().ok()
    });
    let worktree = names.linked.then(|| names.worktree.clone());
    let (project, mut reason) = match (from_remote, remote) {
        (Some(project), Some(path)) => {
            (project, format!("the origin of the git repository {} is {}", quote(&git.root), quote(path)))
        }
        _ => match ProjectSlug::from_folder(folder) {
            Some(project) => (project, format!("the working directory is in the git repository {}", quote(&git.root))),
            None => {
                passed.push(format!("the repository's folder {} gives no name", quote(folder)));
                return None;
            }
        },
    };
    if names.linked && tagging.git != GitUse::Worktree {
        reason.push_str(&format!(", a worktree of {}", quote(&names.repository)));
    }
    Some(Named { project, reason, branch: names.branch, worktree })
}

fn workdir(evidence: &Evidence, process: &Process) -> Option<Named> {
    let cwd = process.cwd.as_deref()?;
    if nowhere(cwd, evidence) {
        return None;
    }
    let project = ProjectSlug::from_folder(base(cwd))?;
    Some(Named::new(project, format!("the working directory is {}", quote(cwd))))
}

/// What an ancestor says by the same sources in the same order, save the name of its folder: that a shell once stood somewhere means
/// nothing.
fn parents(tagging: &Tagging, evidence: &Evidence, passed: &mut Vec<String>) -> Option<Named> {
    let sources = tagging.order.iter().filter(|source| !matches!(source, Source::Workdir | Source::Parents));
    evidence.parents.iter().take(tagging.parents_depth).find_map(|parent| {
        sources.clone().find_map(|source| {
            // What is wrong with a parent's evidence was, as a rule, inherited and told already.
            let mut told = Vec::new();
            let named = ask(*source, tagging, evidence, parent, &mut told);
            passed.extend(told.into_iter().filter(|line| !passed.contains(line)).collect::<Vec<_>>());
            named.map(|named| Named { reason: format!("by its parent {}: {}", who(parent), named.reason), ..named })
        })
    })
}

/// Folders that are no project: the root, where apps start, and the home folder.
fn nowhere(folder: &str, evidence: &Evidence) -> bool {
    let folder = trimmed(folder);
    folder == "/" || evidence.home.as_deref().is_some_and(|home| trimmed(home) == folder)
}

fn who(process: &Process) -> String {
    match (&process.name, process.pid) {
        (Some(name), Some(pid)) => format!("{} (pid {pid})", cut(name)),
        (Some(name), None) => cut(name),
        (None, Some(pid)) => format!("pid {pid}"),
        (None, None) => "the caller".to_owned(),
    }
}

#[cfg(test)]
#[path = "attribute_tests.rs"]
mod tests;
