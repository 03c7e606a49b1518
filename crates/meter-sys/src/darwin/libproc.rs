//! Processes and their descriptors, as `libproc` shows them (`libproc.h`, `sys/proc_info.h`).
//!
//! Its calls give the number of *bytes* they wrote; 0 and less is a failure with its reason in `errno`. Only processes of
//! our own user answer, except to root.

use super::sockinfo::{SOCKET_FDINFO_BYTES, tcp_ends};
use std::ffi::{OsStr, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// `PROC_ALL_PIDS`, and a flavour of `proc_pidfdinfo`, which the bindings lack.
const PROC_ALL_PIDS: u32 = 1;
const PROC_PIDFDSOCKETINFO: i32 = 3;

// The bindings' structures are those of Apple's header; `layout/proc_info.c` holds the same numbers against it.
const _: () = assert!(size_of::<libc::proc_fdinfo>() == 8);
const _: () = assert!(size_of::<libc::proc_bsdinfo>() == 136);
const _: () = assert!(std::mem::offset_of!(libc::proc_bsdinfo, pbi_start_tvsec) == 120);
const _: () = assert!(size_of::<libc::proc_vnodepathinfo>() == 2352);
const _: () = assert!(std::mem::offset_of!(libc::vnode_info_path, vip_path) == 152);

/// Every process of this machine, youngest first as long as ids grow.
pub(super) fn pids() -> io::Result<Vec<i32>> {
    let mut pids: Vec<i32> = list(0, |buffer, bytes| {
        // SAFETY: `list` gives a buffer of `bytes` bytes, or none with zero.
        unsafe { libc::proc_listpids(PROC_ALL_PIDS, 0, buffer, bytes) }
    })?;
    pids.retain(|pid| *pid > 0);
    pids.sort_unstable_by(|a, b| b.cmp(a));
    Ok(pids)
}

/// Whether one of the process's TCP sockets has these ends: its own, its peer's.
pub(super) fn holds(pid: i32, matches: &impl Fn(SocketAddr, SocketAddr) -> bool) -> bool {
    let empty = libc::proc_fdinfo { proc_fd: 0, proc_fdtype: 0 };
    let descriptors = list(empty, |buffer, bytes| {
        // SAFETY: `list` gives a buffer of `bytes` bytes, or none with zero.
        unsafe { libc::proc_pidinfo(pid, libc::PROC_PIDLISTFDS, 0, buffer, bytes) }
    });
    // A process that may not be asked holds nothing that could be found.
    let Ok(descriptors) = descriptors else { return false };
    let sockets = descriptors.iter().filter(|found| found.proc_fdtype == libc::PROX_FDTYPE_SOCKET as u32);
    sockets.filter_map(|found| ends(pid, found.proc_fd)).any(|(own, peer)| matches(own, peer))
}

fn ends(pid: i32, descriptor: i32) -> Option<(SocketAddr, SocketAddr)> {
    let mut answer = [0u8; SOCKET_FDINFO_BYTES];
    // SAFETY: pointer and length describe `answer`.
    let written = unsafe {
        let bytes = SOCKET_FDINFO_BYTES as i32;
        libc::proc_pidfdinfo(pid, descriptor, PROC_PIDFDSOCKETINFO, answer.as_mut_ptr().cast(), bytes)
    };
    tcp_ends(answer.get(..usize::try_from(written).ok()?)?)
}

/// What the system knows of a process: parent, user, names, start.
///
/// # Errors
/// `NotFound` when it has gone, `PermissionDenied` for another user's.
pub(super) fn facts(pid: i32) -> io::Result<libc::proc_bsdinfo> {
    // SAFETY: a structure of numbers, for which every pattern is a value.
    unsafe { pid_info(pid, libc::PROC_PIDTBSDINFO) }
}

/// The working directory. `None`: not ours to ask, or gone.
pub(super) fn working_directory(pid: i32) -> Option<PathBuf> {
    // SAFETY: a structure of numbers and bytes, for which every pattern is a value.
    let found: libc::proc_vnodepathinfo = unsafe { pid_info(pid, libc::PROC_PIDVNODEPATHINFO) }.ok()?;
    path(found.pvi_cdir.vip_path.as_flattened())
}

/// The executable. `None`: not ours to ask, or gone.
pub(super) fn executable(pid: i32) -> Option<PathBuf> {
    let mut buffer = [0 as libc::c_char; libc::PROC_PIDPATHINFO_MAXSIZE as usize];
    // SAFETY: pointer and length describe `buffer`.
    let written = unsafe { libc::proc_pidpath(pid, buffer.as_mut_ptr().cast(), buffer.len() as u32) };
    (written > 0).then(|| path(&buffer))?
}

/// Text up to its closing zero.
pub(super) fn text(field: &[libc::c_char]) -> Vec<u8> {
    field.iter().map(|byte| byte.cast_unsigned()).take_while(|byte| *byte != 0).collect()
}

fn path(field: &[libc::c_char]) -> Option<PathBuf> {
    let bytes = text(field);
    (!bytes.is_empty()).then(|| PathBuf::from(OsStr::from_bytes(&bytes)))
}

/// One structure about a process.
///
/// # Safety
/// `T` is the structure of that flavour, without pointers or other fields that some patterns are invalid for.
unsafe fn pid_info<T>(pid: i32, flavour: i32) -> io::Result<T> {
    let mut found = MaybeUninit::<T>::zeroed();
    let bytes = size_of::<T>() as i32;
    // SAFETY: pointer and length describe `found`.
    match unsafe { libc::proc_pidinfo(pid, flavour, 0, found.as_mut_ptr().cast(), bytes) } {
        // SAFETY: filled to its last byte, and zeroed before.
        written if written == bytes => Ok(unsafe { found.assume_init() }),
        written if written > 0 => Err(io::Error::new(io::ErrorKind::InvalidData, "an answer of another size")),
        _ => Err(failure()),
    }
}

/// A list of unknown length: asked for its size, then for itself with some room for what came meanwhile.
fn list<T: Copy>(empty: T, ask: impl Fn(*mut c_void, i32) -> i32) -> io::Result<Vec<T>> {
    let items = |bytes: i32| usize::try_from(bytes).map(|bytes| bytes / size_of::<T>()).unwrap_or(0);
    let expected = items(ask(std::ptr::null_mut(), 0));
    if expected == 0 {
        return Err(failure());
    }
    let mut found = vec![empty; expected + expected / 8 + 16];
    let bytes = i32::try_from(found.len() * size_of::<T>()).map_err(io::Error::other)?;
    let written = ask(found.as_mut_ptr().cast(), bytes);
    if written <= 0 {
        return Err(failure());
    }
    found.truncate(items(written));
    Ok(found)
}

fn failure() -> io::Error {
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::ESRCH) => io::ErrorKind::NotFound.into(),
        _ => error,
    }
}
