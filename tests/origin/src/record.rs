//! A stream that keeps a copy of both directions.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The decrypted bytes of one connection, as the origin read and wrote them.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// What arrived.
    pub received: Vec<u8>,
    /// What was sent.
    pub sent: Vec<u8>,
    /// ALPN that was agreed, empty for none.
    pub alpn: Vec<u8>,
}

/// Connections in the order they were wrapped, or first spoken to.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    connections: Arc<Mutex<Vec<Arc<Mutex<Recorded>>>>>,
}

impl Recorder {
    /// A copy of everything recorded so far.
    pub fn connections(&self) -> Vec<Recorded> {
        let connections = self.connections.lock().expect("no test panics while it holds this");
        connections.iter().map(|one| one.lock().expect("no test panics while it holds this").clone()).collect()
    }

    /// Wraps a stream whose copy is kept from now on.
    pub fn wrap<S>(&self, stream: S, alpn: Vec<u8>) -> RecordedStream<S> {
        let kept = Arc::new(Mutex::new(Recorded { alpn, ..Recorded::default() }));
        self.list(&kept);
        RecordedStream { stream, kept, unlisted: None }
    }

    /// The same, but listed with the first byte that arrives: a connection that is only kept ready is not one to ask about.
    pub fn wrap_when_spoken_to<S>(&self, stream: S, alpn: Vec<u8>) -> RecordedStream<S> {
        let kept = Arc::new(Mutex::new(Recorded { alpn, ..Recorded::default() }));
        RecordedStream { stream, kept, unlisted: Some(self.clone()) }
    }

    fn list(&self, kept: &Arc<Mutex<Recorded>>) {
        self.connections.lock().expect("no test panics while it holds this").push(kept.clone());
    }
}

/// A stream under record.
pub struct RecordedStream<S> {
    stream: S,
    kept: Arc<Mutex<Recorded>>,
    /// Where it is listed once a byte arrives.
    unlisted: Option<Recorder>,
}

impl<S: AsyncRead + Unpin> AsyncRead for RecordedStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        let kept = self.kept.clone();
        let arrived = &buf.filled()[before..];
        if !arrived.is_empty()
            && let Some(recorder) = self.unlisted.take()
        {
            recorder.list(&kept);
        }
        kept.lock().expect("no test panics while it holds this").received.extend_from_slice(arrived);
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for RecordedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(written)) = polled {
            let kept = self.kept.clone();
            kept.lock().expect("no test panics while it holds this").sent.extend_from_slice(&bytes[..written]);
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
