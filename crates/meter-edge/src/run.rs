//! Starts the edge, and ends it without cutting more than it must.

use crate::args::Options;
use crate::door::{App, Door};
use crate::reload::Reload;
use async_trait::async_trait;
use meter_hop::paths::{HOME_VARIABLE, Home, HomeError};
use meter_hop::{
    DEFAULT_EDGE_PORT, Document, EdgeSection, EffectivePorts, FORBIDDEN_PORT, Identity, IdentityError, Nonce, Section,
    WriteError, rfc3339,
};
use meter_sys::{listeners, process};
use pingora::server::configuration::{Opt, ServerConf};
use pingora::server::{ListenFds, RunArgs, Server, ShutdownSignal, ShutdownSignalWatch, ShutdownWatch};
use pingora::services::Service;
use pingora::services::background::{BackgroundService, background_service};
use pingora::services::listening::Service as Listening;
use std::io::{self, IsTerminal};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::IntoRawFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

/// How long tunnels may run on after SIGTERM. launchd kills what is still there after 20 s.
const GRACE: Duration = Duration::from_secs(15);

/// How long tunnels may run on after the listener was handed to a successor: nobody waits for this process then.
const HAND_OVER_GRACE: Duration = Duration::from_secs(24 * 3600);

/// Descriptors wanted: two for each tunnel.
const FILES_WANTED: u64 = 8192;

/// Threads that carry connections. Copying bytes hardly loads one; the second is there for when it is held up.
const THREADS: usize = 2;

/// Name of our socket in systemd units and launchd lists.
const SOCKET_NAME: &str = "edge";

/// Longest path of a Unix socket that every system takes (macOS: 104 bytes with the final zero).
const SOCKET_PATH_MAX: usize = 103;

