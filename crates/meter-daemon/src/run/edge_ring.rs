//! Fetches from the edge what went past the daemon, also for the time it was away.
//!
//! Records are idempotent by the edge's boot and number, so asking again from the beginning after a restart counts
//! nothing twice.

use crate::services::Services;
use meter_call::UnixMillis;
use meter_hop::paths::Home;
use meter_hop::{CoveragePage, Document, EffectivePorts, TunnelRecord};
use meter_store::{CoverageRecord, Kept};
use meter_sys::process;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long the edge may take for a page.
const PATIENCE: Duration = Duration::from_secs(5);
/// One page; more is no page of an edge's.
const PAGE_BYTES_MAX: u64 = 4 << 20;

/// Where reading stopped.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    boot: String,
    after: u64,
}

/// Takes over everything new. An edge that is not there is no error: it keeps its ring.
pub(super) async fn fetch(services: &Services, home: &Home, instance: &str, cursor: &mut Cursor) {
    loop {
        let Some(port) = edge_port(home, instance) else { return };
        let page = match tokio::time::timeout(PATIENCE, page(port, cursor.after)).await {
            Ok(Ok(page)) if page.instance == instance => page,
            Ok(Ok(_)) => return,
            Ok(Err(error)) => return tracing::debug!(%error, "coverage.unread"),
            Err(_) => return tracing::debug!("coverage.slow"),
        };
        if page.boot != cursor.boot {
            let asked_from = cursor.after;
            *cursor = Cursor { boot: page.boot.clone(), after: 0 };
            if asked_from > 0 {
                continue;
            }
        }
        let Some(newest) = page.records.last().map(|record| record.seq) else { return };
        for record in &page.records {
            if services.journal.coverage(&kept(&page.boot, record, (services.now)())) == Kept::Lost {
                // The edge keeps its ring; the next look begins here again.
                return tracing::warn!(seq = record.seq, "coverage.not_taken");
            }
            cursor.after = record.seq;
        }
        if newest >= page.last {
            return;
        }
    }
}

fn edge_port(home: &Home, instance: &str) -> Option<u16> {
    let ports = EffectivePorts::read(&home.effective_ports()).ok()?;
    ports.live_edge(instance, process::lives).map(|section| section.port)
}

fn kept(boot: &str, record: &TunnelRecord, now: UnixMillis) -> CoverageRecord {
    CoverageRecord {
        edge: boot.to_owned(),
        seq: record.seq,
        at: meter_store::parse_rfc3339(&record.opened_at).unwrap_or(now),
        host: record.host.clone(),
        process: record.process.clone(),
        outcome: record.reason.as_str().to_owned(),
        connections: 1,
        bytes_up: record.bytes_up,
        bytes_down: record.bytes_down,
        duration_ms: record.duration_ms,
    }
}

async fn page(port: u16, after: u64) -> io::Result<CoveragePage> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    let request =
        format!("GET /coverage?after={after} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(PAGE_BYTES_MAX).read_to_end(&mut answer).await?;
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(|| invalid("no head"))?;
    if !answer.starts_with(b"HTTP/1.1 200 ") {
        return Err(invalid("not 200"));
    }
    serde_json::from_slice(&answer[end + 4..]).map_err(io::Error::from)
}
