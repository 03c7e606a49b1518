//! The schemas in `schemas/` are the ones we make, and no bundled file is marked by them.
//!
//! `UPDATE_GOLDEN=1 cargo test -p meter-manifest` writes them again.

#![allow(clippy::disallowed_methods, reason = "golden files are files")]

use meter_manifest::layers::Kind;
use meter_manifest::{ManifestFile, bundled, load, schema};
use serde_json::Value;
use std::path::Path;

#[test]
fn every_schema_is_one() {
    for kind in schema::KINDS {
        let schema = schema::schema(kind);
        assert!(jsonschema::draft7::meta::is_valid(&schema), "{}", kind.as_str());
    }
}

#[test]
fn the_schemas_are_the_ones_we_make() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas"));
    for kind in schema::KINDS {
        let path = folder.join(format!("{}.json", kind.as_str()));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::create_dir_all(folder).unwrap();
            std::fs::write(&path, schema::text(kind)).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap();
        assert!(kept == schema::text(kind), "{}: run with UPDATE_GOLDEN=1 and look at the diff", path.display());
    }
}

#[test]
fn no_bundled_file_is_marked() {
    for file in bundled() {
        let kind = Kind::of(&file.path).unwrap();
        let marks = marks(kind, &file);
        assert!(marks.is_empty(), "{}: {marks:#?}", file.path);
    }
}

/// Every key of a schema is one the loader knows: a file with that key alone is never told that there is no such key.
#[test]
fn the_loader_knows_every_key_of_a_schema() {
    let cases = [
        ("providers.d/x.toml", Kind::Provider),
        ("manifests/tagging.toml", Kind::Tagging),
        ("manifests/clients.toml", Kind::Clients),
        ("manifests/services.toml", Kind::Services),
        ("policies.d/x.toml", Kind::Policies),
        ("manifests/prices/x.toml", Kind::Prices),
    ];
    let mut tried = 0;
    for (path, kind) in cases {
        let mut lines = Vec::new();
        spell(&schema::schema(kind)["properties"], &mut Vec::new(), &mut lines);
        tried += lines.len();
        for line in lines {
            // Masked and template files are about something else; contracts stand in files of their own.
            let text =
                format!("schema = 1\nprovider = \"x\"\n{line}\n").replace("provider = \"x\"\nprovider", "provider");
            let text = if kind == Kind::Prices { text } else { text.replace("provider = \"x\"\n", "") };
            let file = ManifestFile::new(path, text.as_str());
            let (_, found) = load(&[], std::slice::from_ref(&file));
            let unknown: Vec<String> =
                found.iter().filter(|finding| finding.code.slug() == "unknown-key").map(ToString::to_string).collect();
            assert!(unknown.is_empty(), "{text}\n{unknown:#?}");
        }
    }
    assert!(tried > 200, "only {tried} keys were tried");
}

/// One line of TOML for each key, dotted, with a list of one table where the schema has a list of tables.
fn spell(properties: &Value, path: &mut Vec<(String, bool)>, lines: &mut Vec<String>) {
    for (key, value) in properties.as_object().unwrap() {
        if key == "schema" || key == "masked" {
            continue;
        }
        let (inner, listed) = match value.get("items") {
            Some(items) => (items, true),
            None => (value, false),
        };
        path.push((key.clone(), listed && inner.get("properties").is_some()));
        match inner.get("properties") {
            Some(inner) if path.len() < 4 => spell(inner, path, lines),
            _ => {
                let opened: String = path.iter().rev().fold("0".to_owned(), |value, (key, listed)| match listed {
                    true => format!("{{ {key} = [{value}] }}"),
                    false => format!("{{ {key} = {value} }}"),
                });
                // The outermost braces are the file itself.
                lines.push(opened[2..opened.len() - 2].to_owned());
            }
        }
        path.pop();
    }
}

#[test]
fn a_slip_is_marked() {
    let slips = [
        ("providers.d/x.toml", "schema = 1\nid = 'x'\nhost = ['a.example']\n"),
        ("providers.d/x.toml", "schema = 1\n[[endpoint]]\nclass = 'free'\n"),
        ("policies.d/x.toml", "schema = 1\n[[rule]]\nbudget = { usd = 1, per = 'year' }\n"),
        ("manifests/prices/x.toml", "schema = 1\n[[model]]\n[[model.rates]]\ninptu = 1\n"),
        ("config.toml", "[daemon]\nedge_port = 'x'\n"),
        ("manifests/tagging.toml", "default_project = 'misc'\n"),
    ];
    for (path, text) in slips {
        assert!(!marks(Kind::of(path).unwrap(), &ManifestFile::new(path, text)).is_empty(), "{text}");
    }
}

/// What a validator that is not ours marks in a file.
fn marks(kind: Kind, file: &ManifestFile) -> Vec<String> {
    let text = std::str::from_utf8(&file.text).unwrap();
    let toml: toml::Table = text.parse().unwrap();
    let validator = jsonschema::draft7::new(&schema::schema(kind)).expect("a schema");
    let document = as_json(&toml::Value::Table(toml));
    validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

fn as_json(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::from(text.as_str()),
        toml::Value::Integer(number) => Value::from(*number),
        toml::Value::Float(number) => Value::from(*number),
        toml::Value::Boolean(truth) => Value::from(*truth),
        toml::Value::Datetime(moment) => Value::from(moment.to_string()),
        toml::Value::Array(items) => items.iter().map(as_json).collect(),
        toml::Value::Table(table) => table.iter().map(|(key, value)| (key.clone(), as_json(value))).collect(),
    }
}

/// Editors look for the schema from where the file lies, in the repository as in a home that has a copy.
#[test]
fn every_bundled_file_names_the_schema_of_its_kind() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    for file in bundled() {
        let text = std::str::from_utf8(&file.text).unwrap();
        let named = text.lines().next().and_then(|line| line.strip_prefix("#:schema ")).unwrap_or_default();
        let kind = Kind::of(&file.path).unwrap();
        let found = root.join(&file.path).parent().unwrap().join(named).canonicalize().unwrap_or_default();
        let wanted = root.join(format!("schemas/{}.json", kind.as_str())).canonicalize().unwrap();
        assert_eq!(found, wanted, "{}", file.path);
    }
}
