//! The table of all TCP connections, as `sysctl net.inet.tcp.pcblist_n` gives it.
//!
//! Its structures are private to the kernel (`xinpgen`, `xinpcb_n`, `xsocket_n` in xnu's `bsd/netinet/in_pcb.h` and
//! `bsd/sys/socketvar.h`, packed to four bytes) and grow with releases: Darwin 22 lengthened what a connection takes.
//! Hence records are walked by the length each one states, told apart by their kind, and read only at offsets that have
//! stood still; whatever looks different is a [`Surprise`], never an answer.

use super::word;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Length of `xinpgen`, which opens and closes the table.
const BOUNDARY_BYTES: usize = 24;
const XSO_SOCKET: u32 = 0x001;
const XSO_INPCB: u32 = 0x010;

/// Offsets in `xinpcb_n`; ports and addresses are in network order.
const FOREIGN_PORT_AT: usize = 16;
const LOCAL_PORT_AT: usize = 18;
const VERSION_FLAGS_AT: usize = 44;
const FOREIGN_ADDRESS_AT: usize = 48;
const LOCAL_ADDRESS_AT: usize = 64;
const INP_IPV4: u8 = 1;
const INP_IPV6: u8 = 2;

/// Offsets in `xsocket_n`.
const TYPE_AT: usize = 16;
const PROTOCOL_AT: usize = 36;
const FAMILY_AT: usize = 40;
const UID_AT: usize = 64;
const LAST_PID_AT: usize = 68;
const EFFECTIVE_PID_AT: usize = 72;
/// Values on macOS, which are not those of the system the tests run on.
const SOCK_STREAM: u16 = 1;
const IPPROTO_TCP: u32 = 6;
const AF_INET: u32 = 2;
const AF_INET6: u32 = 30;

/// Who holds a connection, as the table says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Entry {
    /// Effective user id of whoever opened the socket.
    pub uid: u32,
    /// The process on whose behalf it is used, else the last one that used it.
    pub pid: Option<u32>,
}

/// The table has a form that is not known here.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Surprise;

/// The holder of the socket whose own address is `local` and whose peer is `foreign`; both canonical, so that IPv4
/// mapped into IPv6 is IPv4. `None` when the table is whole and holds no such socket.
pub(crate) fn find(table: &[u8], local: SocketAddr, foreign: SocketAddr) -> Result<Option<Entry>, Surprise> {
    let first = record(table, 0)?;
    if first.len() != BOUNDARY_BYTES {
        return Err(Surprise);
    }
    let mut at = BOUNDARY_BYTES;
    // Whether the connection being walked is the wanted one; its socket follows its addresses.
    let mut wanted = false;
    loop {
        // A table that ends without its closing record is cut.
        let record = record(table, at)?;
        // In the closing record a count stands where others have their kind: only its length tells.
        if record.len() == BOUNDARY_BYTES {
            return if wanted { Err(Surprise) } else { Ok(None) };
        }
        match word(record, 4).ok_or(Surprise)? {
            XSO_INPCB if wanted => return Err(Surprise),
            XSO_INPCB => wanted = ends(record)? == Some((local, foreign)),
            XSO_SOCKET if wanted => return entry(record).map(Some),
            _ => {}
        }
        at += record.len().next_multiple_of(8);
    }
}

/// The record at `at`, as long as it says it is.
fn record(table: &[u8], at: usize) -> Result<&[u8], Surprise> {
    let length = word(table, at).ok_or(Surprise)? as usize;
    let end = at.checked_add(length).ok_or(Surprise)?;
    if length < 8 {
        return Err(Surprise);
    }
    table.get(at..end).ok_or(Surprise)
}

/// Local and foreign address. `None`: neither of IPv4 nor of IPv6, as of a socket that is not connected yet.
fn ends(record: &[u8]) -> Result<Option<(SocketAddr, SocketAddr)>, Surprise> {
    let address = |flags: u8, at: usize| -> Result<Option<IpAddr>, Surprise> {
        let bytes: [u8; 16] = record.get(at..at + 16).and_then(|b| b.try_into().ok()).ok_or(Surprise)?;
        Ok(address(flags, bytes))
    };
    let port = |at: usize| {
        let bytes = record.get(at..at + 2).and_then(|bytes| bytes.try_into().ok());
        bytes.map(u16::from_be_bytes).ok_or(Surprise)
    };
    let flags = *record.get(VERSION_FLAGS_AT).ok_or(Surprise)?;
    let local = address(flags, LOCAL_ADDRESS_AT)?.zip(Some(port(LOCAL_PORT_AT)?));
    let foreign = address(flags, FOREIGN_ADDRESS_AT)?.zip(Some(port(FOREIGN_PORT_AT)?));
    Ok(local.zip(foreign).map(|(local, foreign)| (local.into(), foreign.into())))
}

/// An address of `in_addr_4in6` or `in6_addr`, which share their sixteen bytes: IPv4 stands in the last four.
pub(super) fn address(flags: u8, bytes: [u8; 16]) -> Option<IpAddr> {
    let [.., a, b, c, d] = bytes;
    if flags & INP_IPV4 != 0 {
        Some(Ipv4Addr::new(a, b, c, d).into())
    } else if flags & INP_IPV6 != 0 {
        Some(IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical())
    } else {
        None
    }
}

