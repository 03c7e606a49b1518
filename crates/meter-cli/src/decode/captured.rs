//! One captured exchange, and the endpoint that a person names for it.

use meter_manifest::{Endpoint, Model, Provider, Route};
use meter_wire::RouteFacts;
use serde::Deserialize;
use std::path::Path;

/// A header field as the tap gives it.
pub type Field = (Box<[u8]>, Box<[u8]>);

/// Bytes of one exchange, bodies as they were on the wire (content coding kept).
#[derive(Clone, Debug, Default)]
pub struct Captured {
    /// Host, or nothing where a person named the endpoint.
    pub host: String,
    /// Method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Status of the answer; nothing where none came.
    pub status: Option<u16>,
    /// Fields of the request.
    pub request_fields: Vec<Field>,
    /// Body of the request.
    pub request: Vec<u8>,
    /// Fields of the answer.
    pub response_fields: Vec<Field>,
    /// Body of the answer.
    pub response: Vec<u8>,
    /// Trailers of the answer.
    pub trailers: Vec<Field>,
    /// Messages of a WebSocket: from the client or not, and the text.
    pub messages: Vec<(bool, Vec<u8>)>,
    /// The answer came whole.
    pub clean: bool,
}

/// One line of a file of WebSocket messages.
#[derive(Deserialize)]
struct Line {
    dir: String,
    data: String,
}

/// A field.
pub fn field(name: &str, value: &str) -> Field {
    (name.to_ascii_lowercase().as_bytes().into(), value.as_bytes().into())
}

/// Messages of a file of lines `{"dir": "c2s" | "s2c", "data": "…"}`.
///
/// # Errors
/// The first line that is none, by number.
pub fn messages(bytes: &[u8]) -> Result<Vec<(bool, Vec<u8>)>, String> {
    let lines = bytes.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.trim_ascii().is_empty());
    lines
        .map(|(number, line)| {
            let line: Line = serde_json::from_slice(line).map_err(|error| format!("line {}: {error}", number + 1))?;
            Ok((line.dir == "c2s", line.data.into_bytes()))
        })
        .collect()
}

impl Captured {
    /// An answer read from a file, its content type and coding told by name and first bytes unless fields say them.
    ///
    /// # Errors
    /// A file of WebSocket messages with a line that is none.
    pub fn answer(path: &Path, bytes: Vec<u8>, fields: &[Field]) -> Result<Captured, String> {
        let name = path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        let mut captured =
            Captured { status: Some(200), clean: true, response_fields: fields.to_vec(), ..Captured::default() };
        let said = |wanted: &str| fields.iter().any(|(name, _)| **name == *wanted.as_bytes());
        if name.ends_with(".ws.jsonl") {
            captured.status = Some(101);
            captured.messages = messages(&bytes)?;
            return Ok(captured);
        }
        let codings = [(".gz", "gzip"), (".zst", "zstd"), (".br", "br")];
        let coding = codings.iter().find(|(end, _)| name.ends_with(end));
        let plain = coding.map_or(name.as_str(), |(end, _)| name.trim_end_matches(end));
        if let (Some((_, coding)), false) = (coding, said("content-encoding")) {
            captured.response_fields.push(field("content-encoding", coding));
        }
        if !said("content-type") {
            captured.response_fields.push(field("content-type", content_type(plain, &bytes)));
        }
        captured.response = bytes;
        Ok(captured)
    }
}

/// By the name's end, else by how the body begins.
fn content_type(name: &str, bytes: &[u8]) -> &'static str {
    const BY_END: &[(&str, &str)] = &[
        (".sse", "text/event-stream"),
        (".ndjson", "application/x-ndjson"),
        (".jsonl", "application/jsonl"),
        (".eventstream.bin", "application/vnd.amazon.eventstream"),
        (".grpc.bin", "application/grpc"),
        (".json", "application/json"),
    ];
    if let Some((_, kind)) = BY_END.iter().find(|(end, _)| name.ends_with(end)) {
        return kind;
    }
    let begins = |word: &str| bytes.starts_with(word.as_bytes());
    if [":", "data:", "event:", "id:", "retry:"].into_iter().any(begins) {
        "text/event-stream"
    } else {
        "application/json"
    }
}

