//! One HTTP exchange or WebSocket, from its heads and bytes to readings.

use crate::coding::{CodingFault, Decoder};
use crate::dialect::{Dialect, End, TableId};
use crate::eval::{self, Came, MessageCells, Scope, Wire};
use crate::framing::{Cutting, Framer, Framing, Message, News, Repeat, media_type};
use crate::json::{PlaceSet, Scanner};
use crate::reading::CallReading;
use crate::report;
use crate::rows::{Incoming, KEY_MAX, Row, Rows};
use meter_call::EndpointClass;
use std::cell::Cell as Mark;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Header fields as the tap gives them: names and raw values.
pub type Fields = [(Box<[u8]>, Box<[u8]>)];

/// Longest header value that a dialect can read.
const HEADER_MAX: usize = 4096;

/// What the route knows of an exchange.
#[derive(Clone, Debug)]
pub struct RouteFacts {
    /// Captures of host and path, percent-decoded.
    pub captures: BTreeMap<String, String>,
    /// Query parameters, decoded, in order.
    pub query: Vec<(String, String)>,
    /// The endpoint's word on streaming; `None` = request and framing tell.
    pub stream: Option<bool>,
    /// Rows of a class that costs nothing have no usage. A read that settles an earlier call is read as costed.
    pub class: EndpointClass,
}

/// What a request says, as soon as it is whole.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RequestReading {
    /// Model asked for.
    pub model: Option<String>,
    /// Whether it asks for a stream.
    pub stream: Option<bool>,
    /// Its output cap in tokens.
    pub max_output: Option<u64>,
    /// Tier asked for.
    pub service_tier: Option<String>,
    /// Bytes after content decoding.
    pub body_bytes: u64,
    /// The body could be read to its end, or there was none.
    pub readable: bool,
}

/// Reads one exchange. Feeding it never fails, never panics, and needs memory that does not grow with the bodies.
///
/// Order: request head, body, end; response head, body, trailers; close. An answer may begin before the request has
/// ended. What is out of order is ignored.
pub struct ExchangeReader {
    dialect: Arc<Dialect>,
    facts: RouteFacts,
    wire: Wire,
    request: Option<Side>,
    response: Option<Side>,
    request_cells: Arc<MessageCells>,
    request_message: bool,
    request_ended: bool,
    status: Option<u16>,
    framing: Option<Framing>,
    by_name: bool,
    rows: Rows,
    messages: u64,
    /// The last message, while the exchange is one row.
    last: Option<Repeat>,
    /// The cells of the last server message.
    cells: MessageCells,
    /// Reads the messages of a WebSocket.
    socket: Option<Scanner>,
    client_bytes: u64,
    server_bytes: u64,
}

struct Side {
    decoder: Decoder,
    framer: Framer,
}

impl Side {
    fn push(&mut self, bytes: &[u8], cutting: &mut Cutting<'_>) {
        let Side { decoder, framer } = self;
        decoder.push(bytes, &mut |piece| framer.push(piece, cutting));
    }

    fn flags(&self) -> BTreeSet<String> {
        let fault = self.decoder.fault().map(|fault| match fault {
            CodingFault::Undecodable => "undecodable",
            CodingFault::Limit => "body_limit",
        });
        self.framer.flags().chain(fault).map(str::to_owned).collect()
    }
}

/// What the rows of an exchange have in common when they are written down.
pub(crate) struct Ending<'a> {
    pub(crate) dialect: &'a Dialect,
    pub(crate) wire: &'a Wire,
    pub(crate) facts: &'a RouteFacts,
    pub(crate) status: Option<u16>,
    pub(crate) framing: Option<Framing>,
    /// The answer was one whole document.
    pub(crate) document: bool,
    /// The body closed whole.
    pub(crate) whole: bool,
    /// The body ended inside its last event.
    pub(crate) open: bool,
    pub(crate) flags: BTreeSet<String>,
    pub(crate) request_cells: &'a MessageCells,
    pub(crate) request_bytes: u64,
    pub(crate) answer_bytes: u64,
}

impl ExchangeReader {
    /// A reader for one exchange.
    pub fn new(dialect: Arc<Dialect>, facts: RouteFacts) -> ExchangeReader {
        let wire = Wire { captures: facts.captures.clone(), query: facts.query.clone(), ..Wire::default() };
        ExchangeReader {
            rows: Rows::new(&dialect),
            request_cells: Arc::new(vec![None; dialect.request_cells.len()]),
            dialect,
            facts,
            wire,
            request: None,
            response: None,
            request_message: false,
            request_ended: false,
            status: None,
            framing: None,
            by_name: false,
            messages: 0,
            last: None,
            cells: Vec::new(),
            socket: None,
            client_bytes: 0,
            server_bytes: 0,
        }
    }

