//! Any bytes as an answer of any kind, in any dialect: no panic, and the same whole or in pieces.
#![no_main]

use libfuzzer_sys::fuzz_target;
use meter_fuzz::{CODINGS, DIALECTS, KINDS, read};

// The first four bytes choose: dialect, content type, content coding, size of a piece.
fuzz_target!(|input: &[u8]| {
    let [dialect, kind, coding, piece, body @ ..] = input else { return };
    let dialect = &DIALECTS[usize::from(*dialect) % DIALECTS.len()];
    let kind = KINDS[usize::from(*kind) % KINDS.len()];
    let coding = CODINGS[usize::from(*coding) % CODINGS.len()];
    let whole = read(dialect, kind, coding, body, usize::MAX);
    // The request is read from pieces too, so both cuts have to give it all: small bodies only.
    let piece = usize::from(*piece % 32) + 1;
    if body.len() > piece * 64 {
        return;
    }
    let cut = read(dialect, kind, coding, body, piece);
    // How much a decoder gives of broken bytes before it notices, or before what it gives is too much, is its own affair.
    let stopped = |flag: &str| whole.iter().chain(&cut).any(|reading| reading.flags.contains(flag));
    if !stopped("undecodable") && !stopped("body_limit") {
        assert_eq!(whole, cut);
    }
});
