//! One table, read key by key.

use super::document::SCHEMA;
use super::{At, Document, Literal, Value};
use meter_diag::{Code, Span, codes::files, nearest};
use std::cell::RefCell;
use std::ops::RangeInclusive;
use toml::de::DeTable;
use toml::value::Datetime;

/// A table and the keys that were asked for so far.
///
/// Getters named like a type report a value of another type and give `None`; those named `need_…` report a missing key too.
#[derive(Debug)]
pub struct Table<'d, 'f> {
    doc: &'d Document<'f>,
    table: &'d DeTable<'f>,
    /// Its header or its braces; the start of the file for the top level.
    pub span: Span,
    asked: RefCell<Vec<&'static str>>,
}

impl<'d, 'f> Table<'d, 'f> {
    pub(super) fn new(doc: &'d Document<'f>, table: &'d DeTable<'f>, span: Span) -> Self {
        Table { doc, table, span, asked: RefCell::default() }
    }

    /// The file it stands in.
    pub fn doc(&self) -> &'d Document<'f> {
        self.doc
    }

    /// Whether it has no keys.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Whether the key is there. Counts as asked for.
    pub fn has(&self, key: &'static str) -> bool {
        self.key(key).is_some()
    }

    /// Where the key's name stands. Counts as asked for.
    pub fn key(&self, key: &'static str) -> Option<Span> {
        self.ask(key);
        self.table.get_key_value(key).map(|(name, _)| name.span().into())
    }

    /// The value, whatever its type.
    pub fn value(&self, key: &'static str) -> Option<Value<'d, 'f>> {
        self.ask(key);
        self.table.get(key).map(|value| Value::new(self.doc, key, value))
    }

    /// The value; a missing one is reported.
    pub fn need(&self, key: &'static str) -> Option<Value<'d, 'f>> {
        let value = self.value(key);
        if value.is_none() {
            self.doc.report(files::MISSING_KEY, self.span, format!("`{key}` is missing"));
        }
        value
    }

    /// Every key and value in the order of the file, for tables whose keys are free. They count as asked for only if
    /// [`Table::finish`] is not called.
    pub fn entries(&self) -> Vec<(At<&'d str>, Value<'d, 'f>)> {
        let mut entries: Vec<_> = self
            .table
            .iter()
            .map(|(key, value)| {
                let name: &'d str = key.get_ref();
                (At::new(name, key.span().into()), Value::new(self.doc, name, value))
            })
            .collect();
        // A dotted key gives several entries under one parent; each has a name of its own, so starts differ.
        entries.sort_by_key(|(key, _)| key.span);
        entries
    }

    /// A string.
    pub fn text(&self, key: &'static str) -> Option<At<&'d str>> {
        self.value(key)?.text()
    }

    /// A string that must be there.
    pub fn need_text(&self, key: &'static str) -> Option<At<&'d str>> {
        self.need(key)?.text()
    }

    /// A string or a list of strings; empty when absent.
    pub fn texts(&self, key: &'static str) -> Vec<At<&'d str>> {
        self.value(key).map(|value| value.texts()).unwrap_or_default()
    }

    /// A boolean.
    pub fn bool(&self, key: &'static str) -> Option<At<bool>> {
        self.value(key)?.bool()
    }

    /// A boolean that is false when absent.
    pub fn flag(&self, key: &'static str) -> bool {
        self.bool(key).is_some_and(|at| at.value)
    }

    /// A number, as its literal text.
    pub fn number(&self, key: &'static str) -> Option<At<Literal<'f>>> {
        self.value(key)?.number()
    }

    /// An integer within a range.
    pub fn integer(&self, key: &'static str, range: RangeInclusive<i64>) -> Option<At<i64>> {
        self.value(key)?.integer(range)
    }

    /// A date or time.
    pub fn datetime(&self, key: &'static str) -> Option<At<Datetime>> {
        self.value(key)?.datetime()
    }

    /// A table.
    pub fn table(&self, key: &'static str) -> Option<Table<'d, 'f>> {
        self.value(key)?.table()
    }

    /// A list of tables; empty when absent.
    pub fn tables(&self, key: &'static str) -> Vec<Table<'d, 'f>> {
        self.value(key).map(|value| value.tables()).unwrap_or_default()
    }

    /// One of a closed list of words; another one is reported with the nearest.
    pub fn word<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Option<At<T>> {
        let written = self.text(key)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == written.value) {
            return Some(At::new(*value, written.span));
        }
        let message = format!("`{}` is no `{key}`", written.value);
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let help = match nearest(written.value, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("one of: {}", names.join(", ")),
        };
        self.doc.report_with_help(files::UNKNOWN_WORD, written.span, message, help);
        None
    }

    /// Checks the `schema` key of a top-level table. False when the rest of the file must not be read.
    pub fn schema(&self) -> bool {
        // Any file may say it; the layers have read it already.
        self.ask("masked");
        let Some(value) = self.value("schema") else {
            self.doc.report_with_help(
                files::SCHEMA_MISSING,
                self.span,
                "the file does not say which `schema` it is written in",
                format!("begin with `schema = {SCHEMA}`"),
            );
            return true;
        };
        match value.integer(1..=i64::MAX) {
            Some(at) if at.value > SCHEMA => {
                let message = format!("schema {} is newer than this version knows ({SCHEMA})", at.value);
                self.doc.report(files::SCHEMA_NEWER, at.span, message);
                false
            }
            _ => true,
        }
    }

    /// Adds a finding at a span of this file.
    pub fn report(&self, code: Code, span: Span, message: impl Into<String>) {
        self.doc.report(code, span, message);
    }

    /// Reports every key that was not asked for.
    pub fn finish(self) {
        let asked = self.asked.into_inner();
        for (key, _) in self.table.iter().filter(|(key, _)| !asked.contains(&key.get_ref().as_ref())) {
            let message = format!("no key `{}` here", key.get_ref());
            // Keys that are there already are no good advice.
            let free = asked.iter().copied().filter(|name| !self.table.contains_key(*name));
            match nearest(key.get_ref(), free) {
                Some(near) => {
                    let help = format!("did you mean `{near}`?");
                    self.doc.report_with_help(files::UNKNOWN_KEY, key.span().into(), message, help);
                }
                None => self.doc.report(files::UNKNOWN_KEY, key.span().into(), message),
            }
        }
    }

    fn ask(&self, key: &'static str) {
        self.asked.borrow_mut().push(key);
    }
}
