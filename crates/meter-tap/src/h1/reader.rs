//! Reads both directions of an HTTP/1 connection as they pass, and tells which answer belongs to which request.

use std::collections::VecDeque;

use super::body::{Body, Piece};
use super::head::{HeadBuffer, parse_request, parse_response};
use crate::websocket::Socket;
use crate::{End, Event, ExchangeId, Finish, Observer, RequestHead, ResponseHead, Side, Unreadable};

/// The passive parser: it never asks for a verdict.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    client: Direction,
    origin: Direction,
    /// Exchanges that are not over, in the order of their requests. Only the last may lack the end of its request:
    /// an answer can come whole before that, and its exchange stays until the upload is over too.
    open: VecDeque<Exchange>,
    begun: u64,
    /// Both directions, after an upgrade.
    socket: Option<Socket>,
}

#[derive(Debug)]
enum Direction {
    Head(HeadBuffer),
    Body(Body),
    Socket,
}

impl Default for Direction {
    fn default() -> Self {
        Self::Head(HeadBuffer::default())
    }
}

#[derive(Debug)]
struct Exchange {
    id: ExchangeId,
    method: Method,
    upgrade: Option<String>,
    request_whole: bool,
    answer: Answer,
    client_left: bool,
}

/// The methods that change how an answer is framed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Method {
    Head,
    Connect,
    Other,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Answer {
    Awaited,
    /// Its head has passed.
    Begun,
    Whole,
}

/// Where a gate has to stop and think.
#[derive(Debug)]
pub(crate) enum Milestone {
    /// A request's head is complete.
    Head(ExchangeId, RequestHead),
    /// A request is whole.
    RequestEnd(ExchangeId),
}

/// An exchange that the gate takes out.
#[derive(Debug)]
pub(crate) struct Withdrawn {
    /// The client may have bytes of an answer to it, if only of its head.
    pub(crate) answer_begun: bool,
    pub(crate) head_request: bool,
}

impl Reader {
    /// Reads what the client sends, up to the next milestone; `None` when the input ran out.
    pub(crate) fn request(
        &mut self,
        input: &[u8],
        obs: &mut dyn Observer,
    ) -> Result<(usize, Option<Milestone>), Unreadable> {
        let mut at = 0;
        loop {
            match &mut self.client {
                Direction::Head(buffer) => {
                    let (taken, complete) = buffer.take(&input[at..])?;
                    at += taken;
                    if !complete {
                        return Ok((at, None));
                    }
                    let (head, framing) = parse_request(buffer.bytes())?;
                    self.client = Direction::Body(Body::new(framing));
                    let id = self.begin(&head);
                    obs.event(Event::RequestHead(id, &head));
                    return Ok((at, Some(Milestone::Head(id, head))));
                }
                Direction::Body(body) => {
                    let (taken, piece) = body.next(&input[at..])?;
                    at += taken;
                    let Some(last) = self.open.back_mut() else {
                        return Err(Unreadable("a request body without its request"));
                    };
                    match piece {
                        None => return Ok((at, None)),
                        Some(Piece::Data(data)) => obs.event(Event::RequestBody(last.id, data)),
                        Some(Piece::End(_)) => {
                            let id = last.id;
                            last.request_whole = true;
                            self.client = Direction::default();
                            obs.event(Event::RequestEnd(id));
                            self.finish_if_over(obs);
                            return Ok((at, Some(Milestone::RequestEnd(id))));
                        }
                    }
                }
                Direction::Socket => {
                    self.read_socket(Side::Client, &input[at..], obs)?;
                    return Ok((input.len(), None));
                }
            }
        }
    }

