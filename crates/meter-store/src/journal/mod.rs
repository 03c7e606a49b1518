//! Appends records to files, one write(2) each, so that a call's row survives the process.
//!
//! Nothing here waits for SQLite. Whoever appends pays for one write to a file and a wake-up of the writer thread. When
//! even the file cannot take it (full disk), records wait in memory, in order, up to [`BACKLOG_BYTES_MAX`].

pub(crate) mod files;
mod record;

use crate::error::JournalError;
use files::{Owned, Owner};
use meter_call::{CallId, CallRecord, OpenRecord};
use record::Line;
pub use record::{AuditEvent, CoverageRecord, PolicyRecord, Record};
use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A file this long is closed and the next one begun, so that what is in SQLite can be deleted.
pub(crate) const FILE_BYTES_MAX: u64 = 8 << 20;
/// Records kept in memory while no file takes them.
pub const BACKLOG_BYTES_MAX: usize = 16 << 20;
/// All files of one process together; beyond it records are dropped and counted, because a database that has been away
/// for this long must not fill the disk of the machine.
pub const JOURNAL_BYTES_MAX: u64 = 2 << 30;
/// One record; a call's is two or three kilobytes.
pub(crate) const RECORD_BYTES_MAX: usize = 4 << 20;

/// Where a record is now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kept {
    /// In a file: it survives this process.
    OnDisk,
    /// In memory only, until a file takes it.
    InMemory,
    /// Nowhere: a limit was reached. Counted in the writer's status.
    Lost,
}

/// The hot path's end of the ledger. Clones append to the same file.
#[derive(Clone, Debug)]
pub struct Journal {
    pub(crate) shared: Arc<Shared>,
}

/// What the appending side and the writer thread have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    pub dir: PathBuf,
    pub owner: Owner,
    appender: Mutex<Appender>,
    pub progress: crate::writer::Progress,
}

/// What is known of the appending side.
#[derive(Clone, Debug, Default)]
pub(crate) struct AppendStatus {
    /// Lines in files so far, in this life.
    pub lines: u64,
    /// Records in memory.
    pub backlog: u64,
    pub lost: u64,
    pub failures: u64,
    pub last_error: Option<String>,
    /// The file that is appended to; those with a lower number are finished.
    pub current: u32,
}

#[derive(Debug)]
struct Appender {
    /// Proves to other processes that this one lives. `None` once retired.
    owned: Option<Owned>,
    file: Option<File>,
    file_bytes: u64,
    file_bytes_max: u64,
    disk_bytes: u64,
    /// The file ends inside a line.
    torn: bool,
    /// Whole lines, except that the first may be the rest of one that a file took in part.
    backlog: VecDeque<Vec<u8>>,
    backlog_bytes: usize,
    status: AppendStatus,
}

impl Journal {
    pub(crate) fn create(dir: &Path, start_ms: u64, pid: u32, file_bytes_max: u64) -> Result<Journal, JournalError> {
        let owned = files::claim_new(dir, start_ms, pid)?;
        let owner = owned.owner.clone();
        let appender = Appender {
            owned: Some(owned),
            file: None,
            file_bytes: 0,
            file_bytes_max,
            disk_bytes: 0,
            torn: false,
            backlog: VecDeque::new(),
            backlog_bytes: 0,
            status: AppendStatus::default(),
        };
        let progress = crate::writer::Progress::default();
        Ok(Journal {
            shared: Arc::new(Shared { dir: dir.to_owned(), owner, appender: Mutex::new(appender), progress }),
        })
    }

    /// Before a call goes upstream. Survives a kill from the moment this returns [`Kept::OnDisk`].
    pub fn open(&self, record: &OpenRecord) -> Kept {
        self.append(&Line::Open(record))
    }

    /// When its answer has ended.
    pub fn close(&self, record: &CallRecord) -> Kept {
        self.append(&Line::Close(record))
    }

    /// When a later exchange brought the usage of a call that has its row already: the whole row again.
    pub fn amend(&self, record: &CallRecord) -> Kept {
        self.append(&Line::Amend(record))
    }

    /// When an opened call never started: it leaves no row.
    pub fn release(&self, call: CallId) -> Kept {
        self.append(&Line::Release(call))
    }

    /// A policy's decision, a gap, a change.
    pub fn audit(&self, event: &AuditEvent) -> Kept {
        self.append(&Line::Audit(event))
    }

    /// Traffic that was not metered.
    pub fn coverage(&self, record: &CoverageRecord) -> Kept {
        self.append(&Line::Coverage(record))
    }

