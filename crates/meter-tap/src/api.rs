//! What the relay and the tap say to each other.

/// Number of an exchange within its connection, from 0, in the order requests began.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ExchangeId(pub u64);

/// The application protocol that ALPN chose.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Protocol {
    /// HTTP/1.0 and 1.1.
    H1,
    /// HTTP/2.
    H2,
}

/// Who sent the bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// Downstream: the tool.
    Client,
    /// Upstream: the provider.
    Origin,
}

/// How a leg stopped sending.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// close_notify or an orderly FIN.
    Clean,
    /// FIN without close_notify.
    Truncated,
    /// RST or another socket error.
    Reset,
}

/// A field block: names as on the wire (lower case in h2), values as raw bytes, order kept, duplicates kept.
pub type Fields = Vec<(Box<[u8]>, Box<[u8]>)>;

/// The head of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RequestHead {
    /// Method, as sent.
    pub method: String,
    /// Request target's path and query, as sent (`:path` in h2). Not decoded.
    pub target: String,
    /// `Host` or `:authority`.
    pub authority: Option<String>,
    /// Ordinary fields, without pseudo-headers.
    pub fields: Fields,
    /// `upgrade` value in h1, `:protocol` in h2 extended CONNECT, lower case.
    pub upgrade: Option<String>,
}

/// The head of a final (not 1xx) answer, 101 included.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ResponseHead {
    /// Status code.
    pub status: u16,
    /// Ordinary fields, without pseudo-headers.
    pub fields: Fields,
}

/// How an exchange's answer stopped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Finish {
    /// The answer came whole by its framing (or by an orderly close where that is the framing).
    Whole,
    /// The origin stopped or reset before the answer was whole.
    OriginLeft,
    /// The client left, or reset the stream, before the answer was whole.
    ClientLeft,
    /// The gate refused it.
    Refused,
    /// The connection became unreadable; what follows is unknown.
    Opaque,
}

/// What the tap saw. Slices are valid during the call only.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A request's head is complete.
    RequestHead(ExchangeId, &'a RequestHead),
    /// A piece of a request's body, transfer coding removed.
    RequestBody(ExchangeId, &'a [u8]),
    /// The request is whole. Right after the head where an upgrade or CONNECT follows: its stream is not a body.
    RequestEnd(ExchangeId),
    /// An interim answer's status (100, 103); informational.
    Interim(ExchangeId, u16),
    /// A final answer's head is complete.
    ResponseHead(ExchangeId, &'a ResponseHead),
    /// A piece of an answer's body, transfer coding removed, content coding kept.
    ResponseBody(ExchangeId, &'a [u8]),
    /// The answer's trailers.
    Trailers(ExchangeId, &'a Fields),
    /// The exchange is over; its id is not used again. Exactly once for each `RequestHead`, at the latest when both ends
    /// were reported. An answer that was whole before its request counts as whole once the request is over too.
    Finished(ExchangeId, Finish),
    /// A WebSocket frame passed (header only): sender, opcode, payload length.
    WebSocketFrame(ExchangeId, Side, u8, u64),
    /// The connection cannot be read any more (protocol fault, unknown upgrade, over a limit). Bytes still pass.
    Opaque(&'static str),
}

/// A complete answer in the provider's own error shape.
///
/// HTTP/1 sends it with `Content-Length` and `Connection: close`, behind the answers to earlier requests, unless the client
/// already has the beginning of an answer to this one: then the connection just closes. HTTP/2 does not send it: both sides
/// get RST_STREAM, the origin CANCEL, the client ENHANCE_YOUR_CALM (which no common client repeats by itself; SDKs that retry
/// any connection error still do, a few times).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// Extra header fields.
    pub fields: Vec<(String, String)>,
    /// The body, JSON.
    pub body: Vec<u8>,
}

/// What a request's head decides.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HeadVerdict {
    /// Nobody will ask again: no holding, no cost.
    Pass,
    /// Hold the last slice until [`Observer::complete`] has answered.
    Hold,
    /// Refuse now.
    Refuse(Refusal),
}

/// What a whole request decides.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Release the last slice.
    Allow,
    /// Refuse: the origin never sees a complete request.
    Refuse(Refusal),
    /// Not yet known; the relay calls [`crate::Tap::decide`] later. Only this exchange waits; in h1, and in h2 where the
    /// request ends with a header block, all that the client sends on this connection waits behind it.
    Later,
}

/// The listener of a tap. Must be quick: it runs between read and write of the request direction.
pub trait Observer {
    /// Something passed.
    fn event(&mut self, event: Event<'_>);
    /// A request's head is complete and none of its bytes has gone on (always asked right after the event
    /// `RequestHead`). Only a gated tap obeys; an ungated one asks nothing.
    fn head(&mut self, exchange: ExchangeId, head: &RequestHead) -> HeadVerdict;
    /// A held request is whole (asked right after the event `RequestEnd`).
    fn complete(&mut self, exchange: ExchangeId) -> Verdict;
    /// Whether the messages of this WebSocket are wanted; asked once, when the origin has agreed to open it.
    ///
    /// Frames are counted in any case; joining, unmasking and inflating costs time and memory (up to 16 MiB a direction).
    fn wants_messages(&mut self, exchange: ExchangeId) -> bool {
        let _ = exchange;
        false
    }
    /// A whole message of a WebSocket passed, where [`Observer::wants_messages`] said so: who sent it, its opcode (1 text,
    /// 2 binary), its payload unmasked and decompressed.
    ///
    /// Left out: a message over 16 MiB; and of one direction all that comes behind a message that does not decompress.
    fn websocket_message(&mut self, exchange: ExchangeId, from: Side, opcode: u8, payload: &[u8]) {
        let _ = (exchange, from, opcode, payload);
    }
}

/// What becomes of a gated connection that cannot be read (any more).
///
/// An ungated one always passes on. Where a request was refused before, the two sides are out of step with each other and
/// the connection closes in either case.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Fault {
    /// What is held goes to the origin, and everything after it passes unread.
    #[default]
    Pass,
    /// The connection closes ([`Output::close`]); what is held never reaches the origin.
    Close,
}

/// Bytes the relay has to write. Cleared by the relay.
#[derive(Debug, Default)]
pub struct Output {
    /// For the origin, in order.
    pub to_origin: Vec<u8>,
    /// For the client, in order. Behind what the relay has written by itself, see [`crate::Tap::rewrites_origin`].
    pub to_client: Vec<u8>,
    /// After `to_client` is written: close the client cleanly, reset the origin, discard what the client still sends
    /// (at most 64 MB or 5 s).
    pub close: bool,
}
