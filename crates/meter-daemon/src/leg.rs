//! One side of a relayed connection: bytes in, bytes out, and the three ways to stop.
//!
//! A clean end is `poll_shutdown` (close_notify where there is TLS, then FIN). The other two have no method in tokio's
//! traits, and both must be mirrored: a truncation that became a clean end would turn a cut answer into a whole one.

use pingora::protocols::l4::stream::Stream as L4Stream;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::{client, server};

/// A stream whose end can be told as what it was.
pub trait Leg: AsyncRead + AsyncWrite + Unpin + Send {
    /// Sends FIN without close_notify. The caller has flushed.
    ///
    /// # Errors
    /// The socket's own; the peer is gone then.
    fn poll_cut(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Makes the coming drop a reset. A socket that refuses the option is gone already, and its peer knows.
    fn reset_on_close(&self);
}

impl Leg for TcpStream {
    fn poll_cut(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self).poll_shutdown(cx)
    }

    fn reset_on_close(&self) {
        if let Err(error) = self.set_zero_linger() {
            tracing::debug!(%error, "leg.reset_refused");
        }
    }
}

impl Leg for L4Stream {
    fn poll_cut(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self).poll_shutdown(cx)
    }

    fn reset_on_close(&self) {
        if let Err(error) = meter_sys::socket::reset_on_close_of(self) {
            tracing::debug!(%error, "leg.reset_refused");
        }
    }
}

impl<S: Leg> Leg for client::TlsStream<S> {
    fn poll_cut(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().0.poll_cut(cx)
    }

    fn reset_on_close(&self) {
        self.get_ref().0.reset_on_close();
    }
}

impl<S: Leg> Leg for server::TlsStream<S> {
    fn poll_cut(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().0.poll_cut(cx)
    }

    fn reset_on_close(&self) {
        self.get_ref().0.reset_on_close();
    }
}
