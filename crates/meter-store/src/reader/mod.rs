//! Reads the ledger through a connection that cannot write.
//!
//! Used by the API beside the running writer (WAL: neither waits for the other) and by verbs when no daemon runs.

mod audits;
mod budgets;
mod calls;
mod cursor;
mod detail;
mod lag;
mod metered;
mod projects;
mod range;
mod report;
#[cfg(test)]
mod tests;
mod totals;

use crate::{
    error::{Act, StoreError},
    schema,
};
pub use audits::{AuditPage, AuditQuery, CoverageRow};
pub use budgets::Spend;
pub use calls::{CallPage, CallQuery, CallRow};
pub use cursor::{BadCursor, Cursor};
pub use detail::{CallDetail, Found, ID_PREFIX_MIN};
pub use metered::{MeteredDay, UnpricedModel};
pub use projects::{Activity, Months, Project, ProjectUse};
pub use range::Range;
pub use report::{By, DayUse, Report, ReportQuery, ReportRow, RunTotals, Use};
use rusqlite::{Connection, OpenFlags};
use std::{path::Path, time::Duration};
pub use totals::{Part, Totals};

/// How long a read waits for a lock. In WAL mode that happens only while the file is made or checkpointed for good.
const BUSY: Duration = Duration::from_secs(5);

/// A read-only connection.
#[derive(Debug)]
pub struct Reader {
    db: Connection,
}

impl Reader {
    /// Opens an existing database for reading.
    ///
    /// # Errors
    /// [`StoreError::Missing`] before the first call was metered; [`StoreError::Newer`] or [`StoreError::Older`] when the
    /// schema is not ours; what SQLite says otherwise.
    pub fn open(path: &Path) -> Result<Reader, StoreError> {
        if !path.exists() {
            return Err(StoreError::Missing { path: path.to_owned() });
        }
        // NO_MUTEX: rusqlite's connections are not shared between threads anyway.
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags).act("open the database for reading")?;
        db.busy_timeout(BUSY).act("set the busy time of the database")?;
        db.set_prepared_statement_cache_capacity(64);
        let (found, known) = (schema::version(&db)?, schema::SCHEMA_VERSION);
        match found.cmp(&known) {
            std::cmp::Ordering::Less => Err(StoreError::Older { found, known }),
            std::cmp::Ordering::Greater => Err(StoreError::Newer { found, known }),
            std::cmp::Ordering::Equal => Ok(Reader { db }),
        }
    }

    /// Runs several queries on one state of the database, so that a document's numbers agree with one another.
    ///
    /// # Errors
    /// What `read` says, or SQLite when the snapshot cannot be taken.
    pub fn snapshot<T>(&self, read: impl FnOnce(&Reader) -> Result<T, StoreError>) -> Result<T, StoreError> {
        // A document inside a document shares the outer one's state.
        if !self.db.is_autocommit() {
            return read(self);
        }
        let tx = self.db.unchecked_transaction().act("begin reading")?;
        let result = read(self);
        tx.finish().act("end reading")?;
        result
    }
}
