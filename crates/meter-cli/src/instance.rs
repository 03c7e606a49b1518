//! The running edge and daemon of a home: found, or started.

use crate::failure::Failure;
use meter_api::{DaemonStatus, Ledger};
use meter_hop::paths::Home;
use meter_hop::{DaemonHealth, Document, EdgeHealth, EffectivePorts, Identity, NONCE_HEADER, Nonce, PROOF_HEADER};
use serde::de::DeserializeOwned;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a started role may take until it answers.
pub const START_PATIENCE: Duration = Duration::from_secs(15);

/// How long a health question may take.
const ASK_PATIENCE: Duration = Duration::from_millis(1500);

/// Longest document of ours that is read.
const DOCUMENT_BYTES_MAX: u64 = 1024 * 1024;

/// Variables that must not reach the roles: their upstream trust and route come from the configuration alone.
const LEAKY: &[&str] = &[
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// What answers of an instance.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The edge's port, process and health, when it answers as this instance.
    pub edge: Option<(u16, u32, EdgeHealth)>,
    /// The daemon's ports (interception, API), process and health, when it answers as this instance.
    pub daemon: Option<(u16, u16, u32, DaemonHealth)>,
    /// Processes that live by `effective-ports.json` and do not answer as this instance.
    pub silent: Vec<(Role, u32)>,
}

impl Found {
    /// Both answer.
    pub fn is_whole(&self) -> bool {
        self.edge.is_some() && self.daemon.is_some()
    }
}

/// Asks whoever stands in `effective-ports.json`. A section whose process is gone, or whose port answers without this
/// instance's proof, is stale.
pub fn find(home: &Home) -> Found {
    let Ok(identity) = Identity::load(&home.instance_json()) else { return Found::default() };
    let Ok(ports) = EffectivePorts::read(&home.effective_ports()) else { return Found::default() };
    let mut found = Found::default();
    if let Some(section) = ports.live_edge(identity.id(), meter_sys::process::lives) {
        match proved(section.port, &identity, meter_hop::Role::Edge) {
            Some(health) => found.edge = Some((section.port, section.pid, health)),
            None => found.silent.push((Role::Edge, section.pid)),
        }
    }
    if let Some(section) = ports.live_daemon(identity.id(), meter_sys::process::lives) {
        match proved(section.intercept_port, &identity, meter_hop::Role::Daemon) {
            Some(health) => found.daemon = Some((section.intercept_port, section.api_port, section.pid, health)),
            None => found.silent.push((Role::Daemon, section.pid)),
        }
    }
    found
}

/// The health document of a role that proves to belong to the instance.
fn proved<T: DeserializeOwned>(port: u16, identity: &Identity, role: meter_hop::Role) -> Option<T> {
    let nonce = Nonce::random().ok()?;
    let mut answer =
        agent().get(format!("http://127.0.0.1:{port}/health")).header(NONCE_HEADER, nonce.as_str()).call().ok()?;
    let proof = answer.headers().get(PROOF_HEADER)?.to_str().ok()?;
    if !identity.verify(role, nonce.as_str(), proof) {
        return None;
    }
    document(&mut answer)
}

/// A JSON document from a loopback port; `None` when nobody answers with one.
pub fn ask<T: DeserializeOwned>(port: u16, path: &str, token: Option<&str>) -> Option<T> {
    let mut request = agent().get(format!("http://127.0.0.1:{port}{path}"));
    if let Some(token) = token {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    document(&mut request.call().ok()?)
}

/// How the running daemon's ledger is doing; `None` when it does not say.
pub fn ledger(home: &Home, api_port: u16) -> Option<Ledger> {
    let (_, config) = crate::open::settings(home).ok()??;
    let token =
        Some(config.api.token_file).filter(|file| !file.is_empty()).and_then(|file| fs::read_to_string(file).ok());
    let status: DaemonStatus = ask(api_port, "/v1/daemon/status", token.as_deref().map(str::trim))?;
    status.ledger
}

/// Never through a proxy: the environment may name our own.
fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().timeout_global(Some(ASK_PATIENCE)).proxy(None);
    // A role that is not well says so with 503, and its document is what we want.
    let config = config.http_status_as_error(false).build();
    ureq::Agent::new_with_config(config)
}

