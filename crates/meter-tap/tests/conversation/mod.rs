//! Plays a conversation through a tap the way the relay does, and writes down what the tap told and what each side got.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use meter_tap::{
    End, Event, ExchangeId, Fault, HeadVerdict, Observer, Output, Protocol, Refusal, RequestHead, Side, Tap, Verdict,
};

/// One step of a conversation.
#[derive(Clone, Debug)]
pub enum Turn {
    /// A side sends bytes, in one read.
    Sends(Side, Vec<u8>),
    /// A side stops sending.
    Ends(Side, End),
    /// The verdict that was put off comes.
    Decides(u64, Verdict),
}

pub fn client(bytes: impl AsRef<[u8]>) -> Turn {
    Turn::Sends(Side::Client, bytes.as_ref().to_vec())
}

pub fn origin(bytes: impl AsRef<[u8]>) -> Turn {
    Turn::Sends(Side::Origin, bytes.as_ref().to_vec())
}

pub fn client_ends(end: End) -> Turn {
    Turn::Ends(Side::Client, end)
}

pub fn origin_ends(end: End) -> Turn {
    Turn::Ends(Side::Origin, end)
}

/// The refusal that every test policy gives.
pub fn refusal() -> Refusal {
    Refusal { status: 403, fields: vec![("X-Rule".into(), "test".into())], body: b"{\"no\":1}".to_vec() }
}

/// Writes down what it is told, and decides by words in the request's target, so that a conversation carries its own
/// verdicts: `deny` at the head; `pass` without another question; at the end `stop`, `late`, or else allowed. `panic` fails.
/// It wants the messages of a WebSocket where the target has `messages`.
#[derive(Default)]
pub struct Log {
    pub lines: Vec<String>,
    targets: Vec<String>,
}

impl Log {
    /// Adds a line; a body goes on in the line before, so that how it was cut does not show.
    fn line(&mut self, start: String, body: &[u8]) {
        let text = String::from_utf8_lossy(body);
        match self.lines.last_mut() {
            Some(last) if last.starts_with(&start) => last.push_str(&text),
            _ => self.lines.push(start + &text),
        }
    }
}

fn list(fields: &meter_tap::Fields) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    fields.iter().map(|(name, value)| format!(" {}={}", text(name), text(value))).collect()
}

impl Observer for Log {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::RequestHead(id, head) => {
                assert_eq!(id.0, self.targets.len() as u64, "ids count up from 0");
                assert!(!head.target.contains("panic"), "a test made the observer fail");
                self.targets.push(head.target.clone());
                let authority = head.authority.as_deref().unwrap_or("-");
                let upgrade = head.upgrade.as_deref().map(|to| format!(" upgrade {to}")).unwrap_or_default();
                self.lines.push(format!("#{} > {} {} {authority}{upgrade}", id.0, head.method, head.target));
            }
            Event::RequestBody(id, data) => self.line(format!("#{} > body ", id.0), data),
            Event::RequestEnd(id) => self.lines.push(format!("#{} > end", id.0)),
            Event::Interim(id, status) => self.lines.push(format!("#{} < interim {status}", id.0)),
            Event::ResponseHead(id, head) => self.lines.push(format!("#{} < {}", id.0, head.status)),
            Event::ResponseBody(id, data) => self.line(format!("#{} < body ", id.0), data),
            Event::Trailers(id, fields) => self.lines.push(format!("#{} < trailers{}", id.0, list(fields))),
            Event::Finished(id, finish) => self.lines.push(format!("#{} {finish:?}", id.0)),
            Event::WebSocketFrame(id, side, opcode, len) => {
                self.lines.push(format!("#{} {side:?} frame {opcode} of {len}", id.0));
            }
            Event::Opaque(reason) => self.lines.push(format!("opaque: {reason}")),
        }
    }

    fn head(&mut self, exchange: ExchangeId, head: &RequestHead) -> HeadVerdict {
        assert_eq!(self.targets[exchange.0 as usize], head.target);
        match () {
            () if head.target.contains("deny") => HeadVerdict::Refuse(refusal()),
            () if head.target.contains("pass") => HeadVerdict::Pass,
            () => HeadVerdict::Hold,
        }
    }

    fn complete(&mut self, exchange: ExchangeId) -> Verdict {
        assert!(self.lines.contains(&format!("#{} > end", exchange.0)), "asked right after the request's end");
        let target = &self.targets[exchange.0 as usize];
        match () {
            () if target.contains("stop") => Verdict::Refuse(refusal()),
            () if target.contains("late") => Verdict::Later,
            () => Verdict::Allow,
        }
    }

    fn wants_messages(&mut self, exchange: ExchangeId) -> bool {
        self.targets[exchange.0 as usize].contains("messages")
    }

    fn websocket_message(&mut self, exchange: ExchangeId, from: Side, opcode: u8, payload: &[u8]) {
        let text = String::from_utf8_lossy(payload);
        self.lines.push(format!("#{} {from:?} message {opcode} '{text}'", exchange.0));
    }
}

