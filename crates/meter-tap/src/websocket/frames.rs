//! Cuts one direction of a WebSocket into frames (RFC 6455 section 5.2).

use crate::Unreadable;

/// Longest frame header: 2 bytes, 8 of length, 4 of masking key.
const HEADER_MAX: usize = 14;

/// Where one direction stands.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    header: [u8; HEADER_MAX],
    filled: usize,
    /// The frame under way, and how much of its payload is left.
    current: Option<(Frame, u64)>,
}

/// A frame's header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Frame {
    /// The last of its message.
    pub(crate) last: bool,
    /// RSV1: the message is compressed, where that was agreed.
    pub(crate) compressed: bool,
    pub(crate) opcode: u8,
    pub(crate) payload_bytes: u64,
    pub(crate) mask: Option<[u8; 4]>,
}

impl Frame {
    /// Control frames may stand between the frames of a message.
    pub(crate) fn is_control(&self) -> bool {
        self.opcode & 8 != 0
    }
}

/// What was found next.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Found<'a> {
    /// The input ran out.
    Nothing,
    /// A header is complete.
    Frame(Frame),
    /// A piece of its payload, masked as it came, and the place of its first byte within the key.
    Payload { frame: Frame, bytes: &'a [u8], mask_offset: usize },
    /// The frame is over.
    End(Frame),
}

impl Frames {
    /// Finds the next thing in `input`. Returns what it took.
    pub(crate) fn next<'a>(&mut self, input: &'a [u8]) -> Result<(usize, Found<'a>), Unreadable> {
        if let Some((frame, left)) = &mut self.current {
            let frame = *frame;
            if *left == 0 {
                self.current = None;
                return Ok((0, Found::End(frame)));
            }
            let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
            if taken == 0 {
                return Ok((0, Found::Nothing));
            }
            let mask_offset = ((frame.payload_bytes - *left) % 4) as usize;
            *left -= taken as u64;
            return Ok((taken, Found::Payload { frame, bytes: &input[..taken], mask_offset }));
        }
        for (position, &byte) in input.iter().enumerate() {
            self.header[self.filled] = byte;
            self.filled += 1;
            if self.filled < self.header_len() {
                continue;
            }
            let frame = self.frame();
            if frame.payload_bytes >> 63 != 0 {
                return Err(Unreadable("a WebSocket frame states an impossible length"));
            }
            self.filled = 0;
            self.current = Some((frame, frame.payload_bytes));
            return Ok((position + 1, Found::Frame(frame)));
        }
        Ok((input.len(), Found::Nothing))
    }

    fn header_len(&self) -> usize {
        if self.filled < 2 {
            return 2;
        }
        let extended = match self.header[1] & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        2 + extended + if self.is_masked() { 4 } else { 0 }
    }

    fn is_masked(&self) -> bool {
        self.header[1] & 0x80 != 0
    }

    fn frame(&self) -> Frame {
        let be = |bytes: &[u8]| bytes.iter().fold(0u64, |sum, &byte| sum << 8 | u64::from(byte));
        let payload_bytes = match self.header[1] & 0x7f {
            126 => be(&self.header[2..4]),
            127 => be(&self.header[2..10]),
            short => u64::from(short),
        };
        let key = self.header[..self.filled].last_chunk().copied();
        Frame {
            last: self.header[0] & 0x80 != 0,
            compressed: self.header[0] & 0x40 != 0,
            opcode: self.header[0] & 0x0f,
            payload_bytes,
            mask: key.filter(|_| self.is_masked()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(pieces: &[&[u8]]) -> Vec<(u8, u64)> {
        let mut reader = Frames::default();
        let mut seen = Vec::new();
        for piece in pieces {
            let mut rest = *piece;
            loop {
                let (taken, found) = reader.next(rest).expect("readable");
                rest = &rest[taken..];
                match found {
                    Found::Nothing => break,
                    Found::Frame(frame) => seen.push((frame.opcode, frame.payload_bytes)),
                    Found::Payload { .. } | Found::End(_) => {}
                }
            }
        }
        seen
    }

    #[test]
    fn lengths_of_all_three_kinds_are_read() {
        let mut bytes = vec![0x81, 0x02, b'h', b'i'];
        bytes.extend([0x82, 126, 1, 0]);
        bytes.extend([0; 256]);
        bytes.extend([0x89, 127, 0, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3]);
        bytes.extend([0x88, 0x82, 9, 9, 9, 9, 3, 232]);
        let expected = [(1, 2), (2, 256), (9, 3), (8, 2)];
        assert_eq!(frames(&[&bytes]), expected);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(frames(&single), expected);
    }

    #[test]
    fn a_length_with_the_top_bit_set_is_no_frame() {
        let bytes = [0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0];
        assert!(Frames::default().next(&bytes).is_err());
    }
}
