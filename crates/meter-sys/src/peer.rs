//! Which process is at the other end of a loopback connection.
//!
//! Two questions with very different prices: [`owner`] belongs on the hot path, [`process_of`] does not. On Linux the
//! first is one netlink round trip (2.7 µs) and the second may walk every process of the machine (40 to 140 ms). On macOS
//! the first reads the kernel's table of connections (reports say 0.2 ms), which names the process too, and walks the
//! user's own processes where that table is not understood.
//!
//! The macOS side is type-checked, linked and tested as far as it reads bytes, but **has not run on a Mac**. On other
//! systems `owner` answers [`Unsupported`](std::io::ErrorKind::Unsupported): a uid is then not checked, and attribution
//! has to do without the process.

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
    /// What tells the socket from others: on Linux its number in the system's table, which `/proc/PID/fd` repeats; on
    /// macOS the client's port in the upper half and the server's in the lower.
    pub inode: u32,
    /// The process, where the system's table names it (macOS).
    pub pid: Option<u32>,
}

/// A process as it was when it was asked for. What could not be read is absent.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ProcessSnapshot {
    /// Process id.
    pub pid: u32,
    /// Start time: on Linux in clock ticks since boot, on macOS in microseconds since 1970. With `pid` it names one
    /// process for ever.
    pub started_ticks: u64,
    /// Short name as the system shows it: at most 15 bytes on Linux, 31 on macOS.
    pub name: String,
    /// The executable.
    pub exe: Option<PathBuf>,
    /// The working directory.
    pub cwd: Option<PathBuf>,
    /// Arguments, the program's name first; bytes that are no UTF-8 are replaced.
    pub argv: Vec<String>,
    /// Variables that were asked for, as the process was started with them. macOS withholds those of its own programs.
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
/// other systems than Linux and macOS, else what the system said.
pub fn owner(client: SocketAddr, server: SocketAddr) -> io::Result<Owner> {
    #[cfg(target_os = "linux")]
    return linux::sock_diag::owner(client, server);
    #[cfg(target_os = "macos")]
    return darwin::lookup::owner(client, server);
    #[cfg(not(any(target_os = "linux", target_os = "macos")))]
    {
        let _ = (client, server);
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// The process that holds the socket. `hint` are pids to look at first, the likeliest first; `variables` are the names
/// of environment variables worth knowing.
///
/// `None` when no process with it can be read: it has gone, belongs to another user, or hides its descriptors. Where
/// several share the socket, the one the system names wins, then the first of `hint`, then the youngest.
///
/// Blocking, and slow without a good hint: call it off the hot path.
pub fn process_of(owner: &Owner, hint: &[u32], variables: &[&str]) -> Option<ProcessSnapshot> {
    #[cfg(target_os = "linux")]
    return linux::proc_fs::holder(owner, hint).and_then(|pid| linux::proc_fs::snapshot(pid, variables).ok());
    #[cfg(target_os = "macos")]
    return darwin::lookup::process_of(owner, hint, variables);
    #[cfg(not(any(target_os = "linux", target_os = "macos")))]
    {
        let _ = (owner, hint, variables);
        None
    }
}

/// The process `pid` as it is now.
///
/// # Errors
/// `NotFound` when it has gone, `Unsupported` on other systems than Linux and macOS.
pub fn snapshot(pid: u32, variables: &[&str]) -> io::Result<ProcessSnapshot> {
    #[cfg(target_os = "linux")]
    return linux::proc_fs::snapshot(pid, variables);
    #[cfg(target_os = "macos")]
    return darwin::lookup::snapshot(pid, variables);
    #[cfg(not(any(target_os = "linux", target_os = "macos")))]
    {
        let _ = (pid, variables);
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(target_os = "macos")]
use crate::darwin;
#[cfg(target_os = "linux")]
use crate::linux;
