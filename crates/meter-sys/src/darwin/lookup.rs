//! From a connection to the process at its other end.

use super::{libproc, pcblist, procargs, sysctl};
use crate::peer::{Owner, PARENTS_MAX, ParentSnapshot, ProcessSnapshot};
use std::io;
use std::net::SocketAddr;

/// The kernel's table first, one call. Where it has another form than the known one, or does not list the connection,
/// the processes' own descriptors decide.
pub(crate) fn owner(client: SocketAddr, server: SocketAddr) -> io::Result<Owner> {
    let canonical = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    let (client, server) = (canonical(client), canonical(server));
    if client.is_ipv4() != server.is_ipv4() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let inode = u32::from(client.port()) << 16 | u32::from(server.port());
    let listed = sysctl::connections().ok().and_then(|table| pcblist::find(&table, client, server).ok().flatten());
    if let Some(entry) = listed {
        return Ok(Owner { uid: entry.uid, inode, pid: entry.pid });
    }
    // Without the scope and flow of an IPv6 address, which the descriptors' answers lack.
    let bare = |address: SocketAddr| SocketAddr::new(address.ip(), address.port());
    let (client, server) = (bare(client), bare(server));
    let pid = find(&[], &|own, peer| own == client && peer == server)?;
    let pid = pid.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    Ok(Owner { uid: libproc::facts(pid)?.pbi_uid, inode, pid: u32::try_from(pid).ok() })
}

/// The process the kernel named, else the one that holds a socket between the two ports.
pub(crate) fn process_of(owner: &Owner, hint: &[u32], variables: &[&str]) -> Option<ProcessSnapshot> {
    if let Some(named) = owner.pid.and_then(|pid| snapshot(pid, variables).ok()) {
        return Some(named);
    }
    let ports = ((owner.inode >> 16) as u16, owner.inode as u16);
    let local = |address: SocketAddr| address.ip().is_loopback();
    let hint: Vec<i32> = hint.iter().filter_map(|pid| i32::try_from(*pid).ok()).collect();
    let pid = find(&hint, &|own, peer| (own.port(), peer.port()) == ports && local(own) && local(peer)).ok()??;
    snapshot(u32::try_from(pid).ok()?, variables).ok()
}

fn find(hint: &[i32], matches: &impl Fn(SocketAddr, SocketAddr) -> bool) -> io::Result<Option<i32>> {
    if let Some(pid) = hint.iter().copied().find(|pid| libproc::holds(*pid, matches)) {
        return Ok(Some(pid));
    }
    let mut others = libproc::pids()?.into_iter().filter(|pid| !hint.contains(pid));
    Ok(others.find(|pid| libproc::holds(*pid, matches)))
}

pub(crate) fn snapshot(pid: u32, variables: &[&str]) -> io::Result<ProcessSnapshot> {
    let signed = i32::try_from(pid).map_err(|_| io::Error::from(io::ErrorKind::NotFound))?;
    let facts = libproc::facts(signed)?;
    // Another user's process gives none; the rest is worth having without.
    let (argv, environ) = procargs::read(&sysctl::arguments(signed).unwrap_or_default(), variables);
    let snapshot = ProcessSnapshot {
        pid,
        started_ticks: started(&facts),
        name: name(&facts),
        exe: libproc::executable(signed),
        cwd: libproc::working_directory(signed),
        argv,
        environ,
        parents: parents(signed, facts),
    };
    // The pid may have passed to another process meanwhile.
    match started(&libproc::facts(signed)?) == snapshot.started_ticks {
        true => Ok(snapshot),
        false => Err(io::ErrorKind::NotFound.into()),
    }
}

/// Whether the process is there and not just waiting to be reaped. `None`: not ours to ask.
pub(crate) fn lives(pid: i32) -> Option<bool> {
    Some(libproc::facts(pid).ok()?.pbi_status != libc::SZOMB)
}

fn parents(pid: i32, facts: libc::proc_bsdinfo) -> Vec<ParentSnapshot> {
    let mut found = Vec::new();
    let (mut pid, mut facts) = (pid, facts);
    while found.len() < PARENTS_MAX && facts.pbi_ppid > 1 && !leads_a_session(pid) {
        let Ok(parent) = i32::try_from(facts.pbi_ppid) else { break };
        // A terminal's `login` belongs to root and does not answer.
        let Ok(next) = libproc::facts(parent) else { break };
        // A child cannot be older than its parent: that pid was given out anew.
        if started(&next) > started(&facts) {
            break;
        }
        (pid, facts) = (parent, next);
        found.push(ParentSnapshot {
            pid: facts.pbi_pid,
            name: name(&facts),
            exe: libproc::executable(pid),
            cwd: libproc::working_directory(pid),
            argv: procargs::read(&sysctl::arguments(pid).unwrap_or_default(), &[]).0,
        });
    }
    found
}

fn leads_a_session(pid: i32) -> bool {
    // SAFETY: takes a number and touches no memory.
    let session = unsafe { libc::getsid(pid) };
    session == pid
}

/// Microseconds since 1970.
fn started(facts: &libc::proc_bsdinfo) -> u64 {
    facts.pbi_start_tvsec.saturating_mul(1_000_000).saturating_add(facts.pbi_start_tvusec)
}

fn name(facts: &libc::proc_bsdinfo) -> String {
    let long = libproc::text(&facts.pbi_name);
    let bytes = if long.is_empty() { libproc::text(&facts.pbi_comm) } else { long };
    String::from_utf8_lossy(&bytes).into_owned()
}
