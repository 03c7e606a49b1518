//! Which process is at the other end of a loopback connection.
//!
//! Two questions with very different prices on Linux: [`owner`] is one netlink round trip (2.7 µs) and belongs on the
//! hot path; [`process_of`] may walk every process of the machine (40 to 140 ms) and does not.
//!
//! On other systems `owner` answers [`Unsupported`](std::io::ErrorKind::Unsupported): a uid is then not checked, and
//! attribution has to do without the process.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Most ancestors a snapshot holds.
pub const PARENTS_MAX: usize = 16;

/// Who opened a socket.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Owner {
    /// Effective user id at the time it was opened.
    pub uid: u32,
    /// The socket's number in the system's table, which `/proc/PID/fd` repeats.
    pub inode: u32,
}

/// A process as it was when it was asked for. What could not be read is absent.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ProcessSnapshot {
    /// Process id.
    pub pid: u32,
    /// Start time in clock ticks since boot; with `pid` it names one process for ever.
    pub started_ticks: u64,
    /// Short name, at most 15 bytes, as the system shows it.
    pub name: String,
    /// The executable.
    pub exe: Option<PathBuf>,
    /// The working directory.
    pub cwd: Option<PathBuf>,
    /// Arguments, the program's name first; bytes that are no UTF-8 are replaced.
    pub argv: Vec<String>,
    /// Variables that were asked for, as the process was started with them.
    pub environ: BTreeMap<String, String>,
    /// Ancestors, nearest first, up to and with the session's leader.
    pub parents: Vec<ParentSnapshot>,
}

/// An ancestor of a process.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ParentSnapshot {
    /// Process id.
    pub pid: u32,
    /// Short name.
    pub name: String,
    /// The executable.
    pub exe: Option<PathBuf>,
    /// The working directory.
    pub cwd: Option<PathBuf>,
    /// Arguments.
    pub argv: Vec<String>,
}

/// The owner of the client's end of a connection: `client` is the address we see as its peer, `server` our own.
///
/// Ask while the connection is open. Both addresses must be of one family; IPv4 mapped into IPv6 counts as IPv4.
///
/// # Errors
/// `NotFound` when there is no such connection on this machine, `InvalidInput` for mixed families, `Unsupported` on
/// other systems than Linux, else what the system said.
pub fn owner(client: SocketAddr, server: SocketAddr) -> io::Result<Owner> {
    #[cfg(target_os = "linux")]
    return linux::sock_diag::owner(client, server);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (client, server);
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// The process that holds the socket. `hint` are pids to look at first, the likeliest first; `variables` are the names
/// of environment variables worth knowing.
///
/// `None` when no process with it can be read: it has gone, belongs to another user, or hides its descriptors. Where
/// several share the socket, the first of `hint` wins, then the youngest.
///
/// Blocking, and slow without a good hint: call it off the hot path.
pub fn process_of(owner: &Owner, hint: &[u32], variables: &[&str]) -> Option<ProcessSnapshot> {
    #[cfg(target_os = "linux")]
    return linux::proc_fs::holder(owner, hint).and_then(|pid| linux::proc_fs::snapshot(pid, variables).ok());
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (owner, hint, variables);
        None
    }
}

/// The process `pid` as it is now.
///
/// # Errors
/// `NotFound` when it has gone, `Unsupported` on other systems than Linux.
pub fn snapshot(pid: u32, variables: &[&str]) -> io::Result<ProcessSnapshot> {
    #[cfg(target_os = "linux")]
    return linux::proc_fs::snapshot(pid, variables);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (pid, variables);
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(target_os = "linux")]
use crate::linux;
