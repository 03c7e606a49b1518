//! Raw bytes to the origin, never opened, and the record that they went past the meter.

use crate::chain::Ends;
use crate::door::{Client, Door};
use crate::one_request::{Body, OneRequest};
use crate::plain;
use crate::splice::splice;
use meter_hop::{TunnelReason, TunnelRecord, rfc3339};
use meter_sys::socket::reset_on_close_of;
use std::io;
use std::time::{Instant, SystemTime};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// What a CONNECT client hears before the bytes flow.
pub(crate) const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection Established\r\n\r\n";

/// Where a tunnel goes and why.
#[derive(Clone, Debug)]
pub(crate) struct Passage {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) reason: TunnelReason,
}

/// What is said on each side before the splice.
#[derive(Debug, Default)]
pub(crate) struct Opening {
    pub(crate) to_client: Vec<u8>,
    pub(crate) to_origin: Vec<u8>,
}

/// Connects to the origin, says the opening and copies until the end. An origin that cannot be reached is told to the
/// client as 502 or 504. Of the client's bytes goes on what belongs to `body`.
pub(crate) async fn pass(door: &Door, mut client: Client, ends: Ends, passage: Passage, opening: Opening, body: Body) {
    let (started, opened_at) = (Instant::now(), rfc3339(SystemTime::now()));
    let search = door.who.search(ends);
    let dialer = door.settings.now().dialer.clone();
    let (up, down, error) = match dialer.connect(&passage.host, passage.port).await {
        Ok(origin) => flow(client, origin, opening, body).await,
        Err(error) => {
            let text = error.text();
            tracing::info!(host = passage.host, port = passage.port, %text, "origin.unreachable");
            crate::counters::raise(&door.counters.failed);
            plain::answer(&mut client, error.status(), &text).await;
            (0, 0, Some(text))
        }
    };
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let Passage { host, port, reason } = passage;
    door.coverage.add(TunnelRecord {
        seq: 0,
        opened_at,
        host: host.clone(),
        port,
        reason,
        bytes_up: up,
        bytes_down: down,
        duration_ms,
        process: search.found().await,
        error,
    });
    tracing::debug!(host, port, reason = reason.as_str(), up, down, duration_ms, "tunnel.closed");
}

/// Says the opening on both sides, copies, and ends both sides the same way. Gives bytes up, bytes down and what broke.
pub(crate) async fn flow(
    mut client: Client,
    mut origin: TcpStream,
    opening: Opening,
    body: Body,
) -> (u64, u64, Option<String>) {
    let said = async {
        client.write_all(&opening.to_client).await?;
        client.flush().await?;
        origin.write_all(&opening.to_origin).await
    };
    let (up, down, error) = match said.await {
        Ok(()) => {
            let spliced = splice(&mut OneRequest { client: &mut client, body }, &mut origin).await;
            (spliced.up, spliced.down, spliced.error)
        }
        Err(error) => (0, 0, Some(error)),
    };
    if error.is_some() {
        mirror_reset(&client, &origin);
    }
    (up + opening.to_origin.len() as u64, down, error.map(|error: io::Error| error.to_string()))
}

fn mirror_reset(client: &Client, origin: &TcpStream) {
    for outcome in [reset_on_close_of(client.as_ref()), reset_on_close_of(origin)] {
        // Only an already dead socket fails here, and it needs no reset.
        if let Err(error) = outcome {
            tracing::debug!(%error, "reset.failed");
        }
    }
}
