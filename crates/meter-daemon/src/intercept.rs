//! Opens both TLS legs of a metered connection, or leaves it closed.
//!
//! The rule of every doubt: the client sees what it would have seen without us. So whatever cannot be opened on honest
//! terms is tunnelled, with the bytes read so far replayed, and the reason is kept.

mod downstream;
mod greeting;
mod hello;
mod opened;
mod spares;
mod upstream;

pub use downstream::{ClientError, DownstreamTls, LeafSource};
pub use spares::{Clock, Spares};
pub use upstream::{OriginError, UpstreamTls};

use crate::connection::Connection;
use crate::fallout::Unopened;
use crate::leg::Leg;
use crate::pinned::{PinKey, Pins};
use crate::relay::{Carried, relay};
use crate::witness::{Nobody, Witness};
use hello::{First, Hello};
use meter_call::UnixMillis;
use meter_dial::{DialError, Dialer};
use meter_hop::MeteredHosts;
use meter_sys::socket::{self, Waiting};
use meter_tap::{End, Protocol};
use opened::Opened;
use pingora::protocols::l4::stream::Stream as L4Stream;
use spares::Key;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// How long a client may keep silent before it needs an origin of its own.
const SILENCE_MAX: Duration = Duration::from_secs(20);

/// Makes the reader of a connection that was opened.
pub type WitnessSource = Arc<dyn Fn(&Arc<Connection>, Protocol) -> Box<dyn Witness> + Send + Sync>;

/// Everything a connection needs to be opened. Immutable: a new configuration is a new one, the pins live on.
pub struct Interceptor {
    /// The road to origins.
    pub dialer: Dialer,
    /// Hosts that are opened at all.
    pub metered: MeteredHosts,
    /// TLS to origins.
    pub upstream: UpstreamTls,
    /// TLS to clients.
    pub downstream: DownstreamTls,
    /// Connections to origins that are ready.
    pub spares: Arc<Spares>,
    /// Clients that do not accept our certificate.
    pub pins: Arc<Pins>,
    /// Who reads along.
    pub witness: WitnessSource,
    /// The clock.
    pub now: fn() -> UnixMillis,
}

/// How an accepted connection went.
#[derive(Debug)]
pub enum Outcome {
    /// Opened and read along.
    Opened(Protocol, Carried),
    /// Raw bytes.
    Tunnelled(Unopened, Carried),
    /// The client did not get through our handshake.
    ClientFailed(ClientError),
    /// It left before it said what it wants.
    Nothing,
    /// It could not be opened, and the origin took no second connection.
    Lost(Unopened, DialError),
    /// A connection was ready and turned out to be of no use, and the origin took no other.
    Unreachable(DialError),
    /// The client's socket failed before anything was opened.
    Broken(io::Error),
}

/// The origin of a connection, as far as it was reached when the CONNECT was answered.
#[derive(Debug)]
pub enum Origin {
    /// Connected for this client.
    Connected(TcpStream),
    /// Not yet: a connection is ready that this client may turn out to have a use for.
    Ready,
}

impl Interceptor {
    /// Reaches the origin of a CONNECT.
    ///
    /// # Errors
    /// The client is to be told.
    pub async fn reach(&self, connection: &Connection) -> Result<Origin, DialError> {
        let Connection { host, port, .. } = connection;
        match self.spares.has(host, *port) {
            true => Ok(Origin::Ready),
            false => Ok(Origin::Connected(self.dialer.connect(host, *port).await?)),
        }
    }

