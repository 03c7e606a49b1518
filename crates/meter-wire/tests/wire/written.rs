//! The repository's dialect files as plain data. Positions do not matter here, so every one is 0.

use meter_wire::{Dialect, DialectSource, Written, WrittenEntry, WrittenTable, WrittenValue};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A folder of the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// A table as the compiler takes it.
pub fn table(table: &toml::Table) -> WrittenTable {
    WrittenTable(
        table
            .iter()
            .map(|(key, value)| WrittenEntry { key: key.clone(), position: 0, value: written(value) })
            .collect(),
    )
}

fn written(value: &toml::Value) -> Written {
    let value = match value {
        toml::Value::String(text) => WrittenValue::Text(text.clone()),
        toml::Value::Integer(number) => WrittenValue::Integer(*number),
        toml::Value::Boolean(truth) => WrittenValue::Truth(*truth),
        toml::Value::Array(items) => WrittenValue::List(items.iter().map(written).collect()),
        toml::Value::Table(inner) => WrittenValue::Table(table(inner)),
        toml::Value::Float(_) => WrittenValue::Other("float"),
        toml::Value::Datetime(_) => WrittenValue::Other("date"),
    };
    Written { position: 0, value }
}

/// One dialect from TOML text.
pub fn source(text: &str) -> DialectSource {
    let parsed: toml::Table = text.parse().expect("TOML");
    let id = parsed.get("id").and_then(toml::Value::as_str).unwrap_or("test").to_owned();
    DialectSource { id, table: table(&parsed) }
}

/// Every dialect of the repository, compiled.
pub fn dialects() -> BTreeMap<String, Arc<Dialect>> {
    let mut sources = BTreeMap::new();
    for entry in std::fs::read_dir(repository("manifests/dialects")).expect("the folder of dialects") {
        let path = entry.expect("an entry").path();
        let source = source(&std::fs::read_to_string(&path).expect("a dialect"));
        assert_eq!(path.file_stem().and_then(|stem| stem.to_str()), Some(source.id.as_str()));
        sources.insert(source.id.clone(), source);
    }
    let mut dialects = BTreeMap::new();
    for id in sources.keys() {
        let resolved = DialectSource::resolved(id, &sources, &BTreeMap::new()).expect("parents exist");
        let dialect = Dialect::compile(&resolved).unwrap_or_else(|errors| panic!("{id}: {errors:#?}"));
        dialects.insert(id.clone(), Arc::new(dialect));
    }
    dialects
}
