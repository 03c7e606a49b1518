//! What the fuzz targets share: the bundled dialects, and bytes cut in pieces.

use meter_call::EndpointClass;
use meter_wire::{CallReading, Dialect, ExchangeReader, RouteFacts};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

/// Every bundled dialect that an endpoint uses, by id.
pub static DIALECTS: LazyLock<Vec<Arc<Dialect>>> = LazyLock::new(|| {
    let (model, _) = meter_manifest::load(&meter_manifest::bundled(), &[]);
    let used = model.providers.iter().flat_map(|provider| &provider.endpoints);
    let by_id: BTreeMap<String, Arc<Dialect>> = used
        .filter_map(|endpoint| endpoint.dialect.clone())
        .map(|dialect| (dialect.id().to_owned(), dialect))
        .collect();
    by_id.into_values().collect()
});

/// Content types, one for each framing.
pub const KINDS: &[&str] = &[
    "application/json",
    "text/event-stream",
    "application/x-ndjson",
    "application/vnd.amazon.eventstream",
    "application/grpc",
    "multipart/form-data; boundary=b",
    "audio/mpeg",
];

/// Content codings.
pub const CODINGS: &[&str] = &["", "gzip", "br", "zstd", "deflate", "gzip, br"];

/// A field as the tap gives it.
pub type Field = (Box<[u8]>, Box<[u8]>);

/// A field.
pub fn field(name: &str, value: &str) -> Field {
    (name.as_bytes().into(), value.as_bytes().into())
}

/// Route facts with the captures that bundled dialects ask for.
pub fn facts(stream: Option<bool>) -> RouteFacts {
    let captures = ["model", "deployment", "location", "region", "served"];
    let captures = captures.iter().map(|name| ((*name).to_owned(), "anthropic.claude-x".to_owned())).collect();
    let query = vec![("model".to_owned(), "m".to_owned())];
    RouteFacts { captures, query, stream, class: EndpointClass::Costed }
}

/// Reads an answer in pieces of this size.
pub fn read(dialect: &Arc<Dialect>, kind: &str, coding: &str, body: &[u8], piece: usize) -> Vec<CallReading> {
    let mut reader = ExchangeReader::new(Arc::clone(dialect), facts(None));
    reader.request_head(&[field("content-type", kind)]);
    body.chunks(piece.max(1)).take(64).for_each(|bytes| reader.request_body(bytes));
    reader.request_end();
    reader.response_head(200, &[field("content-type", kind), field("content-encoding", coding)]);
    body.chunks(piece.max(1)).for_each(|bytes| reader.response_body(bytes));
    reader.close(true)
}
