//! Integers with a prefix (RFC 7541 section 5.1).

use crate::Unreadable;

/// Largest integer we read. Nothing real needs more, and sums of it cannot overflow.
const INTEGER_MAX: usize = (1 << 28) - 1;

/// Reads an integer whose first `prefix` bits are the low ones of `input[0]`. Returns it and what it took.
pub(crate) fn read(input: &[u8], prefix: u32) -> Result<(usize, usize), Unreadable> {
    const CUT: Unreadable = Unreadable("a header block ends within a number");
    let mask = (1usize << prefix) - 1;
    let low = usize::from(*input.first().ok_or(CUT)?) & mask;
    if low < mask {
        return Ok((low, 1));
    }
    let mut value = low;
    for (position, &byte) in input[1..].iter().enumerate() {
        if position > 3 {
            return Err(Unreadable("a number in a header block is over the limit"));
        }
        value += usize::from(byte & 0x7f) << (7 * position);
        if byte & 0x80 == 0 {
            if value > INTEGER_MAX {
                return Err(Unreadable("a number in a header block is over the limit"));
            }
            return Ok((value, position + 2));
        }
    }
    Err(CUT)
}

/// Appends an integer behind the bits of `first` that stand above its `prefix`.
pub(crate) fn write(value: usize, prefix: u32, first: u8, out: &mut Vec<u8>) {
    let mask = (1usize << prefix) - 1;
    if value < mask {
        out.push(first | value as u8);
        return;
    }
    out.push(first | mask as u8);
    let mut rest = value - mask;
    while rest > 0x7f {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_appendix_c1() {
        for (bytes, prefix, value) in
            [(&[0b0000_1010][..], 5, 10), (&[0b0001_1111, 0x9a, 0x0a], 5, 1337), (&[42], 8, 42)]
        {
            assert_eq!(read(bytes, prefix), Ok((value, bytes.len())));
            let mut written = Vec::new();
            write(value, prefix, 0, &mut written);
            assert_eq!(written, bytes);
        }
    }

    #[test]
    fn numbers_without_end_or_over_the_limit_are_faults() {
        for bytes in [&[][..], &[0x1f], &[0x1f, 0x80, 0x80], &[0x1f, 0x80, 0x80, 0x80, 0x80, 0x00]] {
            assert!(read(bytes, 5).is_err(), "{bytes:?}");
        }
        assert!(read(&[0x1f, 0xff, 0xff, 0xff, 0x7f], 5).is_err());
        assert!(read(&[0x1f, 0xe0, 0xff, 0xff, 0x7f], 5).is_ok_and(|(value, _)| value == INTEGER_MAX));
    }
}
