//! Opens both TLS legs of a metered connection, or leaves it closed.
//!
//! The rule of every doubt: the client sees what it would have seen without us. So whatever cannot be opened on honest
//! terms is tunnelled, with the bytes read so far replayed, and the reason is kept.

mod downstream;
mod hello;
mod upstream;

pub use downstream::{ClientError, DownstreamTls, LeafSource};
pub use upstream::{OriginError, UpstreamTls};

use crate::connection::Connection;
use crate::fallout::Unopened;
use crate::pinned::{PinKey, Pins};
use crate::relay::{Carried, relay};
use crate::witness::{Nobody, Witness};
use hello::{First, Hello};
use meter_call::UnixMillis;
use meter_dial::{DialError, Dialer};
use meter_hop::MeteredHosts;
use meter_tap::{End, Protocol};
use pingora::protocols::l4::stream::Stream as L4Stream;
use std::io;
use std::sync::Arc;
use tokio::net::TcpStream;

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
    /// The client's socket failed before anything was opened.
    Broken(io::Error),
}

impl Interceptor {
    /// Serves a connection whose CONNECT was answered with 200.
    pub async fn serve(&self, connection: &Arc<Connection>, mut client: L4Stream, origin: TcpStream) -> Outcome {
        if let Err(reason) = self.wanted(connection).await {
            return tunnel(reason, client, origin).await;
        }
        let (hello, bytes) = match hello::first(&mut client, &origin).await {
            Err(error) => return Outcome::Broken(error),
            Ok(First::Nothing) => return Outcome::Nothing,
            Ok(First::NotTls(bytes)) => {
                client.rewind(&bytes);
                return tunnel(Unopened::NotTls, client, origin).await;
            }
            Ok(First::OriginActed(bytes)) => {
                client.rewind(&bytes);
                return tunnel(Unopened::OriginFirst, client, origin).await;
            }
            Ok(First::Hello(hello, bytes)) => (hello, bytes),
        };
        // Either our own handshake reads it, or the origin does.
        client.rewind(&bytes);
        if let Err(reason) = self.openable(&connection.host, &hello) {
            return tunnel(reason, client, origin).await;
        }
        let origin = match self.upstream.open(&connection.host, &hello.alpn, origin).await {
            Ok(origin) => origin,
            Err(error) => return self.start_again(connection, error.into(), client).await,
        };
        let chosen = origin.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        let client = match self.downstream.accept(&connection.host, chosen.as_deref(), client).await {
            Ok(client) => client,
            Err(error) => {
                self.note_failure(connection, &error).await;
                return Outcome::ClientFailed(error);
            }
        };
        let protocol = if chosen.as_deref() == Some(b"h2") { Protocol::H2 } else { Protocol::H1 };
        let carried = relay(client, origin, (self.witness)(connection, protocol)).await;
        self.note_use(connection, &carried).await;
        Outcome::Opened(protocol, carried)
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
        match self.dialer.connect(&connection.host, connection.port).await {
            Ok(origin) => tunnel(reason, client, origin).await,
            Err(error) => {
                crate::leg::Leg::reset_on_close(&client);
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
            ClientError::Slow | ClientError::Handshake(_) => false,
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

async fn tunnel(reason: Unopened, client: L4Stream, origin: TcpStream) -> Outcome {
    let carried = relay(client, origin, Nobody).await;
    Outcome::Tunnelled(reason, carried)
}
