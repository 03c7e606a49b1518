//! The Huffman code of header strings (RFC 7541 section 5.2 and appendix B), read four bits at a time.
//!
//! The code is canonical: the lengths alone give it. The automaton over half bytes is made of them at compile time.

use crate::Unreadable;

/// Bits of each symbol's code, in the order of appendix B; the last is the end of the string, which is never sent whole.
#[rustfmt::skip]
const CODE_BITS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];

const END_OF_STRING: usize = 256;
/// Inner nodes of a binary tree with 257 leaves.
const NODES: usize = 256;
/// A branch that leads to symbol `branch - LEAF`; smaller ones lead to a node.
const LEAF: u16 = 0x200;

/// What four bits do in a state. At most one symbol comes out: no code is shorter than five bits.
#[derive(Clone, Copy)]
struct Step {
    next: u8,
    symbol: Option<u8>,
    fault: bool,
}

static STEPS: [[Step; 16]; NODES] = steps();
/// Whether a string may end in this state: behind a whole symbol, or within at most seven one-bits of padding.
static MAY_END: [bool; NODES] = may_end();

/// Appends the decoded form of `coded` to `out`.
pub(crate) fn decode(coded: &[u8], out: &mut Vec<u8>) -> Result<(), Unreadable> {
    let mut state = 0u8;
    for &byte in coded {
        for half in [byte >> 4, byte & 0x0f] {
            let step = STEPS[usize::from(state)][usize::from(half)];
            if step.fault {
                return Err(Unreadable("a Huffman string holds its own end"));
            }
            out.extend(step.symbol);
            state = step.next;
        }
    }
    if MAY_END[usize::from(state)] { Ok(()) } else { Err(Unreadable("a Huffman string is cut short")) }
}

const fn tree() -> [[u16; 2]; NODES] {
    let mut nodes = [[0u16; 2]; NODES];
    let mut used = 1;
    let mut code = 0u32;
    let mut bits = 1u8;
    while bits <= 30 {
        code <<= 1;
        let mut symbol = 0;
        while symbol < CODE_BITS.len() {
            if CODE_BITS[symbol] == bits {
                let mut node = 0;
                let mut left = bits - 1;
                while left > 0 {
                    let branch = (code >> left & 1) as usize;
                    if nodes[node][branch] == 0 {
                        nodes[node][branch] = used;
                        used += 1;
                    }
                    node = nodes[node][branch] as usize;
                    left -= 1;
                }
                nodes[node][(code & 1) as usize] = LEAF + symbol as u16;
                code += 1;
            }
            symbol += 1;
        }
        bits += 1;
    }
    assert!(used as usize == NODES);
    nodes
}

const fn steps() -> [[Step; 16]; NODES] {
    let nodes = tree();
    let mut steps = [[Step { next: 0, symbol: None, fault: false }; 16]; NODES];
    let mut state = 0;
    while state < NODES {
        let mut half = 0;
        while half < 16 {
            let mut step = Step { next: 0, symbol: None, fault: false };
            let mut node = state;
            let mut left = 4;
            while left > 0 {
                left -= 1;
                let branch = nodes[node][half >> left & 1];
                if branch < LEAF {
                    node = branch as usize;
                } else {
                    node = 0;
                    let symbol = (branch - LEAF) as usize;
                    step.fault |= symbol == END_OF_STRING;
                    step.symbol = Some(symbol as u8);
                }
            }
            step.next = node as u8;
            steps[state][half] = step;
            half += 1;
        }
        state += 1;
    }
    steps
}

const fn may_end() -> [bool; NODES] {
    let nodes = tree();
    let mut may_end = [false; NODES];
    let mut node = 0;
    let mut padding = 0;
    while padding <= 7 {
        may_end[node] = true;
        node = nodes[node][1] as usize;
        padding += 1;
    }
    may_end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(coded: &[u8], expected: Option<&str>) {
        let mut out = Vec::new();
        let read = decode(coded, &mut out).ok().map(|()| String::from_utf8(out).expect("text"));
        assert_eq!(read.as_deref(), expected, "{coded:02x?}");
    }

    #[test]
    fn the_strings_of_appendix_c4() {
        check(&[0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff], Some("www.example.com"));
        check(&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf], Some("no-cache"));
        check(&[], Some(""));
    }

    #[test]
    fn bad_endings_are_faults() {
        check(&[0xff], None);
        check(&[0xff, 0xff, 0xff, 0xff], None);
        check(&[0x1f], Some("a"));
        check(&[0x18], None);
        check(&[0x1f, 0xff], None);
    }
}
