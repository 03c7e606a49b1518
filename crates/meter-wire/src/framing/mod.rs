//! Framings: bytes of a decoded body into messages.

mod document;
mod eventstream;
mod form;
mod grpc;
mod lines;
mod lists;
mod repeat;
mod sse;

use crate::json::{Projection, Tree};
use document::Documents;
use eventstream::{EventStream, Headers};
use form::Form;
use grpc::Grpc;
use lines::Lines;
pub(crate) use lists::ListPath;
pub(crate) use repeat::{News, Repeat};
use sse::Sse;
use std::collections::BTreeSet;

/// Longest frame text (SSE `data` that is no JSON, an event's name) that is kept.
pub(crate) const FRAME_TEXT_MAX: usize = 512;

/// How a body is cut into messages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Framing {
    /// One JSON document; an answer that begins with `[` is a [`Framing::JsonArray`].
    Json,
    /// Server-sent events.
    Sse,
    /// One JSON value a line.
    Ndjson,
    /// The elements of one JSON array.
    JsonArray,
    /// Amazon event stream.
    EventStream,
    /// Length-prefixed protobuf messages.
    Grpc,
    /// WebSocket messages, handed in ready.
    WebSocket,
    /// Sound and pictures: nothing to read.
    Opaque,
    /// `multipart/form-data`, read as one object.
    Form(FormBoundary),
}

/// The boundary of a form: at most 70 characters (RFC 2046 section 5.1.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct FormBoundary {
    bytes: [u8; 70],
    length: u8,
}

impl FormBoundary {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    fn of(content_type: &str) -> Option<FormBoundary> {
        let at = content_type.to_ascii_lowercase().find("boundary=")?;
        let value = &content_type[at + "boundary=".len()..];
        let text = match value.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next()?,
            None => value.split([';', ' ']).next()?,
        };
        let mut bytes = [0; 70];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        (!text.is_empty()).then_some(FormBoundary { bytes, length: u8::try_from(text.len()).ok()? })
    }
}

impl Framing {
    /// The words of `[framing]` in a dialect.
    pub(crate) fn word(word: &str) -> Option<Framing> {
        Some(match word {
            "json" => Framing::Json,
            "sse" => Framing::Sse,
            "ndjson" => Framing::Ndjson,
            "json_array" => Framing::JsonArray,
            "aws_eventstream" => Framing::EventStream,
            "grpc" => Framing::Grpc,
            "websocket" => Framing::WebSocket,
            _ => return None,
        })
    }

    /// The framing of a media type; anything that is not known is tried as a document.
    pub(crate) fn of(content_type: &str) -> Framing {
        match media_type(content_type).as_str() {
            "text/event-stream" => Framing::Sse,
            "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
            | "application/x-jsonl"
            | "application/jsonlines"
            | "application/x-jsonlines"
            | "text/jsonl"
            | "application/stream+json" => Framing::Ndjson,
            "application/vnd.amazon.eventstream" => Framing::EventStream,
            "application/grpc" | "application/grpc+proto" => Framing::Grpc,
            "multipart/form-data" => FormBoundary::of(content_type).map_or(Framing::Json, Framing::Form),
            kind if ["audio/", "image/", "video/"].iter().any(|opaque| kind.starts_with(opaque)) => Framing::Opaque,
            _ => Framing::Json,
        }
    }

    /// Whether an answer in it is a stream when nothing else says.
    pub(crate) fn is_stream(self) -> bool {
        match self {
            Framing::Json | Framing::Grpc | Framing::Opaque | Framing::Form(_) => false,
            Framing::Sse | Framing::Ndjson | Framing::JsonArray | Framing::EventStream | Framing::WebSocket => true,
        }
    }
}

/// The part of a content type before its parameters, lower case.
pub(crate) fn media_type(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
}

/// What a message says.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Body<'a> {
    /// Nothing that pointers can read.
    #[default]
    Nothing,
    /// JSON, as far as pointers reach.
    Json(&'a Tree),
    /// A protobuf message.
    Proto(&'a [u8]),
}

/// One message with the frame around it. It borrows of its framer and lives no longer than its reading.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Message<'a> {
    pub(crate) body: Body<'a>,
    /// SSE `event`.
    pub(crate) event: Option<&'a str>,
    /// SSE `data`, when short and no JSON.
    pub(crate) data: Option<&'a str>,
    /// Headers of an event-stream frame.
    pub(crate) headers: Headers<'a>,
}

impl<'a> Message<'a> {
    pub(crate) fn json(tree: &'a Tree) -> Message<'a> {
        Message { body: Body::Json(tree), ..Message::default() }
    }

    /// `frame(word)`: `data`, `event`, or a header of the frame.
    pub(crate) fn frame(&self, word: &str) -> Option<&'a str> {
        match word {
            "data" => self.data,
            "event" => self.event,
            _ => self.headers.text(word),
        }
    }
}

/// How an event stream begins, and JSON never does.
const EVENT_STARTS: &[&[u8]] = &[b"data:", b"event:", b":"];

/// Cuts one body into messages.
pub(crate) struct Framer {
    kind: Kind,
    /// The first bytes of an answer that its head calls no stream, until they tell: some servers leave the label away.
    start: Option<Vec<u8>>,
    flags: BTreeSet<&'static str>,
}

enum Kind {
    Documents(Box<Documents>),
    Sse(Box<Sse>),
    Lines(Box<Lines>),
    EventStream(Box<EventStream>),
    Grpc(Grpc),
    Form(Form),
    Nothing,
}

