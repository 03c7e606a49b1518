//! Where the writer thread is, for those who wait for it or ask.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How the database is doing, as the writer last saw it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum DatabaseState {
    /// Not opened yet.
    #[default]
    Opening,
    /// The last commit went through.
    Ready,
    /// The last attempt failed; it is tried again.
    Failing,
}

/// How the ledger is doing. Anything but zeros in `lost` and `rejected` is a broken promise someone should look at.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct WriterStatus {
    /// The database.
    pub database: DatabaseState,
    /// Records on their way: in files or memory, not in SQLite.
    pub pending: u64,
    /// Of those, records in memory because no file takes them.
    pub backlog: u64,
    /// Records dropped at a limit.
    pub lost: u64,
    /// Lines that are no record of ours or that the schema refuses; kept in `rejected.jsonl`.
    pub rejected: u64,
    /// Failed attempts to append or to commit, in all.
    pub failures: u64,
    /// The latest failure, with its causes.
    pub last_error: Option<String>,
    /// Calls of dead daemons that became `interrupted` rows.
    pub interrupted: u64,
    /// What dead daemons left behind is in SQLite.
    pub recovered: bool,
}

/// Shared by the appending side, the writer thread and those who wait.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    state: Mutex<State>,
    /// Something for the writer to do.
    work: Condvar,
    /// Something the writer has done.
    news: Condvar,
}

/// What the threads tell each other.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// Something was appended since the writer last looked.
    pub fresh: bool,
    /// Someone waits: do not gather a batch.
    pub urgent: usize,
    pub ending: bool,
    /// Own lines whose transaction is committed.
    pub moved: u64,
    pub database: DatabaseState,
    pub rejected: u64,
    pub failures: u64,
    pub last_error: Option<String>,
    pub interrupted: u64,
    pub recovered: bool,
}

impl Progress {
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something was appended.
    pub fn wake(&self) {
        self.lock().fresh = true;
        self.work.notify_one();
    }

    /// Tells the writer to leave after what it is doing.
    pub fn end(&self) {
        self.lock().ending = true;
        self.work.notify_one();
    }

    /// Changes the state and tells those who wait.
    pub fn report(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.news.notify_all();
    }

    /// The writer's rest: until there is work, at most `limit`; then up to `gather` more so that a burst is one
    /// transaction, unless someone waits for it. `false` when it is time to leave.
    pub fn rest(&self, limit: Duration, gather: Duration) -> bool {
        let resting = |state: &mut State| !state.fresh && !state.ending;
        let (state, _) =
            self.work.wait_timeout_while(self.lock(), limit, resting).unwrap_or_else(PoisonError::into_inner);
        let gathering = |state: &mut State| state.fresh && state.urgent == 0 && !state.ending;
        let (mut state, _) =
            self.work.wait_timeout_while(state, gather, gathering).unwrap_or_else(PoisonError::into_inner);
        state.fresh = false;
        !state.ending
    }

    /// A pause after a failure; only the end cuts it short. `false` when it is time to leave.
    pub fn pause(&self, limit: Duration) -> bool {
        let (state, _) = self
            .work
            .wait_timeout_while(self.lock(), limit, |state| !state.ending)
            .unwrap_or_else(PoisonError::into_inner);
        !state.ending
    }

    /// Waits until `done`, at most `limit`, while the writer hurries. Gives whether it came about.
    pub fn wait(&self, limit: Duration, done: impl Fn(&State) -> bool) -> bool {
        let until = Instant::now() + limit;
        let mut state = self.lock();
        state.urgent += 1;
        state.fresh = true;
        self.work.notify_one();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if done(&state) || left.is_zero() {
                break;
            }
            (state, _) = self.news.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        }
        state.urgent -= 1;
        done(&state)
    }
}
