//! From what was written to a dialect that reads. Everything wrong is collected, nothing stops at the first mistake.

use super::expr::{self, Parsed, ParsedCondition, Source, SyntaxError};
use super::pointer::{Pointer, Segment};
use super::refusal::RefusalTemplate;
use super::source::{DialectSource, Position, Written, WrittenEntry, WrittenTable, WrittenValue};
use super::tables::*;
use super::{DialectError, Mistake, PathUse, check, parts, places};
use crate::json::{Overlapping, PlaceSet, Projection};
use std::collections::{BTreeMap, BTreeSet};

/// Most cells a dialect may have; the largest bundled one has about eighty.
const CELLS_MAX: usize = 1000;

const TOP: &[&str] = &[
    "schema", "id", "extends", "masked", "name", "request", "response", "usage", "beside", "rows", "end", "error",
    "kind", "refusal", "framing",
];
const REQUEST: &[&str] = &[
    "model",
    "stream",
    "max_output",
    "service_tier",
    "speed",
    "deployment",
    "size",
    "quality",
    "resolution",
    "search_context",
    "cache_mode",
];
const RESPONSE: &[&str] = &[
    "model",
    "model_billed",
    "price_class",
    "id",
    "request_id",
    "service_tier",
    "speed",
    "geo",
    "finish",
    "upstream",
    "size",
    "quality",
    "resolution",
    "search_context",
    "cache_mode",
];

/// Collects mistakes and cells while the tables are read.
#[derive(Default)]
pub(crate) struct Compiler {
    pub(crate) errors: Vec<DialectError>,
    names: BTreeMap<TableId, Vec<String>>,
    pub(crate) positions: BTreeMap<(TableId, usize), Position>,
    used: BTreeSet<(TableId, usize)>,
    request_cells: Vec<Cell>,
    response_cells: Vec<Cell>,
    path_uses: Vec<PathUse>,
}

/// Where an expression stands, for messages and for what it may name.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) id: TableId,
    pub(crate) table: &'a str,
    pub(crate) key: &'a str,
    pub(crate) position: Position,
    /// Prefixes of pointers.
    pub(crate) at: &'a [Pointer],
}

impl Place<'_> {
    pub(crate) fn error(self, column: Option<usize>, message: impl Into<String>) -> DialectError {
        DialectError::at(self.table, self.key, self.position, column, message)
    }
}

