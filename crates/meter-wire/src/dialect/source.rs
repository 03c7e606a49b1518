//! A dialect as written: plain data with positions, before anything is checked.

use super::{DialectError, Mistake};
use std::collections::BTreeMap;

/// Where something was written. The caller gives the meaning; this crate only hands it back.
pub type Position = u32;

/// A value as written, with its position.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// Position of the value.
    pub position: Position,
    /// The value.
    pub value: WrittenValue,
}

/// The shapes a TOML value can have here.
#[derive(Clone, Debug, PartialEq)]
pub enum WrittenValue {
    /// A string.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// True or false.
    Truth(bool),
    /// An array, also one of tables (`[[usage.variant]]`).
    List(Vec<Written>),
    /// A table, inline or not.
    Table(WrittenTable),
    /// A float, date or anything else a dialect has no use for; its TOML name.
    Other(&'static str),
}

/// A table in the order it was written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WrittenTable(pub Vec<WrittenEntry>);

/// One key of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct WrittenEntry {
    /// The key.
    pub key: String,
    /// Position of the key.
    pub position: Position,
    /// Its value.
    pub value: Written,
}

impl WrittenTable {
    /// The value of a key.
    pub fn find(&self, key: &str) -> Option<&WrittenEntry> {
        self.0.iter().find(|entry| entry.key == key)
    }

    /// The text of a key.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.find(key).map(|entry| &entry.value.value) {
            Some(WrittenValue::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// What `child` says over `self`: tables key by key, lists and scalars replaced, `variant` lists appended.
    pub fn overlaid(&self, child: &WrittenTable) -> WrittenTable {
        let mut merged = self.clone();
        for entry in &child.0 {
            let Some(old) = merged.0.iter_mut().find(|old| old.key == entry.key) else {
                merged.0.push(entry.clone());
                continue;
            };
            let value = match (&old.value.value, &entry.value.value) {
                (WrittenValue::Table(parent), WrittenValue::Table(child)) => {
                    WrittenValue::Table(parent.overlaid(child))
                }
                (WrittenValue::List(parent), WrittenValue::List(child)) if entry.key == "variant" => {
                    WrittenValue::List(parent.iter().chain(child).cloned().collect())
                }
                (_, value) => value.clone(),
            };
            old.position = entry.position;
            old.value = Written { position: entry.value.position, value };
        }
        merged
    }
}

/// A dialect file, or what is left of it after its parents were laid under it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DialectSource {
    /// Its id.
    pub id: String,
    /// Everything in it, `id` and `extends` included.
    pub table: WrittenTable,
}

impl DialectSource {
    /// The dialect `id` with its parents under it and, at each level, a provider's `dialect_overrides` over it. So an
    /// override reaches the dialects that extend the named one.
    ///
    /// # Errors
    /// An `extends` that names nothing or comes back to itself; `id` itself missing.
    pub fn resolved(
        id: &str,
        all: &BTreeMap<String, DialectSource>,
        overrides: &BTreeMap<String, WrittenTable>,
    ) -> Result<DialectSource, Vec<DialectError>> {
        let mut chain: Vec<&DialectSource> = Vec::new();
        let mut next = id;
        let mut position = 0;
        loop {
            let fault = |message: String| {
                Err(vec![DialectError::at("", "extends", position, None, message).kind(Mistake::Parent)])
            };
            let Some(source) = all.get(next) else { return fault(format!("there is no dialect `{next}`")) };
            if chain.iter().any(|seen| seen.id == source.id) {
                return fault(format!("`{next}` extends itself"));
            }
            chain.push(source);
            match source.table.find("extends") {
                Some(WrittenEntry { value: Written { value: WrittenValue::Text(parent), position: at }, .. }) => {
                    next = parent;
                    position = *at;
                }
                _ => break,
            }
        }
        let mut table = WrittenTable::default();
        for source in chain.iter().rev() {
            table = table.overlaid(&source.table);
            if let Some(over) = overrides.get(&source.id) {
                table = table.overlaid(over);
            }
        }
        Ok(DialectSource { id: id.to_owned(), table })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(key: &str, text: &str) -> WrittenEntry {
        entry(key, WrittenValue::Text(text.to_owned()))
    }

    fn entry(key: &str, value: WrittenValue) -> WrittenEntry {
        WrittenEntry { key: key.to_owned(), position: 0, value: Written { position: 0, value } }
    }

    fn source(id: &str, entries: Vec<WrittenEntry>) -> (String, DialectSource) {
        (id.to_owned(), DialectSource { id: id.to_owned(), table: WrittenTable(entries) })
    }

    #[test]
    fn tables_merge_lists_replace_variants_append() {
        let variant = |when: &str| {
            let table = WrittenValue::Table(WrittenTable(vec![text("when", when)]));
            entry("variant", WrittenValue::List(vec![Written { position: 0, value: table }]))
        };
        let parent = WrittenTable(vec![entry(
            "usage",
            WrittenValue::Table(WrittenTable(vec![text("input", "/a"), variant("x")])),
        )]);
        let child = WrittenTable(vec![entry(
            "usage",
            WrittenValue::Table(WrittenTable(vec![text("output", "/b"), variant("y")])),
        )]);
        let merged = parent.overlaid(&child);
        let WrittenValue::Table(usage) = &merged.0[0].value.value else { panic!("usage is a table") };
        assert_eq!(usage.text("input"), Some("/a"));
        assert_eq!(usage.text("output"), Some("/b"));
        let Some(WrittenValue::List(variants)) = usage.find("variant").map(|e| &e.value.value) else {
            panic!("a list")
        };
        assert_eq!(variants.len(), 2);
    }

    #[test]
    fn an_override_reaches_the_heirs() {
        let all = BTreeMap::from([
            source("base", vec![text("id", "base"), text("k", "/a")]),
            source("heir", vec![text("id", "heir"), text("extends", "base")]),
        ]);
        let over = BTreeMap::from([("base".to_owned(), WrittenTable(vec![text("k", "/b")]))]);
        let resolved = DialectSource::resolved("heir", &all, &over).expect("resolves");
        assert_eq!(resolved.table.text("k"), Some("/b"));
    }

    #[test]
    fn a_circle_or_a_gap_is_told() {
        let all = BTreeMap::from([
            source("a", vec![text("extends", "b")]),
            source("b", vec![text("extends", "a")]),
            source("c", vec![text("extends", "nowhere")]),
        ]);
        for id in ["a", "c", "missing"] {
            assert!(DialectSource::resolved(id, &all, &BTreeMap::new()).is_err(), "{id}");
        }
    }
}