    /// The request's head.
    pub fn request_head(&mut self, fields: &Fields) {
        self.wire.request_headers = texts(fields);
        let header = |name| self.wire.request_header(name).unwrap_or("");
        let framing = Framing::of(header("content-type"));
        let framer = Framer::request(framing, &self.dialect.request_projection, header("grpc-encoding"));
        self.request = Some(Side { decoder: decoder(&self.wire.request_headers), framer });
    }

    /// A piece of the request's body, transfer coding removed, content coding kept.
    pub fn request_body(&mut self, bytes: &[u8]) {
        if self.request_ended {
            return;
        }
        self.client_bytes += bytes.len() as u64;
        self.with_request(|side, cutting| side.push(bytes, cutting));
    }

    /// The request is whole.
    pub fn request_end(&mut self) -> RequestReading {
        if !self.request_ended {
            self.request_ended = true;
            self.with_request(|side, cutting| side.framer.finish(cutting));
            self.rows.noticed(None, Arc::clone(&self.request_cells));
        }
        let cut = Mark::new(false);
        let scope = Scope {
            dialect: &self.dialect,
            wire: &self.wire,
            request: &self.request_cells,
            response: &[],
            came: Came::default(),
            inconsistent: &cut,
        };
        let text = |key| scope.named(TableId::Request, key).map(|value| value.show(report::TEXT_MAX));
        let coded = self.request.as_ref();
        RequestReading {
            model: text("model"),
            stream: scope.named(TableId::Request, "stream").and_then(|value| value.truth()),
            max_output: report::max_output(&scope),
            service_tier: text("service_tier"),
            body_bytes: coded.map_or(0, |side| side.decoder.given()),
            readable: self.client_bytes == 0
                || (self.request_message && coded.is_some_and(|side| side.decoder.fault().is_none())),
        }
    }

    fn with_request(&mut self, act: impl FnOnce(&mut Side, &mut Cutting<'_>)) {
        let Some(mut side) = self.request.take() else { return };
        let dialect = Arc::clone(&self.dialect);
        let mut sink = |message: &Message<'_>| {
            if dialect.request.reads(eval::name(&dialect, message, None)) {
                let cells = eval::read_request(&dialect, &self.wire, message);
                laid_over(&mut self.request_cells, cells);
            }
            self.request_message = true;
        };
        act(&mut side, &mut Cutting { projection: &dialect.request_projection, by_name: false, sink: &mut sink });
        self.request = Some(side);
    }

    /// The head of the final answer (not of an interim one).
    pub fn response_head(&mut self, status: u16, fields: &Fields) {
        self.wire.response_headers = texts(fields);
        self.status = Some(status);
        let header = |name| self.wire.response_header(name).unwrap_or("");
        let kind = media_type(header("content-type"));
        let odd = self.dialect.framings.iter().find(|(name, _)| *name == kind).map(|(_, framing)| *framing);
        let framing =
            if status == 101 { Framing::WebSocket } else { odd.unwrap_or_else(|| Framing::of(header("content-type"))) };
        let framer = Framer::answer(framing, &self.dialect.response_projection, header("grpc-encoding"));
        self.wire.grpc = framing == Framing::Grpc;
        self.by_name = self.names_decide();
        self.framing = Some(framing);
        self.response = Some(Side { decoder: decoder(&self.wire.response_headers), framer });
        if self.wire.grpc && self.wire.response_header("grpc-status").is_some() {
            self.trailers_came();
        }
        if framing == Framing::Opaque && status < 400 {
            // Nothing can be read in it, but it came: what the request counts has been served.
            self.incoming(&Message::default(), None);
        }
    }

    /// Whether messages may be passed over by name: not while a request id could still stand in any of them.
    fn names_decide(&self) -> bool {
        let cells = self.dialect.response_cells.iter().filter(|cell| cell.every);
        cells.into_iter().next().is_none() || {
            let cut = Mark::new(false);
            let scope = Scope {
                dialect: &self.dialect,
                wire: &self.wire,
                request: &[],
                response: &[],
                came: Came::default(),
                inconsistent: &cut,
            };
            scope.named(TableId::Response, "request_id").is_some()
        }
    }