    /// A rule of the snapshot in force.
    pub fn policy(&self, record: &PolicyRecord) -> Kept {
        self.append(&Line::Policy(record))
    }

    fn append(&self, line: &Line<'_>) -> Kept {
        let mut bytes = Vec::with_capacity(2048);
        let fits = serde_json::to_writer(&mut bytes, line).map(|()| bytes.len() < RECORD_BYTES_MAX);
        let kept = match fits {
            Ok(true) => {
                bytes.push(b'\n');
                self.shared.lock().append(bytes, &self.shared)
            }
            Ok(false) => self.shared.lock().lose("a record is larger than 4 MiB".to_owned()),
            Err(error) => self.shared.lock().lose(error.to_string()),
        };
        self.shared.progress.wake();
        kept
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Appender> {
        // A panic while appending leaves at worst a torn line, which the reader skips.
        self.appender.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tries again to write what waits in memory.
    pub fn retry(&self) {
        self.lock().drain(self);
    }

    pub fn status(&self) -> AppendStatus {
        self.lock().status.clone()
    }

    /// A finished file of ours is in SQLite and gone.
    pub fn forget_bytes(&self, bytes: u64) {
        let mut appender = self.lock();
        appender.disk_bytes = appender.disk_bytes.saturating_sub(bytes);
    }

    /// Ends this owner: everything is in SQLite, so neither files nor lock need to stay. `false` when something was
    /// appended after `lines` lines; then nothing is done.
    pub fn retire(&self, lines: u64) -> Result<bool, JournalError> {
        let mut appender = self.lock();
        if appender.status.lines != lines || appender.status.backlog > 0 {
            return Ok(false);
        }
        appender.file = None;
        for number in files::numbers(&self.dir, &self.owner)? {
            files::remove(&self.dir.join(self.owner.file_name(number)))?;
        }
        // A record appended after this goes to a file of a dead owner's name and is adopted at the next start.
        match appender.owned.take() {
            Some(owned) => files::retire(&self.dir, owned).map(|()| true),
            None => Ok(true),
        }
    }
}

impl Appender {
    fn append(&mut self, line: Vec<u8>, shared: &Shared) -> Kept {
        if self.disk_bytes.saturating_add(line.len() as u64) > JOURNAL_BYTES_MAX {
            return self.lose("the journal has reached its size limit".to_owned());
        }
        if self.backlog_bytes.saturating_add(line.len()) > BACKLOG_BYTES_MAX {
            return self.lose("too many records wait in memory".to_owned());
        }
        self.backlog_bytes += line.len();
        self.backlog.push_back(line);
        self.status.backlog += 1;
        self.drain(shared);
        if self.backlog.is_empty() { Kept::OnDisk } else { Kept::InMemory }
    }

    fn lose(&mut self, why: String) -> Kept {
        self.status.lost += 1;
        self.status.last_error = Some(why);
        Kept::Lost
    }

    /// Writes what waits, in order, until a file refuses.
    fn drain(&mut self, shared: &Shared) {
        while let Some(mut line) = self.backlog.pop_front() {
            match self.write(&line, shared) {
                Ok(taken) if taken == line.len() => {
                    self.backlog_bytes -= taken;
                    self.status.backlog -= 1;
                    self.status.lines += 1;
                }
                Ok(taken) => {
                    // The rest goes first the next time, to the same file, so the line becomes whole.
                    line.drain(..taken);
                    self.backlog_bytes -= taken;
                    self.backlog.push_front(line);
                }
                Err(error) => {
                    self.backlog.push_front(line);
                    self.status.failures += 1;
                    self.status.last_error = Some(format!("cannot append to the journal: {error}"));
                    return;
                }
            }
        }
    }

    /// One write(2).
    fn write(&mut self, line: &[u8], shared: &Shared) -> io::Result<usize> {
        // Only a whole line may begin a new file.
        if self.file.is_some() && !self.torn && self.file_bytes >= self.file_bytes_max {
            let next = self.status.current + 1;
            self.file = Some(files::open_append(&shared.dir.join(shared.owner.file_name(next)))?);
            self.status.current = next;
            self.file_bytes = 0;
        }
        let file = match &mut self.file {
            Some(file) => file,
            empty => empty.insert(files::open_append(&shared.dir.join(shared.owner.file_name(self.status.current)))?),
        };
        let taken = loop {
            match file.write(line) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        if taken == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.torn = line.get(taken.wrapping_sub(1)) != Some(&b'\n');
        self.file_bytes += taken as u64;
        self.disk_bytes += taken as u64;
        Ok(taken)
    }
}
