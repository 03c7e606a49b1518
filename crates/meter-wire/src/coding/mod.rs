//! Content codings, taken off as the bytes pass.
//!
//! Each push gives everything its bytes allow, because a provider flushes per event. Memory is one decoder window and one
//! output buffer. A bomb costs no memory here, only time, so output is limited twice: absolutely and by its ratio.

mod flate;

use flate::Inflate;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use zstd::stream::raw::{DParameter, Decoder as Zstd, InBuffer, Operation, OutBuffer};

/// Most decoded bytes of one body.
pub(crate) const OUT_MAX: u64 = 1 << 30;
/// Decoded bytes that are never suspicious.
const OUT_FREE: u64 = 16 << 20;
/// Beyond [`OUT_FREE`], most decoded bytes per coded byte.
const RATIO_MAX: u64 = 250;
/// Most codings on top of each other.
const STACK_MAX: usize = 4;
const BUFFER: usize = 16 << 10;
/// Most bytes that 1 KiB of brotli may give: four thousand times as much is a bomb.
const GATHERED_MAX: usize = 4 << 20;
/// Largest buffer of these that is kept.
const GATHERED_KEPT: usize = 64 << 10;
/// zstd frames with a larger window than 8 MB are not for HTTP (RFC 9659).
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Why a body could not be decoded (further).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum CodingFault {
    /// Unknown coding or broken bytes.
    Undecodable,
    /// More output than a body may have.
    Limit,
}

/// The codings of one body, outermost first.
#[derive(Default)]
pub(crate) struct Decoder {
    layers: Vec<Layer>,
    taken: u64,
    given: u64,
    fault: Option<CodingFault>,
}

enum Layer {
    Inflate(Box<Inflate>),
    Brotli(Box<brotli_decompressor::DecompressorWriter<Gathered>>),
    /// With its output buffer.
    Zstd(Box<Zstd<'static>>, Vec<u8>),
}

impl Decoder {
    /// A decoder for the values of `Content-Encoding`, in the order they were applied.
    pub(crate) fn new<'a>(content_encoding: impl Iterator<Item = &'a str>) -> Decoder {
        let mut decoder = Decoder::default();
        for name in content_encoding.flat_map(|value| value.split(',')).map(str::trim) {
            let layer = match name.to_ascii_lowercase().as_str() {
                "" | "identity" => continue,
                "gzip" | "x-gzip" => Some(Layer::Inflate(Box::new(Inflate::gzip()))),
                "deflate" => Some(Layer::Inflate(Box::new(Inflate::deflate()))),
                "br" => Some(Layer::Brotli(Box::new(brotli_decompressor::DecompressorWriter::new(
                    Gathered::default(),
                    BUFFER,
                )))),
                "zstd" => zstd_layer(),
                _ => None,
            };
            match layer {
                Some(layer) if decoder.layers.len() < STACK_MAX => decoder.layers.insert(0, layer),
                _ => {
                    decoder.fault = Some(CodingFault::Undecodable);
                    break;
                }
            }
        }
        decoder
    }

    /// Decodes a piece and hands on what it gave, in one or more pieces.
    pub(crate) fn push(&mut self, bytes: &[u8], sink: &mut dyn FnMut(&[u8])) {
        if self.fault.is_some() {
            return;
        }
        self.taken += bytes.len() as u64;
        let Decoder { layers, taken, given, fault } = self;
        let counted = &mut |piece: &[u8]| {
            *given += piece.len() as u64;
            if *given > OUT_MAX || (*given > OUT_FREE && *given / RATIO_MAX > *taken) {
                return Err(CodingFault::Limit);
            }
            sink(piece);
            Ok(())
        };
        if let Err(error) = through(layers, bytes, counted) {
            *fault = Some(error);
        }
    }

    /// Bytes handed on so far.
    pub(crate) fn given(&self) -> u64 {
        self.given
    }

    /// What stopped it.
    pub(crate) fn fault(&self) -> Option<CodingFault> {
        self.fault
    }
}

