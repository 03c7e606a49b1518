//! How far the database is behind the journal, seen from outside the daemon.

use super::Reader;
use crate::{
    error::{Act, JournalError},
    journal::files,
};
use std::{collections::BTreeMap, fs, io, path::Path};

impl Reader {
    /// Bytes in the journal that are not in the database yet; 0 when every call that has ended has its row. A file that
    /// the writer removes meanwhile may be counted once more, never less.
    ///
    /// # Errors
    /// When the folder cannot be listed or SQLite says no. A folder that is not there is an empty one.
    pub fn journal_lag(&self, dir: &Path) -> Result<u64, JournalError> {
        let failed = |source| JournalError::File { act: "list", path: dir.to_owned(), source };
        let entries = match fs::read_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            other => other.map_err(failed)?,
        };
        let mut sizes: BTreeMap<String, u64> = BTreeMap::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().into_string().unwrap_or_default();
            if files::is_journal(&name) {
                match entry.metadata() {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    other => _ = sizes.insert(name, other.map_err(failed)?.len()),
                }
            }
        }
        let offsets: BTreeMap<String, i64> = self
            .db
            .prepare_cached("SELECT file, offset FROM journal_offsets")
            .and_then(|mut statement| statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect())
            .act("list journal offsets")?;
        let moved = |name: &str| offsets.get(name).map_or(0, |offset| offset.unsigned_abs());
        Ok(sizes.iter().map(|(name, size)| size.saturating_sub(moved(name))).sum())
    }
}
