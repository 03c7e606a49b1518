//! Bytes both ways between two open connections.

use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Bytes moved at a time. Answers stream, so a larger buffer would mostly stay empty; an idle tunnel holds two of them.
const CHUNK_BYTES: usize = 16 * 1024;

/// How a splice ended.
#[derive(Debug, Default)]
pub(crate) struct Spliced {
    /// Bytes from the client.
    pub(crate) up: u64,
    /// Bytes from the origin.
    pub(crate) down: u64,
    /// Set when a side broke off instead of closing.
    pub(crate) error: Option<io::Error>,
}

/// Copies until both sides have closed. A side that closes only its sending half keeps receiving.
///
/// After an error the caller resets both connections, so that no side takes a part for the whole.
pub(crate) async fn splice<C, O>(client: &mut C, origin: &mut O) -> Spliced
where
    C: AsyncRead + AsyncWrite + Unpin,
    O: AsyncRead + AsyncWrite + Unpin,
{
    let (client_reads, client_writes) = tokio::io::split(client);
    let (origin_reads, origin_writes) = tokio::io::split(origin);
    let mut spliced = Spliced::default();
    let up = pump(client_reads, origin_writes, &mut spliced.up);
    let down = pump(origin_reads, client_writes, &mut spliced.down);
    let outcome = tokio::try_join!(up, down);
    spliced.error = outcome.err();
    spliced
}

async fn pump(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, count: &mut u64) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = from.read(&mut chunk).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&chunk[..read]).await?;
        to.flush().await?;
        *count += read as u64;
    }
}