/// What came of a conversation.
pub struct Played {
    pub tap: Tap,
    pub log: Log,
    /// What the origin got.
    pub to_origin: Vec<u8>,
    /// What the client got.
    pub to_client: Vec<u8>,
    /// The tap asked to close.
    pub closed: bool,
}

impl Played {
    pub fn new(protocol: Protocol, gated: bool, fault: Fault) -> Self {
        let tap = Tap::with_fault(protocol, gated, fault);
        Self { tap, log: Log::default(), to_origin: Vec::new(), to_client: Vec::new(), closed: false }
    }

    /// Plays one step, as the relay does.
    pub fn step(&mut self, gated: bool, turn: &Turn) {
        let mut out = Output::default();
        let rewrites = self.tap.rewrites_origin();
        match turn {
            Turn::Sends(Side::Client, bytes) => {
                self.tap.client(bytes, &mut out, &mut self.log);
                if !gated {
                    self.to_origin.extend_from_slice(bytes);
                }
            }
            Turn::Sends(Side::Origin, bytes) => {
                if !rewrites {
                    self.to_client.extend_from_slice(bytes);
                }
                self.tap.origin(bytes, &mut out, &mut self.log);
            }
            Turn::Ends(Side::Client, end) => self.tap.client_end(*end, &mut out, &mut self.log),
            Turn::Ends(Side::Origin, end) => self.tap.origin_end(*end, &mut out, &mut self.log),
            Turn::Decides(id, verdict) => self.tap.decide(ExchangeId(*id), verdict.clone(), &mut out, &mut self.log),
        }
        if !gated {
            assert!(out.to_origin.is_empty() && out.to_client.is_empty() && !out.close, "an ungated tap is silent");
            assert!(!self.tap.rewrites_origin() && !self.tap.is_waiting() && self.tap.wants_client());
        }
        self.to_origin.append(&mut out.to_origin);
        self.to_client.append(&mut out.to_client);
        self.closed |= out.close;
    }
}

/// Plays `turns` through a tap with [`Fault::Pass`].
pub fn play(protocol: Protocol, gated: bool, turns: &[Turn]) -> Played {
    play_with(protocol, gated, Fault::Pass, turns)
}

pub fn play_with(protocol: Protocol, gated: bool, fault: Fault, turns: &[Turn]) -> Played {
    let mut played = Played::new(protocol, gated, fault);
    for turn in turns {
        played.step(gated, turn);
    }
    played
}

/// Lines of a block of text, without indentation and blank lines.
pub fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// Everything a side sent.
pub fn sent(turns: &[Turn], side: Side) -> Vec<u8> {
    let bytes = turns.iter().filter_map(|turn| match turn {
        Turn::Sends(from, bytes) if *from == side => Some(bytes.as_slice()),
        _ => None,
    });
    bytes.collect::<Vec<_>>().concat()
}

/// The same conversation, each read cut at the given places (taken round and round as distances).
pub fn cut(turns: &[Turn], distances: &[usize]) -> Vec<Turn> {
    let mut distances = distances.iter().copied().cycle();
    let mut pieces = Vec::new();
    for turn in turns {
        let Turn::Sends(side, bytes) = turn else {
            pieces.push(turn.clone());
            continue;
        };
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let at = distances.next().unwrap_or(usize::MAX).clamp(1, rest.len());
            pieces.push(Turn::Sends(*side, rest[..at].to_vec()));
            rest = &rest[at..];
        }
    }
    pieces
}