    /// Reads what the origin sends, up to the end of an answer; then `true`. `false` when the input ran out.
    pub(crate) fn answer(&mut self, input: &[u8], obs: &mut dyn Observer) -> Result<(usize, bool), Unreadable> {
        let mut at = 0;
        loop {
            match &mut self.origin {
                Direction::Head(buffer) => {
                    if at == input.len() {
                        return Ok((at, false));
                    }
                    let Some(exchange) = self.open.iter_mut().find(|exchange| exchange.answer != Answer::Whole) else {
                        if input[at..].iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
                            return Ok((input.len(), false));
                        }
                        return Err(Unreadable("an answer to no request"));
                    };
                    let (taken, complete) = buffer.take(&input[at..])?;
                    at += taken;
                    if !complete {
                        return Ok((at, false));
                    }
                    let (head, framing) = parse_response(buffer.bytes(), exchange.method == Method::Head)?;
                    self.origin = Direction::default();
                    let id = exchange.id;
                    if head.status < 200 && head.status != 101 {
                        obs.event(Event::Interim(id, head.status));
                        continue;
                    }
                    exchange.answer = Answer::Begun;
                    obs.event(Event::ResponseHead(id, &head));
                    if head.status == 101 {
                        self.switch_protocols(id, &head, obs)?;
                    } else if exchange.method == Method::Connect && (200..300).contains(&head.status) {
                        return Err(Unreadable("a tunnel was opened inside the connection"));
                    } else {
                        self.origin = Direction::Body(Body::new(framing));
                    }
                }
                Direction::Body(body) => {
                    let (taken, piece) = body.next(&input[at..])?;
                    at += taken;
                    let Some(exchange) = self.open.iter_mut().find(|exchange| exchange.answer != Answer::Whole) else {
                        return Err(Unreadable("an answer's body without its request"));
                    };
                    match piece {
                        None => return Ok((at, false)),
                        Some(Piece::Data(data)) => obs.event(Event::ResponseBody(exchange.id, data)),
                        Some(Piece::End(trailers)) => {
                            if !trailers.is_empty() {
                                obs.event(Event::Trailers(exchange.id, &trailers));
                            }
                            exchange.answer = Answer::Whole;
                            self.origin = Direction::default();
                            self.finish_if_over(obs);
                            return Ok((at, true));
                        }
                    }
                }
                Direction::Socket => {
                    self.read_socket(Side::Origin, &input[at..], obs)?;
                    return Ok((input.len(), false));
                }
            }
        }
    }

    /// The client stopped sending. A cancel is judged here, before the origin's last bytes: an answer that is whole
    /// only after its client left was not wanted any more.
    pub(crate) fn client_end(&mut self, end: End, obs: &mut dyn Observer) {
        if let Some(socket) = &self.socket {
            return self.end_socket(socket.is_closing(), Finish::ClientLeft, obs);
        }
        self.open.retain_mut(|exchange| {
            exchange.client_left = exchange.answer != Answer::Whole;
            if exchange.client_left && end != End::Reset {
                return true;
            }
            obs.event(Event::Finished(exchange.id, exchange.finish()));
            false
        });
    }

    /// The origin stopped sending: nothing open can become whole any more, but for a body that this ends.
    pub(crate) fn origin_end(&mut self, end: End, obs: &mut dyn Observer) {
        if let Some(socket) = &self.socket {
            return self.end_socket(socket.is_closing(), Finish::OriginLeft, obs);
        }
        let ends_body = end == End::Clean && matches!(&self.origin, Direction::Body(body) if body.until_close());
        for (position, mut exchange) in self.open.drain(..).enumerate() {
            if position == 0 && ends_body {
                exchange.answer = Answer::Whole;
            }
            obs.event(Event::Finished(exchange.id, exchange.finish()));
        }
    }

    /// Takes the latest exchange out because the gate refused it.
    pub(crate) fn withdraw(&mut self, id: ExchangeId, obs: &mut dyn Observer) -> Withdrawn {
        let Some(position) = self.open.iter().position(|exchange| exchange.id == id) else {
            // Its answer was whole before the last byte of the request came.
            return Withdrawn { answer_begun: true, head_request: false };
        };
        let exchange = &self.open[position];
        let first = self.open.iter().take(position).all(|earlier| earlier.answer == Answer::Whole);
        let within_head = matches!(&self.origin, Direction::Head(buffer) if !buffer.is_empty());
        let withdrawn = Withdrawn {
            answer_begun: exchange.answer != Answer::Awaited || (first && within_head),
            head_request: exchange.method == Method::Head,
        };
        self.open.remove(position);
        obs.event(Event::Finished(id, Finish::Refused));
        withdrawn
    }

    /// Whether any answer is still awaited.
    pub(crate) fn answers_open(&self) -> bool {
        self.open.iter().any(|exchange| exchange.answer != Answer::Whole)
    }

    /// Bytes read of a head that is not complete.
    pub(crate) fn partial_head(&self) -> usize {
        match &self.client {
            Direction::Head(buffer) => buffer.len(),
            _ => 0,
        }
    }

    /// Bytes read that may belong to the end of the request's chunked body.
    pub(crate) fn partial_tail(&self) -> usize {
        match &self.client {
            Direction::Body(body) => body.tail(),
            _ => 0,
        }
    }

    fn begin(&mut self, head: &RequestHead) -> ExchangeId {
        let id = ExchangeId(self.begun);
        self.begun += 1;
        self.open.push_back(Exchange {
            id,
            method: match head.method.as_str() {
                "HEAD" => Method::Head,
                "CONNECT" => Method::Connect,
                _ => Method::Other,
            },
            upgrade: head.upgrade.clone(),
            request_whole: false,
            answer: Answer::Awaited,
            client_left: false,
        });
        id
    }

    fn finish_if_over(&mut self, obs: &mut dyn Observer) {
        if let Some(first) = self.open.front()
            && first.request_whole
            && first.answer == Answer::Whole
        {
            obs.event(Event::Finished(first.id, if first.client_left { Finish::ClientLeft } else { Finish::Whole }));
            self.open.pop_front();
        }
    }

    /// After a 101 both directions speak something else; we go on only with a WebSocket that nothing was sent ahead of.
    fn switch_protocols(
        &mut self,
        id: ExchangeId,
        head: &ResponseHead,
        obs: &mut dyn Observer,
    ) -> Result<(), Unreadable> {
        let idle = matches!(&self.client, Direction::Head(buffer) if buffer.is_empty());
        match self.open.back() {
            Some(last) if last.id == id && idle && last.upgrade.as_deref() == Some("websocket") => {
                self.client = Direction::Socket;
                self.origin = Direction::Socket;
                self.socket.insert(Socket::default()).open(id, &head.fields, obs);
                Ok(())
            }
            _ => Err(Unreadable("the connection was upgraded to something we do not read")),
        }
    }

    fn read_socket(&mut self, from: Side, input: &[u8], obs: &mut dyn Observer) -> Result<(), Unreadable> {
        match (&mut self.socket, self.open.front()) {
            (Some(socket), Some(exchange)) => socket.read(exchange.id, from, input, obs),
            _ => Ok(()),
        }
    }

    fn end_socket(&mut self, socket_closing: bool, abrupt: Finish, obs: &mut dyn Observer) {
        for exchange in self.open.drain(..) {
            obs.event(Event::Finished(exchange.id, if socket_closing { Finish::Whole } else { abrupt }));
        }
    }
}

impl Exchange {
    fn finish(&self) -> Finish {
        match (self.client_left, self.answer) {
            (true, _) => Finish::ClientLeft,
            (false, Answer::Whole) => Finish::Whole,
            (false, _) => Finish::OriginLeft,
        }
    }
}