/// Why the edge did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Neither an option, nor the variable, nor the system names a home.
    #[error("there is no home folder: set {HOME_VARIABLE} or use --home")]
    NoHome,
    /// The home folder cannot be used.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The instance has no usable identity.
    #[error("this home has no usable identity")]
    Identity(#[from] IdentityError),
    /// Port 8080 was asked for.
    #[error("port {FORBIDDEN_PORT} is never used; choose another one")]
    ForbiddenPort,
    /// Something listens there already.
    #[error("port {port} on 127.0.0.1 is taken; stop what holds it, or choose another one with --port")]
    PortTaken {
        /// The port.
        port: u16,
    },
    /// The port could not be opened for another reason.
    #[error("cannot listen on port {port} of 127.0.0.1")]
    Listen {
        /// The port.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// The service manager handed over something else than a listener.
    #[error("cannot use the socket of the service manager")]
    Inherited(#[source] io::Error),
    /// The port could not be made known.
    #[error("cannot make the port known")]
    Publish(#[from] WriteError),
    /// There is nothing to take over.
    #[error("there is no running edge whose listener could be taken over")]
    NothingToUpgrade,
    /// The hand-over's socket would have too long a path.
    #[error("the path {0} is too long for a socket")]
    SocketPath(PathBuf),
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

/// Serves until a signal ends it.
///
/// SIGTERM: no new connections, open ones may run on for 15 s. SIGINT, or a second SIGTERM: at once. SIGQUIT: the
/// listener goes to a waiting successor (`--upgrade`), open connections run on. SIGHUP: look at the files now.
///
/// # Errors
/// [`StartError`]; nothing was served then.
pub fn run(options: &Options) -> Result<(), StartError> {
    process::ignore_hangup();
    log_to_stderr(options.verbose);
    let home = locate(options)?;
    home.prepare(process::effective_uid())?;
    let identity = Identity::load_or_create(&home.instance_json())?;
    if let Err(error) = process::raise_files_limit(FILES_WANTED) {
        tracing::warn!(%error, "files.limit");
    }

    let upgrade_socket = home.edge_upgrade_socket();
    if upgrade_socket.as_os_str().len() > SOCKET_PATH_MAX && options.upgrade {
        return Err(StartError::SocketPath(upgrade_socket));
    }
    let mut server = Server::new_with_opt_and_conf(
        Opt { upgrade: options.upgrade, ..Opt::default() },
        ServerConf {
            threads: THREADS,
            // The longer of the two; the shorter one is kept by `Rim`.
            grace_period_seconds: Some(HAND_OVER_GRACE.as_secs()),
            upgrade_sock: upgrade_socket.to_string_lossy().into_owned(),
            pid_file: home.root().join("edge.pid").to_string_lossy().into_owned(),
            ..ServerConf::default()
        },
    );
    let opened = match options.upgrade {
        true => taken_over(&home, &identity, options, &mut server)?,
        false => opened(&home, &identity, options)?,
    };
    let port = opened.addresses.first().map(SocketAddr::port).ok_or(StartError::NothingToUpgrade)?;
    let boot = Nonce::random()?.as_str().to_owned();
    let door = Arc::new(Door::new(identity, boot));
    let known = Known { home: home.clone(), instance: door.identity.id().to_owned(), port };
    let mut service = Listening::new("edge".to_owned(), App(Arc::clone(&door)));
    opened.addresses.iter().for_each(|address| service.add_tcp(&address.to_string()));
    server.add_service(PreOpened { inner: service, listeners: opened.listeners });

    let stop = Arc::new(Stop { idle: Notify::new(), handed_over: AtomicBool::new(false), upgrade_socket });
    let mut rim = background_service(
        "rim",
        Rim {
            reload: Mutex::new(Some(Reload::new(&home, Arc::clone(&door)))),
            door,
            idle_exit: options.idle_exit,
            stop: Arc::clone(&stop),
            known: known.clone(),
        },
    );
    rim.threads = Some(1);
    server.add_service(rim);

    let failure = Arc::new(Mutex::new(None));
    let signals = Signals { stop, known: known.clone(), failure: Arc::clone(&failure) };
    server.run(RunArgs { shutdown_signal: Box::new(signals) });
    if let Some(error) = failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Err(error);
    }
    known.retract();
    Ok(())
}

fn locate(options: &Options) -> Result<Home, StartError> {
    if let Some(home) = &options.home {
        return Ok(Home::at(home));
    }
    let variable = std::env::var_os(HOME_VARIABLE).filter(|value| !value.is_empty());
    match (variable, std::env::home_dir()) {
        (Some(variable), _) => Ok(Home::at(variable)),
        (None, Some(user)) => Ok(Home::locate(None, &user)),
        (None, None) => Err(StartError::NoHome),
    }
}

struct Opened {
    addresses: Vec<SocketAddr>,
    listeners: Vec<(String, TcpListener)>,
}

/// The service manager's sockets, else one of our own. Bound here and not by Pingora, which would try for 30 s and then
/// panic in a runtime of its own, leaving a process without a port.
fn opened(home: &Home, identity: &Identity, options: &Options) -> Result<Opened, StartError> {
    let mut listeners = listeners::inherited(SOCKET_NAME).map_err(StartError::Inherited)?;
    if listeners.is_empty() {
        let port = wanted_port(home, identity, options).unwrap_or(DEFAULT_EDGE_PORT);
        if port == FORBIDDEN_PORT {
            return Err(StartError::ForbiddenPort);
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => StartError::PortTaken { port },
            _ => StartError::Listen { port, source },
        })?;
        listeners::prepare(&listener).map_err(|source| StartError::Listen { port, source })?;
        listeners.push(listener);
    }
    let mut opened = Opened { addresses: Vec::new(), listeners: Vec::new() };
    for listener in listeners {
        let address = listener.local_addr().map_err(StartError::Inherited)?;
        if !address.ip().is_loopback() {
            let text = format!("{address} is not a loopback address");
            return Err(StartError::Inherited(io::Error::new(io::ErrorKind::InvalidInput, text)));
        }
        opened.addresses.push(address);
        opened.listeners.push((address.to_string(), listener));
    }
    Ok(opened)
}

/// Waits for the running edge's listener. Pingora ends the process when it does not come within five seconds.
fn taken_over(home: &Home, identity: &Identity, options: &Options, server: &mut Server) -> Result<Opened, StartError> {
    let port = wanted_port(home, identity, options).ok_or(StartError::NothingToUpgrade)?;
    tracing::info!(port, "upgrade.waiting");
    server.bootstrap();
    Ok(Opened { addresses: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port))], listeners: Vec::new() })
}