pub(crate) fn compile(source: &DialectSource) -> Result<Dialect, Vec<DialectError>> {
    let mut compiler = Compiler::default();
    compiler.known_keys(&source.table, "", TOP);
    let table = |compiler: &mut Compiler, name: &str| compiler.table(&source.table, name).cloned().unwrap_or_default();
    let written = [
        (TableId::Request, "request", table(&mut compiler, "request")),
        (TableId::Response, "response", table(&mut compiler, "response")),
        (TableId::Usage, "usage", table(&mut compiler, "usage")),
        (TableId::Error, "error", table(&mut compiler, "error")),
        (TableId::Beside, "beside", table(&mut compiler, "beside")),
    ];
    for (id, _, table) in &written {
        let names = parts::key_names(*id, table);
        compiler.names.insert(*id, names);
    }
    let mut usage = parts::Usage::default();
    let [request, response, usage_table, error, beside] =
        written.each_ref().map(|(id, name, table)| compiler.keyed(*id, name, table, &mut usage));
    let meters = parts::meters(&mut compiler, &usage_table);
    let beside = parts::beside(&mut compiler, beside);
    let lines = parts::lines(&mut compiler, &written[2].2, &usage_table.at, std::mem::take(&mut usage.each));
    let errors = parts::errors(&mut compiler, &written[3].2, &error);
    let name = match compiler.text(&source.table, "", "name") {
        Some((text, position)) => {
            let place = Place { id: TableId::End, table: "", key: "name", position, at: &[] };
            compiler.pointer(place, text).unwrap_or_default()
        }
        None => Pointer(vec![Segment::Key("type".into())]),
    };
    let rows_table = compiler.table(&source.table, "rows").cloned();
    let rows = rows_table.map(|table| parts::rows(&mut compiler, &table));
    let end_table = compiler.table(&source.table, "end").cloned();
    let end = end_table.map(|table| parts::end(&mut compiler, &table));
    let kind_table = table(&mut compiler, "kind");
    let kinds = parts::kinds(&mut compiler, &kind_table);
    let framing_table = table(&mut compiler, "framing");
    let framings = parts::framings(&mut compiler, &framing_table);
    let refusal = match compiler.table(&source.table, "refusal").cloned() {
        Some(table) => RefusalTemplate::compile(&mut compiler, &table),
        None => {
            let message = "there is no [refusal]: a policy could not answer in this provider's shape";
            compiler.errors.push(DialectError::at("refusal", "", 0, None, message).kind(Mistake::Missing));
            RefusalTemplate::default()
        }
    };
    let find = |key: &str| usage_table.key(key);
    let mut dialect = Dialect {
        id: source.id.clone(),
        name,
        total: find("total"),
        provider_cost: find("provider_cost"),
        request,
        response,
        usage: usage_table.clone(),
        beside,
        error,
        request_cells: std::mem::take(&mut compiler.request_cells),
        response_cells: std::mem::take(&mut compiler.response_cells),
        nonzero: usage.nonzero,
        final_when: usage.final_when,
        meters,
        lines,
        rows,
        end,
        errors,
        kinds,
        framings,
        refusal,
        request_projection: Projection::default(),
        response_projection: Projection::default(),
        path_uses: std::mem::take(&mut compiler.path_uses),
        warnings: Vec::new(),
    };
    if dialect.request_cells.len() + dialect.response_cells.len() > CELLS_MAX {
        compiler.errors.push(DialectError::at("", "", 0, None, format!("more than {CELLS_MAX} pointers")));
    }
    check::circles(&dialect, &mut compiler);
    if !compiler.errors.is_empty() {
        return Err(compiler.errors);
    }
    let mut warnings = Vec::new();
    for (id, table, known) in [(TableId::Request, "request", REQUEST), (TableId::Response, "response", RESPONSE)] {
        for (index, key) in dialect.table(id).map(|table| &table.keys[..]).unwrap_or_default().iter().enumerate() {
            if !known.contains(&key.name.as_str()) && !compiler.used.contains(&(id, index)) {
                let position = compiler.positions.get(&(id, index)).copied().unwrap_or(0);
                let warning = DialectError::at(table, &key.name, position, None, "nothing reads this key");
                let nearest = check::nearest(&key.name, known.iter().copied());
                warnings.push(warning.kind(Mistake::Unread).near(nearest));
            }
        }
    }
    dialect.warnings = warnings;
    match places::projections(&mut dialect) {
        Ok(()) => Ok(dialect),
        Err(Overlapping) => {
            Err(vec![DialectError::at("", "", 0, None, "the pointers overlap in too many ways: use fewer `**`")])
        }
    }
}