/// What one small write to the brotli decoder gives, which has no other bound than this.
#[derive(Default)]
struct Gathered {
    bytes: Vec<u8>,
    over: bool,
}

impl Write for Gathered {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.bytes.len() + bytes.len() > GATHERED_MAX {
            self.over = true;
            return Err(std::io::ErrorKind::OutOfMemory.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn zstd_layer() -> Option<Layer> {
    let mut zstd = Zstd::new().ok()?;
    zstd.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG_MAX)).ok()?;
    Some(Layer::Zstd(Box::new(zstd), vec![0; BUFFER]))
}

type Sink<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(), CodingFault>;

fn through(layers: &mut [Layer], bytes: &[u8], sink: Sink<'_>) -> Result<(), CodingFault> {
    match layers.split_first_mut() {
        None => sink(bytes),
        Some((first, rest)) => first.push(bytes, &mut |piece| through(rest, piece, sink)),
    }
}

impl Layer {
    fn push(&mut self, bytes: &[u8], sink: Sink<'_>) -> Result<(), CodingFault> {
        match self {
            Layer::Inflate(inflate) => inflate.push(bytes, sink),
            Layer::Brotli(brotli) => {
                for piece in bytes.chunks(1024) {
                    // The crate checks some of its own steps with assertions.
                    let written = catch_unwind(AssertUnwindSafe(|| {
                        brotli.write_all(piece)?;
                        // It asks for more bytes while it holds back what its own buffer had no room for.
                        let mut given = 0;
                        while brotli.get_ref().bytes.len() > given {
                            given = brotli.get_ref().bytes.len();
                            let _none = brotli.write(&[])?;
                        }
                        Ok::<(), std::io::Error>(())
                    }));
                    let gathered = brotli.get_mut();
                    if gathered.over {
                        return Err(CodingFault::Limit);
                    }
                    if !gathered.bytes.is_empty() {
                        sink(&gathered.bytes)?;
                        gathered.bytes.clear();
                        gathered.bytes.shrink_to(GATHERED_KEPT);
                    }
                    if !matches!(written, Ok(Ok(()))) {
                        return Err(CodingFault::Undecodable);
                    }
                }
                Ok(())
            }
            Layer::Zstd(zstd, buffer) => {
                let mut input = InBuffer::around(bytes);
                loop {
                    let mut output = OutBuffer::around(buffer.as_mut_slice());
                    zstd.run(&mut input, &mut output).map_err(|_| CodingFault::Undecodable)?;
                    let given = output.pos();
                    if given > 0 {
                        sink(&buffer[..given])?;
                    }
                    if input.pos == bytes.len() && given < BUFFER {
                        return Ok(());
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).expect("to memory");
        encoder.finish().expect("to memory")
    }

    fn decoded(coding: &str, coded: &[u8], step: usize) -> (Vec<u8>, Option<CodingFault>) {
        let mut decoder = Decoder::new([coding].into_iter());
        let mut out = Vec::new();
        for piece in coded.chunks(step) {
            decoder.push(piece, &mut |piece| out.extend_from_slice(piece));
        }
        (out, decoder.fault())
    }

    fn check(coding: &str, coded: &[u8], plain: &[u8]) {
        for step in [1, 2, 3, 7, 64, 100_000] {
            assert_eq!(decoded(coding, coded, step), (plain.to_vec(), None), "{coding} by {step}");
        }
    }

    #[test]
    fn every_coding_in_any_pieces() {
        let plain: Vec<u8> = (0..60_000_u32).flat_map(|i| format!("data: {i}\n\n").into_bytes()).collect();
        let plain = &plain[..100_000];
        check("gzip", &gzip(plain), plain);
        check("x-gzip", &[gzip(&plain[..500]), gzip(&plain[500..])].concat(), plain);
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(plain).expect("to memory");
        check("deflate", &zlib.finish().expect("to memory"), plain);
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
        raw.write_all(plain).expect("to memory");
        check("deflate", &raw.finish().expect("to memory"), plain);
        let zstd = zstd::encode_all(plain, 3).expect("to memory");
        check("zstd", &zstd, plain);
        check("zstd, gzip", &gzip(&zstd), plain);
        check("identity", plain, plain);
        // "hello, wire\n" by the reference encoder, quality 11, as one uncompressed-size-12 stream.
        let brotli = [0x0b, 0x05, 0x80, b'h', b'e', b'l', b'l', b'o', b',', b' ', b'w', b'i', b'r', b'e', 0x03];
        check("br", &brotli, b"hello, wire");
    }

    /// Feeds what each event gave to the encoder, flushed, and wants the event back at once.
    fn at_once(coding: &str, mut flushed: impl FnMut(&[u8]) -> Vec<u8>) {
        let mut decoder = Decoder::new([coding].into_iter());
        for event in ["data: 1\n\n", "data: 2\n\n"] {
            let mut out = Vec::new();
            decoder.push(&flushed(event.as_bytes()), &mut |piece| out.extend_from_slice(piece));
            assert_eq!(out, event.as_bytes(), "{coding}");
        }
    }

    #[test]
    fn a_flushed_piece_comes_out_at_once() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        at_once("gzip", |event| {
            encoder.write_all(event).expect("to memory");
            encoder.flush().expect("to memory");
            std::mem::take(encoder.get_mut())
        });
        let mut encoder = zstd::Encoder::new(Vec::new(), 3).expect("an encoder");
        at_once("zstd", |event| {
            encoder.write_all(event).expect("to memory");
            encoder.flush().expect("to memory");
            std::mem::take(encoder.get_mut())
        });
        // Meta-blocks without compression: ISLAST 0, MNIBBLES 4, MLEN - 1, ISUNCOMPRESSED 1; one bit of window first.
        let mut first = true;
        at_once("br", |event| {
            let header = (u32::try_from(event.len()).expect("short") - 1) << 3 | 1 << 19;
            let header = if std::mem::take(&mut first) { header << 1 } else { header };
            [&header.to_le_bytes()[..3], event].concat()
        });
    }

    /// Found by fuzzing: more than a buffer of text from the last bytes of a stream that does not end.
    #[test]
    fn brotli_holds_nothing_back() {
        let coded = [
            0x07, 0x64, 0x64, 0x00, 0x26, 0x00, 0x7b, 0x22, 0x65, 0x72, 0x72, 0x6f, 0x72, 0x54, 0x00, 0x00, 0x7d, 0x22,
            0x74, 0x6e, 0x07, 0x6c, 0x64, 0x00, 0x26, 0x74, 0x6e, 0x07, 0x6c, 0x64, 0x00, 0x26, 0x00, 0x7b, 0x22, 0x65,
            0x72, 0x72, 0x6f, 0x72, 0x54, 0x00, 0x00, 0x00, 0xff, 0xff, 0x00, 0x21, 0x74, 0x17, 0x68, 0x69, 0x00, 0x29,
            0x01, 0x00, 0xff, 0x00, 0x29, 0x01, 0x21, 0xc2,
        ];
        let whole = decoded("br", &coded, coded.len());
        assert!(whole.0.len() > BUFFER && whole.1.is_none());
        for step in [1, 7, 15] {
            assert_eq!(decoded("br", &coded, step), whole, "by {step}");
        }
    }

    #[test]
    fn a_bomb_and_garbage_stop_it() {
        let bomb = gzip(&vec![0; 32 << 20]);
        let (out, fault) = decoded("gzip", &bomb, 4096);
        assert_eq!(fault, Some(CodingFault::Limit));
        assert!(out.len() as u64 <= OUT_FREE + BUFFER as u64);
        for coding in ["gzip", "deflate", "br", "zstd", "compress"] {
            assert_eq!(decoded(coding, &[0xff; 64], 5).1, Some(CodingFault::Undecodable), "{coding}");
        }
    }
}
