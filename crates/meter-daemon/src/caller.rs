//! Finds out who calls: the process behind a socket, and the project it works on.
//!
//! Everything here may block: it runs on a blocking thread, begun when the CONNECT arrives, once per connection. What
//! cannot be read is left out and never stops a call.

use crate::accept::AskWhoCalls;
use crate::connection::CallerFacts;
use crate::services::Services;
use meter_attribution::{
    Asks, DotGit, Evidence, FOLDERS_MAX, Git, Process, RC_BYTES_MAX, RcFile, Tagging, attribute, upward,
};
use meter_call::ProcessFacts;
use meter_sys::peer::{self, Owner, ProcessSnapshot};
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

/// The variable by which `halton-meter run` marks what it started.
const RUN_VARIABLE: &str = "HALTON_METER_RUN";
/// Processes that called lately, which are asked first: a search through all takes a hundred milliseconds.
const RECENT_MAX: usize = 16;
/// Lookups at the same time: while one searches, another may read files.
const TURNS: usize = 2;
/// Most bytes of a file of git's that are read.
const GIT_BYTES_MAX: u64 = 64 * 1024;
/// Programs whose first argument says more than they do.
const INTERPRETERS: &[&str] = &["node", "nodejs", "bun", "deno", "python", "ruby", "perl", "php", "java", "bash", "sh"];

/// Looks callers up.
pub struct Callers {
    services: Arc<Services>,
    home: Option<String>,
    uid: u32,
    /// One search at a time, so that many connections of one process cost one.
    recent: Mutex<Vec<u32>>,
    turns: Arc<Semaphore>,
}

impl Callers {
    /// For the user `uid`, whose home folder stands for `~` in path rules.
    pub fn new(services: Arc<Services>, home: Option<String>, uid: u32) -> Arc<Callers> {
        Arc::new(Callers { services, home, uid, recent: Mutex::default(), turns: Arc::new(Semaphore::new(TURNS)) })
    }

    /// The door for connections. The socket is looked up before this returns, because it may soon be closed; the search for
    /// its process waits for its turn, so that a burst of connections is no burst of threads.
    pub fn door(self: &Arc<Callers>) -> AskWhoCalls {
        let callers = self.clone();
        Arc::new(move |client, server, slot| {
            let owner = match peer::owner(client, server) {
                Ok(owner) => owner,
                Err(error) => return tracing::debug!(%error, %client, "caller.socket_unknown"),
            };
            let callers = callers.clone();
            tokio::spawn(async move {
                let Ok(turn) = callers.turns.clone().acquire_owned().await else { return };
                match tokio::task::spawn_blocking(move || callers.look_up(&owner)).await {
                    Ok(Some(facts)) => slot.put(facts),
                    Ok(None) => {}
                    Err(error) => tracing::error!(%error, "caller.look_up_failed"),
                }
                drop(turn);
            });
        })
    }

    /// Who owns a client's end of a connection.
    fn look_up(&self, owner: &Owner) -> Option<CallerFacts> {
        let loaded = self.services.loaded.load_full();
        let tagging = &loaded.model.tagging;
        let asks = tagging.asks();
        let mut variables = asks.variables.clone();
        variables.push(RUN_VARIABLE);
        let process = {
            let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
            let process = peer::process_of(owner, &recent, &variables)?;
            recent.retain(|pid| *pid != process.pid);
            recent.insert(0, process.pid);
            recent.truncate(RECENT_MAX);
            process
        };
        Some(self.facts(tagging, &asks, &variables, process))
    }

