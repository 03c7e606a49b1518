//! Translates price files.
//!
//! TOML keys become the plain rows of `meter-price`, each with a mark; `meter-price` resolves and checks them, and its faults
//! come back as diagnostics at the marked places.
//!
//! `[tiers]` says what a word of the wire (`service_tier`, `speed`) means for the price: a class that some `when` knows, `""`
//! for the standard rates, `"unpriced"` for capacity that is not billed per use. A word that is not listed is a class by itself.

mod faults;
mod keys;
mod model;
mod terms;

#[cfg(test)]
mod tests;

use crate::file::ManifestFile;
use crate::table::{At, Document, Table, Value};
use meter_diag::{Diagnostic, Span, codes::files};
use meter_price::{Layer, Mark, PriceBook, PriceBookBuilder, PriceFile, Written};
use std::cell::RefCell;

/// The price book of both layers and everything that is wrong with their files.
///
/// Rows merge by (provider, model, `from`); the user's win. With an error among the findings the book lacks something and
/// must not come into force.
pub fn book<'a>(
    bundled: impl IntoIterator<Item = &'a ManifestFile>,
    user: impl IntoIterator<Item = &'a ManifestFile>,
) -> (PriceBook, Vec<Diagnostic>) {
    let bundled = bundled.into_iter().map(|file| (Layer::Bundled, file));
    let user =
        user.into_iter().map(|file| (if is_installed(&file.path) { Layer::Installed } else { Layer::User }, file));
    let mut found = Vec::new();
    let mut documents = Vec::new();
    for (layer, file) in bundled.chain(user) {
        match Document::parse(file) {
            Ok(document) => documents.push((layer, document)),
            Err(findings) => found.extend(findings),
        }
    }
    let marks = Marks::default();
    let mut builder = PriceBookBuilder::new();
    for (index, (layer, document)) in documents.iter().enumerate() {
        let reader = Reader { marks: &marks, document: index };
        if let Some(file) = reader.file(*layer, document) {
            builder.add(file);
        }
    }
    let (book, price_faults) = builder.build();
    let marks = marks.0.into_inner();
    let place = |mark: Mark| {
        // Every mark was handed out below; the first file stands in should that ever be untrue.
        let (document, span) = marks.get(mark.0 as usize).copied().unwrap_or_default();
        documents.get(document).map(|(_, document)| document.place(span))
    };
    for fault in price_faults {
        found.extend(faults::diagnostic(fault, &place));
    }
    for (_, document) in documents {
        found.extend(document.findings());
    }
    found.sort();
    (book, found)
}

/// The name of a file out of a signed bundle, `manifests/prices/installed-acme.toml`: it lies over the bundled files and
/// under the user's own.
pub const INSTALLED_PREFIX: &str = "manifests/prices/installed-";

/// Whether a path is that of a file out of a signed bundle.
pub fn is_installed(path: &str) -> bool {
    path.starts_with(INSTALLED_PREFIX)
}

/// Places by number: the document they are in and the span there.
#[derive(Debug, Default)]
struct Marks(RefCell<Vec<(usize, Span)>>);

/// Reads one document.
#[derive(Clone, Copy)]
struct Reader<'m> {
    marks: &'m Marks,
    document: usize,
}

impl Reader<'_> {
    fn mark(&self, span: Span) -> Mark {
        let mut marks = self.marks.0.borrow_mut();
        marks.push((self.document, span));
        Mark(u32::try_from(marks.len() - 1).unwrap_or(u32::MAX))
    }

    fn written<T>(&self, at: At<T>) -> Written<T> {
        Written::new(at.value, self.mark(at.span))
    }

    fn owned(&self, at: At<&str>) -> Written<String> {
        self.written(at.map(str::to_owned))
    }

    fn text(&self, table: &Table<'_, '_>, key: &'static str) -> Option<Written<String>> {
        table.text(key).map(|at| self.owned(at))
    }

    fn texts(&self, table: &Table<'_, '_>, key: &'static str) -> Vec<Written<String>> {
        table.texts(key).into_iter().map(|at| self.owned(at)).collect()
    }

    /// A text that must be there; an empty one stands in, after the finding.
    fn need_text(&self, table: &Table<'_, '_>, key: &'static str) -> Written<String> {
        table.need_text(key).map(|at| self.owned(at)).unwrap_or_default()
    }

    /// A date, a time, or one of them quoted.
    fn instant(&self, table: &Table<'_, '_>, key: &'static str) -> Option<Written<String>> {
        self.moment(table.value(key)?)
    }

    fn moment(&self, value: Value<'_, '_>) -> Option<Written<String>> {
        match value.as_text() {
            Some(text) => Some(self.owned(text)),
            None => value.datetime().map(|at| self.written(at.map(|moment| moment.to_string()))),
        }
    }

    /// A number by its literal text, quoted or not.
    fn number(&self, table: &Table<'_, '_>, key: &'static str) -> Option<Written<String>> {
        let value = table.value(key)?;
        match value.as_text() {
            Some(text) => Some(self.owned(text)),
            None => value.number().map(|at| self.written(at.map(|literal| literal.text.to_owned()))),
        }
    }

    fn file(&self, layer: Layer, document: &Document<'_>) -> Option<PriceFile> {
        let root = document.root();
        if !root.schema() || root.flag("masked") {
            return None;
        }
        // A file of the user's own terms may speak of several providers; every other one is about a provider.
        let terms = root.has("contract") || root.has("plan") || root.has("fx");
        let provider =
            if terms { self.text(&root, "provider").unwrap_or_default() } else { self.need_text(&root, "provider") };
        // A user's three lines need no source; their own file is one.
        let source = root.text("source").map_or_else(|| document.path().to_owned(), |at| at.value.to_owned());
        let mut file = PriceFile {
            layer,
            source: Some(source),
            also: self.texts(&root, "also"),
            checked: self.instant(&root, "checked"),
            fees: root.tables("fees").iter().filter_map(|table| self.row(table)).collect(),
            windows: root.tables("window").into_iter().filter_map(|table| self.window(table)).collect(),
            holidays: root.tables("holidays").into_iter().map(|table| self.holidays(table)).collect(),
            aliases: root.tables("alias").into_iter().filter_map(|table| self.alias(table)).collect(),
            settlement: root.table("settlement").map(|table| self.settlement(table)),
            models: root.tables("model").into_iter().map(|table| self.model(table)).collect(),
            contracts: root.tables("contract").into_iter().filter_map(|table| self.contract(table)).collect(),
            plans: root.tables("plan").into_iter().map(|table| self.plan(table)).collect(),
            fx: root.tables("fx").into_iter().filter_map(|table| self.fx(table)).collect(),
            ..PriceFile::default()
        };
        for (name, value) in root.table("profile").map(|table| table.entries()).unwrap_or_default() {
            if let Some(table) = value.table() {
                file.profiles.push((self.owned(name), self.whens(&table, "when")));
                table.finish();
            }
        }
        for (word, value) in root.table("tiers").map(|table| table.entries()).unwrap_or_default() {
            if let Some(class) = value.text() {
                file.tiers.push((self.owned(word), self.owned(class)));
            }
        }
        if layer != Layer::User {
            let own = root.key("contract").or(root.key("plan")).or(root.key("fx"));
            if let Some(span) = own {
                document.report(files::UNKNOWN_KEY, span, "contracts and plans are the user's own");
            }
        }
        root.finish();
        if provider.value.is_empty() && !terms {
            return None;
        }
        file.provider = provider;
        Some(file)
    }
}