/// The port on the command line, else the one that clients already carry in their environment.
fn wanted_port(home: &Home, identity: &Identity, options: &Options) -> Option<u16> {
    options.port.or_else(|| {
        let ports = EffectivePorts::read(&home.effective_ports()).ok()?;
        ports.edge.filter(|_| ports.instance == identity.id()).map(|section| section.port)
    })
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

/// A listening service whose sockets were opened before it started.
struct PreOpened {
    inner: Listening<App>,
    listeners: Vec<(String, TcpListener)>,
}

#[async_trait]
impl Service for PreOpened {
    async fn start_service(&mut self, fds: Option<ListenFds>, shutdown: ShutdownWatch, listeners_per_fd: usize) {
        if let Some(fds) = &fds {
            let mut table = fds.lock();
            // From here on the table's user owns the descriptor.
            self.listeners.drain(..).for_each(|(address, listener)| table.add(address, listener.into_raw_fd()));
        }
        self.inner.start_service(fds, shutdown, listeners_per_fd).await;
    }

    fn name(&self) -> &str {
        Service::name(&self.inner)
    }

    fn threads(&self) -> Option<usize> {
        Service::threads(&self.inner)
    }

    fn listen_addresses(&self) -> Option<Vec<String>> {
        Service::listen_addresses(&self.inner)
    }
}

/// Why to stop, beside signals.
struct Stop {
    idle: Notify,
    handed_over: AtomicBool,
    upgrade_socket: PathBuf,
}

struct Signals {
    stop: Arc<Stop>,
    known: Known,
    /// Why the port could not be made known.
    failure: Arc<Mutex<Option<StartError>>>,
}

#[async_trait]
impl ShutdownSignalWatch for Signals {
    async fn recv(&self) -> ShutdownSignal {
        let of = |kind| signal(kind).expect("the runtime has its signal driver, and the number is valid");
        let (mut quit, mut terminate, mut interrupt) =
            (of(SignalKind::quit()), of(SignalKind::terminate()), of(SignalKind::interrupt()));
        // Only now may others know our pid: a signal before this line would have ended the process without a word.
        if let Err(error) = self.known.publish() {
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.into());
            return ShutdownSignal::FastShutdown;
        }
        loop {
            tokio::select! {
                _ = interrupt.recv() => return ShutdownSignal::FastShutdown,
                _ = terminate.recv() => {
                    tracing::info!("edge.stopping");
                    return ShutdownSignal::GracefulTerminate;
                }
                () = self.stop.idle.notified() => {
                    tracing::info!("edge.idle");
                    return ShutdownSignal::GracefulTerminate;
                }
                // Pingora would stop all the same when nobody takes the listener.
                _ = quit.recv() => match successor_waits(&self.stop.upgrade_socket) {
                    true => {
                        tracing::info!("edge.handing_over");
                        self.stop.handed_over.store(true, Ordering::Release);
                        return ShutdownSignal::GracefulUpgrade;
                    }
                    false => tracing::warn!("upgrade.nobody_waits"),
                }
            }
        }
    }
}

/// Whether a process listens on the hand-over's socket: the file alone may be left over. Linux only, as the hand-over.
fn successor_waits(socket: &std::path::Path) -> bool {
    let path = socket.to_string_lossy();
    std::fs::read_to_string("/proc/net/unix").is_ok_and(|table| table.lines().any(|line| line.ends_with(&*path)))
}

/// What runs beside the connections: reloads, the idle limit, the way out.
struct Rim {
    reload: Mutex<Option<Reload>>,
    door: Arc<Door>,
    idle_exit: Option<Duration>,
    stop: Arc<Stop>,
    known: Known,
}

#[async_trait]
impl BackgroundService for Rim {
    async fn start(&self, shutdown: ShutdownWatch) {
        let reload = self.reload.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut reload) = reload else { return };
        tokio::select! {
            () = reload.run(|| self.known.publish_again()) => {}
            () = self.watch_idle() => {}
            () = self.drain(shutdown) => {}
        }
        self.known.retract();
        tracing::info!("edge.stopped");
        std::process::exit(0);
    }
}

impl Rim {
    async fn watch_idle(&self) {
        let Some(limit) = self.idle_exit else { return std::future::pending().await };
        loop {
            match self.door.activity.idle_for(Instant::now()) {
                Some(idle) if idle >= limit => {
                    self.stop.idle.notify_one();
                    return std::future::pending().await;
                }
                Some(idle) => tokio::time::sleep(limit - idle).await,
                None => self.door.activity.until_none_is_open().await,
            }
        }
    }

    /// Comes back when nothing is open any more after a shutdown began, or nobody waits any longer.
    async fn drain(&self, mut shutdown: ShutdownWatch) {
        if shutdown.wait_for(|down| *down).await.is_err() {
            return;
        }
        let grace = match self.stop.handed_over.load(Ordering::Acquire) {
            true => HAND_OVER_GRACE,
            false => GRACE,
        };
        let again = async {
            match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
                (Ok(mut terminate), Ok(mut interrupt)) => tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                },
                _ => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.door.activity.until_none_is_open() => {}
            () = tokio::time::sleep(grace) => tracing::warn!(open = self.door.activity.open(), "tunnels.cut"),
            () = again => {}
        }
    }
}

/// Our section of effective-ports.json.
#[derive(Clone)]
struct Known {
    home: Home,
    instance: String,
    port: u16,
}

impl Known {
    fn publish(&self) -> Result<(), WriteError> {
        let (port, pid) = (self.port, std::process::id());
        let section = EdgeSection { port, pid, started_at: rfc3339(SystemTime::now()) };
        EffectivePorts::publish(&self.home.effective_ports(), &self.instance, &Section::Edge(section))?;
        tracing::info!(port, pid, "edge.listening");
        Ok(())
    }

    fn publish_again(&self) {
        if let Err(error) = self.publish() {
            tracing::warn!(error = chain_text(&error), "ports.publish");
        }
    }

    fn retract(&self) {
        let path = self.home.effective_ports();
        if let Err(error) = EffectivePorts::retract_edge(&path, &self.instance, std::process::id()) {
            // A stale section is recognised by its pid.
            tracing::warn!(error = chain_text(&error), "ports.retract");
        }
    }
}
