//! The exchanges of an HTTP/2 connection, by stream: what each frame means for them.

use std::collections::BTreeMap;

use crate::websocket::Socket;
use crate::{End, Event, ExchangeId, Fields, Finish, Observer, RequestHead, ResponseHead, Side, Unreadable};

/// Streams that carry an exchange which is not over.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    open: BTreeMap<u32, Stream>,
    /// Highest stream the client has opened; lower ones are not opened again (RFC 9113 section 5.1.1).
    last_opened: u32,
    begun: u64,
}

#[derive(Debug)]
struct Stream {
    id: ExchangeId,
    request_whole: bool,
    answer: Answer,
    client_left: bool,
    tunnel: Option<Tunnel>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Answer {
    Awaited,
    /// Its head has passed.
    Begun,
    Whole,
}

/// A CONNECT: its request is whole with its head, and DATA is not a body.
#[derive(Debug, Default)]
struct Tunnel {
    /// Both directions, where the protocol is WebSocket (RFC 8441).
    socket: Option<Socket>,
}

/// What a request's header block made.
#[derive(Debug)]
pub(crate) enum Opened {
    /// A new exchange; `whole` if nothing of its request is to follow.
    Request { id: ExchangeId, head: RequestHead, whole: bool },
    /// The end of a request, by its trailers.
    End(ExchangeId),
    /// Nothing.
    Nothing,
}

impl Streams {
    /// A header block of the client.
    pub(crate) fn client_block(
        &mut self,
        stream: u32,
        fields: Fields,
        end_stream: bool,
        obs: &mut dyn Observer,
    ) -> Opened {
        if self.open.contains_key(&stream) {
            let end = if end_stream { self.request_end(stream, obs) } else { None };
            return end.map_or(Opened::Nothing, Opened::End);
        }
        if stream.is_multiple_of(2) || stream <= self.last_opened {
            return Opened::Nothing;
        }
        self.last_opened = stream;
        let (head, connect) = request_head(fields);
        let id = ExchangeId(self.begun);
        self.begun += 1;
        let tunnel =
            connect.then(|| Tunnel { socket: (head.upgrade.as_deref() == Some("websocket")).then(Socket::default) });
        let opened = Stream { id, request_whole: false, answer: Answer::Awaited, client_left: false, tunnel };
        self.open.insert(stream, opened);
        obs.event(Event::RequestHead(id, &head));
        Opened::Request { id, head, whole: end_stream || connect }
    }

    /// A header block of the origin.
    pub(crate) fn origin_block(&mut self, stream: u32, fields: Fields, end_stream: bool, obs: &mut dyn Observer) {
        let Some(open) = self.open.get_mut(&stream) else { return };
        if open.answer == Answer::Awaited {
            let head = response_head(fields);
            if (100..200).contains(&head.status) && !end_stream {
                obs.event(Event::Interim(open.id, head.status));
                return;
            }
            open.answer = Answer::Begun;
            obs.event(Event::ResponseHead(open.id, &head));
            if let Some(Tunnel { socket: Some(socket) }) = &mut open.tunnel
                && (200..300).contains(&head.status)
            {
                socket.open(open.id, &head.fields, obs);
            }
        } else if !fields.is_empty() {
            obs.event(Event::Trailers(open.id, &fields));
        }
        if end_stream {
            self.answer_end(stream, obs);
        }
    }

    /// Payload of a DATA frame. Returns the exchange whose request is whole with it.
    pub(crate) fn data(
        &mut self,
        from: Side,
        stream: u32,
        bytes: &[u8],
        end_stream: bool,
        obs: &mut dyn Observer,
    ) -> Result<Option<ExchangeId>, Unreadable> {
        let Some(open) = self.open.get_mut(&stream) else { return Ok(None) };
        match (&mut open.tunnel, from) {
            (Some(Tunnel { socket: Some(socket) }), _) => socket.read(open.id, from, bytes, obs)?,
            (Some(_), _) => {}
            (None, _) if bytes.is_empty() => {}
            (None, Side::Client) => obs.event(Event::RequestBody(open.id, bytes)),
            (None, Side::Origin) => obs.event(Event::ResponseBody(open.id, bytes)),
        }
        if !end_stream {
            return Ok(None);
        }
        if open.tunnel.is_some() {
            self.left(stream, from, obs);
            return Ok(None);
        }
        match from {
            Side::Client => Ok(self.request_end(stream, obs)),
            Side::Origin => {
                self.answer_end(stream, obs);
                Ok(None)
            }
        }
    }

    /// The request is whole. `None` if that was known, or nobody is left to know it.
    pub(crate) fn request_end(&mut self, stream: u32, obs: &mut dyn Observer) -> Option<ExchangeId> {
        let open = self.open.get_mut(&stream)?;
        if std::mem::replace(&mut open.request_whole, true) {
            return None;
        }
        let id = open.id;
        obs.event(Event::RequestEnd(id));
        self.finish_if_over(stream, obs);
        Some(id)
    }

