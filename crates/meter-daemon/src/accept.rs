//! Answers the interception port: chained connections, plain CONNECTs, and the question whether we are well.

mod head;

use crate::connection::{Caller, CallerSlot, Connection};
use crate::intercept::{Interceptor, Outcome};
use crate::services::UnderWay;
use arc_swap::ArcSwap;
use async_trait::async_trait;
use head::Ask;
use meter_dial::DialError;
use meter_hop::{DaemonHealth, Hop, Identity, Nonce, PROOF_HEADER, Role};
use pingora::apps::ServerApp;
use pingora::protocols::l4::stream::Stream as L4Stream;
use pingora::protocols::{SocketDigest, Stream};
use pingora::server::ShutdownWatch;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;

/// The user that owns the client's end of a socket, by both ends. On the hot path: microseconds, not milliseconds.
pub type OwnerOf = Arc<dyn Fn(SocketAddr, SocketAddr) -> io::Result<u32> + Send + Sync>;
/// Begins to find out who calls, and answers into the slot whenever it knows. Must return at once.
pub type AskWhoCalls = Arc<dyn Fn(SocketAddr, SocketAddr, CallerSlot) + Send + Sync>;
/// Told how each connection went, when it is over.
pub type OnOutcome = Arc<dyn Fn(&Connection, &Outcome, Duration) + Send + Sync>;

/// The application behind the interception port.
pub struct Gate {
    /// Who we are.
    pub identity: Identity,
    /// The user whose connections are opened: our own.
    pub uid: u32,
    /// Whose a socket is.
    pub owner_of: OwnerOf,
    /// Who calls.
    pub ask_who_calls: AskWhoCalls,
    /// What is in force; replaced by a reload, while running connections keep theirs.
    pub interceptor: ArcSwap<Interceptor>,
    /// How we are.
    pub health: Arc<dyn Fn() -> DaemonHealth + Send + Sync>,
    /// Told how connections went.
    pub on_outcome: OnOutcome,
    /// Tunnels open now. Questions about health do not count: they must not keep an idle daemon up.
    pub open: UnderWay,
}

#[async_trait]
impl ServerApp for Gate {
    async fn process_new(self: &Arc<Self>, stream: Stream, _shutdown: &ShutdownWatch) -> Option<Stream> {
        let Ok(stream) = stream.into_any().downcast::<L4Stream>() else {
            tracing::error!("accept.not_a_tcp_stream");
            return None;
        };
        self.serve(*stream).await;
        None
    }
}

impl Gate {
    /// Serves one accepted connection to its end.
    pub async fn serve(&self, mut stream: L4Stream) {
        let served = match head::read(&mut stream).await {
            Ok((Ask::Health { nonce }, _rest)) => self.answer_health(&mut stream, nonce.as_ref()).await,
            Ok((Ask::Connect { host, port, hop }, rest)) => {
                stream.rewind(&rest);
                self.connect(stream, host, port, hop).await
            }
            Err(bad) => {
                tracing::debug!(reason = %bad, "accept.bad_head");
                match bad.status() {
                    Some(status) => answer(&mut stream, status, &bad.to_string()).await,
                    None => Ok(()),
                }
            }
        };
        if let Err(error) = served {
            tracing::debug!(%error, "accept.client_left");
        }
    }

    async fn answer_health(&self, stream: &mut L4Stream, nonce: Option<&Nonce>) -> io::Result<()> {
        let body = serde_json::to_string(&(self.health)())?;
        let proof = nonce.map(|nonce| format!("{PROOF_HEADER}: {}\r\n", self.prove(nonce))).unwrap_or_default();
        let length = body.len();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{proof}");
        finish(stream, &format!("{head}Connection: close\r\n\r\n{body}")).await
    }

    async fn connect(&self, mut stream: L4Stream, host: String, port: u16, hop: Option<Hop>) -> io::Result<()> {
        let (peer, own) = ends(&stream)?;
        let (client, server) = hop.as_ref().map_or((peer, own), |hop| (hop.client, hop.edge));
        // Both the one who speaks to us and the one it speaks for: a hop is only as good as its sender.
        if self.is_foreign(peer, own) || self.is_foreign(client, server) {
            tracing::info!(%client, "accept.other_user");
            return answer(&mut stream, 403, "this proxy serves one user").await;
        }
        if let Some(hop) = &hop {
            let proof = self.prove(&hop.nonce);
            say(&mut stream, &format!("HTTP/1.1 102 Processing\r\n{PROOF_HEADER}: {proof}\r\n\r\n")).await?;
        }
        let _open = self.open.one();
        let opened = Instant::now();
        let (slot, caller) = Caller::asked();
        (self.ask_who_calls)(client, server, slot);
        let connection = Arc::new(Connection { host, port, client, server, caller });

        let interceptor = self.interceptor.load_full();
        let origin = match interceptor.reach(&connection).await {
            Ok(origin) => origin,
            Err(error) => return refuse(&mut stream, &error).await,
        };
        say(&mut stream, "HTTP/1.1 200 Connection Established\r\n\r\n").await?;
        let outcome = interceptor.serve(&connection, stream, origin).await;
        (self.on_outcome)(&connection, &outcome, opened.elapsed());
        Ok(())
    }

    /// Another user does not trust our authority. Not knowing is no reason to break a client of our own.
    fn is_foreign(&self, client: SocketAddr, server: SocketAddr) -> bool {
        match (self.owner_of)(client, server) {
            Ok(uid) => uid != self.uid,
            Err(error) => {
                tracing::debug!(%error, %client, "accept.owner_unknown");
                false
            }
        }
    }

    fn prove(&self, nonce: &Nonce) -> String {
        self.identity.proof(Role::Daemon, nonce.as_str())
    }
}

fn ends(stream: &L4Stream) -> io::Result<(SocketAddr, SocketAddr)> {
    let digest = SocketDigest::from_raw_fd(stream.as_raw_fd());
    let inet = |address: Option<&pingora::protocols::l4::socket::SocketAddr>| address?.as_inet().copied();
    inet(digest.peer_addr())
        .zip(inet(digest.local_addr()))
        .ok_or_else(|| io::Error::other("the socket has no addresses"))
}

async fn refuse(stream: &mut L4Stream, error: &DialError) -> io::Result<()> {
    tracing::info!(reason = %error.text(), "accept.origin_unreachable");
    answer(stream, error.status(), &error.text()).await
}

async fn answer(stream: &mut L4Stream, status: u16, text: &str) -> io::Result<()> {
    let phrase = match status {
        400 => "Bad Request",
        403 => "Forbidden",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        431 => "Request Header Fields Too Large",
        504 => "Gateway Timeout",
        _ => "Bad Gateway",
    };
    let body = format!("halton-meter: {text}\n");
    let length = body.len();
    let head = format!("HTTP/1.1 {status} {phrase}\r\nContent-Type: text/plain; charset=utf-8\r\n");
    finish(stream, &format!("{head}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}")).await
}

async fn say(stream: &mut L4Stream, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes()).await?;
    stream.flush().await
}

async fn finish(stream: &mut L4Stream, text: &str) -> io::Result<()> {
    say(stream, text).await?;
    stream.shutdown().await
}
