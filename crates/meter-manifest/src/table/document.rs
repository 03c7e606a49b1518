//! One parsed file and its findings.

use super::Table;
use crate::file::{FILE_BYTES_MAX, ManifestFile};
use meter_diag::{Code, Diagnostic, LineIndex, Place, Span, codes::files};
use std::cell::RefCell;
use toml::de::DeTable;

/// The newest version of the file formats that this build reads.
pub const SCHEMA: i64 = 1;

/// A parsed file. Views borrow it; findings gather in it.
#[derive(Debug)]
pub struct Document<'f> {
    path: &'f str,
    text: &'f str,
    lines: LineIndex,
    root: DeTable<'f>,
    found: RefCell<Vec<Diagnostic>>,
}

impl<'f> Document<'f> {
    /// Parses a file.
    ///
    /// # Errors
    /// Everything that keeps the file from being read at all: size, encoding, emptiness, TOML syntax.
    pub fn parse(file: &'f ManifestFile) -> Result<Document<'f>, Vec<Diagnostic>> {
        let whole = |code, message: String| vec![Diagnostic::new(code, Place::whole(&file.path), message)];
        if file.text.len() > FILE_BYTES_MAX {
            return Err(whole(files::TOO_LARGE, format!("the file has {} bytes, more than 1 MiB", file.text.len())));
        }
        let text = match std::str::from_utf8(&file.text) {
            Ok(text) => text,
            Err(error) => {
                let good = String::from_utf8_lossy(&file.text[..error.valid_up_to()]).into_owned();
                let span = Span::new(good.len(), good.len());
                let place = LineIndex::new(&good).place(&file.path, &good, span);
                return Err(vec![Diagnostic::new(files::NOT_UTF8, place, "the file is not UTF-8 from here on")]);
            }
        };
        let lines = LineIndex::new(text);
        // The parser accepts a leading byte order mark, as TOML does.
        let (root, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            let finding = |error: &toml::de::Error| {
                let span = error.span().map(Span::from).unwrap_or_default();
                Diagnostic::new(files::NOT_TOML, lines.place(&file.path, text, span), one_line(error.message()))
            };
            return Err(causes(errors.iter().map(finding).collect()));
        }
        if root.get_ref().is_empty() {
            return Err(whole(files::EMPTY_FILE, "the file says nothing".into())
                .into_iter()
                .map(|finding| finding.help("to hide a bundled file write `schema = 1` and `masked = true`"))
                .collect());
        }
        Ok(Document { path: &file.path, text, lines, root: root.into_inner(), found: RefCell::default() })
    }

    /// The name of the file.
    pub fn path(&self) -> &'f str {
        self.path
    }

    /// The text of the file.
    pub fn text(&self) -> &'f str {
        self.text
    }

    /// The top-level table.
    pub fn root(&self) -> Table<'_, 'f> {
        Table::new(self, &self.root, Span::new(0, 0))
    }

    /// The place of a span of this file.
    pub fn place(&self, span: Span) -> Place {
        self.lines.place(self.path, self.text, span)
    }

    /// Adds a finding at a span.
    pub fn report(&self, code: Code, span: Span, message: impl Into<String>) {
        self.push(Diagnostic::new(code, self.place(span), message));
    }

    /// Adds a finding with a line of advice.
    pub fn report_with_help(&self, code: Code, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.push(Diagnostic::new(code, self.place(span), message).help(help));
    }

    /// Adds a finding made elsewhere.
    pub fn push(&self, finding: Diagnostic) {
        self.found.borrow_mut().push(finding);
    }

    /// Whether an error was found so far.
    pub fn has_errors(&self) -> bool {
        self.found.borrow().iter().any(Diagnostic::is_error)
    }

    /// Takes out what was found.
    pub fn findings(self) -> Vec<Diagnostic> {
        self.found.into_inner()
    }
}

/// One mistake makes the parser stumble several times. Of what it says about a line the first is kept, or what was not
/// closed: everything before that is a consequence.
fn causes(found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut kept: Vec<Diagnostic> = Vec::new();
    for finding in found {
        match kept.last_mut().filter(|last| last.place.line == finding.place.line) {
            None => kept.push(finding),
            Some(last) if finding.message.starts_with("unclosed") => *last = finding,
            Some(_) => {}
        }
    }
    kept
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join("; ")
}
