//! JSON Schemas of the files, for editors: completion and a red line while typing.
//!
//! They say what keys there are and what shape values have. What only the loader can know (names, expressions, other
//! files) they leave to it, so a file that the loader accepts is never marked. Draft 7, which TOML editors read.

mod money;
mod places;

use crate::layers::Kind;
use serde_json::{Map, Value, json};

/// Every kind that has a schema, with the name of its file below `schemas/`.
pub const KINDS: [Kind; 8] = [
    Kind::Provider,
    Kind::Dialect,
    Kind::Prices,
    Kind::Tagging,
    Kind::Clients,
    Kind::Services,
    Kind::Policies,
    Kind::Config,
];

/// The schema of a kind of file.
pub fn schema(kind: Kind) -> Value {
    let mut properties = match kind {
        Kind::Provider => places::provider(),
        Kind::Dialect => places::dialect(),
        Kind::Prices => money::prices(),
        Kind::Tagging => places::tagging(),
        Kind::Clients => places::clients(),
        Kind::Services => places::services(),
        Kind::Policies => money::policies(),
        Kind::Config => places::config(),
    };
    properties.insert("schema".into(), json!({ "const": 1, "description": "Version of this format." }));
    if kind != Kind::Config {
        let about = "Hides the bundled file of the same name; then nothing else stands here.";
        properties.insert("masked".into(), json!({ "type": "boolean", "description": about }));
    }
    let required: &[&str] = if kind == Kind::Config { &[] } else { &["schema"] };
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": format!("Halton Meter: {}", kind.as_str()),
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// The schema's text as it is kept in `schemas/`.
pub fn text(kind: Kind) -> String {
    format!("{:#}\n", schema(kind))
}

/// A table with these keys and no others.
fn table(properties: Map<String, Value>) -> Value {
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

/// A table whose keys are free.
fn any_keys(value: Value) -> Value {
    json!({ "type": "object", "additionalProperties": value })
}

fn list(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

fn text_of(about: &str) -> Value {
    json!({ "type": "string", "description": about })
}

fn words(words: &[&str], about: &str) -> Value {
    json!({ "enum": words, "description": about })
}

fn truth(about: &str) -> Value {
    json!({ "type": "boolean", "description": about })
}

fn whole(from: i64, to: i64, about: &str) -> Value {
    json!({ "type": "integer", "minimum": from, "maximum": to, "description": about })
}

/// One text or a list of them.
fn texts(about: &str) -> Value {
    json!({ "anyOf": [{ "type": "string" }, list(json!({ "type": "string" }))], "description": about })
}

fn keys<const N: usize>(keys: [(&str, Value); N]) -> Map<String, Value> {
    keys.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
