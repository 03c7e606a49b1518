//! The answer of a policy, in the provider's own error shape.

use super::compile::Compiler;
use super::source::{Written, WrittenTable, WrittenValue};
use super::{Dialect, DialectError, Mistake, check};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Map, Value};

const PLACEHOLDERS: &[&str] = &["message", "rule", "row", "status", "retry_after", "null"];

/// gRPC messages are percent-encoded outside printable ASCII (gRPC over HTTP/2, "Responses").
const GRPC_MESSAGE: &AsciiSet = &CONTROLS.add(b'%');

/// What a refusal says.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RefusalFacts {
    /// Sentence for the user.
    pub message: String,
    /// Rule that refused.
    pub rule: String,
    /// Id of the row.
    pub row: String,
    /// Seconds until it makes sense to try again.
    pub retry_after: Option<u64>,
}

/// A refusal, ready to send.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RefusalText {
    /// HTTP status; 200 for gRPC, whose own status is a field.
    pub status: u16,
    /// Header fields, content type included, content length not.
    pub fields: Vec<(String, String)>,
    /// The body; empty for gRPC.
    pub body: Vec<u8>,
    /// Text to send in a WebSocket turn's place, where the dialect has turns.
    pub ws_message: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct RefusalTemplate {
    status: Option<u16>,
    headers: Vec<(String, String)>,
    body: Option<Value>,
    ws_message: Option<Value>,
    grpc_status: Option<i64>,
    grpc_message: String,
}

impl RefusalTemplate {
    pub(crate) fn compile(compiler: &mut Compiler, table: &WrittenTable) -> RefusalTemplate {
        compiler.known_keys(
            table,
            "refusal",
            &["status", "headers", "body", "ws_message", "grpc_status", "grpc_message"],
        );
        let mut template = RefusalTemplate::default();
        for entry in &table.0 {
            let wrong = |message: &str| DialectError::at("refusal", &entry.key, entry.value.position, None, message);
            match (entry.key.as_str(), &entry.value.value) {
                ("status", WrittenValue::Integer(status)) => match u16::try_from(*status) {
                    Ok(status @ 400..=599) => template.status = Some(status),
                    _ => compiler.errors.push(wrong("a refusal's status is between 400 and 599")),
                },
                ("grpc_status", WrittenValue::Integer(status)) => template.grpc_status = Some(*status),
                ("grpc_message", WrittenValue::Text(text)) => {
                    check_text(compiler, text, &entry.key, &entry.value);
                    template.grpc_message.clone_from(text);
                }
                ("headers", WrittenValue::Table(headers)) => {
                    for header in &headers.0 {
                        let WrittenValue::Text(text) = &header.value.value else {
                            compiler.errors.push(wrong("a header is a text"));
                            continue;
                        };
                        check_text(compiler, text, &header.key, &header.value);
                        template.headers.push((header.key.to_ascii_lowercase(), text.clone()));
                    }
                }
                ("body", WrittenValue::Table(_)) => template.body = Some(json(compiler, &entry.key, &entry.value)),
                ("ws_message", WrittenValue::Table(_)) => {
                    template.ws_message = Some(json(compiler, &entry.key, &entry.value));
                }
                ("status" | "grpc_status", _) => compiler.errors.push(wrong("this has to be a whole number")),
                ("grpc_message", _) => compiler.errors.push(wrong("this has to be a text")),
                ("headers" | "body" | "ws_message", _) => compiler.errors.push(wrong("this has to be a table")),
                _ => {}
            }
        }
        if template.body.is_none() && template.ws_message.is_none() && template.grpc_status.is_none() {
            let message = "a refusal needs `body`, `ws_message` or `grpc_status`";
            compiler.errors.push(DialectError::at("refusal", "body", 0, None, message).kind(Mistake::Missing));
        }
        template
    }
}

fn check_text(compiler: &mut Compiler, text: &str, key: &str, written: &Written) {
    let mut from = 0;
    while let Some(start) = text[from..].find('{').map(|at| from + at) {
        let Some(end) = text[start..].find('}').map(|at| start + at) else { return };
        let name = &text[start + 1..end];
        if !PLACEHOLDERS.contains(&name) {
            let message = format!("there is no placeholder `{{{name}}}`");
            let error = DialectError::at("refusal", key, written.position, Some(start), message);
            compiler.errors.push(error.kind(Mistake::Word).near(check::nearest(name, PLACEHOLDERS.iter().copied())));
        }
        from = end + 1;
    }
}

