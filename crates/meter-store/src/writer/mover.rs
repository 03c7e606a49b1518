//! One round of the writer: adopt what the dead left, then move our own files.

use super::{DatabaseState, MoveError, Progress, WriterOptions, apply, batch, failed, lost};
use crate::{
    error::{Act, StoreError},
    journal::{
        Record, Shared,
        files::{self, Owned, Owner},
    },
    rfc3339, store,
};
use meter_call::UnixMillis;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use std::{
    io::Write,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Records per transaction: enough that the commit's cost vanishes, few enough that readers see rows soon.
const BATCH_MAX: usize = 256;
/// How long one statement waits for another process's lock before the round fails and is tried again.
const BUSY: Duration = Duration::from_millis(1000);

/// The state of the writer thread.
pub(super) struct Mover {
    shared: Arc<Shared>,
    options: WriterOptions,
    db: Option<Connection>,
    /// Adopted, but not yet wholly in SQLite.
    dead: Vec<Owned>,
    adopted_at: Option<Instant>,
    /// The number of our own file that is being moved.
    own_number: u32,
}

/// What happened to one step through a file.
enum Step {
    /// Lines were moved; there may be more.
    Moved(u64),
    /// Nothing whole is left.
    Empty,
}

impl Mover {
    pub fn new(shared: Arc<Shared>, options: WriterOptions) -> Mover {
        Mover { shared, options, db: None, dead: Vec::new(), adopted_at: None, own_number: 0 }
    }

    pub fn progress(&self) -> &Progress {
        &self.shared.progress
    }

    /// Records wait in memory.
    pub fn has_backlog(&self) -> bool {
        self.shared.status().backlog > 0
    }

    /// Moves all there is. On an error everything not committed stays where it was.
    pub fn round(&mut self) -> Result<(), MoveError> {
        self.shared.retry();
        let mut db = match self.db.take() {
            Some(db) => db,
            None => store::connect(&self.options.database, BUSY, &now())?,
        };
        // What the dead left goes first, but a file of theirs that cannot be read must not hold our own up.
        let adopted = self.adopt(&mut db);
        self.move_own(&mut db)?;
        adopted?;
        self.progress().report(|state| {
            state.database = DatabaseState::Ready;
            state.recovered = true;
        });
        // Kept only after a round without an error: a connection that failed is opened anew.
        self.db = Some(db);
        Ok(())
    }

    fn adopt(&mut self, db: &mut Connection) -> Result<(), MoveError> {
        if self.adopted_at.is_none_or(|at| at.elapsed() >= super::ADOPT_EVERY) {
            self.dead.extend(files::claim_dead(&self.shared.dir, &self.shared.owner)?);
            self.adopted_at = Some(Instant::now());
            if self.progress().lock().recovered {
                self.tidy(db)?;
            } else {
                self.adopt_open(db)?;
            }
        }
        while let Some(owned) = self.dead.first() {
            let owner = owned.owner.clone();
            for number in files::numbers(&self.shared.dir, &owner)? {
                while let Step::Moved(_) = self.step(db, &owner, number, true)? {}
                self.finish(db, &owner, number)?;
            }
            let count = self.interrupt(db, owner.as_str())?;
            self.progress().report(|state| state.interrupted += count);
            files::retire(&self.shared.dir, self.dead.remove(0))?;
        }
        Ok(())
    }

    /// Open calls whose owner left no file at all: their journal was moved wholly before it died.
    fn adopt_open(&self, db: &mut Connection) -> Result<(), MoveError> {
        let owners: Vec<String> = db
            .prepare_cached("SELECT DISTINCT owner FROM open_calls")
            .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
            .act("list the owners of open calls")?;
        for owner in owners {
            let known = self.dead.iter().any(|owned| owned.owner.as_str() == owner);
            if owner != self.shared.owner.as_str() && !known && !files::has_lock(&self.shared.dir, &owner) {
                let count = self.interrupt(db, &owner)?;
                self.progress().report(|state| state.interrupted += count);
            }
        }
        self.tidy(db)
    }

    /// Offsets of files that are gone: the file was removed, the process died before the row was.
    fn tidy(&self, db: &mut Connection) -> Result<(), MoveError> {
        let known: Vec<String> = db
            .prepare_cached("SELECT file FROM journal_offsets")
            .and_then(|mut statement| statement.query_map([], |row| row.get(0))?.collect())
            .act("list journal offsets")?;
        for file in known.iter().filter(|file| !self.shared.dir.join(file).exists()) {
            db.execute("DELETE FROM journal_offsets WHERE file = ?1", [file]).act("remove a journal offset")?;
        }
        Ok(())
    }

    fn interrupt(&self, db: &mut Connection, owner: &str) -> Result<u64, StoreError> {
        let tx = begin(db)?;
        let count = lost::interrupt(&tx, owner, &self.options.default_project)?;
        tx.commit().act("commit interrupted calls")?;
        Ok(count)
    }

    fn move_own(&mut self, db: &mut Connection) -> Result<(), MoveError> {
        let owner = self.shared.owner.clone();
        loop {
            // Asked before reading: a file that was finished then grows no more, so "empty" is final for it.
            let current = self.shared.status().current;
            match self.step(db, &owner, self.own_number, false)? {
                Step::Moved(lines) => self.progress().report(|state| {
                    state.moved += lines;
                    state.database = DatabaseState::Ready;
                }),
                Step::Empty if self.own_number < current => {
                    let bytes = self.finish(db, &owner, self.own_number)?;
                    self.shared.forget_bytes(bytes);
                    self.own_number += 1;
                }
                Step::Empty => return Ok(()),
            }
            if self.progress().lock().ending {
                return Ok(());
            }
        }
    }

    /// Moves up to [`BATCH_MAX`] lines. `last`: the file grows no more, so a torn line at its end is what a kill left.
    fn step(&self, db: &mut Connection, owner: &Owner, number: u32, last: bool) -> Result<Step, MoveError> {
        let name = owner.file_name(number);
        let path = self.shared.dir.join(&name);
        for careful in [false, true] {
            let tx = begin(db)?;
            let offset: Option<i64> = tx
                .prepare_cached("SELECT offset FROM journal_offsets WHERE file = ?1")
                .and_then(|mut statement| statement.query_row([&name], |row| row.get(0)).optional())
                .act("read a journal offset")?;
            let mut batch = batch::read(&path, offset.unwrap_or(0).unsigned_abs(), BATCH_MAX)
                .map_err(failed("read the journal", &path))?;
            if batch.lines.is_empty() {
                match batch.torn.take_if(|_| last) {
                    Some(torn) => {
                        batch.end += torn.len() as u64;
                        batch.lines.push(torn);
                    }
                    None => return Ok(Step::Empty),
                }
            }
            let rejected = match apply_all(&tx, owner, &batch.lines, careful) {
                Ok(rejected) => rejected,
                // Some record is one that the schema refuses: find it, set it aside, keep the rest.
                Err(error) if !careful && !error.is_passing() => continue,
                Err(error) => return Err(error.into()),
            };
            self.set_aside(&rejected)?;
            tx.prepare_cached(
                "INSERT INTO journal_offsets (file, offset) VALUES (?1, ?2)
                 ON CONFLICT (file) DO UPDATE SET offset = excluded.offset",
            )
            .and_then(|mut statement| statement.execute((&name, apply::integer(batch.end))))
            .act("keep a journal offset")?;
            tx.commit().act("commit a batch")?;
            if !rejected.is_empty() {
                self.progress().report(|state| state.rejected += rejected.len() as u64);
            }
            return Ok(Step::Moved(batch.lines.len() as u64));
        }
        unreachable!("the careful pass returns")
    }

    /// Keeps lines that cannot be rows where a person can look at them.
    fn set_aside(&self, lines: &[&[u8]]) -> Result<(), MoveError> {
        if lines.is_empty() {
            return Ok(());
        }
        let path = self.shared.dir.join("rejected.jsonl");
        let mut text = lines.join(&b'\n');
        text.push(b'\n');
        tracing::error!(lines = lines.len(), "ledger.records_rejected");
        files::open_append(&path).and_then(|mut file| file.write_all(&text)).map_err(failed("write", &path))
    }

    /// Removes a file that is wholly in SQLite, first the file, then its offset: the other order could replay it.
    fn finish(&self, db: &Connection, owner: &Owner, number: u32) -> Result<u64, MoveError> {
        let name = owner.file_name(number);
        let path = self.shared.dir.join(&name);
        let bytes = std::fs::metadata(&path).map_or(0, |meta| meta.len());
        files::remove(&path)?;
        db.execute("DELETE FROM journal_offsets WHERE file = ?1", [&name]).act("remove a journal offset")?;
        Ok(bytes)
    }
}

/// Applies the lines in order. A careful pass undoes and reports single records that cannot be applied.
fn apply_all<'a>(
    tx: &Transaction<'_>,
    owner: &Owner,
    lines: &'a [Vec<u8>],
    careful: bool,
) -> Result<Vec<&'a [u8]>, StoreError> {
    let mut rejected: Vec<&[u8]> = Vec::new();
    for line in lines {
        let Ok(record) = serde_json::from_slice::<Record>(line) else {
            rejected.push(line);
            continue;
        };
        if !careful {
            apply::apply(tx, owner.as_str(), &record)?;
            continue;
        }
        tx.execute_batch("SAVEPOINT record").act("begin a record")?;
        match apply::apply(tx, owner.as_str(), &record) {
            Ok(()) => tx.execute_batch("RELEASE record").act("end a record")?,
            Err(StoreError::Sqlite { source, .. }) if is_refusal(&source) => {
                tx.execute_batch("ROLLBACK TO record; RELEASE record").act("undo a record")?;
                rejected.push(line);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(rejected)
}

/// The record itself is at fault, not the database: it would be refused for ever.
fn is_refusal(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{ConstraintViolation, TooBig, TypeMismatch};
    error.sqlite_error_code().is_some_and(|code| matches!(code, ConstraintViolation | TooBig | TypeMismatch))
}

/// IMMEDIATE, because a transaction that reads first and writes later can fail in the middle under another writer.
fn begin(db: &mut Connection) -> Result<Transaction<'_>, StoreError> {
    db.transaction_with_behavior(TransactionBehavior::Immediate).act("begin a transaction")
}

fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    rfc3339::text(UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)))
}