fn document<T: DeserializeOwned>(answer: &mut ureq::http::Response<ureq::Body>) -> Option<T> {
    let text = answer.body_mut().with_config().limit(DOCUMENT_BYTES_MAX).read_to_string().ok()?;
    serde_json::from_str(&text).ok()
}

/// A running instance, with the processes that were started for it just now.
#[derive(Debug)]
pub struct Running {
    /// The port clients use.
    pub edge_port: u16,
    /// The daemon's ports (interception, API), or why there is none: the edge tunnels then.
    pub daemon_ports: Result<(u16, u16), Failure>,
    /// The daemon, when this call started it.
    pub daemon: Option<Child>,
    /// The edge, when this call started it.
    pub edge: Option<Child>,
}

/// Finds the instance or starts what is missing of it, under a lock so that two callers start one.
///
/// With `idle_exit`, started roles leave by themselves after that many idle seconds. A daemon that cannot be had is no
/// failure where the edge can do without.
///
/// # Errors
/// The lock cannot be taken, a program is missing, or the edge does not answer in time; the sentence names its log.
pub fn ensure(home: &Home, idle_exit: Option<u64>) -> Result<Running, Failure> {
    let _lock = start_lock(home)?;
    let found = find(home);
    let mut started = Started::default();
    // The daemon first: at its first start it makes what the edge reads.
    let daemon_ports = match found.daemon {
        Some((intercept, api, ..)) => Ok((intercept, api)),
        None => started.daemon(home, idle_exit),
    };
    let edge_port = match (found.edge, &daemon_ports) {
        (Some((port, ..)), _) => port,
        // Without this file the edge would meter nothing, now and later.
        (None, Err(_)) if !home.edge_json().exists() => return Err(daemon_ports.expect_err("it is one")),
        (None, _) => started.edge(home, idle_exit)?,
    };
    Ok(Running { edge_port, daemon_ports, daemon: started.daemon.take(), edge: started.edge.take() })
}

/// Held while an instance is looked for and started.
///
/// # Errors
/// The file cannot be opened or locked.
pub fn start_lock(home: &Home) -> Result<File, Failure> {
    let path = home.root().join("start.lock");
    let lock =
        open_private(&path).map_err(|error| Failure::because(format!("cannot open {}", path.display()), error))?;
    lock.lock().map_err(|error| Failure::because(format!("cannot lock {}", path.display()), error))?;
    Ok(lock)
}

/// Chooses the edge's port where none is chosen yet.
///
/// # Errors
/// The home has no usable identity, or the choice cannot be written.
pub fn settle_port(home: &Home) -> Result<u16, Failure> {
    let identity = identity(home)?;
    let settings = crate::open::settings(home)?.map(|(_, config)| config.daemon).unwrap_or_default();
    meter_apply::settle_edge_port(home, &identity, &settings, false, meter_sys::process::lives)
        .map_err(|error| Failure::because("cannot choose a port", error))
}

/// The instance's id and secret, made when they are missing.
///
/// # Errors
/// The file cannot be used.
pub fn identity(home: &Home) -> Result<Identity, Failure> {
    Identity::load_or_create(&home.instance_json())
        .map_err(|error| Failure::because("this home has no usable identity", error))
}

/// What was started before everything worked; ended again if it never does.
#[derive(Default)]
struct Started {
    daemon: Option<Child>,
    edge: Option<Child>,
}

impl Started {
    fn daemon(&mut self, home: &Home, idle_exit: Option<u64>) -> Result<(u16, u16), Failure> {
        self.daemon = Some(spawn(home, Role::Daemon, idle_exit)?);
        let outcome = wait(home, Role::Daemon, self.daemon.as_mut(), |found| {
            found.daemon.as_ref().map(|(intercept, api, ..)| (*intercept, *api))
        });
        if outcome.is_err()
            && let Some(mut child) = self.daemon.take()
        {
            crate::supervise::end(&mut child);
        }
        outcome
    }