/// The route to the endpoint that `text` names: `provider/endpoint`. A target gives path captures and query.
///
/// # Errors
/// No provider or endpoint is called so, with the ones there are; or the target is none of the endpoint's paths.
pub fn named(model: &Model, text: &str, target: Option<&str>) -> Result<Route, String> {
    let (provider, endpoint) = text.split_once('/').ok_or("write PROVIDER/ENDPOINT, as in `anthropic/messages`")?;
    let found = model.providers.iter().find(|one| one.id == provider);
    let provider = found.ok_or_else(|| {
        let ids: Vec<&str> = model.providers.iter().map(|one| one.id.as_str()).collect();
        format!("there is no provider `{provider}`; there are {}", ids.join(", "))
    })?;
    let found = provider.endpoints.iter().find(|one| one.id == endpoint);
    let endpoint = found.ok_or_else(|| {
        let ids: Vec<&str> = provider.endpoints.iter().map(|one| one.id.as_str()).collect();
        format!("`{}` has no endpoint `{endpoint}`; it has {}", provider.id, ids.join(", "))
    })?;
    route(provider, endpoint, target)
}

/// The route to an endpoint; without a target only its host's first captures are known.
///
/// # Errors
/// The target is none of the endpoint's paths.
pub fn route(provider: &Provider, endpoint: &Endpoint, target: Option<&str>) -> Result<Route, String> {
    let host = provider.hosts.first().map(|host| host.captures.clone()).unwrap_or_default();
    let facts = match target {
        Some(target) => {
            let method = endpoint.methods.first().map_or("POST", String::as_str);
            let address = endpoint.address(&host, method, target, endpoint.upgrade.as_deref());
            address.ok_or_else(|| format!("`{target}` is no path of endpoint `{}`", endpoint.id))?
        }
        None => RouteFacts { captures: host, query: Vec::new(), stream: endpoint.stream, class: endpoint.class },
    };
    Ok(Route::new(provider, endpoint, facts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_tells_what_it_is() {
        let kind = |name: &str, body: &[u8]| content_type(name, body);
        assert_eq!(kind("response.sse", b""), "text/event-stream");
        assert_eq!(kind("x.eventstream.bin", b""), "application/vnd.amazon.eventstream");
        assert_eq!(kind("x", b": keep-alive\n\ndata: {}\n\n"), "text/event-stream");
        assert_eq!(kind("x", b"[{\"a\":1}]"), "application/json");
        let captured = Captured::answer(Path::new("a/x.sse.gz"), vec![31], &[]).expect("an answer");
        assert!(captured.response_fields.contains(&field("content-encoding", "gzip")));
        assert!(captured.response_fields.contains(&field("content-type", "text/event-stream")));
        let error = Captured::answer(Path::new("m.ws.jsonl"), b"{\"dir\":\"c2s\",\"data\":\"x\"}\n\n{}".to_vec(), &[]);
        assert!(error.expect_err("the third line is none").starts_with("line 3"));
    }

    #[test]
    fn a_target_says_what_it_would_say_on_the_wire() {
        let (model, _) = meter_manifest::load(&meter_manifest::bundled(), &[]);
        let route = named(&model, "openai/realtime", Some("/v1/realtime?model=gpt%2Drealtime")).expect("an endpoint");
        assert_eq!(route.facts.query, [("model".to_owned(), "gpt-realtime".to_owned())]);
        let other = named(&model, "openai/realtime", Some("/v1/other")).expect_err("another path");
        assert_eq!(other, "`/v1/other` is no path of endpoint `realtime`");
    }
}
