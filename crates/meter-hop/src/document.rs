//! Reading a small file again and again without ever losing the last good one.

use serde::Deserialize;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Longest file that is read at all. Ours are a few KiB; anything else is not ours.
const DOCUMENT_BYTES_MAX: u64 = 1024 * 1024;

/// A JSON file with a `schema_version`.
pub trait Document: Sized {
    /// Newest version this program understands.
    const SCHEMA_VERSION: u32;

    /// The document of a text whose version was already checked.
    ///
    /// # Errors
    /// What is wrong, in one line.
    fn from_json(text: &[u8]) -> Result<Self, String>;

    /// The document in `text`.
    ///
    /// # Errors
    /// [`ReadError::Newer`] or [`ReadError::Malformed`].
    fn parse(text: &[u8]) -> Result<Self, ReadError> {
        let version: Version = serde_json::from_slice(text).map_err(|e| ReadError::Malformed(e.to_string()))?;
        if version.schema_version > Self::SCHEMA_VERSION {
            return Err(ReadError::Newer { found: version.schema_version, known: Self::SCHEMA_VERSION });
        }
        Self::from_json(text).map_err(ReadError::Malformed)
    }

    /// The document in the file at `path`.
    ///
    /// # Errors
    /// [`ReadError`].
    fn read(path: &Path) -> Result<Self, ReadError> {
        Self::parse(&read_bounded(path)?)
    }
}

#[derive(Deserialize)]
struct Version {
    schema_version: u32,
}

/// Why a file gave no document.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is no such file.
    #[error("the file is missing")]
    Missing,
    /// The system did not let us read it.
    #[error("the file cannot be read: {0}")]
    Io(io::Error),
    /// A newer program wrote it.
    #[error("schema version {found} is newer than {known}")]
    Newer {
        /// The version in the file.
        found: u32,
        /// The newest version this program understands.
        known: u32,
    },
    /// It is not what it should be.
    #[error("the file is broken: {0}")]
    Malformed(String),
}

/// What a look at the file brought.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refreshed {
    /// The same bytes as last time.
    Unchanged,
    /// A new good document is in force.
    Loaded,
    /// The file is gone; there is no document in force.
    Removed,
    /// The file is broken, unreadable or newer; what was in force still is.
    Kept,
}

/// A document on disk and the last good reading of it.
#[derive(Debug)]
pub struct LastGood<T> {
    path: PathBuf,
    seen: Option<Vec<u8>>,
    value: Option<T>,
    trouble: Option<String>,
    rejected: u64,
}

impl<T: Document> LastGood<T> {
    /// Nothing is read before the first [`refresh`](LastGood::refresh).
    pub fn new(path: PathBuf) -> LastGood<T> {
        LastGood { path, seen: None, value: None, trouble: None, rejected: 0 }
    }

    /// Looks at the file. Bytes are compared, not times: two saves within one tick of the file system's clock count.
    pub fn refresh(&mut self) -> Refreshed {
        let text = match read_bounded(&self.path) {
            Ok(text) => text,
            Err(ReadError::Missing) => {
                let was_there = self.value.is_some() || self.seen.is_some();
                (self.seen, self.value, self.trouble) = (None, None, None);
                return if was_there { Refreshed::Removed } else { Refreshed::Unchanged };
            }
            Err(error) => {
                let error = error.to_string();
                if self.trouble.as_ref() == Some(&error) && self.seen.is_none() {
                    return Refreshed::Unchanged;
                }
                self.seen = None;
                return self.keep(error);
            }
        };
        if self.seen.as_ref() == Some(&text) {
            return Refreshed::Unchanged;
        }
        let outcome = T::parse(&text);
        self.seen = Some(text);
        match outcome {
            Ok(value) => {
                (self.value, self.trouble) = (Some(value), None);
                Refreshed::Loaded
            }
            Err(error) => self.keep(error.to_string()),
        }
    }

    fn keep(&mut self, trouble: String) -> Refreshed {
        self.trouble = Some(trouble);
        self.rejected += 1;
        Refreshed::Kept
    }

    /// What is in force.
    pub fn value(&self) -> Option<&T> {
        self.value.as_ref()
    }

    /// What is wrong with the file as it stands, if anything.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// How many readings were turned down so far.
    pub fn rejected(&self) -> u64 {
        self.rejected
    }
}

pub(crate) fn read_bounded(path: &Path) -> Result<Vec<u8>, ReadError> {
    let file = std::fs::File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ReadError::Missing,
        _ => ReadError::Io(error),
    })?;
    let mut text = Vec::new();
    file.take(DOCUMENT_BYTES_MAX + 1).read_to_end(&mut text).map_err(ReadError::Io)?;
    if text.len() as u64 > DOCUMENT_BYTES_MAX {
        return Err(ReadError::Malformed(format!("longer than {DOCUMENT_BYTES_MAX} bytes")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EdgeConfig;

    const GOOD: &str = r#"{"schema_version":1,"digest":"b3:1","hosts":["a.example"]}"#;

    struct Fixture {
        _folder: tempfile::TempDir,
        path: PathBuf,
        file: LastGood<EdgeConfig>,
    }

    fn fixture() -> Fixture {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("edge.json");
        Fixture { file: LastGood::new(path.clone()), path, _folder: folder }
    }

    impl Fixture {
        fn write(&mut self, text: &str) -> Refreshed {
            std::fs::write(&self.path, text).unwrap();
            self.file.refresh()
        }

        fn digest(&self) -> Option<&str> {
            self.file.value().map(|v| v.digest.as_str())
        }
    }

    #[test]
    fn a_broken_or_newer_file_keeps_the_last_good_one_and_says_so_once() {
        let mut f = fixture();
        assert_eq!(f.file.refresh(), Refreshed::Unchanged);
        assert_eq!(f.write(GOOD), Refreshed::Loaded);
        assert_eq!(f.file.refresh(), Refreshed::Unchanged);
        for bad in ["", "{", "[]", r#"{"schema_version":2,"digest":"b3:2","hosts":[]}"#, &GOOD.replace("a.ex", "a ex")]
        {
            assert_eq!(f.write(bad), Refreshed::Kept, "{bad}");
            assert_eq!(f.file.refresh(), Refreshed::Unchanged, "{bad}");
            assert_eq!(f.digest(), Some("b3:1"));
            assert!(f.file.trouble().is_some());
        }
        assert_eq!(f.file.rejected(), 5);
        assert_eq!(f.write(&GOOD.replace("b3:1", "b3:3")), Refreshed::Loaded);
        assert_eq!((f.digest(), f.file.trouble()), (Some("b3:3"), None));
    }

    #[test]
    fn a_newer_schema_names_both_versions() {
        let mut f = fixture();
        f.write(r#"{"schema_version":7}"#);
        assert_eq!(f.file.trouble(), Some("schema version 7 is newer than 1"));
    }

    #[test]
    fn a_removed_file_leaves_nothing_in_force() {
        let mut f = fixture();
        f.write(GOOD);
        std::fs::remove_file(&f.path).unwrap();
        assert_eq!(f.file.refresh(), Refreshed::Removed);
        assert_eq!(f.file.refresh(), Refreshed::Unchanged);
        assert!(f.file.value().is_none());
        assert_eq!(f.write(GOOD), Refreshed::Loaded);
    }

    #[test]
    fn a_file_that_is_not_ours_by_size_is_not_read() {
        let mut f = fixture();
        assert_eq!(f.write(&" ".repeat(DOCUMENT_BYTES_MAX as usize + 1)), Refreshed::Kept);
    }
}
