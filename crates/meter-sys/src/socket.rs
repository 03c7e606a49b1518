//! Settings of an open socket.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

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

/// Has the system ask a silent peer, first after `idle`, then every `interval`, whether it is still there. After
/// `probes` questions without an answer the connection fails. Both times in whole seconds.
///
/// # Errors
/// What the system said; the connection is as it was, or asks with the system's own times.
pub fn keep_alive(socket: &impl AsRawFd, idle: Duration, interval: Duration, probes: u8) -> io::Result<()> {
    #[cfg(target_vendor = "apple")]
    const IDLE: i32 = libc::TCP_KEEPALIVE;
    #[cfg(not(target_vendor = "apple"))]
    const IDLE: i32 = libc::TCP_KEEPIDLE;
    let seconds = |time: Duration| i32::try_from(time.as_secs()).unwrap_or(i32::MAX);
    let socket = socket.as_raw_fd();
    set(socket, libc::SOL_SOCKET, libc::SO_KEEPALIVE, &1i32)?;
    set(socket, libc::IPPROTO_TCP, IDLE, &seconds(idle))?;
    set(socket, libc::IPPROTO_TCP, libc::TCP_KEEPINTVL, &seconds(interval))?;
    set(socket, libc::IPPROTO_TCP, libc::TCP_KEEPCNT, &i32::from(probes))
}

/// What a read of a socket would find now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Waiting {
    /// It would have to wait.
    Nothing,
    /// At least a byte.
    Bytes,
    /// The peer has ended or broken the connection.
    End,
}

/// Looks without waiting and takes nothing away.
pub fn waiting(socket: &impl AsRawFd) -> Waiting {
    let mut byte = 0u8;
    let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
    // SAFETY: one byte may be written to `byte`; a descriptor that is not open is an error, not undefined.
    match unsafe { libc::recv(socket.as_raw_fd(), std::ptr::from_mut(&mut byte).cast(), 1, flags) } {
        0 => Waiting::End,
        read if read > 0 => Waiting::Bytes,
        _ => match io::Error::last_os_error().kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Waiting::Nothing,
            _ => Waiting::End,
        },
    }
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
    use std::io::{Read, Write};
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

    #[test]
    fn a_silent_peer_is_asked() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        keep_alive(&near, Duration::from_secs(30), Duration::from_secs(15), 6).unwrap();
        let read = |level, name| {
            let (mut value, mut length) = (0i32, 4 as libc::socklen_t);
            // SAFETY: four bytes for a number of four bytes.
            let read = unsafe {
                libc::getsockopt(
                    near.as_raw_fd(),
                    level,
                    name,
                    std::ptr::from_mut(&mut value).cast(),
                    std::ptr::from_mut(&mut length),
                )
            };
            (read, value)
        };
        assert_ne!(read(libc::SOL_SOCKET, libc::SO_KEEPALIVE), (0, 0));
        assert_eq!(read(libc::IPPROTO_TCP, libc::TCP_KEEPINTVL), (0, 15));
        assert_eq!(read(libc::IPPROTO_TCP, libc::TCP_KEEPCNT), (0, 6));
    }

    #[test]
    fn an_end_is_seen_once_everything_before_it_was_read() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut far, _) = listener.accept().unwrap();
        assert_eq!(waiting(&far), Waiting::Nothing);
        near.write_all(b"x").unwrap();
        drop(near);
        assert_eq!(far.peek(&mut [0]).unwrap(), 1);
        assert_eq!(waiting(&far), Waiting::Bytes);
        far.read_exact(&mut [0]).unwrap();
        // The end is there as soon as a read sees it.
        assert_eq!(far.read(&mut [0]).unwrap(), 0);
        assert_eq!(waiting(&far), Waiting::End);
    }
}
