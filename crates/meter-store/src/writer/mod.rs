//! The one thread that writes SQLite: it moves journal files into it, batch by batch.
//!
//! A batch and the offset it reached are one transaction, so a crash at any point neither loses nor doubles a record.
//! Whatever SQLite says (busy, full, corrupt, newer schema), the records stay in their files and are tried again; the
//! client's traffic knows nothing of it.

pub(crate) mod apply;
mod batch;
mod lost;
mod mover;
mod notes;
mod progress;
#[cfg(test)]
mod tests;
mod tokens;

use crate::{
    error::{JournalError, StoreError},
    journal::{self, Journal},
};
use meter_call::ProjectSlug;
use mover::Mover;
pub(crate) use progress::Progress;
pub use progress::{DatabaseState, WriterStatus};
use std::{
    io,
    path::{Path, PathBuf},
    thread::{self, JoinHandle},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// How long a burst may grow before it is committed.
const GATHER: Duration = Duration::from_millis(50);
/// How often the folder is searched for what a dead process left.
const ADOPT_EVERY: Duration = Duration::from_secs(30);
/// Pause after the first failure; doubles up to [`RETRY_MAX`].
const RETRY_MIN: Duration = Duration::from_millis(50);
const RETRY_MAX: Duration = Duration::from_secs(5);

/// Where things are and what unnamed calls belong to.
#[derive(Clone, Debug)]
pub struct WriterOptions {
    /// The database file; made when absent.
    pub database: PathBuf,
    /// The journal's folder; made when absent.
    pub journal_dir: PathBuf,
    /// The project of a lost call whose project was not known yet.
    pub default_project: ProjectSlug,
    /// A journal file this long is finished and the next begun, in bytes.
    pub file_bytes_max: u64,
}

impl WriterOptions {
    /// The usual options for a database and a journal folder. Unnamed calls go to `misc`.
    pub fn new(database: &Path, journal_dir: &Path) -> WriterOptions {
        WriterOptions {
            database: database.to_owned(),
            journal_dir: journal_dir.to_owned(),
            default_project: "misc".parse().expect("a valid slug"),
            file_bytes_max: journal::FILE_BYTES_MAX,
        }
    }
}

/// The running writer thread. Dropping it without [`Writer::stop`] leaves the rest in the journal, for the next start.
#[derive(Debug)]
pub struct Writer {
    journal: Journal,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread. A database that cannot be opened is no error here: it is tried again and shows in
    /// [`Writer::status`].
    ///
    /// # Errors
    /// When the journal's folder cannot be made or written to, or no thread can be started.
    pub fn start(options: WriterOptions) -> Result<Writer, JournalError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let start_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let dir = options.journal_dir.clone();
        let journal = Journal::create(&dir, start_ms, std::process::id(), options.file_bytes_max)?;
        let shared = journal.shared.clone();
        let thread = thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || run(&mut Mover::new(shared, options)))
            .map_err(|source| JournalError::File { act: "start the writer thread for", path: dir, source })?;
        Ok(Writer { journal, thread: Some(thread) })
    }

    /// The appending end; cheap to clone.
    pub fn journal(&self) -> Journal {
        self.journal.clone()
    }

    /// How the ledger is doing.
    pub fn status(&self) -> WriterStatus {
        self.journal.status()
    }

    /// Waits until what dead daemons left is in SQLite and their open calls are rows. Then [`crate::Reader::spend`] and
    /// [`crate::Reader::open_calls`] tell all that a budget needs.
    ///
    /// # Errors
    /// [`JournalError::Late`] when that takes longer than `limit`; it goes on in the background.
    pub fn wait_recovered(&self, limit: Duration) -> Result<WriterStatus, JournalError> {
        let done = self.journal.shared.progress.wait(limit, |state| state.recovered);
        let status = self.status();
        if done { Ok(status) } else { Err(JournalError::Late { pending: status.pending }) }
    }

    /// Waits until everything appended so far is in SQLite.
    ///
    /// # Errors
    /// [`JournalError::Late`] when that takes longer than `limit`; it goes on in the background.
    pub fn flush(&self, limit: Duration) -> Result<(), JournalError> {
        self.journal.flush(limit)
    }

    /// Flushes, ends the thread, and removes the journal files when all of them are in SQLite.
    ///
    /// # Errors
    /// [`JournalError::Late`] when `limit` was too short: the rest stays in the journal for the next start.
    pub fn stop(mut self, limit: Duration) -> Result<(), JournalError> {
        let flushed = self.flush(limit);
        self.end();
        flushed?;
        let moved = self.journal.shared.progress.lock().moved;
        if self.journal.shared.retire(moved)? {
            return Ok(());
        }
        Err(JournalError::Late { pending: self.status().pending })
    }

    fn end(&mut self) {
        self.journal.shared.progress.end();
        // A panic of the thread was printed when it happened; its records are in the journal.
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("ledger.writer_panicked");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.end();
    }
}

impl Journal {
    /// How the ledger is doing.
    pub fn status(&self) -> WriterStatus {
        let appended = self.shared.status();
        let state = self.shared.progress.lock();
        WriterStatus {
            database: state.database,
            pending: (appended.lines + appended.backlog).saturating_sub(state.moved),
            backlog: appended.backlog,
            lost: appended.lost,
            rejected: state.rejected,
            failures: state.failures + appended.failures,
            last_error: state.last_error.clone().or(appended.last_error),
            interrupted: state.interrupted,
            recovered: state.recovered,
        }
    }

    /// Waits until everything appended so far is in SQLite.
    ///
    /// # Errors
    /// [`JournalError::Late`] when that takes longer than `limit`; it goes on in the background.
    pub fn flush(&self, limit: Duration) -> Result<(), JournalError> {
        let appended = self.shared.status();
        let target = appended.lines + appended.backlog;
        if self.shared.progress.wait(limit, |state| state.moved >= target) {
            return Ok(());
        }
        Err(JournalError::Late { pending: target.saturating_sub(self.shared.progress.lock().moved) })
    }
}

/// Why a round of the writer did not get through.
#[derive(Debug, thiserror::Error)]
enum MoveError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

fn failed(act: &'static str, path: &Path) -> impl FnOnce(io::Error) -> MoveError {
    let path = path.to_owned();
    move |source| JournalError::File { act, path, source }.into()
}

fn run(mover: &mut Mover) {
    let mut retry = RETRY_MIN;
    loop {
        match mover.round() {
            Ok(()) => {
                retry = RETRY_MIN;
                // What waits in memory gets another chance at a file soon, and nothing else would wake us for it.
                let limit = if mover.has_backlog() { RETRY_MAX / 10 } else { ADOPT_EVERY };
                if !mover.progress().rest(limit, GATHER) {
                    return;
                }
            }
            Err(error) => {
                let text = with_causes(&error);
                tracing::warn!(error = %text, "ledger.write_failed");
                mover.progress().report(|state| {
                    state.database = DatabaseState::Failing;
                    state.failures += 1;
                    state.last_error = Some(text);
                });
                if !mover.progress().pause(retry) {
                    return;
                }
                retry = (retry * 2).min(RETRY_MAX);
            }
        }
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
