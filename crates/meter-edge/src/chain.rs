//! Hands a CONNECT to the daemon, or says why not in time for the client not to notice.

use crate::daemon::Daemon;
use crate::head::{Block, HeadError};
use crate::health::Verdict;
use meter_hop::timing::{CHAIN_PATIENCE, CHAIN_PATIENCE_BUSY, CONNECT_PATIENCE};
use meter_hop::{HOP_HEADER, Hop, Identity, Nonce, PROOF_HEADER, Role, TunnelReason};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

/// Longest text of a proxy error that is passed on, in bytes.
const ERROR_BYTES_MAX: usize = 16 * 1024;

/// The two ends of the client's connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    pub(crate) client: SocketAddr,
    pub(crate) edge: SocketAddr,
}

/// What became of a chain. Nothing has been said to the client in any of the cases.
#[derive(Debug)]
pub(crate) enum Chained {
    /// The daemon has the origin; bytes may flow. `early` is what it already sent.
    Established { daemon: TcpStream, early: Vec<u8> },
    /// The daemon took the call and could not reach the origin: its whole answer, for the client.
    Answered(Vec<u8>),
    /// Go past it.
    Bypass(TunnelReason),
}

/// Chains `authority` to the daemon on `port`.
pub(crate) async fn chain(
    daemon: &Arc<Daemon>,
    identity: &Identity,
    port: u16,
    authority: &str,
    ends: Ends,
) -> Chained {
    let greeted = match greeted_in_time(daemon, identity, port, authority, ends).await {
        Ok(greeted) => greeted,
        Err(reason) => return Chained::Bypass(reason),
    };
    daemon.observe(port, Verdict::Up);
    match timeout(CONNECT_PATIENCE, greeted.outcome()).await {
        Ok(Ok(chained)) => chained,
        // It died with our call in its hands. The client has heard nothing yet, so the origin is still reachable.
        Ok(Err(_)) => {
            daemon.forget(port);
            Chained::Bypass(TunnelReason::DaemonBroken)
        }
        Err(_) => Chained::Bypass(TunnelReason::DaemonSilent),
    }
}

/// The daemon has proved itself with its interim answer.
struct Greeted {
    stream: TcpStream,
    rest: Vec<u8>,
}

/// Waits a quarter of a second; then only as long as a probe says that the daemon is alive, and 1.2 s at most.
async fn greeted_in_time(
    daemon: &Arc<Daemon>,
    identity: &Identity,
    port: u16,
    authority: &str,
    ends: Ends,
) -> Result<Greeted, TunnelReason> {
    let start = Instant::now();
    let mut greeting = Box::pin(greet(identity, port, authority, ends));
    let mut outcome = timeout(CHAIN_PATIENCE, &mut greeting).await.ok();
    if outcome.is_none() {
        let deadline = start + CHAIN_PATIENCE_BUSY;
        let alive = daemon.sign_of_life(port);
        outcome = tokio::select! {
            biased;
            outcome = &mut greeting => Some(outcome),
            verdict = alive => match verdict {
                Verdict::Up => tokio::select! {
                    biased;
                    outcome = &mut greeting => Some(outcome),
                    () = sleep_until(deadline) => None,
                },
                Verdict::Down(reason) => return Err(reason),
            },
            () = sleep_until(deadline) => None,
        };
    }
    let reason = match outcome {
        Some(Ok(greeted)) => return Ok(greeted),
        Some(Err(reason)) => reason,
        None => TunnelReason::DaemonSilent,
    };
    match reason {
        // Gone or broken off: the next client asks again, nobody waits out a bad verdict.
        TunnelReason::DaemonAway | TunnelReason::DaemonBroken => daemon.forget(port),
        TunnelReason::DaemonSilent | TunnelReason::Foreign => daemon.observe(port, Verdict::Down(reason)),
        // It is well and does not want this client.
        TunnelReason::Refused | TunnelReason::NotMetered | TunnelReason::PlainHttp => {}
    }
    Err(reason)
}

async fn greet(identity: &Identity, port: u16, authority: &str, ends: Ends) -> Result<Greeted, TunnelReason> {
    let nonce = Nonce::random().map_err(|_| TunnelReason::DaemonBroken)?;
    let hop = Hop { nonce, client: ends.client, edge: ends.edge };
    let asked = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{HOP_HEADER}: {hop}\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        Ok::<_, io::Error>(stream)
    };
    let mut stream = asked.await.map_err(|error| match error.kind() {
        io::ErrorKind::ConnectionRefused => TunnelReason::DaemonAway,
        _ => TunnelReason::DaemonBroken,
    })?;
    let block = Block::read(&mut stream, Vec::new()).await.map_err(|_| TunnelReason::DaemonBroken)?;
    match block.status() {
        Some(102) => {}
        Some(400..=499) => return Err(TunnelReason::Refused),
        _ => return Err(TunnelReason::DaemonBroken),
    }
    match block.header(PROOF_HEADER) {
        Some(proof) if identity.verify(Role::Daemon, hop.nonce.as_str(), proof) => {
            Ok(Greeted { stream, rest: block.rest })
        }
        _ => Err(TunnelReason::Foreign),
    }
}

impl Greeted {
    async fn outcome(mut self) -> Result<Chained, HeadError> {
        loop {
            let block = Block::read(&mut self.stream, std::mem::take(&mut self.rest)).await?;
            match block.status() {
                Some(200) => return Ok(Chained::Established { daemon: self.stream, early: block.rest }),
                // Further interim answers say nothing new.
                Some(100..=199) => self.rest = block.rest,
                Some(400..) => return Ok(Chained::Answered(whole(self.stream, block).await?)),
                Some(_) | None => return Err(HeadError::NotHttp),
            }
        }
    }
}

async fn whole(mut stream: TcpStream, block: Block) -> Result<Vec<u8>, HeadError> {
    let length = block.content_length().unwrap_or(0);
    if length > ERROR_BYTES_MAX {
        return Err(HeadError::TooLong);
    }
    let Block { head: mut answer, rest: mut body } = block;
    body.truncate(length);
    let read = body.len();
    body.resize(length, 0);
    stream.read_exact(&mut body[read..]).await?;
    answer.append(&mut body);
    Ok(answer)
}