    /// Serves a connection whose CONNECT was answered with 200.
    pub async fn serve(
        self: &Arc<Self>,
        connection: &Arc<Connection>,
        mut client: L4Stream,
        origin: Origin,
    ) -> Outcome {
        if let Err(reason) = self.wanted(connection).await {
            return self.tunnel(connection, reason, client, origin).await;
        }
        let Some(origin) = self.until_client_speaks(connection, &mut client, origin).await else {
            return Outcome::Nothing;
        };
        let first = match &origin {
            Origin::Connected(origin) => hello::first(&mut client, origin.peek(&mut [0])).await,
            // An origin that let us shake hands before does not speak first.
            Origin::Ready => hello::first(&mut client, std::future::pending::<()>()).await,
        };
        let (hello, bytes) = match first {
            Err(error) => return Outcome::Broken(error),
            Ok(First::Nothing) => return Outcome::Nothing,
            Ok(First::NotTls(bytes)) => {
                client.rewind(&bytes);
                return self.tunnel(connection, Unopened::NotTls, client, origin).await;
            }
            Ok(First::OriginActed(bytes)) => {
                client.rewind(&bytes);
                return self.tunnel(connection, Unopened::OriginFirst, client, origin).await;
            }
            Ok(First::Hello(hello, bytes)) => (hello, bytes),
        };
        // Either our own handshake reads it, or the origin does.
        client.rewind(&bytes);
        if let Err(reason) = self.openable(&connection.host, &hello) {
            return self.tunnel(connection, reason, client, origin).await;
        }
        let key = Key { host: connection.host.clone(), port: connection.port, offer: hello.alpn };
        let origin = match self.open(&key, origin).await {
            Ok(origin) => origin,
            Err(Closed::Unopened(error)) => return self.start_again(connection, error.into(), client).await,
            Err(Closed::Unreachable(error)) => {
                client.reset_on_close();
                return Outcome::Unreachable(error);
            }
        };
        // Who gave up waiting for the origin has not judged our certificate.
        if socket::waiting(&client) == Waiting::End {
            return Outcome::ClientFailed(ClientError::Gone);
        }
        let chosen = origin.protocol().map(<[u8]>::to_vec);
        let client = match self.downstream.accept(&connection.host, chosen.as_deref(), client).await {
            Ok(client) => client,
            Err(error) => {
                self.note_failure(connection, &error).await;
                return Outcome::ClientFailed(error);
            }
        };
        spares::keep(self, key);
        let protocol = if chosen.as_deref() == Some(b"h2") { Protocol::H2 } else { Protocol::H1 };
        let carried = relay(client, origin, (self.witness)(connection, protocol)).await;
        self.note_use(connection, &carried).await;
        Outcome::Opened(protocol, carried)
    }

    /// A client that opens a connection and keeps silent gets one to the origin after a while, whose end is then its own.
    /// `None` when it left.
    async fn until_client_speaks(
        &self,
        connection: &Connection,
        client: &mut L4Stream,
        origin: Origin,
    ) -> Option<Origin> {
        let Origin::Ready = origin else { return Some(origin) };
        let mut byte = [0];
        match tokio::time::timeout(SILENCE_MAX, client.read(&mut byte)).await {
            Ok(Ok(0) | Err(_)) => None,
            Ok(Ok(_)) => {
                client.rewind(&byte);
                Some(Origin::Ready)
            }
            Err(_) => match self.dialer.connect(&connection.host, connection.port).await {
                Ok(origin) => Some(Origin::Connected(origin)),
                Err(error) => {
                    tracing::debug!(%error, "intercept.origin_gone");
                    None
                }
            },
        }
    }

    /// TLS to the origin: the connection that is ready for this offer, else one of the client's own.
    async fn open(&self, key: &Key, origin: Origin) -> Result<Opened, Closed> {
        let tcp = match origin {
            Origin::Connected(tcp) => tcp,
            Origin::Ready => match self.spares.take(key).await {
                Some(spare) => return Ok(spare),
                None => self.dialer.connect(&key.host, key.port).await.map_err(Closed::Unreachable)?,
            },
        };
        self.upstream.open(&key.host, &key.offer, tcp).await.map(Opened::fresh).map_err(Closed::Unopened)
    }

