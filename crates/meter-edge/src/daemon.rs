//! Asks the daemon for a sign of life, on behalf of everyone who waits.

use crate::counters::{Counters, raise};
use crate::head::Block;
use crate::health::{Ask, HealthCache, Ticket, Verdict};
use meter_hop::{Identity, NONCE_HEADER, Nonce, PROOF_HEADER, Role, TunnelReason};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

/// Most bytes of a health document that are read, to leave the daemon an orderly end.
const DOCUMENT_BYTES_MAX: u64 = 16 * 1024;

/// The daemon as the edge sees it.
#[derive(Debug)]
pub(crate) struct Daemon {
    identity: Arc<Identity>,
    counters: Arc<Counters>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    port: u16,
    cache: HealthCache,
    /// The verdict of the probe under way, once there is one.
    probe: Option<watch::Receiver<Option<Verdict>>>,
}

impl Daemon {
    pub(crate) fn new(identity: Arc<Identity>, counters: Arc<Counters>) -> Daemon {
        Daemon { identity, counters, inner: Mutex::new(Inner { port: 0, cache: HealthCache::default(), probe: None }) }
    }

    /// What is believed of the daemon on `port`, after a probe if nothing fresh is.
    pub(crate) async fn verdict(self: &Arc<Self>, port: u16) -> Verdict {
        let waiting = {
            let mut inner = self.on(port);
            match inner.cache.ask(Instant::now()) {
                Ask::Known(verdict) => return verdict,
                asked => self.probe_or_join(&mut inner, asked),
            }
        };
        settled(waiting).await
    }

    /// A verdict from a probe that has not ended yet, whatever is believed.
    pub(crate) async fn sign_of_life(self: &Arc<Self>, port: u16) -> Verdict {
        let waiting = {
            let mut inner = self.on(port);
            let asked = inner.cache.ask_anew();
            self.probe_or_join(&mut inner, asked)
        };
        settled(waiting).await
    }

    /// A chain to `port` told what a probe would have.
    pub(crate) fn observe(&self, port: u16, verdict: Verdict) {
        self.on(port).cache.observe(verdict, Instant::now());
    }

    /// A connection to `port` was refused or broke off.
    pub(crate) fn forget(&self, port: u16) {
        self.on(port).cache.forget();
    }

    /// What is believed now, without asking: `up`, `down` or `not_asked`.
    pub(crate) fn believed(&self) -> &'static str {
        match self.lock().cache.fresh(Instant::now()) {
            Some(Verdict::Up) => "up",
            Some(Verdict::Down(_)) => "down",
            None => "not_asked",
        }
    }

    /// The probe runs in a task of its own: the client that started it may leave, the others still wait for it.
    fn probe_or_join(self: &Arc<Self>, inner: &mut Inner, asked: Ask) -> watch::Receiver<Option<Verdict>> {
        match (asked, &inner.probe) {
            (Ask::Known(verdict), _) => watch::channel(Some(verdict)).1,
            (Ask::Join, Some(probe)) => probe.clone(),
            // Never both: the receiver is put in place under the same lock as the cache's mark. Saying no is safe.
            (Ask::Join, None) => watch::channel(Some(Verdict::Down(TunnelReason::DaemonAway))).1,
            (Ask::Probe(ticket), _) => {
                let (sender, receiver) = watch::channel(None);
                inner.probe = Some(receiver.clone());
                let (daemon, port) = (Arc::clone(self), inner.port);
                tokio::spawn(async move { daemon.probe(port, ticket, &sender).await });
                receiver
            }
        }
    }

    async fn probe(&self, port: u16, ticket: Ticket, sender: &watch::Sender<Option<Verdict>>) {
        raise(&self.counters.probes);
        let verdict = match timeout(ticket.patience, ask(port, &self.identity)).await {
            Err(_) => Verdict::Down(TunnelReason::DaemonSilent),
            Ok(verdict) => verdict,
        };
        let mut inner = self.lock();
        if inner.port == port {
            inner.cache.settle(&ticket, verdict, Instant::now());
            inner.probe = None;
        }
        drop(inner);
        tracing::debug!(port, ?verdict, "daemon.probed");
        sender.send_replace(Some(verdict));
    }

    /// The state for `port`. A daemon that moved to another port is another daemon.
    fn on(&self, port: u16) -> MutexGuard<'_, Inner> {
        let mut inner = self.lock();
        if inner.port != port {
            *inner = Inner { port, cache: HealthCache::default(), probe: None };
        }
        inner
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn settled(mut waiting: watch::Receiver<Option<Verdict>>) -> Verdict {
    match waiting.wait_for(Option::is_some).await {
        Ok(verdict) => verdict.unwrap_or(Verdict::Down(TunnelReason::DaemonAway)),
        // The probing task ended without a verdict: the runtime is shutting down.
        Err(_) => Verdict::Down(TunnelReason::DaemonAway),
    }
}

async fn ask(port: u16, identity: &Identity) -> Verdict {
    match exchange(port, identity).await {
        Ok(verdict) => verdict,
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Verdict::Down(TunnelReason::DaemonAway),
        Err(_) => Verdict::Down(TunnelReason::DaemonBroken),
    }
}

async fn exchange(port: u16, identity: &Identity) -> io::Result<Verdict> {
    let nonce = Nonce::random().map_err(io::Error::other)?;
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request = format!(
        "GET /health HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{NONCE_HEADER}: {}\r\nConnection: close\r\n\r\n",
        nonce.as_str()
    );
    stream.write_all(request.as_bytes()).await?;
    let Ok(block) = Block::read(&mut stream, Vec::new()).await else {
        return Ok(Verdict::Down(TunnelReason::DaemonBroken));
    };
    let proved = block.header(PROOF_HEADER).is_some_and(|proof| identity.verify(Role::Daemon, nonce.as_str(), proof));
    if !proved {
        return Ok(Verdict::Down(TunnelReason::Foreign));
    }
    // A daemon that says of itself that it is not well is left alone.
    if block.status() != Some(200) {
        return Ok(Verdict::Down(TunnelReason::DaemonAway));
    }
    let missing = block.content_length().unwrap_or(0).saturating_sub(block.rest.len()) as u64;
    let mut document = Vec::new();
    stream.take(missing.min(DOCUMENT_BYTES_MAX)).read_to_end(&mut document).await?;
    Ok(Verdict::Up)
}
