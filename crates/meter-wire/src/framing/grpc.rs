//! gRPC messages: one flag byte, four bytes of length, protobuf.

use super::{Body, Cutting, Message};
use crate::coding::Decoder;
use std::collections::BTreeSet;

/// Largest message that is read; a larger one is passed over.
const MESSAGE_MAX: usize = 4 << 20;
const PREFIX: usize = 5;

/// The framer of gRPC bodies.
pub(crate) struct Grpc {
    encoding: String,
    held: Vec<u8>,
    passing: u64,
}

impl Grpc {
    pub(crate) fn new(encoding: &str) -> Grpc {
        Grpc { encoding: encoding.to_owned(), held: Vec::new(), passing: 0 }
    }

    pub(crate) fn push(&mut self, bytes: &[u8], cutting: &mut Cutting<'_>, flags: &mut BTreeSet<&'static str>) {
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.passing > 0 {
                let passed = rest.len().min(usize::try_from(self.passing).unwrap_or(usize::MAX));
                self.passing -= passed as u64;
                rest = &rest[passed..];
                continue;
            }
            let wanted = self.length().unwrap_or(PREFIX);
            let taken = rest.len().min(wanted.saturating_sub(self.held.len()));
            self.held.extend_from_slice(&rest[..taken]);
            rest = &rest[taken..];
            match self.length() {
                Some(length) if length - PREFIX > MESSAGE_MAX => {
                    flags.insert("body_limit");
                    self.passing = (length - self.held.len()) as u64;
                    self.held.clear();
                }
                Some(length) if self.held.len() == length => {
                    self.message(cutting, flags);
                    self.held.clear();
                }
                _ => {}
            }
        }
    }

    fn length(&self) -> Option<usize> {
        let prefix = self.held.first_chunk::<PREFIX>()?;
        let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]);
        Some(PREFIX + length as usize)
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.held.is_empty() && self.passing == 0
    }

    fn message(&self, cutting: &mut Cutting<'_>, flags: &mut BTreeSet<&'static str>) {
        let payload = &self.held[PREFIX..];
        let opened;
        let payload = match self.held[0] {
            0 => payload,
            1 => {
                let mut decoder = Decoder::new([self.encoding.as_str()].into_iter());
                let mut out = Vec::new();
                let mut over = self.encoding.is_empty();
                decoder.push(payload, &mut |piece| {
                    over |= out.len() + piece.len() > MESSAGE_MAX;
                    if !over {
                        out.extend_from_slice(piece);
                    }
                });
                if over || decoder.fault().is_some() {
                    flags.insert("undecodable");
                    return;
                }
                opened = out;
                &opened
            }
            // Trailers or an end record of a related protocol: no protobuf.
            _ => return,
        };
        cutting.message(&Message { body: Body::Proto(payload), ..Message::default() });
    }
}
