//! The port that clients will be given, chosen before the edge runs.

use crate::error::ApplyError;
use meter_hop::{Document, EdgeSection, EffectivePorts, FORBIDDEN_PORT, Identity, Section, paths::Home, rfc3339};
use meter_manifest::config::DaemonSettings;
use std::net::{Ipv4Addr, TcpListener};
use std::time::SystemTime;

/// The process id in a section that nobody holds yet.
const NOBODY: u32 = 0;

/// How far above the wanted port a free one is looked for.
const REACH: u16 = 100;

/// Makes sure that `effective-ports.json` names a port for the edge, and gives it.
///
/// A port that is there stays, because clients carry it in their environment; `anew` (the setting was changed) chooses
/// again unless an edge holds it. A taken port gives way to the next free one above, never 8080 and never another role's.
///
/// # Errors
/// [`ApplyError::Write`] when the file cannot be written.
pub fn settle_edge_port(
    home: &Home,
    identity: &Identity,
    wanted: &DaemonSettings,
    anew: bool,
    lives: impl Fn(u32) -> bool,
) -> Result<u16, ApplyError> {
    let path = home.effective_ports();
    let ports = EffectivePorts::read(&path).unwrap_or_default();
    if let Some(section) = ports.edge.filter(|_| ports.instance == identity.id())
        && (!anew || lives(section.pid))
    {
        return Ok(section.port);
    }
    let taken = [FORBIDDEN_PORT, wanted.internal_port, wanted.api_port];
    let free = (wanted.edge_port..=wanted.edge_port.saturating_add(REACH))
        .filter(|port| !taken.contains(port))
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
    // With none free the edge itself says so, about the port that was asked for.
    let port = free.unwrap_or(wanted.edge_port);
    let section = EdgeSection { port, pid: NOBODY, started_at: rfc3339(SystemTime::now()) };
    EffectivePorts::publish(&path, identity.id(), &Section::Edge(section))?;
    Ok(port)
}
