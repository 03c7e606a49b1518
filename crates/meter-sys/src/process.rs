//! Facts about this and other processes.

/// The user this process acts as.
pub fn effective_uid() -> u32 {
    // SAFETY: always succeeds and touches no memory.
    unsafe { libc::geteuid() }
}

/// Whether a process with this id runs. One that has ended and waits for its parent does not count.
///
/// Ids are used again: `true` says that some process has it.
pub fn lives(pid: u32) -> bool {
    let Ok(signed) = i32::try_from(pid) else { return false };
    if signed <= 0 {
        return false;
    }
    #[cfg(target_os = "linux")]
    if let Some(lives) = crate::linux::proc_fs::lives(pid) {
        return lives;
    }
    #[cfg(target_os = "macos")]
    if let Some(lives) = crate::darwin::lookup::lives(signed) {
        return lives;
    }
    // SAFETY: signal 0 checks for existence only.
    let answered = unsafe { libc::kill(signed, 0) } == 0;
    // Another user's process may not be signalled, but it is there.
    answered || std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}

/// Sends a signal to one process.
///
/// # Errors
/// [`std::io::ErrorKind::InvalidInput`] for an id that names no single process (0 and what the system reads as a group),
/// else what the system said: no such process, or another user's.
pub fn send(pid: u32, signal: i32) -> std::io::Result<()> {
    let signed = i32::try_from(pid).ok().filter(|pid| *pid > 0).ok_or(std::io::ErrorKind::InvalidInput)?;
    // SAFETY: takes two numbers and touches no memory.
    match unsafe { libc::kill(signed, signal) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

/// Raises the number of descriptors this process may open to `wanted`, or as near as it is allowed. Gives the limit in
/// force.
///
/// A tunnel takes two, and macOS starts programs with 256.
///
/// # Errors
/// What the system said; the limit is as before.
pub fn raise_files_limit(wanted: u64) -> std::io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to our own variable.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(std::io::Error::last_os_error());
    }
    let reachable = wanted.min(limit.rlim_max);
    if limit.rlim_cur < reachable {
        limit.rlim_cur = reachable;
        // SAFETY: the pointer is to our own variable.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } != 0 {
            return Err(std::io::Error::last_os_error());
        }
    }
    Ok(limit.rlim_cur)
}

/// Keeps a SIGHUP that comes before its handler is in place from ending the process.
pub fn ignore_hangup() {
    // SAFETY: replaces the default action with none; a handler installed later takes over.
    unsafe { libc::signal(libc::SIGHUP, libc::SIG_IGN) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_lives_until_it_has_ended() {
        assert!(lives(std::process::id()));
        let mut child = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        assert!(lives(child.id()));
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(!lives(child.id()));
        assert!(!lives(0) && !lives(u32::MAX));
    }

    #[test]
    fn a_signal_reaches_one_process_and_never_a_group() {
        use std::os::unix::process::ExitStatusExt;
        let mut child = std::process::Command::new("cat").stdin(std::process::Stdio::piped()).spawn().unwrap();
        send(child.id(), libc::SIGTERM).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGTERM));
        for no_single_process in [0, u32::MAX, u32::MAX - 1] {
            assert_eq!(send(no_single_process, 0).unwrap_err().kind(), std::io::ErrorKind::InvalidInput);
        }
    }

    #[test]
    fn the_files_limit_only_grows() {
        let before = raise_files_limit(0).unwrap();
        assert!(raise_files_limit(before + 1).unwrap() >= before);
    }

    #[test]
    fn our_files_belong_to_our_uid() {
        let folder = tempfile::tempdir().unwrap();
        let uid = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(folder.path()).unwrap());
        assert_eq!(effective_uid(), uid);
    }
}
