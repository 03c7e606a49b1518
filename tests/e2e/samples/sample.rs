//! A folder of `tests/wire-samples`, as far as the whole product needs it.

use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// Exchanges that were captured, and the calls that they are.
pub struct Sample {
    /// The folder's name.
    pub name: String,
    /// In time order.
    pub exchanges: Vec<Exchange>,
    /// `[[call]]` in order.
    pub calls: Vec<Table>,
}

/// One request and its answer.
#[derive(Clone)]
pub struct Exchange {
    pub host: String,
    pub method: String,
    pub target: String,
    pub transport: String,
    pub status: i64,
    pub request_fields: Vec<(String, String)>,
    pub request: Vec<u8>,
    pub response_fields: Vec<(String, String)>,
    pub response: Vec<u8>,
    pub trailers: Vec<(String, String)>,
    /// From the client or not, and the text.
    pub messages: Vec<(bool, Vec<u8>)>,
    /// The answer came whole.
    pub clean: bool,
}

/// A text of a table, or nothing.
pub fn text<'a>(table: &'a Table, key: &str) -> &'a str {
    table.get(key).and_then(Value::as_str).unwrap_or("")
}

fn tables(table: &Table, key: &str) -> Vec<Table> {
    let items = table.get(key).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_table).cloned().collect()
}

fn fields(table: &Table, key: &str) -> Vec<(String, String)> {
    let pairs = table.get(key).and_then(Value::as_array).into_iter().flatten();
    let part = |pair: &Value, index: usize| pair[index].as_str().expect("a text").to_owned();
    pairs.map(|pair| (part(pair, 0), part(pair, 1))).collect()
}

/// Every sample, by name.
pub fn all() -> Vec<Sample> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("wire-samples");
    let entries = std::fs::read_dir(root).expect("tests/wire-samples").map(|entry| entry.expect("an entry").path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders.iter().map(|folder| Sample::load(folder)).collect()
}

impl Sample {
    fn load(folder: &Path) -> Sample {
        let written = std::fs::read_to_string(folder.join("expected.toml")).expect("expected.toml");
        let written: Table = written.parse().expect("TOML");
        Sample {
            name: folder.file_name().expect("a name").to_string_lossy().into_owned(),
            exchanges: tables(&written, "exchange").iter().map(|table| Exchange::load(folder, table)).collect(),
            calls: tables(&written, "call"),
        }
    }
}

impl Exchange {
    fn load(folder: &Path, table: &Table) -> Exchange {
        let body = |key: &str| match text(table, key) {
            "" => Vec::new(),
            name => std::fs::read(folder.join(name)).expect("a body"),
        };
        let lines = String::from_utf8(body("messages")).expect("text");
        let message = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
            (line["dir"] == "c2s", line["data"].as_str().expect("a text").as_bytes().to_vec())
        };
        Exchange {
            host: text(table, "host").to_owned(),
            method: text(table, "method").to_owned(),
            target: text(table, "target").to_owned(),
            transport: text(table, "transport").to_owned(),
            status: table["status"].as_integer().expect("a status"),
            request_fields: fields(table, "request_headers"),
            request: body("request_body"),
            response_fields: fields(table, "response_headers"),
            response: body("response_body"),
            trailers: fields(table, "response_trailers"),
            messages: lines.lines().map(message).collect(),
            clean: text(table, "body_end") != "reset",
        }
    }
}
