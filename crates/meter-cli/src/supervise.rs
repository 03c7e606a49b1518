//! Processes of ours that are ended in order, always by their own handle.

use std::process::Child;
use std::time::{Duration, Instant};

/// How long a process may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// Asks a child to end, and ends it when it does not.
pub fn end(child: &mut Child) {
    end_all(&mut [child]);
}

/// Asks all to end at once, waits for them together, and ends what stays.
pub fn end_all(children: &mut [&mut Child]) {
    for child in children.iter_mut() {
        // One that has ended already was not waited for yet, so its id is still its own.
        if let Err(error) = meter_sys::process::send(child.id(), libc::SIGTERM) {
            tracing::debug!(%error, pid = child.id(), "child.signal");
        }
    }
    let deadline = Instant::now() + GRACE;
    for child in children.iter_mut() {
        while matches!(child.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                // It cannot refuse this one; what fails is that it has just ended.
                let _just_ended = child.kill();
                let _waited = child.wait();
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_child_is_ended_and_waited_for() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let pid = child.id();
        end(&mut child);
        assert!(!meter_sys::process::lives(pid));
        end(&mut child);
    }
}