    /// A connection for whoever comes next. What goes wrong is for the next client to find out on its own.
    async fn open_spare(&self, key: &Key) -> Option<Opened> {
        let opened = match self.dialer.connect(&key.host, key.port).await {
            Ok(tcp) => self.open(key, Origin::Connected(tcp)).await,
            Err(error) => Err(Closed::Unreachable(error)),
        };
        opened.inspect_err(|reason| tracing::debug!(host = key.host, ?reason, "spare.none")).ok()
    }

    async fn wanted(&self, connection: &Connection) -> Result<(), Unopened> {
        if !self.metered.contains(&connection.host, connection.port) {
            return Err(Unopened::NotMetered);
        }
        if self.pins.concern(&connection.host) {
            connection.caller.soon().await;
            if self.pins.holds(&pin_key(connection), (self.now)()) {
                return Err(Unopened::Pinned);
            }
        }
        Ok(())
    }

    fn openable(&self, host: &str, hello: &Hello) -> Result<(), Unopened> {
        match &hello.sni {
            None => return Err(Unopened::NoName),
            Some(name) if name != host => return Err(Unopened::OtherName),
            Some(_) => {}
        }
        if !hello.alpn.is_empty() && !hello.alpn.iter().any(|one| upstream::is_http(one)) {
            return Err(Unopened::NoHttp);
        }
        if !hello.compatible {
            return Err(Unopened::OldClient);
        }
        if !self.downstream.covers(host) {
            return Err(Unopened::NotCovered);
        }
        Ok(())
    }

    /// The first connection to the origin is spent; the client's hello has not been answered by anybody.
    async fn start_again(&self, connection: &Connection, reason: Unopened, client: L4Stream) -> Outcome {
        self.tunnel(connection, reason, client, Origin::Ready).await
    }

    async fn tunnel(&self, connection: &Connection, reason: Unopened, client: L4Stream, origin: Origin) -> Outcome {
        let origin = match origin {
            Origin::Connected(origin) => Ok(origin),
            // What is ready has shaken hands already; a client that is not opened does so itself.
            Origin::Ready => self.dialer.connect(&connection.host, connection.port).await,
        };
        match origin {
            Ok(origin) => {
                let carried = relay(client, origin, Nobody).await;
                Outcome::Tunnelled(reason, carried)
            }
            Err(error) => {
                client.reset_on_close();
                Outcome::Lost(reason, error)
            }
        }
    }

    async fn note_failure(&self, connection: &Connection, error: &ClientError) {
        let now = (self.now)();
        connection.caller.soon().await;
        let key = pin_key(connection);
        let news = match error {
            ClientError::Distrust(_) => self.pins.distrusted(key.clone(), now),
            ClientError::Left(_) => self.pins.left_silently(key.clone(), now),
            ClientError::Gone | ClientError::Slow | ClientError::Handshake(_) => false,
        };
        if news {
            self.tell(&key);
        }
    }

    /// Some clients check a pin only after the handshake: they leave without an application byte.
    async fn note_use(&self, connection: &Connection, carried: &Carried) {
        let key = pin_key(connection);
        if carried.up > 0 {
            self.pins.trusted(&key);
        } else if carried.client.is_some_and(|end| end != End::Clean)
            && self.pins.left_silently(key.clone(), (self.now)())
        {
            self.tell(&key);
        }
    }

    fn tell(&self, key: &PinKey) {
        tracing::warn!(host = %key.host, exe = ?key.exe, script = ?key.script, "client.distrusts_our_certificate");
    }
}

fn pin_key(connection: &Connection) -> PinKey {
    let caller = connection.caller.now();
    let exe = caller.as_ref().and_then(|facts| facts.process.exe.clone());
    let script = caller.as_ref().and_then(|facts| facts.script.clone());
    PinKey { exe, script, host: connection.host.clone() }
}

/// Why there is no opened origin.
#[derive(Debug)]
enum Closed {
    Unopened(OriginError),
    Unreachable(DialError),
}
