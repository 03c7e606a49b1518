//! Bytes both ways between two open connections.

use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;

/// Bytes moved at a time. Answers stream, so a larger buffer would mostly stay empty; an idle tunnel holds two of them.
const CHUNK_BYTES: usize = 16 * 1024;

/// How much of an upload that nobody takes is read and dropped, and for how long after the answer.
const DISCARD_BYTES_MAX: u64 = 64 * 1024 * 1024;
const DISCARD_TIME_MAX: Duration = Duration::from_secs(5);

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

/// Which half of a direction failed.
enum Stopped {
    Reading(io::Error),
    Writing(io::Error),
}

/// Copies until both sides have closed. A side that closes only its sending half keeps receiving, and so does the client
/// of an origin that takes nothing more: an early answer (413, 401) ends an upload in exactly this way.
///
/// After an error the caller resets both connections, so that no side takes a part for the whole.
pub(crate) async fn splice<C, O>(client: &mut C, origin: &mut O) -> Spliced
where
    C: AsyncRead + AsyncWrite + Unpin,
    O: AsyncRead + AsyncWrite + Unpin,
{
    let (mut client_reads, client_writes) = tokio::io::split(client);
    let (mut origin_reads, origin_writes) = tokio::io::split(origin);
    let mut spliced = Spliced::default();
    let answered = Notify::new();
    let up = async {
        match pump(&mut client_reads, origin_writes, &mut spliced.up).await {
            Ok(()) => Ok(()),
            Err(Stopped::Reading(error)) => Err(error),
            Err(Stopped::Writing(error)) => {
                tracing::debug!(%error, "origin.takes_no_more");
                discard(&mut client_reads, &answered).await;
                Ok(())
            }
        }
    };
    let down = async {
        match pump(&mut origin_reads, client_writes, &mut spliced.down).await {
            Ok(()) => {
                answered.notify_one();
                Ok(())
            }
            Err(Stopped::Reading(error) | Stopped::Writing(error)) => Err(error),
        }
    };
    let outcome = tokio::try_join!(up, down);
    spliced.error = outcome.err();
    spliced
}

async fn pump(
    from: &mut (impl AsyncRead + Unpin),
    mut to: impl AsyncWrite + Unpin,
    count: &mut u64,
) -> Result<(), Stopped> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = from.read(&mut chunk).await.map_err(Stopped::Reading)?;
        if read == 0 {
            return to.shutdown().await.map_err(Stopped::Writing);
        }
        to.write_all(&chunk[..read]).await.map_err(Stopped::Writing)?;
        to.flush().await.map_err(Stopped::Writing)?;
        *count += read as u64;
    }
}

/// Reads on for a client that still sends, so that it comes to read its answer, and not a reset that may take the answer
/// with it.
async fn discard(from: &mut (impl AsyncRead + Unpin), answered: &Notify) {
    let mut rest = from.take(DISCARD_BYTES_MAX);
    let mut nowhere = tokio::io::sink();
    tokio::select! {
        // How the client ends changes nothing any more.
        _ = tokio::io::copy(&mut rest, &mut nowhere) => {}
        () = async {
            answered.notified().await;
            tokio::time::sleep(DISCARD_TIME_MAX).await;
        } => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};
    use tokio::io::ReadBuf;

    /// Takes nothing, and answers once somebody has tried.
    #[derive(Default)]
    struct Deaf {
        tried: bool,
        answer: Vec<u8>,
        reader: Option<Waker>,
    }

    impl AsyncRead for Deaf {
        fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            if !self.tried {
                self.reader = Some(cx.waker().clone());
                return Poll::Pending;
            }
            let some = self.answer.len().min(buf.remaining());
            buf.put_slice(&self.answer[..some]);
            self.answer.drain(..some);
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Deaf {
        fn poll_write(mut self: Pin<&mut Self>, _cx: &mut Context<'_>, _bytes: &[u8]) -> Poll<io::Result<usize>> {
            self.tried = true;
            self.reader.take().into_iter().for_each(Waker::wake);
            Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
        }
        fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
        fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn an_answer_comes_whole_from_an_origin_that_stopped_reading() {
        let answer: Vec<u8> = (0..200_000u32).map(|n| (n % 251) as u8).collect();
        let mut origin = Deaf { answer: answer.clone(), ..Deaf::default() };
        let (mut near, mut far) = tokio::io::duplex(1024);
        let client = async {
            far.write_all(&[7; 100_000]).await.unwrap();
            let mut got = Vec::new();
            far.read_to_end(&mut got).await.unwrap();
            far.shutdown().await.unwrap();
            got
        };
        let (spliced, got) = tokio::join!(splice(&mut near, &mut origin), client);
        assert!(got == answer, "{} bytes came", got.len());
        assert!(spliced.error.is_none(), "{:?}", spliced.error);
        assert_eq!((spliced.up, spliced.down), (0, 200_000));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_never_ends_is_let_go_after_its_answer() {
        let mut origin = Deaf { answer: b"413".to_vec(), ..Deaf::default() };
        let (mut near, mut far) = tokio::io::duplex(1024);
        far.write_all(b"upload").await.unwrap();
        let spliced = splice(&mut near, &mut origin).await;
        assert_eq!((spliced.error.is_none(), spliced.down), (true, 3));
    }
}
