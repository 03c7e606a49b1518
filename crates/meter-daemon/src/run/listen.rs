//! The daemon's two ports, opened before anything serves.
//!
//! Bound here and not by Pingora, which would try for 30 s and then panic in a runtime of its own, leaving a process
//! without a port. The daemon's ports may move: nobody but the edge and the API's readers know them, and both read
//! `effective-ports.json`.

use crate::accept::Gate;
use async_trait::async_trait;
use meter_hop::FORBIDDEN_PORT;
use meter_sys::listeners;
use pingora::listeners::{L4BufferSettings, ListenerConfig};
use pingora::server::{ListenFds, ShutdownWatch};
use pingora::services::Service;
use pingora::services::listening::Service as Listening;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::fd::IntoRawFd;
use std::sync::Arc;

/// How many ports above the wanted one are tried.
const TRIES: u16 = 200;

/// No port could be had.
#[derive(Debug, thiserror::Error)]
pub enum PortError {
    /// All that were tried are taken.
    #[error("ports {first} to {last} of 127.0.0.1 are taken")]
    AllTaken {
        /// The wanted one.
        first: u16,
        /// The last one tried.
        last: u16,
    },
    /// Not because it is taken.
    #[error("cannot listen on port {port} of 127.0.0.1")]
    Listen {
        /// The port.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
}

/// An open listener.
pub(super) struct Opened {
    pub port: u16,
    pub listener: TcpListener,
}

/// The wanted port, else the next free one above that is in `never` nor forbidden. 0 is any free one.
pub(super) fn open(wanted: u16, never: &[u16]) -> Result<Opened, PortError> {
    let last = if wanted == 0 { 0 } else { wanted.saturating_add(TRIES) };
    for port in wanted..=last {
        if port == FORBIDDEN_PORT || (port != 0 && never.contains(&port)) {
            continue;
        }
        match bind(port) {
            Ok(opened) if opened.port == FORBIDDEN_PORT => continue,
            Ok(opened) => {
                if wanted != 0 && port != wanted {
                    tracing::warn!(wanted, port, "port.moved");
                }
                return Ok(opened);
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(source) => return Err(PortError::Listen { port, source }),
        }
    }
    Err(PortError::AllTaken { first: wanted, last })
}

fn bind(port: u16) -> io::Result<Opened> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    listeners::prepare(&listener)?;
    Ok(Opened { port: listener.local_addr()?.port(), listener })
}

/// A listening service whose socket was opened before it started.
pub(super) struct PreOpened {
    inner: Listening<GateApp>,
    listener: Option<(String, TcpListener)>,
}

/// Pingora wants the application by value; everybody else holds the gate too.
pub(super) struct GateApp(Arc<Gate>);

impl PreOpened {
    pub(super) fn new(name: &str, gate: Arc<Gate>, opened: Opened) -> PreOpened {
        let mut inner = Listening::new(name.to_owned(), GateApp(gate));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, opened.port)).to_string();
        // A read buffer of 64 KB would be the largest part of an idle connection; records are read whole anyway.
        inner.add_listener(ListenerConfig::tcp(&address).l4_buffer(L4BufferSettings::unbuffered()));
        PreOpened { inner, listener: Some((address, opened.listener)) }
    }
}

#[async_trait]
impl pingora::apps::ServerApp for GateApp {
    async fn process_new(
        self: &Arc<Self>,
        stream: pingora::protocols::Stream,
        shutdown: &ShutdownWatch,
    ) -> Option<pingora::protocols::Stream> {
        self.0.process_new(stream, shutdown).await
    }
}

#[async_trait]
impl Service for PreOpened {
    async fn start_service(&mut self, fds: Option<ListenFds>, shutdown: ShutdownWatch, listeners_per_fd: usize) {
        if let (Some(fds), Some((address, listener))) = (&fds, self.listener.take()) {
            // From here on the table's user owns the descriptor.
            fds.lock().add(address, listener.into_raw_fd());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_moves_to_the_next_free_one_that_is_nobody_elses() {
        let taken = open(0, &[]).unwrap();
        let next = taken.port.checked_add(1).unwrap();
        let moved = open(taken.port, &[next]).unwrap();
        assert!(moved.port > next);
    }

    #[test]
    fn the_forbidden_port_is_passed_over() {
        if let Ok(opened) = open(FORBIDDEN_PORT, &[]) {
            assert!(opened.port > FORBIDDEN_PORT);
        }
    }
}
