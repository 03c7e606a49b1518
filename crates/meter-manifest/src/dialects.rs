//! Translates dialect files: TOML with positions into what `meter-wire` compiles, and its mistakes back into findings.

use crate::table::{Document, Table, Value};
use meter_call::Meter;
use meter_diag::{Code, Diagnostic, Place, Span, codes::dialects as codes, codes::files};
use meter_wire::{
    Dialect, DialectError, DialectSource, Mistake, Position, Written, WrittenEntry, WrittenTable, WrittenValue,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a provider changes in dialects: by dialect id.
pub type Overrides = BTreeMap<String, WrittenTable>;

/// The dialects of all files, and what was found in them.
///
/// Order of use: [`Dialects::add`] for each file, [`Dialects::overrides`] for each provider, [`Dialects::compiled`] and
/// [`Dialects::used`] for each endpoint, [`Dialects::finish`] once.
#[derive(Debug, Default)]
pub struct Dialects {
    sources: BTreeMap<String, DialectSource>,
    /// Where each dialect's id stands.
    ids: BTreeMap<String, Place>,
    /// Position `n` is place `n - 1`; 0 is none.
    places: Vec<Place>,
    compiled: BTreeMap<String, Option<Arc<Dialect>>>,
    found: Vec<Diagnostic>,
    /// Captures by the position of the expression that reads them: where, and whether an endpoint makes it.
    paths: BTreeMap<(Position, String), (usize, bool)>,
}

impl Dialects {
    /// Reads one file of `manifests/dialects/`.
    pub fn add(&mut self, doc: &Document<'_>) {
        let root = doc.root();
        if !root.schema() {
            return;
        }
        let Some(id) = root.need_text("id") else { return };
        let place = doc.place(id.span);
        let stem = doc.path().rsplit('/').next().and_then(|name| name.strip_suffix(".toml"));
        if stem != Some(id.value) {
            let message = format!("the file of dialect `{}` must be called `{}.toml`", id.value, id.value);
            self.found.push(Diagnostic::new(files::BAD_VALUE, place.clone(), message));
        }
        if let Some(first) = self.ids.get(id.value) {
            let message = format!("there are two dialects `{}`", id.value);
            let finding = Diagnostic::new(files::DUPLICATE_ID, place, message);
            self.found.push(finding.other(first.clone(), "the other one"));
            return;
        }
        self.ids.insert(id.value.to_owned(), place);
        let table = self.table(&root);
        self.sources.insert(id.value.to_owned(), DialectSource { id: id.value.to_owned(), table });
    }

    /// Reads `dialect_overrides` of a provider. An override of a dialect that does not exist is told by
    /// [`Dialects::compiled`]'s caller through [`Dialects::knows`], or here once all files were added.
    pub fn overrides(&mut self, table: &Table<'_, '_>) -> Overrides {
        let mut overrides = Overrides::new();
        for (id, value) in table.entries() {
            if !self.knows(id.value) {
                let place = table.doc().place(id.span);
                let message = format!("there is no dialect `{}`", id.value);
                let finding = Diagnostic::new(codes::UNKNOWN_PARENT, place, message);
                self.found.push(match meter_diag::nearest(id.value, self.ids()) {
                    Some(near) => finding.help(format!("did you mean `{near}`?")),
                    None => finding,
                });
            }
            if let Some(changes) = value.table() {
                overrides.insert(id.value.to_owned(), self.table(&changes));
            }
        }
        overrides
    }

    /// Whether a file has this id.
    pub fn knows(&self, id: &str) -> bool {
        self.sources.contains_key(id)
    }

    /// Every id there is, for "did you mean".
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.sources.keys().map(String::as_str)
    }

    /// The dialect with these overrides, the most general first; `None` when it is wrong or missing. A dialect
    /// that nothing overrides is compiled once.
    pub fn compiled(&mut self, id: &str, overrides: &[&Overrides]) -> Option<Arc<Dialect>> {
        let mut merged = Overrides::new();
        for (id, table) in overrides.iter().flat_map(|overrides| overrides.iter()) {
            let over = merged.get(id).map_or_else(|| table.clone(), |under: &WrittenTable| under.overlaid(table));
            merged.insert(id.clone(), over);
        }
        if !merged.is_empty() {
            return self.compile(id, &merged);
        }
        if let Some(known) = self.compiled.get(id) {
            return known.clone();
        }
        let dialect = self.compile(id, &merged);
        self.compiled.insert(id.to_owned(), dialect.clone());
        dialect
    }

    fn compile(&mut self, id: &str, overrides: &Overrides) -> Option<Arc<Dialect>> {
        let compiled =
            DialectSource::resolved(id, &self.sources, overrides).and_then(|source| Dialect::compile(&source));
        match compiled {
            Ok(dialect) => {
                for warning in dialect.warnings() {
                    self.tell(id, warning);
                }
                Some(Arc::new(dialect))
            }
            Err(errors) => {
                errors.iter().for_each(|error| self.tell(id, error));
                None
            }
        }
    }

    /// An endpoint uses a dialect and has these captures.
    pub fn used(&mut self, dialect: &Dialect, captures: &BTreeSet<String>) {
        for path in dialect.path_uses() {
            let entry = self.paths.entry((path.position, path.name.clone())).or_insert((path.column, false));
            entry.1 |= captures.contains(&path.name);
        }
    }

    /// Compiles what no endpoint used, so that every file is checked, and gives all findings. `priced` holds the meters
    /// that some price file has a rate for; `None` when prices are not known.
    pub fn finish(mut self, priced: Option<&BTreeSet<Meter>>) -> Vec<Diagnostic> {
        let ids: Vec<String> = self.sources.keys().cloned().collect();
        let mut unpriced: BTreeMap<Position, Meter> = BTreeMap::new();
        for id in ids {
            let Some(dialect) = self.compiled(&id, &[]) else { continue };
            let meters = dialect.meters().filter(|(meter, _)| priced.is_some_and(|priced| !priced.contains(meter)));
            unpriced.extend(meters.map(|(meter, position)| (position, meter)));
        }
        for (position, meter) in unpriced {
            let message = format!("no price file has a rate for `{meter}`");
            let place = self.place("", position, None);
            self.found.push(Diagnostic::new(codes::UNPRICED_METER, place, message));
        }
        for ((position, name), (column, captured)) in std::mem::take(&mut self.paths) {
            if !captured {
                let message = format!("no endpoint that uses this dialect captures `{name}`");
                let place = self.place("", position, Some(column));
                self.found.push(Diagnostic::new(codes::UNCAPTURED_PATH, place, message));
            }
        }
        self.found.sort();
        // An inherited mistake shows in each heir; it was written once.
        self.found.dedup_by(|a, b| a.place == b.place && a.code == b.code && a.message == b.message);
        self.found
    }

    fn tell(&mut self, id: &str, error: &DialectError) {
        let place = self.place(id, error.position, error.column);
        let mut finding = Diagnostic::new(code(error), place, error.message.clone());
        if let Some(nearest) = &error.nearest {
            finding = finding.help(format!("did you mean `{nearest}`?"));
        }
        self.found.push(finding);
    }

    /// The place of a position; with a column, the character inside the text that stands there.
    fn place(&self, id: &str, position: Position, column: Option<usize>) -> Place {
        let index = usize::try_from(position).ok().and_then(|position| position.checked_sub(1));
        let Some(whole) = index.and_then(|index| self.places.get(index)) else {
            return self.ids.get(id).cloned().unwrap_or_else(|| Place::whole("manifests/dialects"));
        };
        let Some(column) = column else { return whole.clone() };
        let inside = whole.span.within(1 + column, 1);
        let offset = u32::try_from(inside.start - whole.span.start).unwrap_or(0);
        // Expressions are plain one-line texts; in one of several lines the finding stays on its first.
        let start = whole.column + offset;
        Place { column: start, end_column: start + 1, end_line: whole.line, span: inside, ..whole.clone() }
    }

    fn position(&mut self, doc: &Document<'_>, span: Span) -> Position {
        self.places.push(doc.place(span));
        Position::try_from(self.places.len()).unwrap_or(0)
    }

    fn table(&mut self, table: &Table<'_, '_>) -> WrittenTable {
        let mut entries = Vec::new();
        for (key, value) in table.entries() {
            let position = self.position(table.doc(), key.span);
            entries.push(WrittenEntry { key: key.value.to_owned(), position, value: self.written(&value) });
        }
        WrittenTable(entries)
    }

    fn written(&mut self, value: &Value<'_, '_>) -> Written {
        let position = self.position(value.doc(), value.span);
        let value = if let Some(text) = value.as_text() {
            WrittenValue::Text(text.value.to_owned())
        } else if let Some(integer) = value.as_integer() {
            WrittenValue::Integer(integer.value)
        } else if let Some(truth) = value.as_bool() {
            WrittenValue::Truth(truth.value)
        } else if let Some(items) = value.as_list() {
            WrittenValue::List(items.iter().map(|item| self.written(item)).collect())
        } else if let Some(table) = value.as_table() {
            WrittenValue::Table(self.table(&table))
        } else {
            WrittenValue::Other(value.type_name())
        };
        Written { position, value }
    }
}

fn code(error: &DialectError) -> Code {
    match error.kind {
        Mistake::Value => files::BAD_VALUE,
        Mistake::Key => files::UNKNOWN_KEY,
        Mistake::Word => files::UNKNOWN_WORD,
        Mistake::Syntax => codes::BAD_EXPRESSION,
        Mistake::Name => codes::UNKNOWN_NAME,
        Mistake::Circle => codes::NAME_CIRCLE,
        Mistake::Missing if error.table == "refusal" => codes::REFUSAL_WITHOUT_ANSWER,
        Mistake::Missing => files::MISSING_KEY,
        Mistake::Parent => codes::UNKNOWN_PARENT,
        Mistake::Unread => codes::UNREAD_KEY,
    }
}

#[cfg(test)]
mod tests;