fn json(compiler: &mut Compiler, key: &str, written: &Written) -> Value {
    match &written.value {
        WrittenValue::Text(text) => {
            check_text(compiler, text, key, written);
            Value::from(text.as_str())
        }
        WrittenValue::Integer(number) => Value::from(*number),
        WrittenValue::Truth(truth) => Value::from(*truth),
        WrittenValue::List(items) => items.iter().map(|item| json(compiler, key, item)).collect(),
        WrittenValue::Table(table) => {
            let entries = table.0.iter().map(|entry| (entry.key.clone(), json(compiler, &entry.key, &entry.value)));
            Value::Object(entries.collect::<Map<_, _>>())
        }
        WrittenValue::Other(what) => {
            let message = format!("a {what} has no place in a refusal");
            compiler.errors.push(DialectError::at("refusal", key, written.position, None, message));
            Value::Null
        }
    }
}

impl Dialect {
    /// The refusal for these facts. Whether it goes as an answer or in a WebSocket turn's place is the caller's to know.
    pub fn refusal(&self, facts: &RefusalFacts) -> RefusalText {
        let template = &self.refusal;
        let status = template.status.unwrap_or(if template.grpc_status.is_some() { 200 } else { 403 });
        let filled = Filling { facts, status };
        let mut fields = Vec::new();
        for (name, text) in &template.headers {
            // A header that only names an unknown time says nothing.
            if !(text.contains("{retry_after}") && facts.retry_after.is_none()) {
                fields.push((name.clone(), filled.text(text)));
            }
        }
        let ws_message = template.ws_message.as_ref().map(|message| filled.json(message).to_string());
        if let Some(grpc_status) = template.grpc_status {
            let message = filled.text(&template.grpc_message);
            fields.push(("content-type".to_owned(), "application/grpc".to_owned()));
            fields.push(("grpc-status".to_owned(), grpc_status.to_string()));
            fields.push(("grpc-message".to_owned(), utf8_percent_encode(&message, GRPC_MESSAGE).to_string()));
            return RefusalText { status: 200, fields, body: Vec::new(), ws_message };
        }
        let body = match &template.body {
            Some(body) => filled.json(body).to_string(),
            None => ws_message.clone().unwrap_or_default(),
        };
        fields.push(("content-type".to_owned(), "application/json".to_owned()));
        RefusalText { status, fields, body: body.into_bytes(), ws_message }
    }
}

struct Filling<'a> {
    facts: &'a RefusalFacts,
    status: u16,
}

impl Filling<'_> {
    fn one(&self, name: &str) -> Option<Value> {
        Some(match name {
            "message" => Value::from(self.facts.message.as_str()),
            "rule" => Value::from(self.facts.rule.as_str()),
            "row" => Value::from(self.facts.row.as_str()),
            "status" => Value::from(self.status),
            "retry_after" => self.facts.retry_after.map_or(Value::Null, Value::from),
            "null" => Value::Null,
            _ => return None,
        })
    }

    fn json(&self, template: &Value) -> Value {
        match template {
            Value::String(text) => {
                let alone = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
                alone.and_then(|name| self.one(name)).unwrap_or_else(|| Value::String(self.text(text)))
            }
            Value::Array(items) => items.iter().map(|item| self.json(item)).collect(),
            Value::Object(entries) => entries.iter().map(|(key, value)| (key.clone(), self.json(value))).collect(),
            other => other.clone(),
        }
    }

    fn text(&self, template: &str) -> String {
        let mut out = String::new();
        let mut rest = template;
        while let Some(start) = rest.find('{') {
            out.push_str(&rest[..start]);
            rest = &rest[start..];
            let known = rest.find('}').and_then(|end| self.one(&rest[1..end]).map(|value| (end, value)));
            let Some((end, value)) = known else {
                out.push('{');
                rest = &rest[1..];
                continue;
            };
            match value {
                Value::Null => {}
                Value::String(text) => out.push_str(&text),
                other => out.push_str(&other.to_string()),
            }
            rest = &rest[end + 1..];
        }
        out.push_str(rest);
        out
    }
}
