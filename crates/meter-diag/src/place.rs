//! Where in which file.

use serde::Serialize;
use std::ops::Range;

/// A byte range of one text, end exclusive.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The range from `start` up to `end`.
    pub const fn new(start: usize, end: usize) -> Span {
        Span { start, end }
    }

    /// The part of this span that starts `offset` bytes in and is `len` bytes long, cut to this span.
    ///
    /// For positions inside a string value whose quotes are one byte wide.
    pub fn within(self, offset: usize, len: usize) -> Span {
        let start = (self.start + offset).min(self.end);
        Span { start, end: (start + len).min(self.end).max(start) }
    }
}

impl From<Range<usize>> for Span {
    fn from(range: Range<usize>) -> Span {
        Span { start: range.start, end: range.end }
    }
}

/// A span of a file with its line and column worked out, so that it outlives the text.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Place {
    /// Path as people know it, relative to the layer (`providers.d/acme.toml`).
    pub file: String,
    /// First line, from 1.
    pub line: u32,
    /// First column, from 1, in characters.
    pub column: u32,
    /// Line of the end.
    pub end_line: u32,
    /// Column one past the last character.
    pub end_column: u32,
    /// Byte range.
    pub span: Span,
}

impl Place {
    /// A file as a whole: its first character.
    pub fn whole(file: impl Into<String>) -> Place {
        Place { file: file.into(), line: 1, column: 1, end_line: 1, end_column: 1, span: Span::default() }
    }
}

/// Finds lines and columns in one text.
#[derive(Clone, Debug)]
pub struct LineIndex {
    /// Byte offset at which each line begins.
    starts: Vec<usize>,
}

impl LineIndex {
    /// Indexes a text once; a line ends behind each LF.
    pub fn new(text: &str) -> LineIndex {
        let after_newline = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        LineIndex { starts: std::iter::once(0).chain(after_newline).collect() }
    }

    /// Line and column (from 1, column in characters) of a byte offset; an offset beyond the text is its end, one inside
    /// a character is that character.
    pub fn position(&self, text: &str, offset: usize) -> (u32, u32) {
        let mut offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.starts.partition_point(|start| *start <= offset);
        let column = text[self.starts[line - 1]..offset].chars().count() + 1;
        (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
    }

    /// The place of a span in this text, under the file's name.
    pub fn place(&self, file: &str, text: &str, span: Span) -> Place {
        let (line, column) = self.position(text, span.start);
        let (end_line, end_column) = self.position(text, span.end.max(span.start));
        Place { file: file.to_owned(), line, column, end_line, end_column, span }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_not_bytes() {
        let text = "a = \"ä\"\r\nbß = 1\n";
        let index = LineIndex::new(text);
        let place = index.place("f", text, Span::new(text.find('1').unwrap(), text.find('1').unwrap() + 1));
        assert_eq!((place.line, place.column, place.end_line, place.end_column), (2, 6, 2, 7));
    }

    #[test]
    fn an_offset_outside_the_text_is_its_end() {
        let index = LineIndex::new("ab\n");
        assert_eq!(index.position("ab\n", 99), (2, 1));
        assert_eq!(LineIndex::new("").position("", 5), (1, 1));
        assert_eq!(LineIndex::new("ä").position("ä", 1), (1, 1));
    }
}
