//! Where the edge listens, opened before anything else can fail.

use crate::args::Options;
use crate::door::App;
use crate::run::StartError;
use async_trait::async_trait;
use meter_hop::paths::Home;
use meter_hop::{DEFAULT_EDGE_PORT, Document, EffectivePorts, FORBIDDEN_PORT, Identity};
use meter_sys::listeners;
use pingora::server::{ListenFds, Server, ShutdownWatch};
use pingora::services::Service;
use pingora::services::listening::Service as Listening;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::IntoRawFd;

/// Name of our socket in systemd units and launchd lists.
const SOCKET_NAME: &str = "edge";

/// Open listeners, or the addresses of those that come from a running edge.
pub(crate) struct Opened {
    pub(crate) addresses: Vec<SocketAddr>,
    listeners: Vec<(String, TcpListener)>,
}

impl Opened {
    /// The service that accepts on them.
    pub(crate) fn service(self, app: App) -> PreOpened {
        let mut inner = Listening::new("edge".to_owned(), app);
        self.addresses.iter().for_each(|address| inner.add_tcp(&address.to_string()));
        PreOpened { inner, listeners: self.listeners }
    }
}

/// The service manager's sockets, else one of our own. Bound here and not by Pingora, which would try for 30 s and then
/// panic in a runtime of its own, leaving a process without a port.
pub(crate) fn opened(home: &Home, identity: &Identity, options: &Options) -> Result<Opened, StartError> {
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
pub(crate) fn taken_over(
    home: &Home,
    identity: &Identity,
    options: &Options,
    server: &mut Server,
) -> Result<Opened, StartError> {
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

/// A listening service whose sockets were opened before it started.
pub(crate) struct PreOpened {
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
