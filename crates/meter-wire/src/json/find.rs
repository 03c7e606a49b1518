//! Finds the bytes that matter, many at a time.

use memchr::memchr2;

/// Where the next quote or backslash stands.
pub(super) fn quote(bytes: &[u8]) -> Option<usize> {
    // Most strings are short: two words are looked at before a call is worth it.
    for from in [0, 8] {
        let Some(word) = bytes.get(from..).and_then(|rest| rest.first_chunk()) else {
            return memchr2(b'"', b'\\', bytes);
        };
        let word = u64::from_le_bytes(*word);
        let found = zero_bytes(word ^ (ONES * 0x22)) | zero_bytes(word ^ (ONES * 0x5c));
        if found != 0 {
            return Some(from + found.trailing_zeros() as usize / 8);
        }
    }
    memchr2(b'"', b'\\', &bytes[16..]).map(|at| 16 + at)
}

const ONES: u64 = 0x0101_0101_0101_0101;

/// The high bit of each byte that is zero; above the first of them also others.
fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & (ONES * 0x80)
}

/// How many bytes stand before the next quote or bracket.
pub(super) fn calm(bytes: &[u8]) -> usize {
    /// A size the compiler makes vectors of.
    const BLOCK: usize = 32;
    // `[` and `{`, `]` and `}` differ in one bit.
    let ends = |byte: &u8| *byte == b'"' || *byte | 0x20 == b'{' || *byte | 0x20 == b'}';
    let (near, far) = bytes.split_at(bytes.len().min(8));
    if let Some(at) = near.iter().position(ends) {
        return at;
    }
    let blocks =
        far.chunks_exact(BLOCK).take_while(|block| !block.iter().fold(false, |found, byte| found | ends(byte)));
    let passed = near.len() + blocks.count() * BLOCK;
    let rest = bytes.get(passed..).unwrap_or_default();
    passed + rest.iter().position(ends).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_is_the_first() {
        for length in 0..120 {
            for at in 0..length {
                // Bytes whose neighbours in the code are looked for, and one more to be found behind.
                for (other, text, structure) in
                    [(b'!', b'"', b'"'), (0xa2, b'\\', b'{'), (b'z', b'"', b']'), (0, b'\\', b'}')]
                {
                    let mut bytes = vec![other; length];
                    assert_eq!((quote(&bytes), calm(&bytes)), (None, length));
                    bytes[length - 1] = text;
                    bytes[at] = text;
                    assert_eq!(quote(&bytes), Some(at), "{length}");
                    bytes[length - 1] = structure;
                    bytes[at] = structure;
                    assert_eq!(calm(&bytes), at, "{length}");
                }
            }
        }
    }
}