    fn edge(&mut self, home: &Home, idle_exit: Option<u64>) -> Result<u16, Failure> {
        settle_port(home)?;
        self.edge = Some(spawn(home, Role::Edge, idle_exit)?);
        wait(home, Role::Edge, self.edge.as_mut(), |found| found.edge.as_ref().map(|(port, ..)| *port))
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        for child in [self.edge.as_mut(), self.daemon.as_mut()].into_iter().flatten() {
            crate::supervise::end(child);
        }
    }
}

/// A role that is started as a process of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// The always-on door.
    Edge,
    /// The meter.
    Daemon,
}

impl Role {
    /// Its name in log files and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Edge => "edge",
            Role::Daemon => "daemon",
        }
    }
}

/// The command that runs a role, with nothing of this process's proxy and trust variables.
///
/// # Errors
/// This program's own path is not known.
pub fn command(home: &Home, role: Role, idle_exit: Option<u64>) -> Result<Command, Failure> {
    let own =
        std::env::current_exe().map_err(|error| Failure::because("cannot tell where this program lies", error))?;
    let mut command = match role {
        Role::Edge => Command::new(edge_program(&own)),
        Role::Daemon => Command::new(&own),
    };
    if role == Role::Daemon {
        command.arg("daemon");
    }
    command.arg("--home").arg(home.root());
    if let Some(seconds) = idle_exit {
        command.arg("--idle-exit").arg(seconds.to_string());
    }
    for name in LEAKY {
        command.env_remove(name);
    }
    Ok(command)
}

/// The edge lies beside this program.
pub fn edge_program(own: &Path) -> PathBuf {
    own.with_file_name("halton-meter-edge")
}

fn spawn(home: &Home, role: Role, idle_exit: Option<u64>) -> Result<Child, Failure> {
    fs::create_dir_all(home.logs())
        .map_err(|error| Failure::because(format!("cannot create {}", home.logs().display()), error))?;
    let log = log_of(home, role)?;
    let clone = || log.try_clone().map_err(|error| Failure::because("cannot share a log file", error));
    let mut command = command(home, role, idle_exit)?;
    let program = command.get_program().to_owned();
    command
        .stdin(Stdio::null())
        .stdout(clone()?)
        .stderr(clone()?)
        // A group of its own: an interrupt typed at the metered command must not end the meter of other commands.
        .process_group(0)
        .current_dir(home.root())
        .spawn()
        .map_err(|error| Failure::because(format!("cannot start {}", program.display()), error))
}

fn log_of(home: &Home, role: Role) -> Result<File, Failure> {
    let path = log_path(home, role);
    open_private(&path).map_err(|error| Failure::because(format!("cannot open {}", path.display()), error))
}

fn log_path(home: &Home, role: Role) -> PathBuf {
    home.logs().join(format!("{}.err.log", role.name()))
}

fn open_private(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).append(true).read(true).mode(0o600).open(path)
}

/// Waits until a role answers, or its process ends, or patience does.
fn wait<T>(
    home: &Home,
    role: Role,
    mut child: Option<&mut Child>,
    up: impl Fn(&Found) -> Option<T>,
) -> Result<T, Failure> {
    let log = log_path(home, role);
    let deadline = Instant::now() + START_PATIENCE;
    loop {
        if let Some(up) = up(&find(home)) {
            return Ok(up);
        }
        if let Some(status) = child.as_mut().and_then(|child| child.try_wait().ok().flatten()) {
            return Err(Failure::new(format!(
                "the {} ended at once ({status}); its log is {}{}",
                role.name(),
                log.display(),
                last_line(&log)
            )));
        }
        if Instant::now() > deadline {
            return Err(Failure::new(format!(
                "the {} did not answer within {} s; its log is {}",
                role.name(),
                START_PATIENCE.as_secs(),
                log.display()
            )));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Where a role's log lies and how it ends; nothing where it writes elsewhere.
pub fn log_hint(home: &Home, role: Role) -> String {
    let log = log_path(home, role);
    if log.exists() { format!("; its log is {}{}", log.display(), last_line(&log)) } else { String::new() }
}

/// The end of a log, for the sentence about why its role is not there.
fn last_line(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let tail = String::from_utf8_lossy(&text[text.len().saturating_sub(2000)..]).into_owned();
    let line = tail.lines().rev().find(|line| !line.trim().is_empty());
    line.map(|line| format!(" and ends with: {}", crate::show::plain(line))).unwrap_or_default()
}