fn entry(record: &[u8]) -> Result<Entry, Surprise> {
    let number = |at: usize| word(record, at).ok_or(Surprise);
    let kind = record.get(TYPE_AT..TYPE_AT + 2).and_then(|bytes| bytes.try_into().ok()).map(u16::from_ne_bytes);
    // What a TCP socket must say here; had the fields moved, something else would stand in their place.
    let plausible = kind == Some(SOCK_STREAM)
        && number(PROTOCOL_AT)? == IPPROTO_TCP
        && matches!(number(FAMILY_AT)?, AF_INET | AF_INET6);
    if !plausible {
        return Err(Surprise);
    }
    let process = |at: usize| number(at).map(|pid| Some(pid).filter(|pid| (1..=i32::MAX as u32).contains(pid)));
    Ok(Entry { uid: number(UID_AT)?, pid: process(EFFECTIVE_PID_AT)?.or(process(LAST_PID_AT)?) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A connection of the made-up table.
    #[derive(Clone, Debug)]
    struct Made {
        local: SocketAddr,
        foreign: SocketAddr,
        uid: u32,
        last_pid: u32,
        effective_pid: u32,
        /// What a later release might append to each record.
        more: usize,
    }

    fn made(local: &str, foreign: &str) -> Made {
        let (local, foreign) = (local.parse().unwrap(), foreign.parse().unwrap());
        Made { local, foreign, uid: 501, last_pid: 700, effective_pid: 0, more: 0 }
    }

    fn put(table: &mut Vec<u8>, record: &[u8]) {
        table.extend_from_slice(record);
        table.resize(table.len().next_multiple_of(8), 0);
    }

    fn boundary(count: u32) -> [u8; BOUNDARY_BYTES] {
        let mut record = [0; BOUNDARY_BYTES];
        record[..4].copy_from_slice(&(BOUNDARY_BYTES as u32).to_ne_bytes());
        record[4..8].copy_from_slice(&count.to_ne_bytes());
        record
    }

    fn blank(kind: u32, length: usize) -> Vec<u8> {
        let mut record = vec![0; length];
        record[..4].copy_from_slice(&(length as u32).to_ne_bytes());
        record[4..8].copy_from_slice(&kind.to_ne_bytes());
        record
    }

    fn inpcb(made: &Made) -> Vec<u8> {
        let mut record = blank(XSO_INPCB, 104 + made.more);
        let mut put = |address: SocketAddr, address_at: usize, port_at: usize| {
            record[port_at..port_at + 2].copy_from_slice(&address.port().to_be_bytes());
            match address.ip() {
                IpAddr::V4(ip) => record[address_at + 12..address_at + 16].copy_from_slice(&ip.octets()),
                IpAddr::V6(ip) => record[address_at..address_at + 16].copy_from_slice(&ip.octets()),
            }
        };
        put(made.local, LOCAL_ADDRESS_AT, LOCAL_PORT_AT);
        put(made.foreign, FOREIGN_ADDRESS_AT, FOREIGN_PORT_AT);
        record[VERSION_FLAGS_AT] = if made.local.is_ipv4() { INP_IPV4 } else { INP_IPV6 };
        record
    }

    fn socket(made: &Made) -> Vec<u8> {
        let mut record = blank(XSO_SOCKET, 76 + made.more);
        let family = if made.local.is_ipv4() { AF_INET } else { AF_INET6 };
        record[TYPE_AT..TYPE_AT + 2].copy_from_slice(&SOCK_STREAM.to_ne_bytes());
        let numbers = [
            (PROTOCOL_AT, IPPROTO_TCP),
            (FAMILY_AT, family),
            (UID_AT, made.uid),
            (LAST_PID_AT, made.last_pid),
            (EFFECTIVE_PID_AT, made.effective_pid),
        ];
        for (at, number) in numbers {
            record[at..at + 4].copy_from_slice(&number.to_ne_bytes());
        }
        record
    }

    fn table(connections: &[Made]) -> Vec<u8> {
        // Sixteen connections make the closing record's count look like a kind.
        let mut table = boundary(16).to_vec();
        for made in connections {
            put(&mut table, &inpcb(made));
            put(&mut table, &socket(made));
            for (kind, length) in [(0x002, 32), (0x004, 32), (0x008, 136), (0x020, 204 + made.more)] {
                put(&mut table, &blank(kind, length));
            }
        }
        put(&mut table, &boundary(16));
        table
    }

    fn ask(table: &[u8], of: &Made) -> Result<Option<Entry>, Surprise> {
        find(table, of.local, of.foreign)
    }

    #[test]
    fn the_clients_end_is_found_and_not_ours() {
        let client = made("127.0.0.1:50001", "127.0.0.1:8081");
        let ours = Made { uid: 0, last_pid: 9, ..made("127.0.0.1:8081", "127.0.0.1:50001") };
        let table = table(&[ours.clone(), client.clone()]);
        assert_eq!(ask(&table, &client), Ok(Some(Entry { uid: 501, pid: Some(700) })));
        assert_eq!(ask(&table, &ours), Ok(Some(Entry { uid: 0, pid: Some(9) })));
        assert_eq!(ask(&table, &made("127.0.0.1:50001", "127.0.0.1:8082")), Ok(None));
    }

    #[test]
    fn ipv6_and_mapped_addresses_are_read() {
        let client = made("[::1]:50001", "[::1]:8081");
        let mapped = made("[::ffff:127.0.0.1]:50001", "[::ffff:127.0.0.1]:8081");
        let table = table(&[client.clone(), Made { uid: 502, ..mapped }]);
        assert_eq!(ask(&table, &client).unwrap().unwrap().uid, 501);
        let found = ask(&table, &made("127.0.0.1:50001", "127.0.0.1:8081"));
        assert_eq!(found.unwrap().unwrap().uid, 502);
    }

    #[test]
    fn a_process_that_lends_its_socket_names_the_one_it_works_for() {
        let client = Made { effective_pid: 800, ..made("127.0.0.1:1", "127.0.0.1:2") };
        assert_eq!(ask(&table(std::slice::from_ref(&client)), &client).unwrap().unwrap().pid, Some(800));
        let nobody = Made { last_pid: 0, ..made("127.0.0.1:1", "127.0.0.1:2") };
        assert_eq!(ask(&table(std::slice::from_ref(&nobody)), &nobody).unwrap().unwrap().pid, None);
    }

    #[test]
    fn longer_records_of_a_later_release_change_nothing() {
        let client = Made { more: 28, ..made("127.0.0.1:50001", "127.0.0.1:8081") };
        let before = Made { more: 5, ..made("127.0.0.1:50000", "127.0.0.1:8081") };
        assert_eq!(ask(&table(&[before, client.clone()]), &client).unwrap().unwrap().pid, Some(700));
    }

    #[test]
    fn another_form_is_a_surprise_and_no_answer() {
        let client = made("127.0.0.1:50001", "127.0.0.1:8081");
        let whole = table(std::slice::from_ref(&client));
        let socket_at = BOUNDARY_BYTES + 104;
        for (at, what) in [(TYPE_AT, "type"), (PROTOCOL_AT, "protocol"), (FAMILY_AT, "family")] {
            let mut other = whole.clone();
            other[socket_at + at] = 0x7f;
            assert_eq!(ask(&other, &client), Err(Surprise), "{what}");
        }
        let mut no_socket = boundary(1).to_vec();
        put(&mut no_socket, &inpcb(&client));
        put(&mut no_socket, &boundary(1));
        assert_eq!(ask(&no_socket, &client), Err(Surprise));
        assert_eq!(ask(&[], &client), Err(Surprise));
        assert_eq!(ask(&boundary(0), &client), Err(Surprise), "never closed");
    }

    #[test]
    fn a_cut_table_gives_the_answer_or_a_surprise() {
        let client = made("127.0.0.1:50001", "127.0.0.1:8081");
        let whole = table(&[made("127.0.0.1:5", "127.0.0.1:6"), client.clone()]);
        for length in 0..whole.len() {
            assert!(!matches!(ask(&whole[..length], &client), Ok(None)), "{length}");
        }
    }

    proptest! {
        #[test]
        fn bytes_of_any_kind_end_in_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let client = made("127.0.0.1:50001", "127.0.0.1:8081");
            prop_assert_ne!(ask(&bytes, &client).ok().flatten().and_then(|entry| entry.pid), Some(0));
        }

        #[test]
        fn one_wrong_byte_is_no_panic(at in 0usize..640, value: u8) {
            let client = made("127.0.0.1:50001", "127.0.0.1:8081");
            let mut bytes = table(std::slice::from_ref(&client));
            let at = at % bytes.len();
            bytes[at] = value;
            // Only the entry's own fields may change what is said about it.
            let own = BOUNDARY_BYTES + 104 + UID_AT..BOUNDARY_BYTES + 104 + EFFECTIVE_PID_AT + 4;
            if let Ok(Some(entry)) = ask(&bytes, &client) {
                prop_assert!(own.contains(&at) || entry == Entry { uid: 501, pid: Some(700) }, "{at} {entry:?}");
            }
        }

        #[test]
        fn every_connection_of_a_table_has_its_own_answer(
            ports in proptest::collection::btree_set(1u16.., 1..20), more in 0usize..40, v6: bool,
        ) {
            let host = if v6 { "[::1]" } else { "127.0.0.1" };
            let all: Vec<Made> = ports.iter().map(|port| {
                let of = made(&format!("{host}:{port}"), &format!("{host}:8081"));
                Made { uid: u32::from(*port), last_pid: u32::from(*port) + 1, more, ..of }
            }).collect();
            let table = table(&all);
            for of in &all {
                let expected = Entry { uid: of.uid, pid: Some(of.last_pid) };
                prop_assert_eq!(ask(&table, of), Ok(Some(expected)));
            }
        }
    }
}
