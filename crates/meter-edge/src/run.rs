//! Starts the edge.

use crate::args::Options;
use crate::door::{App, Door};
use crate::ending::{HAND_OVER_GRACE, Known, Rim, Signals, Stop};
use crate::listen;
use crate::reload::Reload;
use meter_hop::paths::{HOME_VARIABLE, Home, HomeError};
use meter_hop::{FORBIDDEN_PORT, Identity, IdentityError, Nonce, WriteError};
use meter_sys::process;
use pingora::server::configuration::{Opt, ServerConf};
use pingora::server::{RunArgs, Server};
use pingora::services::background::background_service;
use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;

/// Descriptors wanted: two for each tunnel.
const FILES_WANTED: u64 = 8192;

/// Threads that carry connections. Copying bytes hardly loads one; the second is there for when it is held up.
const THREADS: usize = 2;

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
        true => listen::taken_over(&home, &identity, options, &mut server)?,
        false => listen::opened(&home, &identity, options)?,
    };
    let port = opened.addresses.first().map(SocketAddr::port).ok_or(StartError::NothingToUpgrade)?;
    let boot = Nonce::random()?.as_str().to_owned();
    let door = Arc::new(Door::new(identity, boot, port));
    let known = Known { home: home.clone(), instance: door.identity.id().to_owned(), port };
    server.add_service(opened.service(App(Arc::clone(&door))));

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
