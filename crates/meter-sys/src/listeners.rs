//! Listening sockets that the service manager opened for us.
//!
//! systemd (`sd_listen_fds(3)`) and launchd (`launch(3)`) keep the socket open while the service restarts, so that clients
//! wait in its queue instead of being refused.

use std::io;
use std::net::TcpListener;
use std::os::fd::{BorrowedFd, RawFd};

/// The listeners that were handed over under `name`, ready for an event loop: non-blocking and closed on exec. Empty
/// when this process was started in another way.
///
/// `name` is `FileDescriptorName=` of a systemd socket unit, or the key below `Sockets` of a launchd list. A systemd
/// manager that gives no names means all of them. Ask once: a second question for the same name finds nothing.
///
/// # Errors
/// A descriptor that was promised and is not a listening TCP socket, or what the system said.
pub fn inherited(name: &str) -> io::Result<Vec<TcpListener>> {
    system::descriptors(name)?.into_iter().map(adopt).collect()
}

/// Makes a listener ready for an event loop: non-blocking (a blocking one froze a whole runtime) and closed on exec.
///
/// # Errors
/// What the system said.
pub fn prepare(listener: &TcpListener) -> io::Result<()> {
    use std::os::fd::AsFd;
    listener.set_nonblocking(true)?;
    close_on_exec(listener.as_fd())
}

