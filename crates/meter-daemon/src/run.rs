//! Starts the daemon and keeps it: ports, snapshot, ledger, signals, the way out.

mod budgets;
mod edge_ring;
mod force;
mod listen;
mod rim;

use crate::accept::Gate;
use crate::answered::Answered;
use crate::caller::Callers;
use crate::connection::Connection;
use crate::ids::Ids;
use crate::intercept::{ClientError, Outcome};
use crate::retries::Retries;
use crate::services::{Coverage, Ready, Services, UnderWay};
use arc_swap::ArcSwap;
use force::Force;
use listen::{PortError, PreOpened};
use meter_apply::ApplyError;
use meter_ca::{CaError, RootsError};
use meter_call::UnixMillis;
use meter_hop::paths::{Home, HomeError};
use meter_hop::{DaemonHealth, DaemonSection, Identity, IdentityError, WriteError, rfc3339};
use meter_policy::Ledger;
use meter_store::{JournalError, Writer, WriterOptions};
use meter_sys::{peer, process};
use pingora::server::configuration::{Opt, ServerConf};
use pingora::server::{RunArgs, Server};
use pingora::services::background::background_service;
use rim::{Rim, Signals, Stop};
use ring::rand::{SecureRandom, SystemRandom};
use std::fs::{File, TryLockError};
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Descriptors wanted: two for each connection, and the database's.
const FILES_WANTED: u64 = 8192;
/// Threads that carry connections.
const THREADS_MAX: usize = 4;
/// Pingora's own grace period: longer than [`rim::GRACE`], which ends the process first.
const PINGORA_GRACE_S: u64 = 60;
/// How long the last rows may take on their way into SQLite; what is late stays in the journal.
const FLUSH_PATIENCE: Duration = Duration::from_secs(5);

/// How to run.
#[derive(Clone, Debug)]
pub struct DaemonOptions {
    /// The instance's home.
    pub home: Home,
    /// The user's home folder, `~` in path rules; `None` when the system names none.
    pub user_home: Option<PathBuf>,
    /// Leave after this long without a connection.
    pub idle_exit: Option<Duration>,
    /// Log more.
    pub verbose: bool,
}

