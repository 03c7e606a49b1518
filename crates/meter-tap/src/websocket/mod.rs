//! WebSocket, both directions of one (RFC 6455 section 5): every frame is counted, and its messages are read where wanted.

mod deflate;
mod frames;
mod messages;

use deflate::Deflate;
use frames::{Found, Frames};
use messages::Messages;

use crate::{Event, ExchangeId, Fields, Observer, Side, Unreadable};

/// Opcode of a Close frame.
const CLOSE: u8 = 8;

/// One WebSocket.
#[derive(Debug, Default)]
pub(crate) struct Socket {
    client: Direction,
    origin: Direction,
    closing: bool,
}

#[derive(Debug, Default)]
struct Direction {
    frames: Frames,
    /// `None`: messages are not wanted.
    messages: Option<Messages>,
}

impl Socket {
    /// The origin has agreed, with these fields of its answer; the observer may want the messages.
    pub(crate) fn open(&mut self, id: ExchangeId, answer: &Fields, obs: &mut dyn Observer) {
        if obs.wants_messages(id) {
            let agreed = Deflate::agreed(answer);
            self.client.messages = Some(Messages::new(agreed.map(|deflate| deflate.client_keeps_context)));
            self.origin.messages = Some(Messages::new(agreed.map(|deflate| deflate.origin_keeps_context)));
        }
    }

    /// Whether a side has said that it closes: then its end is no loss.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing
    }

    /// Reads what a side sends.
    pub(crate) fn read(
        &mut self,
        id: ExchangeId,
        from: Side,
        input: &[u8],
        obs: &mut dyn Observer,
    ) -> Result<(), Unreadable> {
        let Direction { frames, messages } = match from {
            Side::Client => &mut self.client,
            Side::Origin => &mut self.origin,
        };
        let mut rest = input;
        loop {
            let (taken, found) = frames.next(rest)?;
            rest = &rest[taken..];
            match found {
                Found::Nothing => return Ok(()),
                Found::Frame(frame) => {
                    self.closing |= frame.opcode == CLOSE;
                    obs.event(Event::WebSocketFrame(id, from, frame.opcode, frame.payload_bytes));
                    if let Some(messages) = messages {
                        messages.frame(frame);
                    }
                }
                Found::Payload { frame, bytes, mask_offset } => {
                    if let Some(messages) = messages {
                        messages.payload(frame, bytes, mask_offset);
                    }
                }
                Found::End(frame) => {
                    if let Some(messages) = messages
                        && let Some((opcode, message)) = messages.end(frame)
                    {
                        obs.websocket_message(id, from, opcode, message);
                    }
                }
            }
        }
    }
}
