//! What can go wrong with the database or the journal.

use std::{io, path::PathBuf};

/// Why the database could not be used. None of these concerns the client's traffic: rows wait in the journal.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no database yet: nothing was metered with this home.
    #[error("there is no database at {}", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A newer program has written it.
    #[error("the database has schema {found}, this program knows up to {known}: use the newer halton-meter")]
    Newer {
        /// The highest migration recorded in the file.
        found: i64,
        /// The highest migration of this program.
        known: i64,
    },
    /// No program of this version has opened it for writing yet.
    #[error("the database has schema {found}, this program reads {known}: start the daemon once")]
    Older {
        /// The highest migration recorded in the file.
        found: i64,
        /// The highest migration of this program.
        known: i64,
    },
    /// A migration that was applied is not the one this program carries.
    #[error("migration {number} of the database is not the one of this program")]
    Foreign {
        /// Its number.
        number: i64,
    },
    /// The file cannot be made or kept from others.
    #[error("cannot make {} a private file", path.display())]
    File {
        /// The database.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// SQLite said no.
    #[error("cannot {act}")]
    Sqlite {
        /// What was tried.
        act: &'static str,
        /// SQLite's answer.
        source: rusqlite::Error,
    },
    /// A stored value that no version of this program writes.
    #[error("column {column} holds `{value}`, which is not valid")]
    Value {
        /// The column.
        column: &'static str,
        /// What stands there.
        value: String,
    },
}

impl StoreError {
    /// The database is busy, full or otherwise away for now: trying again later can help.
    pub fn is_passing(&self) -> bool {
        use rusqlite::ErrorCode::{CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, SystemIoFailure};
        matches!(self, StoreError::File { .. })
            || matches!(self, StoreError::Sqlite { source: rusqlite::Error::SqliteFailure(cause, _), .. }
            if matches!(cause.code, DatabaseBusy | DatabaseLocked | DiskFull | SystemIoFailure | CannotOpen))
    }
}

/// Names the act of a failed SQLite call.
pub(crate) trait Act<T> {
    /// Wraps the error with what was tried.
    fn act(self, act: &'static str) -> Result<T, StoreError>;
}

impl<T> Act<T> for rusqlite::Result<T> {
    fn act(self, act: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Sqlite { act, source })
    }
}

/// Why the journal could not be set up or moved.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The folder or a file in it failed.
    #[error("cannot {act} {}", path.display())]
    File {
        /// What was tried.
        act: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The database could not be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Not everything arrived in the database in time; it stays in the journal.
    #[error("{pending} records are still on their way into the database")]
    Late {
        /// How many.
        pending: u64,
    },
}
