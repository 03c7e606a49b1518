//! Joins the frames of one direction to messages: unmasked, decompressed, bounded.

use super::deflate::{Broken, Inflater};
use super::frames::Frame;

/// Longest message that is handed on; longer ones are left out.
const MESSAGE_MAX: usize = 16 * 1024 * 1024;
/// Largest buffer that is kept from one message to the next.
const KEPT_MAX: usize = 64 * 1024;

/// The messages of one direction.
#[derive(Debug)]
pub(crate) struct Messages {
    inflater: Option<Inflater>,
    text: Vec<u8>,
    opcode: u8,
    compressed: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// Frames are joined.
    Reading,
    /// The message under way is too long.
    TooLong,
    /// Nothing further can be read: compressed messages build on each other.
    Lost,
}

impl Messages {
    /// `deflate`: whether messages keep their context, if compression was agreed.
    pub(crate) fn new(deflate: Option<bool>) -> Self {
        let inflater = deflate.map(Inflater::new);
        Self { inflater, text: Vec::new(), opcode: 0, compressed: false, state: State::Reading }
    }

    /// A frame begins.
    pub(crate) fn frame(&mut self, frame: Frame) {
        if frame.is_control() || frame.opcode == 0 || self.state == State::Lost {
            return;
        }
        self.opcode = frame.opcode;
        self.compressed = frame.compressed;
        if self.text.capacity() > KEPT_MAX {
            self.text = Vec::new();
        }
        self.text.clear();
        self.state = if frame.compressed && self.inflater.is_none() { State::Lost } else { State::Reading };
    }

    /// A piece of its payload.
    pub(crate) fn payload(&mut self, frame: Frame, bytes: &[u8], mask_offset: usize) {
        if frame.is_control() || self.state != State::Reading {
            return;
        }
        let unmasked;
        let bytes = match frame.mask {
            None => bytes,
            Some(mask) => {
                let key = mask.iter().cycle().skip(mask_offset);
                unmasked = bytes.iter().zip(key).map(|(byte, key)| byte ^ key).collect::<Vec<u8>>();
                &unmasked
            }
        };
        match &mut self.inflater {
            Some(inflater) if self.compressed => {
                let done = inflater.push(bytes, &mut self.text, MESSAGE_MAX);
                self.go_on_if(done);
            }
            _ if self.text.len() + bytes.len() > MESSAGE_MAX => {
                self.state = State::TooLong;
                self.text = Vec::new();
            }
            _ => self.text.extend_from_slice(bytes),
        }
    }

    /// A frame is over. Returns the opcode and payload of the message that ends with it.
    pub(crate) fn end(&mut self, frame: Frame) -> Option<(u8, &[u8])> {
        if frame.is_control() || !frame.last {
            return None;
        }
        if self.compressed
            && self.state == State::Reading
            && let Some(inflater) = &mut self.inflater
        {
            let done = inflater.end(&mut self.text, MESSAGE_MAX);
            self.go_on_if(done);
        }
        let whole = self.state == State::Reading && self.opcode != 0;
        let opcode = std::mem::take(&mut self.opcode);
        whole.then_some((opcode, self.text.as_slice()))
    }

    fn go_on_if(&mut self, done: Result<(), Broken>) {
        if let Err(Broken) = done {
            self.state = State::Lost;
            self.text = Vec::new();
        }
    }
}
