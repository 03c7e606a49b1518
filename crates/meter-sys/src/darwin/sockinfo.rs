//! What `proc_pidfdinfo(PROC_PIDFDSOCKETINFO)` tells of one descriptor (`struct socket_fdinfo`, `sys/proc_info.h`).
//!
//! Read at offsets instead of through a structure of our own, so that the reader is tested on every system. The offsets
//! are held against Apple's header by `layout/proc_info.c`.

use super::{pcblist::address, word};
use std::net::SocketAddr;

/// Size of `struct socket_fdinfo`.
pub(crate) const SOCKET_FDINFO_BYTES: usize = 792;
const KIND_AT: usize = 256;
const FOREIGN_PORT_AT: usize = 264;
const LOCAL_PORT_AT: usize = 268;
const VERSION_FLAGS_AT: usize = 288;
const FOREIGN_ADDRESS_AT: usize = 296;
const LOCAL_ADDRESS_AT: usize = 312;
/// `SOCKINFO_TCP`.
const KIND_TCP: u32 = 2;

/// The two ends of a TCP socket, its own first; IPv4 mapped into IPv6 is given as IPv4. `None` for other sockets and
/// for an answer of another size.
pub(crate) fn tcp_ends(answer: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    if answer.len() != SOCKET_FDINFO_BYTES || word(answer, KIND_AT)? != KIND_TCP {
        return None;
    }
    let end = |address_at: usize, port_at: usize| -> Option<SocketAddr> {
        let bytes: [u8; 16] = answer.get(address_at..address_at + 16)?.try_into().ok()?;
        // A port in network order, kept in the low half of a number.
        let port = u16::from_be((word(answer, port_at)? & 0xffff) as u16);
        Some((address(answer[VERSION_FLAGS_AT], bytes)?, port).into())
    };
    Some((end(LOCAL_ADDRESS_AT, LOCAL_PORT_AT)?, end(FOREIGN_ADDRESS_AT, FOREIGN_PORT_AT)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn answer() -> Vec<u8> {
        let mut answer = vec![0; SOCKET_FDINFO_BYTES];
        answer[KIND_AT..KIND_AT + 4].copy_from_slice(&KIND_TCP.to_ne_bytes());
        let mut port = |at: usize, port: u16| {
            answer[at..at + 4].copy_from_slice(&u32::from(port.to_be()).to_ne_bytes());
        };
        port(LOCAL_PORT_AT, 50001);
        port(FOREIGN_PORT_AT, 8081);
        answer[VERSION_FLAGS_AT] = 1;
        answer[LOCAL_ADDRESS_AT + 12..LOCAL_ADDRESS_AT + 16].copy_from_slice(&[127, 0, 0, 1]);
        answer[FOREIGN_ADDRESS_AT + 12..FOREIGN_ADDRESS_AT + 16].copy_from_slice(&[127, 0, 0, 2]);
        answer
    }

    #[test]
    fn both_ends_of_a_tcp_socket_are_read() {
        let expected = ("127.0.0.1:50001".parse().unwrap(), "127.0.0.2:8081".parse().unwrap());
        assert_eq!(tcp_ends(&answer()), Some(expected));
    }

    #[test]
    fn other_sockets_and_other_sizes_are_none() {
        let mut udp = answer();
        udp[KIND_AT..KIND_AT + 4].copy_from_slice(&1u32.to_ne_bytes());
        assert_eq!(tcp_ends(&udp), None);
        let mut neither = answer();
        neither[VERSION_FLAGS_AT] = 0;
        assert_eq!(tcp_ends(&neither), None);
        for length in 0..SOCKET_FDINFO_BYTES {
            assert_eq!(tcp_ends(&answer()[..length]), None);
        }
    }

    proptest! {
        #[test]
        fn bytes_of_any_kind_are_read_or_not(mut bytes in proptest::collection::vec(any::<u8>(), 792), tcp: bool) {
            if tcp {
                bytes[KIND_AT..KIND_AT + 4].copy_from_slice(&KIND_TCP.to_ne_bytes());
            }
            let known = bytes[VERSION_FLAGS_AT] & 3 != 0;
            prop_assert_eq!(tcp_ends(&bytes).is_some(), known && word(&bytes, KIND_AT) == Some(KIND_TCP));
        }
    }
}
