//! Settings of an open socket.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

/// Makes the next close of the connection a reset instead of an orderly end.
///
/// A proxy mirrors a reset with it: the other side must not take a broken-off answer for a complete one.
///
/// # Errors
/// What the system said; the close is an orderly one then.
pub fn reset_on_close(socket: BorrowedFd<'_>) -> io::Result<()> {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    set(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_LINGER, &linger)
}

/// The same for a type that gives out only the descriptor's number.
///
/// # Errors
/// As [`reset_on_close`]; a number that is no open socket is one.
pub fn reset_on_close_of(socket: &impl AsRawFd) -> io::Result<()> {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    set(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_LINGER, &linger)
}

fn set<T>(socket: RawFd, level: i32, name: i32, value: &T) -> io::Result<()> {
    let length = std::mem::size_of::<T>() as libc::socklen_t;
    // SAFETY: pointer and length describe `value`; a descriptor that is not open is an error, not undefined.
    match unsafe { libc::setsockopt(socket, level, name, std::ptr::from_ref(value).cast(), length) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;

    #[test]
    fn the_other_side_sees_a_reset() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (far, _) = listener.accept().unwrap();
        reset_on_close(far.as_fd()).unwrap();
        drop(far);
        assert_eq!(near.read(&mut [0; 1]).unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }
}
