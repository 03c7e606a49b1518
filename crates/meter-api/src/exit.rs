//! Exit codes of every verb.

use std::process::ExitCode;

/// How a command ended. Scripts rely on these numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Exit {
    /// Done, nothing to say.
    Ok = 0,
    /// It did not work; stderr says why.
    Failed = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// It worked and found something: an invalid manifest, drift, an unhealthy part, a budget that is over.
    Found = 3,
    /// A verb that needs the daemon did not reach it, or `status` found none. `report`, `calls`, `explain` and `why` read
    /// the database themselves.
    Unreachable = 4,
    /// A bug of ours.
    Bug = 70,
    /// `run`: our own failure before the command began, as `env` and `nohup` have it.
    RunFailed = 125,
    /// `run`: the command was found but cannot be executed.
    RunNotExecutable = 126,
    /// `run`: the command was not found.
    RunNotFound = 127,
    /// Interrupted from the keyboard.
    Interrupted = 130,
}

impl Exit {
    /// The number.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// What `run` ends with when its command was ended by a signal: 128 + its number.
    pub const fn of_signal(signal: u8) -> u8 {
        128_u8.saturating_add(signal)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documented_numbers_stay() {
        let numbers = [
            Exit::Ok,
            Exit::Failed,
            Exit::Usage,
            Exit::Found,
            Exit::Unreachable,
            Exit::Bug,
            Exit::RunFailed,
            Exit::RunNotExecutable,
            Exit::RunNotFound,
            Exit::Interrupted,
        ]
        .map(Exit::code);
        assert_eq!(numbers, [0, 1, 2, 3, 4, 70, 125, 126, 127, 130]);
        assert_eq!(Exit::of_signal(15), 143);
    }
}
