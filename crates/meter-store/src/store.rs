//! Opens the database for writing.

use crate::{
    error::{Act, StoreError},
    rollup, schema,
};
use rusqlite::Connection;
use std::{path::Path, time::Duration};

/// How long a verb that writes waits for the daemon's transactions.
const BUSY: Duration = Duration::from_secs(10);

/// The database, opened for writing beside the daemon's writer: for verbs that change what is stored.
#[derive(Debug)]
pub struct Store {
    pub(crate) db: Connection,
}

impl Store {
    /// Opens or makes the database and brings its schema up. `now` is the RFC 3339 text that a migration is dated with.
    ///
    /// # Errors
    /// [`StoreError::Newer`] for a database of a newer program; what SQLite says otherwise.
    pub fn open(path: &Path, now: &str) -> Result<Store, StoreError> {
        connect(path, BUSY, now).map(|db| Store { db })
    }

    /// Throws the rollups away and sums all rows anew, in one transaction.
    ///
    /// # Errors
    /// What SQLite says; the old rollups stand then.
    pub fn rebuild_rollups(&mut self) -> Result<(), StoreError> {
        let tx = self.db.transaction().act("begin a transaction")?;
        rollup::rebuild(&tx)?;
        tx.commit().act("commit the rollups")
    }
}

/// A writing connection with our settings and the newest schema.
pub(crate) fn connect(path: &Path, busy: Duration, now: &str) -> Result<Connection, StoreError> {
    let mut db = Connection::open(path).act("open the database")?;
    db.busy_timeout(busy).act("set the busy time of the database")?;
    // A newer schema is told before anything is changed, the journal mode included.
    let found = schema::version(&db)?;
    if found > schema::SCHEMA_VERSION {
        return Err(StoreError::Newer { found, known: schema::SCHEMA_VERSION });
    }
    // NORMAL: in WAL mode a power cut may take the last commits, never the database.
    db.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON")
        .act("set up the database")?;
    db.set_prepared_statement_cache_capacity(64);
    schema::migrate(&mut db, now)?;
    make_private(path)?;
    Ok(db)
}

#[cfg(unix)]
fn make_private(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
        .act("make the database private")
}

#[cfg(not(unix))]
fn make_private(_: &Path) -> Result<(), StoreError> {
    Ok(())
}
