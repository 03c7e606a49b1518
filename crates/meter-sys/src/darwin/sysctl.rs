//! The two tables that `sysctl(3)` gives.

use std::ffi::CStr;
use std::io;
use std::ptr::null_mut;

const PCBLIST: &CStr = c"net.inet.tcp.pcblist_n";

/// Most bytes of the connections' table that are read: some twenty thousand connections.
const TABLE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Every TCP connection of this machine.
///
/// # Errors
/// What the system said, or `OutOfMemory` for a table that outgrows its limit.
pub(super) fn connections() -> io::Result<Vec<u8>> {
    let mut wanted = 0;
    // SAFETY: the name ends in a zero; without a buffer only the size is asked for.
    if unsafe { libc::sysctlbyname(PCBLIST.as_ptr(), null_mut(), &raw mut wanted, null_mut(), 0) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // Connections are opened between the two calls.
    let mut room = wanted + wanted / 4 + 4096;
    while room <= TABLE_BYTES_MAX {
        let (mut table, mut length) = (vec![0u8; room], room);
        // SAFETY: pointer and length describe `table`.
        let outcome =
            unsafe { libc::sysctlbyname(PCBLIST.as_ptr(), table.as_mut_ptr().cast(), &raw mut length, null_mut(), 0) };
        let error = io::Error::last_os_error();
        match outcome {
            0 => {
                table.truncate(length);
                return Ok(table);
            }
            _ if error.raw_os_error() == Some(libc::ENOMEM) => room *= 2,
            _ => return Err(error),
        }
    }
    Err(io::ErrorKind::OutOfMemory.into())
}

/// Arguments and environment of a process of our user, in the form that [`procargs`](super::procargs) reads.
///
/// # Errors
/// What the system said: no such process, or another user's.
pub(super) fn arguments(pid: i32) -> io::Result<Vec<u8>> {
    let (mut limit, mut length) = (0i32, size_of::<i32>());
    read(&mut [libc::CTL_KERN, libc::KERN_ARGMAX], (&raw mut limit).cast(), &mut length)?;
    // A buffer that is too small would get the end of the text instead of its beginning.
    let mut bytes = vec![0u8; usize::try_from(limit).map_err(io::Error::other)?];
    let mut length = bytes.len();
    read(&mut [libc::CTL_KERN, libc::KERN_PROCARGS2, pid], bytes.as_mut_ptr().cast(), &mut length)?;
    bytes.truncate(length);
    Ok(bytes)
}

fn read(name: &mut [i32], into: *mut libc::c_void, length: &mut usize) -> io::Result<()> {
    let parts = name.len() as libc::c_uint;
    // SAFETY: both callers give a buffer of `length` bytes.
    match unsafe { libc::sysctl(name.as_mut_ptr(), parts, into, length, null_mut(), 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