    /// A piece of the answer's body, transfer coding removed, content coding kept.
    pub fn response_body(&mut self, bytes: &[u8]) {
        self.with_response(|side, cutting| side.push(bytes, cutting));
    }

    /// The answer's trailers.
    pub fn trailers(&mut self, fields: &Fields) {
        self.wire.trailers = texts(fields);
        self.trailers_came();
    }

    /// In gRPC an answer without a body has its trailers in the head.
    fn trailers_came(&mut self) {
        if self.end_holds("", &vec![None; self.dialect.response_cells.len()]) {
            self.rows.end_all();
        }
        self.rows.each_open(|row| row.came.error = true);
    }

    /// A whole text message of a WebSocket, decompressed.
    pub fn websocket_message(&mut self, from_client: bool, text: &[u8]) {
        let dialect = Arc::clone(&self.dialect);
        let projection = if from_client { &dialect.request_projection } else { &dialect.response_projection };
        let by_name = !from_client && self.by_name;
        let mut scanner = self.socket.take().unwrap_or_else(|| Scanner::new(projection, by_name));
        scanner.reset(projection, by_name);
        let taken = scanner.push(text, projection);
        self.rows.over |= scanner.is_over();
        if let Some(tree) = scanner.tree().filter(|_| taken == text.len()) {
            let message = Message::json(tree);
            if from_client {
                self.client_bytes += text.len() as u64;
                self.ask(&message);
            } else {
                self.server_bytes += text.len() as u64;
                self.incoming(&message, None);
            }
        }
        self.socket = Some(scanner);
    }

    /// A client's message on a WebSocket.
    fn ask(&mut self, message: &Message<'_>) {
        let dialect = Arc::clone(&self.dialect);
        if dialect.request.reads(eval::name(&dialect, message, None)) {
            let cells = eval::read_request(&dialect, &self.wire, message);
            let lane = dialect.rows.as_ref().and_then(|rows| eval::text_at(message.body, &rows.lane, KEY_MAX));
            // Without names to go by, only a message that says something asks for a row.
            let asks = !dialect.request.on.is_empty() || cells.iter().any(Option::is_some);
            if asks && dialect.rows.is_some() {
                self.rows.ask(lane, Arc::new(cells));
            } else if asks {
                laid_over(&mut self.request_cells, cells);
            }
        }
    }

    fn with_response(&mut self, act: impl FnOnce(&mut Side, &mut Cutting<'_>)) {
        let Some(mut side) = self.response.take() else { return };
        let dialect = Arc::clone(&self.dialect);
        let by_name = self.by_name;
        let one_row = self.dialect.rows.is_none();
        let projection = &dialect.response_projection;
        let name: PlaceSet = projection.name.into_iter().collect();
        let mut last = self.last.take().unwrap_or_default();
        let mut sink = |message: &Message<'_>| {
            match if one_row { last.news(message) } else { News::Message } {
                News::Nothing => self.messages += 1,
                // Under another name other tables would read it.
                News::At(places) if !name.is_empty() && !places.meets(name) => {
                    self.incoming(message, Some(places));
                }
                News::At(_) | News::Message => self.incoming(message, None),
            }
        };
        act(&mut side, &mut Cutting { projection, by_name, sink: &mut sink });
        self.last = Some(last);
        self.response = Some(side);
    }

    /// A server message; with `changed` it is the last one again, but for these places.
    fn incoming(&mut self, message: &Message<'_>, changed: Option<PlaceSet>) {
        self.messages += 1;
        let dialect = Arc::clone(&self.dialect);
        let name = eval::name(&dialect, message, dialect.response_projection.name);
        let came = Came {
            response: dialect.response.reads(name),
            usage: dialect.usage.reads(name),
            error: dialect.error.reads(name),
            beside: !dialect.beside.table.keys.is_empty() && dialect.beside.table.reads(name),
        };
        let may_end = dialect.end.as_ref().is_some_and(|end| names_end(end, name));
        let mut cells = std::mem::take(&mut self.cells);
        eval::read_response(&dialect, &self.wire, message, came, may_end, changed, &mut cells);
        let ends = may_end && self.end_holds(name, &cells);
        let rows = dialect.rows.as_ref();
        let text = |pointers| eval::text_at(message.body, pointers, KEY_MAX);
        let key = rows.and_then(|rows| text(&rows.key));
        let lane = rows.and_then(|rows| text(&rows.lane));
        self.rows.incoming(&dialect, &self.wire, &Incoming { message, cells: &cells, came, ends, key, lane });
        self.cells = cells;
    }