/// What a framer needs beside the bytes.
pub(crate) struct Cutting<'a> {
    pub(crate) projection: &'a Projection,
    /// Messages whose name no table reads may be passed over.
    pub(crate) by_name: bool,
    pub(crate) sink: &'a mut dyn FnMut(&Message<'_>),
}

impl Cutting<'_> {
    fn message(&mut self, message: &Message<'_>) {
        (self.sink)(message);
    }
}

impl Framer {
    /// For an answer; `grpc_encoding` opens compressed gRPC messages.
    pub(crate) fn answer(framing: Framing, projection: &Projection, grpc_encoding: &str) -> Framer {
        Framer::new(framing, projection, grpc_encoding, true)
    }

    /// For a request: a document may be an array, and is one message all the same.
    pub(crate) fn request(framing: Framing, projection: &Projection, grpc_encoding: &str) -> Framer {
        Framer::new(framing, projection, grpc_encoding, false)
    }

    fn new(framing: Framing, projection: &Projection, grpc_encoding: &str, open_arrays: bool) -> Framer {
        let kind = match framing {
            Framing::Json | Framing::JsonArray => Kind::Documents(Box::new(Documents::new(projection, open_arrays))),
            Framing::Sse => Kind::Sse(Box::new(Sse::new(projection))),
            Framing::Ndjson => Kind::Lines(Box::new(Lines::new(projection))),
            Framing::EventStream => Kind::EventStream(Box::new(EventStream::new(projection))),
            Framing::Grpc => Kind::Grpc(Grpc::new(grpc_encoding)),
            Framing::Form(boundary) => Kind::Form(Form::new(boundary.as_bytes())),
            Framing::WebSocket | Framing::Opaque => Kind::Nothing,
        };
        let start = (open_arrays && framing == Framing::Json).then(Vec::new);
        Framer { kind, start, flags: BTreeSet::new() }
    }

    /// Takes a piece of the decoded body.
    pub(crate) fn push(&mut self, bytes: &[u8], cutting: &mut Cutting<'_>) {
        let mut rest = bytes;
        while let Some(start) = &mut self.start {
            let Some((byte, after)) = rest.split_first() else { return };
            let is_blank = matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
            if start.is_empty() && is_blank {
                rest = after;
                continue;
            }
            let begins = |word: &&[u8]| word.starts_with(start) && word.get(start.len()) == Some(byte);
            match EVENT_STARTS.iter().find(|word| begins(word)) {
                Some(word) => {
                    start.push(*byte);
                    rest = after;
                    if start.len() == word.len() {
                        self.kind = Kind::Sse(Box::new(Sse::new(cutting.projection)));
                        self.begin(cutting);
                    }
                }
                None => self.begin(cutting),
            }
        }
        self.pass(rest, cutting);
    }

    /// The first bytes have told what the body is.
    fn begin(&mut self, cutting: &mut Cutting<'_>) {
        if let Some(start) = self.start.take() {
            self.pass(&start, cutting);
        }
    }

    fn pass(&mut self, bytes: &[u8], cutting: &mut Cutting<'_>) {
        let flags = &mut self.flags;
        match &mut self.kind {
            Kind::Documents(documents) => documents.push(bytes, cutting, flags),
            Kind::Sse(sse) => sse.push(bytes, cutting, flags),
            Kind::Lines(lines) => lines.push(bytes, cutting, flags),
            Kind::EventStream(stream) => stream.push(bytes, cutting, flags),
            Kind::Grpc(grpc) => grpc.push(bytes, cutting, flags),
            Kind::Form(form) => form.push(bytes, flags),
            Kind::Nothing => {}
        }
    }

    /// The body is over: an unclosed last message counts when it is whole.
    pub(crate) fn finish(&mut self, cutting: &mut Cutting<'_>) {
        self.begin(cutting);
        match &mut self.kind {
            Kind::Sse(sse) => sse.finish(cutting, &mut self.flags),
            Kind::Lines(lines) => lines.finish(cutting, &mut self.flags),
            Kind::Form(form) => form.finish(cutting),
            Kind::Documents(_) | Kind::EventStream(_) | Kind::Grpc(_) | Kind::Nothing => {}
        }
    }

    /// What a body without a label turned out to be: an array of messages, or events.
    pub(crate) fn turned_out(&self) -> Option<Framing> {
        match &self.kind {
            Kind::Documents(documents) if documents.is_array() => Some(Framing::JsonArray),
            Kind::Sse(_) => Some(Framing::Sse),
            _ => None,
        }
    }

    /// The body ended inside an event of a stream. What it said may have been read.
    pub(crate) fn is_open(&self) -> bool {
        matches!(&self.kind, Kind::Sse(sse) if sse.is_open())
    }

    /// No unfinished message is left: what the framing itself calls whole.
    pub(crate) fn is_whole(&self) -> bool {
        match &self.kind {
            Kind::Documents(documents) => documents.is_whole(),
            Kind::EventStream(stream) => stream.is_whole(),
            Kind::Grpc(grpc) => grpc.is_whole(),
            Kind::Form(form) => form.is_whole(),
            Kind::Sse(_) | Kind::Lines(_) | Kind::Nothing => true,
        }
    }

    /// What could not be read: `body_limit`, `undecodable`.
    pub(crate) fn flags(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.flags.iter().copied()
    }
}
