//! Reads whole lines from a journal file that may still grow.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Seek, SeekFrom},
    path::Path,
};

/// Some lines and where they end.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Without their line feeds.
    pub lines: Vec<Vec<u8>>,
    /// Offset behind the last of them.
    pub end: u64,
    /// Bytes after `end` that no line feed ends, when the file ends there: a record under way, or one cut by a kill.
    pub torn: Option<Vec<u8>>,
}

/// Up to `lines_max` whole lines from `offset` on. A file that is not there is an empty one.
pub(super) fn read(path: &Path, offset: u64, lines_max: usize) -> io::Result<Batch> {
    let mut batch = Batch { end: offset, ..Batch::default() };
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(batch),
        other => other?,
    };
    let mut reader = BufReader::with_capacity(64 << 10, file);
    reader.seek(SeekFrom::Start(offset))?;
    while batch.lines.len() < lines_max {
        let mut line = Vec::new();
        let taken = reader.read_until(b'\n', &mut line)?;
        if taken == 0 {
            break;
        }
        if line.pop_if(|byte| *byte == b'\n').is_none() {
            batch.torn = Some(line);
            break;
        }
        batch.end += taken as u64;
        batch.lines.push(line);
    }
    Ok(batch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_whole_lines_and_leaves_the_torn_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, b"one\n\nthree\nfo").unwrap();
        let batch = read(&path, 0, 2).unwrap();
        assert_eq!((batch.lines, batch.end, batch.torn), (vec![b"one".to_vec(), vec![]], 5, None));
        let batch = read(&path, 5, 9).unwrap();
        assert_eq!((batch.lines, batch.end, batch.torn), (vec![b"three".to_vec()], 11, Some(b"fo".to_vec())));
        assert!(read(&dir.path().join("b"), 0, 9).unwrap().lines.is_empty());
    }
}