    /// Whether `[end]` says so of a message with this name and these cells, or of the trailers.
    fn end_holds(&self, name: &str, cells: &MessageCells) -> bool {
        let Some(end) = &self.dialect.end else { return false };
        let cut = Mark::new(false);
        let scope = Scope {
            dialect: &self.dialect,
            wire: &self.wire,
            request: &self.request_cells,
            response: cells,
            came: Came::ALL,
            inconsistent: &cut,
        };
        names_end(end, name) && scope.all_hold(TableId::End, &end.when)
    }

    /// Rows that have ended while the exchange goes on (turns of a WebSocket), each once. To be asked after each feed
    /// of a long exchange, so that a turn is recorded when it ends and memory stays small.
    pub fn take_ended(&mut self) -> Vec<CallReading> {
        let rows = self.rows.take_ended();
        if rows.is_empty() {
            return Vec::new();
        }
        self.written(rows, false)
    }

    /// Whether a row is asked for or open that [`ExchangeReader::take_ended`] has not given.
    pub fn is_under_way(&self) -> bool {
        self.rows.are_under_way()
    }

    /// How many messages of the client have asked for a row so far.
    pub fn asked(&self) -> u64 {
        self.rows.asked()
    }

    /// Rows that were opened behind the row `turn` and have not ended, newest first: [`CallReading::turn`] and
    /// [`CallReading::asked`] of each.
    pub fn begun_since(&self, turn: u32) -> impl Iterator<Item = (u32, Option<u64>)> {
        self.rows.begun_since(turn)
    }

    /// The exchange is over; `clean` when the answer came whole by its transfer framing. Every row that
    /// [`ExchangeReader::take_ended`] has not given, in the order they were opened.
    pub fn close(&mut self, clean: bool) -> Vec<CallReading> {
        if !self.request_ended {
            self.rows.noticed(None, Arc::clone(&self.request_cells));
        }
        self.with_response(|side, cutting| side.framer.finish(cutting));
        let rows = self.rows.close(&self.dialect, self.status.is_some_and(|status| status >= 400));
        self.written(rows, clean)
    }

    fn written(&self, rows: Vec<Row>, clean: bool) -> Vec<CallReading> {
        let turned_out = self.response.as_ref().and_then(|side| side.framer.turned_out());
        let framing = self.framing.map(|framing| turned_out.unwrap_or(framing));
        let coded = self.response.as_ref().is_some_and(|side| side.framer.is_whole() && side.decoder.fault().is_none());
        let mut flags: BTreeSet<String> = self.response.iter().flat_map(Side::flags).collect();
        if self.rows.over {
            flags.insert("body_limit".to_owned());
        }
        let decoded = |side: &Option<Side>| side.as_ref().map_or(0, |side| side.decoder.given());
        let ending = Ending {
            dialect: &self.dialect,
            wire: &self.wire,
            facts: &self.facts,
            status: self.status,
            framing,
            document: match framing {
                Some(Framing::Json) => coded && self.messages > 0,
                Some(Framing::Opaque) => clean && coded,
                _ => false,
            },
            whole: clean && coded,
            open: self.response.as_ref().is_some_and(|side| side.framer.is_open()),
            flags,
            request_cells: &self.request_cells,
            request_bytes: decoded(&self.request).max(if self.status == Some(101) { self.client_bytes } else { 0 }),
            answer_bytes: decoded(&self.response).max(self.server_bytes),
        };
        rows.into_iter().map(|row| report::reading(&ending, row)).collect()
    }
}

/// The last value of each cell stays.
fn laid_over(kept: &mut Arc<MessageCells>, cells: MessageCells) {
    for (old, new) in Arc::make_mut(kept).iter_mut().zip(cells) {
        *old = new.or(old.take());
    }
}

fn names_end(end: &End, name: &str) -> bool {
    let says = !end.on.is_empty() || !end.when.is_empty();
    says && (end.on.is_empty() || end.on.iter().any(|on| **on == *name))
}

/// Lower-case names and text values, in order; expressions see the first of a repeated field.
fn texts(fields: &Fields) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(HEADER_MAX)]).trim().to_owned();
    fields.iter().map(|(name, value)| (text(name).to_ascii_lowercase(), text(value))).collect()
}

fn decoder(headers: &[(String, String)]) -> Decoder {
    let values = headers.iter().filter(|(name, _)| name == "content-encoding").map(|(_, value)| value.as_str());
    Decoder::new(values)
}
