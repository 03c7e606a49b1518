//! Takes a connection, reads its head and sends it one of two ways.

use crate::chain::{self, Chained, Ends};
use crate::counters::{Activity, Counters, raise};
use crate::coverage::Ring;
use crate::daemon::Daemon;
use crate::head::{Block, HeadError};
use crate::health::Verdict;
use crate::one_request::Body;
use crate::plain;
use crate::settings::InForce;
use crate::tunnel::{self, ESTABLISHED, Opening, Passage};
use crate::who::Who;
use async_trait::async_trait;
use meter_hop::timing::HEAD_PATIENCE;
use meter_hop::{Identity, TunnelReason, split_authority};
use pingora::apps::ServerApp;
use pingora::protocols::l4::stream::Stream as L4Stream;
use pingora::protocols::{GetSocketDigest, Stream};
use pingora::server::ShutdownWatch;
use std::sync::Arc;
use std::time::Instant;
use tokio::time::timeout;

/// The client's connection.
pub(crate) type Client = Box<L4Stream>;

/// All that connections share.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) identity: Arc<Identity>,
    /// Different at every start.
    pub(crate) boot: String,
    /// Where clients find us.
    pub(crate) port: u16,
    pub(crate) started: Instant,
    pub(crate) settings: InForce,
    pub(crate) daemon: Arc<Daemon>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) activity: Activity,
    pub(crate) coverage: Ring,
    pub(crate) who: Who,
}

impl Door {
    pub(crate) fn new(identity: Identity, boot: String, port: u16) -> Door {
        let (identity, counters) = (Arc::new(identity), Arc::new(Counters::default()));
        let started = Instant::now();
        Door {
            daemon: Arc::new(Daemon::new(Arc::clone(&identity), Arc::clone(&counters))),
            identity,
            boot,
            port,
            started,
            settings: InForce::default(),
            counters,
            activity: Activity::new(started),
            coverage: Ring::default(),
            who: Who::new(),
        }
    }

    async fn serve(&self, mut client: Client, ends: Ends) {
        raise(&self.counters.connections);
        let block = match timeout(HEAD_PATIENCE, Block::read(&mut client, Vec::new())).await {
            Ok(Ok(block)) => block,
            // Browsers open spare connections and close them unused.
            Ok(Err(HeadError::Closed(false))) => return,
            Ok(Err(error)) => return self.bad_head(client, &error).await,
            Err(_) => return self.slow_head(client).await,
        };
        match block.request() {
            Some(("CONNECT", target)) => match split_authority(target, 443) {
                Ok((host, port)) => self.connect(client, ends, host, port, block.rest).await,
                Err(error) => plain::answer(&mut client, 400, &error.to_string()).await,
            },
            _ => plain::serve(self, client, ends, block).await,
        }
    }

    async fn connect(&self, client: Client, ends: Ends, host: String, port: u16, rest: Vec<u8>) {
        let open = self.activity.begin();
        let reason = match self.chain(&host, port, ends).await {
            Chained::Established { daemon, early } => {
                raise(&self.counters.chained);
                let to_client = [ESTABLISHED, &early].concat();
                let (up, down, error) =
                    tunnel::flow(client, daemon, Opening { to_client, to_origin: rest }, Body::Everything).await;
                drop(open);
                tracing::debug!(host, port, up, down, error, "chain.closed");
                return;
            }
            Chained::Answered(answer) => {
                raise(&self.counters.failed);
                let mut client = client;
                return plain::pass_on(&mut client, &answer).await;
            }
            Chained::Bypass(reason) => reason,
        };
        if reason == TunnelReason::NotMetered {
            raise(&self.counters.tunnelled);
        } else {
            raise(&self.counters.bypassed);
            tracing::debug!(host, port, reason = reason.as_str(), "chain.bypassed");
        }
        let opening = Opening { to_client: ESTABLISHED.to_vec(), to_origin: rest };
        tunnel::pass(self, client, ends, Passage { host, port, reason }, opening, Body::Everything).await;
    }

    async fn chain(&self, host: &str, port: u16, ends: Ends) -> Chained {
        let settings = self.settings.now();
        if !settings.hosts.contains(host, port) {
            return Chained::Bypass(TunnelReason::NotMetered);
        }
        let Some(daemon_port) = settings.daemon_port else {
            return Chained::Bypass(TunnelReason::DaemonAway);
        };
        if let Verdict::Down(reason) = self.daemon.verdict(daemon_port).await {
            return Chained::Bypass(reason);
        }
        let authority = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        chain::chain(&self.daemon, &self.identity, daemon_port, &authority, ends).await
    }

    async fn bad_head(&self, mut client: Client, error: &HeadError) {
        raise(&self.counters.bad_heads);
        tracing::debug!(%error, "head.bad");
        match error {
            HeadError::TooLong => plain::answer(&mut client, 431, "the request head is too long").await,
            HeadError::NotHttp => plain::answer(&mut client, 400, "this is not HTTP/1").await,
            HeadError::Closed(_) | HeadError::Io(_) => {}
        }
    }

    async fn slow_head(&self, mut client: Client) {
        raise(&self.counters.bad_heads);
        tracing::debug!("head.slow");
        plain::answer(&mut client, 408, "the request head did not come in time").await;
    }
}

/// The door as Pingora sees it.
pub(crate) struct App(pub(crate) Arc<Door>);

#[async_trait]
impl ServerApp for App {
    async fn process_new(self: &Arc<Self>, stream: Stream, _shutdown: &ShutdownWatch) -> Option<Stream> {
        // Every listener of ours is a TCP one, so the downcast holds; a stream of another kind is let go.
        let client = stream.into_any().downcast::<L4Stream>().ok()?;
        let digest = client.get_socket_digest()?;
        let address = |found: Option<&pingora::protocols::l4::socket::SocketAddr>| found?.as_inet().copied();
        let ends = Ends { client: address(digest.peer_addr())?, edge: address(digest.local_addr())? };
        self.0.serve(client, ends).await;
        None
    }
}