impl Compiler {
    /// A sub-table; another type is a mistake.
    pub(crate) fn table<'a>(&mut self, table: &'a WrittenTable, name: &str) -> Option<&'a WrittenTable> {
        let entry = table.find(name)?;
        match &entry.value.value {
            WrittenValue::Table(table) => Some(table),
            _ => {
                self.errors.push(DialectError::at("", name, entry.value.position, None, "this has to be a table"));
                None
            }
        }
    }

    /// A text; another type is a mistake.
    pub(crate) fn text<'a>(&mut self, table: &'a WrittenTable, name: &str, key: &str) -> Option<(&'a str, Position)> {
        let entry = table.find(key)?;
        match &entry.value.value {
            WrittenValue::Text(text) => Some((text, entry.value.position)),
            _ => {
                self.errors.push(DialectError::at(name, key, entry.value.position, None, "this has to be a text"));
                None
            }
        }
    }

    /// A text or a list of texts.
    pub(crate) fn texts<'a>(&mut self, name: &str, entry: &'a WrittenEntry) -> Vec<(&'a str, Position)> {
        let items = match &entry.value.value {
            WrittenValue::List(items) => items.as_slice(),
            _ => std::slice::from_ref(&entry.value),
        };
        let mut texts = Vec::new();
        for item in items {
            match &item.value {
                WrittenValue::Text(text) => texts.push((text.as_str(), item.position)),
                _ => {
                    let message = "this has to be a text or a list of texts";
                    self.errors.push(DialectError::at(name, &entry.key, item.position, None, message));
                }
            }
        }
        texts
    }

    /// Reports keys that do not exist.
    pub(crate) fn known_keys(&mut self, table: &WrittenTable, name: &str, known: &[&str]) {
        for entry in table.0.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let what = if name.is_empty() { "table or key" } else { "key" };
            let message = format!("there is no {what} `{}` here", entry.key);
            let nearest = check::nearest(&entry.key, known.iter().copied());
            let error = DialectError::at(name, &entry.key, entry.position, None, message);
            self.errors.push(error.kind(Mistake::Key).near(nearest));
        }
    }

    fn syntax<T>(&mut self, place: Place<'_>, result: Result<T, SyntaxError>) -> Option<T> {
        result.map_err(|e| self.errors.push(place.error(Some(e.column), e.message).kind(Mistake::Syntax))).ok()
    }

    /// A pointer alone.
    pub(crate) fn pointer(&mut self, place: Place<'_>, text: &str) -> Option<Pointer> {
        self.syntax(place, expr::pointer(text))
    }

    /// A value: one expression, or a list that is one cell.
    pub(crate) fn value(&mut self, place: Place<'_>, written: &Written) -> Expr {
        match &written.value {
            WrittenValue::Text(text) => {
                let place = Place { position: written.position, ..place };
                let parsed = self.syntax(place, expr::value(text));
                parsed.map_or(Expr::Unknown, |parsed| self.resolve(place, parsed))
            }
            WrittenValue::List(items) => {
                let items = items.iter().map(|item| self.value(place, item)).collect();
                self.cell(place, CellKind::List(items))
            }
            _ => {
                let place = Place { position: written.position, ..place };
                self.errors.push(place.error(None, "this has to be a text, like \"/model\", or a list of texts"));
                Expr::Unknown
            }
        }
    }

    /// One condition, or a list of which all must hold.
    pub(crate) fn conditions(&mut self, place: Place<'_>, entry: &WrittenEntry) -> Vec<Condition> {
        let texts: Vec<(String, Position)> =
            self.texts(place.table, entry).into_iter().map(|(text, position)| (text.to_owned(), position)).collect();
        let mut conditions = Vec::new();
        for (text, position) in texts {
            let place = Place { position, ..place };
            if let Some(ParsedCondition { left, right }) = self.syntax(place, expr::condition(&text)) {
                let left = self.resolve(place, left);
                let right = right.map(|(comparison, value)| (comparison, self.resolve(place, value)));
                conditions.push(Condition { left, right });
            }
        }
        conditions
    }

    fn cell(&mut self, place: Place<'_>, what: CellKind) -> Expr {
        if place.id == TableId::Kind {
            self.errors
                .push(place.error(None, "only request(key) and response(key) can be asked here").kind(Mistake::Name));
            return Expr::Unknown;
        }
        let every = place.id == TableId::Response && place.key == "request_id";
        let cell =
            Cell { table: place.id, every, what, places: Vec::new(), exact: Vec::new(), inputs: PlaceSet::default() };
        let cells = if place.id == TableId::Request { &mut self.request_cells } else { &mut self.response_cells };
        let index = cells.iter().position(|old| *old == cell).unwrap_or_else(|| {
            cells.push(cell);
            cells.len() - 1
        });
        Expr::Cell(index)
    }

    fn under(place: Place<'_>, pointer: &Pointer) -> Vec<Pointer> {
        if place.at.is_empty() {
            return vec![pointer.clone()];
        }
        place.at.iter().map(|prefix| pointer.under(prefix)).collect()
    }

    fn named(&mut self, place: Place<'_>, id: TableId, name: &str, column: usize) -> Option<usize> {
        let names = self.names.get(&id).cloned().unwrap_or_default();
        let found = names.iter().position(|known| known == name);
        match found {
            Some(index) => {
                self.used.insert((id, index));
            }
            None => {
                let message = format!("no key is called `{name}` there");
                let nearest = check::nearest(name, names.iter().map(String::as_str)).map(str::to_owned);
                let error = place.error(Some(column), message).kind(Mistake::Name);
                self.errors.push(error.near(nearest.as_deref()));
            }
        }
        found
    }

    fn resolve(&mut self, place: Place<'_>, parsed: Parsed) -> Expr {
        match parsed {
            Parsed::Pointer(bare) => {
                let under = Compiler::under(place, &bare);
                self.cell(place, CellKind::Pointer { under, bare })
            }
            Parsed::Count(bare) => {
                let under = Compiler::under(place, &bare);
                self.cell(place, CellKind::Count { under, bare })
            }
            Parsed::Length(bare) => {
                let under = Compiler::under(place, &bare);
                self.cell(place, CellKind::Length { under, bare })
            }
            Parsed::Name(name, column) => self.named(place, place.id, &name, column).map_or(Expr::Unknown, Expr::Key),
            Parsed::Number(number) => Expr::Number(number),
            Parsed::Text(text) => Expr::Text(text),
            Parsed::Truth(truth) => Expr::Truth(truth),
            Parsed::Unknown => Expr::Unknown,
            Parsed::First(values) => Expr::First(values.into_iter().map(|value| self.resolve(place, value)).collect()),
            Parsed::Cap(value, most) => {
                Expr::Cap(Box::new(self.resolve(place, *value)), Box::new(self.resolve(place, *most)))
            }
            Parsed::Tail(value) => Expr::Tail(Box::new(self.resolve(place, *value))),
            Parsed::Sum(terms) => {
                Expr::Sum(terms.into_iter().map(|(minus, term)| (minus, self.resolve(place, term))).collect())
            }
            Parsed::Scale(value, by) => Expr::Scale(Box::new(self.resolve(place, *value)), by),
            Parsed::Source(source, word, column) => self.source(place, source, word, column),
        }
    }

    fn source(&mut self, place: Place<'_>, source: Source, word: String, column: usize) -> Expr {
        match source {
            Source::Header => Expr::Header(word.to_ascii_lowercase()),
            Source::Trailer => Expr::Trailer(word.to_ascii_lowercase()),
            Source::Query => Expr::Query(word),
            Source::Frame => self.cell(place, CellKind::Frame(word)),
            Source::Path => {
                self.path_uses.push(PathUse {
                    name: word.clone(),
                    table: place.table.to_owned(),
                    key: place.key.to_owned(),
                    position: place.position,
                    column,
                });
                Expr::Path(word)
            }
            Source::Request => {
                self.named(place, TableId::Request, &word, column).map_or(Expr::Unknown, Expr::RequestKey)
            }
            Source::Response => {
                self.named(place, TableId::Response, &word, column).map_or(Expr::Unknown, Expr::ResponseKey)
            }
        }
    }

    /// `at`: prefixes of pointers.
    pub(crate) fn prefixes(&mut self, id: TableId, name: &str, table: &WrittenTable) -> Vec<Pointer> {
        let Some(entry) = table.find("at") else { return Vec::new() };
        let texts: Vec<(String, Position)> =
            self.texts(name, entry).into_iter().map(|(text, position)| (text.to_owned(), position)).collect();
        let place = |position| Place { id, table: name, key: "at", position, at: &[] };
        texts.into_iter().filter_map(|(text, position)| self.pointer(place(position), &text)).collect()
    }

    /// `on`: names of messages.
    pub(crate) fn names(&mut self, name: &str, table: &WrittenTable) -> Vec<Box<str>> {
        let Some(entry) = table.find("on") else { return Vec::new() };
        self.texts(name, entry).into_iter().map(|(text, _)| text.into()).collect()
    }

    fn keyed(&mut self, id: TableId, name: &str, table: &WrittenTable, usage: &mut parts::Usage) -> Table {
        let names = self.names.get(&id).cloned().unwrap_or_default();
        let at = self.prefixes(id, name, table);
        let mut compiled = Table { on: self.names(name, table), at: at.clone(), ..Table::default() };
        compiled.keys = names.into_iter().map(|name| Key { name, base: Expr::Unknown, variants: Vec::new() }).collect();
        for entry in &table.0 {
            if !parts::is_reserved(id, &entry.key) {
                self.keys_of(id, name, entry, &at, &mut |key, expr| {
                    if let Some(key) = compiled.keys.get_mut(key) {
                        key.base = expr;
                    }
                });
            }
        }
        if id == TableId::Usage {
            parts::usage_words(self, table, usage);
        }
        parts::variants(self, id, name, table, &mut compiled, usage);
        compiled
    }

    /// The key or keys that an entry gives: a list in `code` is several.
    pub(crate) fn keys_of(
        &mut self,
        id: TableId,
        table: &str,
        entry: &WrittenEntry,
        at: &[Pointer],
        put: &mut dyn FnMut(usize, Expr),
    ) {
        let place = Place { id, table, key: &entry.key, position: entry.value.position, at };
        let items = match (&entry.value.value, id, entry.key.as_str()) {
            (WrittenValue::List(items), TableId::Error, "code") => items.iter().collect(),
            _ => vec![&entry.value],
        };
        for (index, item) in items.into_iter().enumerate() {
            let expr = self.value(place, item);
            let wanted = parts::code_name(&entry.key, index);
            let found = self.names.get(&id).and_then(|names| names.iter().position(|name| *name == wanted));
            if let Some(found) = found {
                self.positions.entry((id, found)).or_insert(entry.position);
                put(found, expr);
            }
        }
    }
}
