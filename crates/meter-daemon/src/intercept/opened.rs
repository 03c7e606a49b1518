//! An origin's opened connection, with what it said before anybody listened.

use crate::leg::Leg;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// TLS to an origin. Bytes that it sent while nobody had taken the connection come first, as they were.
#[derive(Debug)]
pub(super) struct Opened {
    said: Vec<u8>,
    told: usize,
    stream: TlsStream<TcpStream>,
}

impl Opened {
    /// A connection of which nothing was read yet.
    pub(super) fn fresh(stream: TlsStream<TcpStream>) -> Opened {
        Opened { said: Vec::new(), told: 0, stream }
    }

    /// The protocol that the origin chose.
    pub(super) fn protocol(&self) -> Option<&[u8]> {
        self.stream.get_ref().1.alpn_protocol()
    }

    /// The socket beneath.
    pub(super) fn socket(&self) -> &TcpStream {
        self.stream.get_ref().0
    }

    /// Reads what is there and keeps it. `None` when the connection has ended or failed, else everything said so far.
    pub(super) fn poll_said(&mut self, cx: &mut Context<'_>) -> Option<&[u8]> {
        let mut chunk = [0; 2048];
        loop {
            let mut buffer = ReadBuf::new(&mut chunk);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Pending => return Some(&self.said),
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => self.said.extend_from_slice(buffer.filled()),
                Poll::Ready(Ok(()) | Err(_)) => return None,
            }
            if self.said.len() > super::greeting::BYTES_MAX {
                return Some(&self.said);
            }
        }
    }
}

impl AsyncRead for Opened {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let rest = &self.said[self.told..];
        if rest.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let some = rest.len().min(buf.remaining());
        buf.put_slice(&rest[..some]);
        self.told += some;
        if self.told == self.said.len() {
            (self.said, self.told) = (Vec::new(), 0);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Opened {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Leg for Opened {
    fn poll_cut(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.poll_cut(cx)
    }

    fn reset_on_close(&self) {
        self.stream.reset_on_close();
    }
}
