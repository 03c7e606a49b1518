//! permessage-deflate (RFC 7692): what was agreed, and the inflater of one direction.

use flate2::{Decompress, FlushDecompress, Status};

use crate::Fields;

const BUFFER_BYTES: usize = 16 * 1024;
/// What a sender cuts off the end of each message (section 7.2.1).
const CUT_OFF: [u8; 4] = [0, 0, 0xff, 0xff];

/// An agreement to compress. Window sizes are not kept: the largest window reads all.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Deflate {
    /// Whether the client's messages may point into earlier ones.
    pub(crate) client_keeps_context: bool,
    /// The same of the origin's.
    pub(crate) origin_keeps_context: bool,
}

impl Deflate {
    /// The agreement that an answer states, if any.
    pub(crate) fn agreed(answer: &Fields) -> Option<Self> {
        let extensions = answer.iter().filter(|(name, _)| name.eq_ignore_ascii_case(b"sec-websocket-extensions"));
        let mut offers = extensions.flat_map(|(_, value)| value.split(|&byte| byte == b','));
        offers.find_map(|offer| {
            let mut words = offer.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
            if !words.next()?.eq_ignore_ascii_case(b"permessage-deflate") {
                return None;
            }
            let mut agreed = Self { client_keeps_context: true, origin_keeps_context: true };
            for word in words {
                agreed.client_keeps_context &= !word.eq_ignore_ascii_case(b"client_no_context_takeover");
                agreed.origin_keeps_context &= !word.eq_ignore_ascii_case(b"server_no_context_takeover");
            }
            Some(agreed)
        })
    }
}

/// The inflater of one direction.
#[derive(Debug)]
pub(crate) struct Inflater {
    stream: Decompress,
    keeps_context: bool,
    buffer: Box<[u8]>,
}

/// The direction's messages cannot be read any more.
#[derive(Debug)]
pub(crate) struct Broken;

impl Inflater {
    pub(crate) fn new(keeps_context: bool) -> Self {
        Self { stream: Decompress::new(false), keeps_context, buffer: vec![0; BUFFER_BYTES].into() }
    }

    /// Inflates a piece of a message onto `text`, which may not become longer than `text_max`.
    pub(crate) fn push(&mut self, piece: &[u8], text: &mut Vec<u8>, text_max: usize) -> Result<(), Broken> {
        let Self { stream, buffer, .. } = self;
        let mut rest = piece;
        loop {
            let (before_in, before_out) = (stream.total_in(), stream.total_out());
            let status = stream.decompress(rest, buffer, FlushDecompress::None).map_err(|_| Broken)?;
            let taken = (stream.total_in() - before_in) as usize;
            let given = (stream.total_out() - before_out) as usize;
            rest = rest.get(taken..).ok_or(Broken)?;
            text.extend_from_slice(buffer.get(..given).ok_or(Broken)?);
            if text.len() > text_max {
                return Err(Broken);
            }
            if status == Status::StreamEnd {
                // A sender may end a block as the last one; what it cuts off then stands for an empty block.
                stream.reset(false);
            } else if rest.is_empty() && given < BUFFER_BYTES {
                return Ok(());
            } else if taken == 0 && given == 0 {
                return Err(Broken);
            }
            if rest.is_empty() && status == Status::StreamEnd {
                return Ok(());
            }
        }
    }

    /// The message is over.
    pub(crate) fn end(&mut self, text: &mut Vec<u8>, text_max: usize) -> Result<(), Broken> {
        self.push(&CUT_OFF, text, text_max)?;
        if !self.keeps_context {
            self.stream.reset(false);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, expected: Option<(bool, bool)>) {
        let fields = vec![(b"Sec-WebSocket-Extensions"[..].into(), value.as_bytes().into())];
        let agreed =
            Deflate::agreed(&fields).map(|deflate| (deflate.client_keeps_context, deflate.origin_keeps_context));
        assert_eq!(agreed, expected, "{value}");
    }

    #[test]
    fn agreements_are_read() {
        check("permessage-deflate", Some((true, true)));
        check("permessage-deflate; client_max_window_bits=15; server_no_context_takeover", Some((true, false)));
        check("x-other, Permessage-Deflate;client_no_context_takeover", Some((false, true)));
        check("x-permessage-deflate", None);
        assert_eq!(Deflate::agreed(&Vec::new()), None);
    }
}