    /// RST_STREAM, or the end of a tunnel's stream.
    pub(crate) fn left(&mut self, stream: u32, from: Side, obs: &mut dyn Observer) {
        if let Some(open) = self.open.remove(&stream) {
            let abrupt = if from == Side::Client { Finish::ClientLeft } else { Finish::OriginLeft };
            obs.event(Event::Finished(open.id, open.finish(abrupt)));
        }
    }

    /// GOAWAY of the origin: streams above `last` are not processed (RFC 9113 section 6.8).
    pub(crate) fn go_away(&mut self, last: u32, obs: &mut dyn Observer) {
        for (_, stream) in self.open.split_off(&last.saturating_add(1)) {
            obs.event(Event::Finished(stream.id, stream.finish(Finish::OriginLeft)));
        }
    }

    /// The client stopped sending. Judged here and not at the end of the answers: see [`Finish::ClientLeft`].
    pub(crate) fn client_end(&mut self, end: End, obs: &mut dyn Observer) {
        self.open.retain(|_, stream| {
            stream.client_left = stream.answer != Answer::Whole;
            if stream.client_left && end != End::Reset {
                return true;
            }
            obs.event(Event::Finished(stream.id, stream.finish(Finish::ClientLeft)));
            false
        });
    }

    /// The origin stopped sending.
    pub(crate) fn origin_end(&mut self, obs: &mut dyn Observer) {
        for (_, stream) in std::mem::take(&mut self.open) {
            obs.event(Event::Finished(stream.id, stream.finish(Finish::OriginLeft)));
        }
    }

    /// Takes an exchange out because the gate refused it.
    pub(crate) fn withdraw(&mut self, stream: u32, obs: &mut dyn Observer) {
        if let Some(open) = self.open.remove(&stream) {
            obs.event(Event::Finished(open.id, Finish::Refused));
        }
    }

    /// Whether the stream carries an exchange that is not over.
    pub(crate) fn is_open(&self, stream: u32) -> bool {
        self.open.contains_key(&stream)
    }

    fn answer_end(&mut self, stream: u32, obs: &mut dyn Observer) {
        let Some(open) = self.open.get_mut(&stream) else { return };
        open.answer = Answer::Whole;
        self.finish_if_over(stream, obs);
    }

    fn finish_if_over(&mut self, stream: u32, obs: &mut dyn Observer) {
        if let Some(open) = self.open.get(&stream)
            && open.request_whole
            && open.answer == Answer::Whole
        {
            obs.event(Event::Finished(open.id, open.finish(Finish::Whole)));
            self.open.remove(&stream);
        }
    }
}

impl Stream {
    fn finish(&self, abrupt: Finish) -> Finish {
        let socket = self.tunnel.as_ref().and_then(|tunnel| tunnel.socket.as_ref());
        let closed = socket.is_some_and(Socket::is_closing);
        match self.answer {
            _ if self.client_left && !closed => Finish::ClientLeft,
            Answer::Whole => Finish::Whole,
            Answer::Awaited | Answer::Begun if closed => Finish::Whole,
            Answer::Awaited | Answer::Begun => abrupt,
        }
    }
}

/// The head that a request's fields make, and whether it is a CONNECT.
fn request_head(fields: Fields) -> (RequestHead, bool) {
    let mut head = RequestHead {
        method: String::new(),
        target: String::new(),
        authority: None,
        fields: Vec::new(),
        upgrade: None,
    };
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    for (name, value) in fields {
        match &*name {
            b":method" => head.method = text(&value),
            b":path" => head.target = text(&value),
            b":authority" => head.authority = Some(text(&value)),
            b":protocol" => head.upgrade = Some(text(&value).to_ascii_lowercase()),
            [b':', ..] => {}
            _ => head.fields.push((name, value)),
        }
    }
    if head.authority.is_none() {
        let host = head.fields.iter().find(|(name, _)| &**name == b"host");
        head.authority = host.map(|(_, value)| text(value));
    }
    let connect = head.method == "CONNECT";
    if connect && head.target.is_empty() {
        head.target = head.authority.clone().unwrap_or_default();
    }
    (head, connect)
}

/// The head that an answer's fields make; status 0 where there is none that reads.
fn response_head(fields: Fields) -> ResponseHead {
    let mut head = ResponseHead { status: 0, fields: Vec::new() };
    for (name, value) in fields {
        match &*name {
            b":status" => {
                head.status = std::str::from_utf8(&value).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
            }
            [b':', ..] => {}
            _ => head.fields.push((name, value)),
        }
    }
    head
}