fn adopt(raw: RawFd) -> io::Result<TcpListener> {
    use std::os::fd::FromRawFd;
    if !is_tcp_listener(raw) {
        let text = format!("inherited descriptor {raw} is not a listening TCP socket");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    // SAFETY: the manager opened it for this process, and `claimed` gives each number out once.
    let listener = unsafe { TcpListener::from_raw_fd(raw) };
    prepare(&listener)?;
    Ok(listener)
}

fn is_tcp_listener(raw: RawFd) -> bool {
    let option = |name: i32| {
        let (mut value, mut length) = (0i32, std::mem::size_of::<i32>() as libc::socklen_t);
        // SAFETY: the pointers describe `value` and `length`; a number that is not open is an error.
        let outcome = unsafe {
            libc::getsockopt(raw, libc::SOL_SOCKET, name, std::ptr::from_mut(&mut value).cast(), &raw mut length)
        };
        (outcome == 0).then_some(value)
    };
    // macOS does not answer SO_ACCEPTCONN for every socket; launchd hands over nothing but listeners.
    option(libc::SO_TYPE) == Some(libc::SOCK_STREAM)
        && (cfg!(not(target_os = "linux")) || option(libc::SO_ACCEPTCONN) == Some(1))
}

fn close_on_exec(socket: BorrowedFd<'_>) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    // SAFETY: the descriptor is open for the length of the call.
    match unsafe { libc::fcntl(socket.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

#[cfg(not(target_os = "macos"))]
mod system {
    use super::{RawFd, io};
    use std::sync::Mutex;

    /// First inherited descriptor (`SD_LISTEN_FDS_START`).
    const FIRST: RawFd = 3;

    /// Most descriptors that are believed; a systemd socket unit has a handful.
    const COUNT_MAX: RawFd = 64;

    static CLAIMED: Mutex<Vec<RawFd>> = Mutex::new(Vec::new());

    pub(super) fn descriptors(name: &str) -> io::Result<Vec<RawFd>> {
        let variable = |key: &str| std::env::var(key).ok();
        let promised =
            Promised { pid: variable("LISTEN_PID"), count: variable("LISTEN_FDS"), names: variable("LISTEN_FDNAMES") };
        let mut claimed = CLAIMED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut fresh = promised.under(name, std::process::id());
        fresh.retain(|raw| !claimed.contains(raw));
        claimed.extend(&fresh);
        Ok(fresh)
    }

    struct Promised {
        pid: Option<String>,
        count: Option<String>,
        names: Option<String>,
    }

    impl Promised {
        /// The pid keeps a child from taking its parent's sockets for its own.
        fn under(&self, name: &str, own_pid: u32) -> Vec<RawFd> {
            let pid = self.pid.as_deref().and_then(|text| text.parse::<u32>().ok());
            let count = self.count.as_deref().and_then(|text| text.parse::<RawFd>().ok()).unwrap_or(0);
            if pid != Some(own_pid) || !(0..=COUNT_MAX).contains(&count) {
                return Vec::new();
            }
            let names: Option<Vec<&str>> = self.names.as_deref().map(|names| names.split(':').collect());
            let named = |at: RawFd| names.as_ref().is_none_or(|names| names.get(at as usize) == Some(&name));
            (0..count).filter(|at| named(*at)).map(|at| FIRST + at).collect()
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn check(pid: &str, count: &str, names: Option<&str>, expected: &[RawFd]) {
            let promised =
                Promised { pid: Some(pid.into()), count: Some(count.into()), names: names.map(ToOwned::to_owned) };
            assert_eq!(promised.under("edge", 42), expected, "{pid} {count} {names:?}");
        }

        #[test]
        fn only_our_own_descriptors_are_taken() {
            check("42", "1", Some("edge"), &[3]);
            check("42", "3", Some("edge:api:edge"), &[3, 5]);
            check("42", "2", None, &[3, 4]);
            check("42", "2", Some("edge"), &[3]);
            check("43", "1", Some("edge"), &[]);
            check("", "1", None, &[]);
            check("42", "-1", None, &[]);
            check("42", "100000", None, &[]);
        }
    }
}

#[cfg(target_os = "macos")]
mod system {
    use super::{RawFd, io};
    use std::ffi::{CString, c_char, c_int};

    unsafe extern "C" {
        /// In libSystem; `launch(3)`. The array is allocated with malloc and ours to free.
        fn launch_activate_socket(name: *const c_char, descriptors: *mut *mut c_int, count: *mut usize) -> c_int;
    }

    pub(super) fn descriptors(name: &str) -> io::Result<Vec<RawFd>> {
        let name = CString::new(name).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        let (mut array, mut count) = (std::ptr::null_mut::<c_int>(), 0usize);
        // SAFETY: the name ends in a zero and both pointers are to our own variables.
        match unsafe { launch_activate_socket(name.as_ptr(), &raw mut array, &raw mut count) } {
            0 => {}
            // Not in the list, not started by launchd, or already taken: nothing to inherit.
            libc::ENOENT | libc::ESRCH | libc::EALREADY => return Ok(Vec::new()),
            error => return Err(io::Error::from_raw_os_error(error)),
        }
        if array.is_null() {
            return Ok(Vec::new());
        }
        // SAFETY: launchd filled `count` entries.
        let found = unsafe { std::slice::from_raw_parts(array, count) }.to_vec();
        // SAFETY: the array came from malloc and is not used again.
        unsafe { libc::free(array.cast()) };
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::{AsFd, AsRawFd, IntoRawFd};

    #[test]
    fn a_listener_is_adopted_non_blocking_and_closed_on_exec() {
        let raw = TcpListener::bind("127.0.0.1:0").unwrap().into_raw_fd();
        let listener = adopt(raw).unwrap();
        assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        // SAFETY: asks for flags only.
        let flags = unsafe { libc::fcntl(listener.as_fd().as_raw_fd(), libc::F_GETFD) };
        assert_eq!(flags & libc::FD_CLOEXEC, libc::FD_CLOEXEC);
    }

    #[test]
    fn anything_else_is_refused() {
        let file = tempfile::tempfile().unwrap();
        assert!(adopt(file.as_raw_fd()).is_err());
        assert!(adopt(-1).is_err());
    }

    #[test]
    fn a_process_started_by_hand_inherits_nothing() {
        assert!(inherited("edge").unwrap().is_empty());
    }
}