/// Why the daemon did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The home folder cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The instance has no usable identity.
    #[error("this home has no usable identity")]
    Identity(#[from] IdentityError),
    /// Another daemon of this home runs.
    #[error("a daemon of this home is running already")]
    AlreadyRunning,
    /// The lock that keeps a home to one daemon cannot be taken.
    #[error("cannot lock {}", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No snapshot can be put in force.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The certificate authority cannot be used.
    #[error("the certificate authority cannot be used")]
    Authority(#[from] CaError),
    /// There is nothing to verify origins with.
    #[error("there is nothing to verify origins with")]
    Roots(#[from] RootsError),
    /// A metered host is no host.
    #[error("the snapshot's hosts cannot be used")]
    Hosts(#[from] meter_hop::BadHost),
    /// The system gave no randomness for TLS.
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
    /// The journal cannot be used.
    #[error("the journal cannot be used")]
    Journal(#[from] JournalError),
    /// A port cannot be had.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The API's token cannot be read: answering without it would be less than was asked for.
    #[error("the API's token cannot be used")]
    Token(#[from] meter_http::TokenError),
    /// The ports could not be made known.
    #[error("cannot make the ports known")]
    Publish(#[from] WriteError),
}

/// Serves until a signal ends it, or nobody has connected for the idle limit.
///
/// SIGTERM: no new connections, what is under way may run on for 15 s, then the last rows are written. SIGINT, or a second
/// SIGTERM: at once. SIGHUP: what was applied since is put in force. SIGUSR1: clients that did not accept our certificate
/// are tried again.
///
/// # Errors
/// [`StartError`]; nothing was served then.
pub fn run(options: &DaemonOptions) -> Result<(), StartError> {
    process::ignore_hangup();
    log_to_stderr(options.verbose);
    // Whoever builds a TLS configuration without naming a provider gets this one. A second call finds it set.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let home = &options.home;
    home.prepare(process::effective_uid())?;
    let _only = lock(home)?;
    let identity = Identity::load_or_create(&home.instance_json())?;
    if let Err(error) = process::raise_files_limit(FILES_WANTED) {
        tracing::warn!(%error, "files.limit");
    }

    let found = meter_apply::load_current(home)?;
    if let Some(notice) = &found.notice {
        tracing::warn!(notice = %notice, "snapshot.notice");
    }
    let settings = found.config.daemon.clone();
    let never = [settings.edge_port];
    let intercept = listen::open(settings.internal_port, &never)?;
    let api = listen::open(settings.api_port, &[settings.edge_port, intercept.port])?;

    let writer = Writer::start(WriterOptions {
        default_project: found.model.tagging.default_project.clone(),
        ..WriterOptions::new(&home.database(), &home.journal())
    })?;
    let (force, services, interceptor) = Force::begin(home, found, writer.journal(), services_of)?;
    let force = Arc::new(force);
    let started = Instant::now();
    let gate = Arc::new(Gate {
        identity: identity.clone(),
        uid: process::effective_uid(),
        owner_of: Arc::new(|client, server| peer::owner(client, server).map(|owner| owner.uid)),
        ask_who_calls: Callers::new(services.clone(), user_home(options), process::effective_uid()).door(),
        interceptor: ArcSwap::new(interceptor),
        health: health(services.clone(), identity.clone(), started),
        on_outcome: outcomes(services.clone()),
        open: UnderWay::default(),
    });

    let mut server = Server::new_with_opt_and_conf(
        Opt::default(),
        ServerConf {
            threads: std::thread::available_parallelism().map_or(2, usize::from).clamp(2, THREADS_MAX),
            grace_period_seconds: Some(PINGORA_GRACE_S),
            graceful_shutdown_timeout_seconds: Some(1),
            pid_file: home.root().join("daemon.pid").to_string_lossy().into_owned(),
            upgrade_sock: home.root().join("daemon.upgrade").to_string_lossy().into_owned(),
            ..ServerConf::default()
        },
    );
    let section = DaemonSection {
        intercept_port: intercept.port,
        api_port: api.port,
        pid: process_id(),
        started_at: rfc3339(SystemTime::now()),
    };
    server.add_service(PreOpened::new("intercept", gate.clone(), intercept));
    let stop = Arc::new(Stop::new(home.clone(), identity.id().to_owned(), section));
    let writer = Arc::new(Mutex::new(Some(writer)));
    let mut rim = background_service(
        "rim",
        Rim::new(force, gate, services, stop.clone(), writer.clone(), api, started, options.idle_exit),
    );
    rim.threads = Some(1);
    server.add_service(rim);

    server.run(RunArgs { shutdown_signal: Box::new(Signals(stop.clone())) });
    rim::last_words(&stop, &writer);
    stop.failure().map_or(Ok(()), Err)
}

/// An error with its causes, in one line.
pub fn chain_text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Two daemons of one home would write two journals and fight for one section of the ports.
fn lock(home: &Home) -> Result<File, StartError> {
    let path = home.root().join("daemon.lock");
    let failed = |source| StartError::Lock { path: path.clone(), source };
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StartError::AlreadyRunning),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

fn services_of(home: &Home, loaded: crate::services::Loaded, journal: meter_store::Journal) -> Arc<Services> {
    let life = format!("daemon:{}:{}", process_id(), now().0);
    Arc::new(Services {
        loaded: ArcSwap::from_pointee(loaded),
        journal,
        database: home.database(),
        ledger: Mutex::new(Ledger::default()),
        budgets: Ready::not_yet(),
        now,
        random,
        ids: Ids::default(),
        pid: process_id(),
        pending: UnderWay::default(),
        idle: UnderWay::default(),
        coverage: Coverage::new(life),
        retries: Retries::default(),
        answered: Answered::default(),
    })
}

fn health(
    services: Arc<Services>,
    identity: Identity,
    started: Instant,
) -> Arc<dyn Fn() -> DaemonHealth + Send + Sync> {
    Arc::new(move || DaemonHealth {
        status: "ok".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        instance: identity.id().to_owned(),
        digest: services.loaded.load().digest.clone(),
        uptime_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    })
}

/// Connections that were not metered are counted; what the edge itself tunnelled, it tells by its ring.
fn outcomes(services: Arc<Services>) -> crate::accept::OnOutcome {
    Arc::new(move |connection: &Connection, outcome: &Outcome, duration: Duration| {
        let (word, bytes) = match outcome {
            Outcome::Opened(..) | Outcome::Nothing | Outcome::ClientFailed(ClientError::Gone) => return,
            Outcome::Tunnelled(reason, carried) => (reason.as_str(), (carried.up, carried.down)),
            Outcome::ClientFailed(_) => ("client_refused", (0, 0)),
            Outcome::Lost(..) | Outcome::Unreachable(_) => ("origin_lost", (0, 0)),
            Outcome::Broken(_) => ("client_broken", (0, 0)),
        };
        tracing::debug!(host = %connection.host, outcome = word, "connection.unmetered");
        services.uncovered(connection, word, bytes, duration);
    })
}

fn user_home(options: &DaemonOptions) -> Option<String> {
    let home = options.user_home.as_deref()?.to_string_lossy().into_owned();
    Some(home.trim_end_matches('/').to_owned()).filter(|home| !home.is_empty())
}

fn process_id() -> u32 {
    std::process::id()
}

fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn random() -> [u8; 10] {
    let mut bytes = [0; 10];
    if SystemRandom::new().fill(&mut bytes).is_err() {
        // Ids only have to differ: the clock's finer part does that for one process.
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        bytes.copy_from_slice(&nanos.to_be_bytes()[6..]);
    }
    bytes
}

fn log_to_stderr(verbose: bool) {
    let level = if verbose { tracing::Level::DEBUG } else { tracing::Level::INFO };
    let subscriber = tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .with_max_level(level);
    // Fails only when a subscriber is there already, which then does the job.
    let _ = subscriber.try_init();
}
