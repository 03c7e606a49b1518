//! Feeding a sample's exchange to the reader.

use super::labels::{CAPTURES, ENDPOINTS, over_websocket};
use super::written::{source, table};
use meter_call::EndpointClass;
use meter_wire::{CallReading, Dialect, DialectSource, ExchangeReader, RouteFacts, WrittenTable};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

type Field = (Box<[u8]>, Box<[u8]>);

/// One exchange of a sample, loaded.
#[derive(Clone)]
pub struct Exchange {
    pub dialect: Arc<Dialect>,
    pub facts: RouteFacts,
    pub status: u16,
    pub request: Vec<u8>,
    pub request_headers: Vec<Field>,
    pub response: Vec<u8>,
    pub response_headers: Vec<Field>,
    pub trailers: Vec<Field>,
    /// From the client; text.
    pub messages: Vec<(bool, Vec<u8>)>,
    pub clean: bool,
    pub split_at: Vec<usize>,
    pub websocket: bool,
}

fn text<'a>(table: &'a toml::Table, key: &str) -> &'a str {
    table.get(key).and_then(toml::Value::as_str).unwrap_or("")
}

fn fields(table: &toml::Table, key: &str) -> Vec<Field> {
    let pairs = table.get(key).and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let field = |pair: &toml::Value| {
        let part = |index: usize| pair[index].as_str().expect("a text").as_bytes().into();
        (part(0), part(1))
    };
    pairs.iter().map(field).collect()
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

impl Exchange {
    /// Loads one `[[exchange]]` of a sample's folder.
    pub fn load(
        folder: &Path,
        written: &toml::Table,
        class: EndpointClass,
        sources: &BTreeMap<String, DialectSource>,
    ) -> Exchange {
        let (host, target) = (text(written, "host"), text(written, "target"));
        let endpoint = ENDPOINTS
            .iter()
            .find(|endpoint| host.contains(endpoint.host) && target.contains(endpoint.path))
            .unwrap_or_else(|| panic!("no endpoint for {host}{target}"));
        let websocket = text(written, "transport") == "websocket";
        let id = if websocket { over_websocket(endpoint.dialect) } else { endpoint.dialect };
        let overrides = overrides(endpoint.provider);
        let resolved = DialectSource::resolved(id, sources, &overrides).expect("parents exist");
        let dialect = Arc::new(Dialect::compile(&resolved).unwrap_or_else(|errors| panic!("{id}: {errors:#?}")));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut captures = BTreeMap::new();
        for (name, before, after) in CAPTURES {
            if let Some(start) = path.find(before).map(|at| at + before.len()) {
                let end = path[start..].find(after).map_or(path.len(), |at| start + at);
                captures.entry((*name).to_owned()).or_insert_with(|| decoded(&path[start..end]));
            }
        }
        let query = query.split('&').filter_map(|pair| pair.split_once('='));
        let body = |key: &str| match text(written, key) {
            "" => Vec::new(),
            name => std::fs::read(folder.join(name)).expect("a body"),
        };
        let messages = String::from_utf8(body("messages")).expect("text");
        let message = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
            (line["dir"] == "c2s", line["data"].as_str().expect("text").as_bytes().to_vec())
        };
        let splits = written.get("split_at").and_then(toml::Value::as_array).cloned().unwrap_or_default();
        Exchange {
            dialect,
            facts: RouteFacts {
                captures,
                query: query.map(|(name, value)| (decoded(name), decoded(value))).collect(),
                stream: endpoint.stream,
                class,
            },
            status: u16::try_from(written["status"].as_integer().expect("a status")).expect("a status"),
            request: body("request_body"),
            request_headers: fields(written, "request_headers"),
            response: body("response_body"),
            response_headers: fields(written, "response_headers"),
            trailers: fields(written, "response_trailers"),
            messages: messages.lines().map(message).collect(),
            clean: text(written, "body_end") == "clean",
            split_at: splits
                .iter()
                .filter_map(toml::Value::as_integer)
                .filter_map(|at| usize::try_from(at).ok())
                .collect(),
            websocket,
        }
    }

    /// Reads it with the answer's body cut at these offsets and ended at `length`.
    pub fn read_cut(&self, cuts: &[usize], length: usize) -> Vec<CallReading> {
        let whole = length == self.response.len();
        let mut reader = ExchangeReader::new(Arc::clone(&self.dialect), self.facts.clone());
        reader.request_head(&self.request_headers);
        for piece in
            pieces(&self.request, &cuts.iter().copied().filter(|at| *at < self.request.len()).collect::<Vec<_>>())
        {
            reader.request_body(piece);
        }
        let request = reader.request_end();
        assert!(request.readable, "the request is readable");
        reader.response_head(self.status, &self.response_headers);
        for piece in pieces(&self.response[..length], cuts) {
            reader.response_body(piece);
        }
        if whole && !self.trailers.is_empty() {
            reader.trailers(&self.trailers);
        }
        reader.close(whole && self.clean)
    }

    /// Reads its first messages.
    pub fn read_messages(&self, count: usize) -> Vec<CallReading> {
        let mut reader = ExchangeReader::new(Arc::clone(&self.dialect), self.facts.clone());
        reader.request_head(&self.request_headers);
        reader.request_end();
        reader.response_head(self.status, &self.response_headers);
        let mut readings = Vec::new();
        for (from_client, text) in &self.messages[..count] {
            reader.websocket_message(*from_client, text);
            readings.extend(reader.take_ended());
        }
        readings.extend(reader.close(self.clean));
        readings.sort_by_key(|reading| reading.turn);
        readings
    }

    /// The same exchange with another body in a content coding.
    pub fn with_response(&self, response: &[u8], coding: &str) -> Exchange {
        let mut other = self.clone();
        other.response = response.to_vec();
        other.response_headers.push((b"content-encoding"[..].into(), coding.as_bytes().into()));
        other
    }

    /// Reads all of it, in one piece.
    pub fn read(&self) -> Vec<CallReading> {
        if self.websocket { self.read_messages(self.messages.len()) } else { self.read_cut(&[], self.response.len()) }
    }
}

fn pieces<'a>(body: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().copied().filter(|at| *at > 0 && *at < body.len()).collect();
    cuts.sort_unstable();
    cuts.dedup();
    cuts.push(body.len());
    let mut start = 0;
    let mut pieces = Vec::new();
    for cut in cuts {
        pieces.push(&body[start..cut]);
        start = cut;
    }
    pieces
}

/// What a provider's file changes in dialects.
fn overrides(provider: &str) -> BTreeMap<String, WrittenTable> {
    if provider.is_empty() {
        return BTreeMap::new();
    }
    let file = super::written::repository(&format!("providers.d/{provider}.toml"));
    let file: toml::Table = std::fs::read_to_string(file).expect("a provider").parse().expect("TOML");
    let overrides = file.get("dialect_overrides").and_then(toml::Value::as_table).expect("overrides");
    overrides.iter().map(|(id, changes)| (id.clone(), table(changes.as_table().expect("a table")))).collect()
}

/// Every dialect file as written.
pub fn sources() -> BTreeMap<String, DialectSource> {
    let folder = super::written::repository("manifests/dialects");
    let files = std::fs::read_dir(folder).expect("the folder of dialects");
    files
        .map(|entry| source(&std::fs::read_to_string(entry.expect("an entry").path()).expect("a dialect")))
        .map(|source| (source.id.clone(), source))
        .collect()
}
