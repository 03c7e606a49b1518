//! SO_LINGER 0 for a stream that hides its socket.
#![allow(
    unsafe_code,
    reason = "pingora's stream shows its descriptor only as a number, and borrowing a number is unsafe"
)]

use std::io;
use std::os::fd::AsRawFd;

/// Makes the coming close of this socket send RST.
///
/// # Errors
/// What `setsockopt` says; the socket is unchanged then.
pub(crate) fn reset_on_close(stream: &impl AsRawFd) -> io::Result<()> {
    let off = libc::linger { l_onoff: 1, l_linger: 0 };
    // SAFETY: `off` lives through the call and its size is given; a wrong descriptor is an error, not undefined.
    let answer = unsafe {
        libc::setsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            std::ptr::from_ref(&off).cast(),
            size_of::<libc::linger>() as libc::socklen_t,
        )
    };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