    fn facts(&self, tagging: &Tagging, asks: &Asks<'_>, variables: &[&str], process: ProcessSnapshot) -> CallerFacts {
        let parents = process.parents.iter().take(asks.parents).map(|parent| {
            let env = peer::snapshot(parent.pid, variables).map(|snapshot| snapshot.environ).unwrap_or_default();
            let cwd = parent.cwd.as_deref().map(text);
            self.evidence(
                asks,
                Process { pid: Some(parent.pid), name: Some(parent.name.clone()), env, cwd, ..Process::default() },
            )
        });
        let parents: Vec<Process> = parents.collect();
        let name = process.exe.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        let name = name.unwrap_or_else(|| process.name.clone());
        let cwd = process.cwd.as_deref().map(text);
        let run_id = process.environ.get(RUN_VARIABLE).cloned();
        let caller = Process {
            pid: Some(process.pid),
            name: Some(name.clone()),
            env: process.environ.clone(),
            cwd: cwd.clone(),
            ..Process::default()
        };
        let evidence = Evidence { home: self.home.clone(), caller: self.evidence(asks, caller), parents };
        let attribution = attribute(tagging, &evidence);
        CallerFacts {
            script: script(&name, &process.argv),
            process: ProcessFacts { pid: Some(process.pid), name: Some(name), exe: process.exe.as_deref().map(text) },
            workdir: cwd,
            run_id,
            project: attribution.project,
            source: attribution.source,
            reason: attribution.reason,
            branch: attribution.branch,
        }
    }

    /// Adds what stands in the folders around a process' working directory.
    fn evidence(&self, asks: &Asks<'_>, process: Process) -> Process {
        let Some(cwd) = process.cwd.clone() else { return process };
        let mut rc = Vec::new();
        let mut git = None;
        for folder in upward(&cwd).take(FOLDERS_MAX) {
            let path = format!("{}/{}", folder.trim_end_matches('/'), asks.rc_name);
            if let Some(text) = self.rc_file(&path) {
                rc.push(RcFile { path, text });
            }
            if asks.git && git.is_none() {
                git = repository(folder);
            }
        }
        Process { rc, git, ..process }
    }

    /// A regular file of this user's; anybody else's could put calls on a project of theirs.
    fn rc_file(&self, path: &str) -> Option<String> {
        let about = fs::symlink_metadata(path).ok()?;
        if !about.is_file() || about.uid() != self.uid {
            return None;
        }
        head_of(Path::new(path), RC_BYTES_MAX as u64).ok()
    }
}

fn repository(folder: &str) -> Option<Git> {
    let path = format!("{}/.git", folder.trim_end_matches('/'));
    let about = fs::metadata(&path).ok()?;
    let dot_git =
        if about.is_dir() { DotGit::Folder } else { DotGit::File(head_of(Path::new(&path), GIT_BYTES_MAX).ok()?) };
    let asks = dot_git.asks(folder);
    let read = |path: &str| head_of(Path::new(path), GIT_BYTES_MAX).ok();
    Some(Git {
        root: folder.to_owned(),
        head: asks.as_ref().and_then(|asks| read(&asks.head)),
        config: asks.as_ref().and_then(|asks| read(&asks.config)),
        dot_git,
    })
}

/// The beginning of a file as text; bytes that are no UTF-8 are replaced.
fn head_of(path: &Path, bytes_max: u64) -> io::Result<String> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(bytes_max).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The script an interpreter runs: its first argument that is no option.
fn script(program: &str, argv: &[String]) -> Option<String> {
    let known = INTERPRETERS.iter().any(|name| {
        let rest = program.strip_prefix(name);
        rest.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
    });
    if !known {
        return None;
    }
    argv.iter().skip(1).find(|argument| !argument.starts_with('-')).cloned()
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_named_where_the_program_says_little() {
        let argv = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(script("node", &argv("node --inspect /opt/tool/cli.js chat")).as_deref(), Some("/opt/tool/cli.js"));
        assert_eq!(script("python3.13", &argv("python3.13 main.py")).as_deref(), Some("main.py"));
        assert_eq!(script("nodemon", &argv("nodemon x.js")), None);
        assert_eq!(script("curl", &argv("curl https://x")), None);
        assert_eq!(script("node", &argv("node")), None);
    }

    #[test]
    fn a_repository_is_read_as_it_lies() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_str().unwrap();
        assert_eq!(repository(root), None);
        fs::create_dir(folder.path().join(".git")).unwrap();
        fs::write(folder.path().join(".git/HEAD"), "ref: refs/heads/main\n").unwrap();
        let git = repository(root).unwrap();
        assert_eq!((git.root.as_str(), git.dot_git), (root, DotGit::Folder));
        assert_eq!(git.head.as_deref(), Some("ref: refs/heads/main\n"));
        assert_eq!(git.config, None);
    }
}
