//! One exact question to the kernel's socket table (`sock_diag(7)`, `linux/inet_diag.h`).

use crate::peer::Owner;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Netlink header (16 bytes) and `inet_diag_req_v2` (56 bytes).
const REQUEST_BYTES: usize = 72;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLMSG_ERROR: u16 = 2;
const NLM_F_REQUEST: u16 = 1;
const TCP_LISTEN: u8 = 10;

/// Offsets in the answer: netlink header, then `inet_diag_msg`.
const FAMILY_AT: usize = 16;
const STATE_AT: usize = FAMILY_AT + 1;
const SOURCE_PORT_AT: usize = FAMILY_AT + 4;
const TARGET_PORT_AT: usize = SOURCE_PORT_AT + 2;
const UID_AT: usize = FAMILY_AT + 4 + 48 + 12;
const INODE_AT: usize = UID_AT + 4;
const ANSWER_BYTES_MIN: usize = INODE_AT + 4;

pub(crate) fn owner(client: SocketAddr, server: SocketAddr) -> io::Result<Owner> {
    let request = request(client, server)?;
    let mut answer = [0u8; 1024];
    let length = ask(&request, &mut answer)?;
    read(&answer[..length], client.port(), server.port())
}

/// No multi-part dump is asked for: the kernel looks the four addresses up in its hash table and answers with one
/// message. The wanted socket is the client's, so `client` is its source.
fn request(client: SocketAddr, server: SocketAddr) -> io::Result<[u8; REQUEST_BYTES]> {
    let (family, from, to) = match (client.ip().to_canonical(), server.ip().to_canonical()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => (libc::AF_INET, padded(from.octets()), padded(to.octets())),
        (IpAddr::V6(from), IpAddr::V6(to)) => (libc::AF_INET6, from.octets(), to.octets()),
        _ => return Err(io::ErrorKind::InvalidInput.into()),
    };
    let mut message = [0; REQUEST_BYTES];
    message[0..4].copy_from_slice(&(REQUEST_BYTES as u32).to_ne_bytes());
    message[4..6].copy_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    message[6..8].copy_from_slice(&NLM_F_REQUEST.to_ne_bytes());
    message[16] = family as u8;
    message[17] = libc::IPPROTO_TCP as u8;
    // Every state; an exact question ignores it, but older kernels reject zero.
    message[20..24].copy_from_slice(&u32::MAX.to_ne_bytes());
    message[24..26].copy_from_slice(&client.port().to_be_bytes());
    message[26..28].copy_from_slice(&server.port().to_be_bytes());
    message[28..44].copy_from_slice(&from);
    message[44..60].copy_from_slice(&to);
    // Any interface (zero), any cookie (all ones).
    message[64..72].fill(0xff);
    Ok(message)
}

fn padded(octets: [u8; 4]) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&octets);
    bytes
}

fn ask(request: &[u8], answer: &mut [u8]) -> io::Result<usize> {
    // SAFETY: plain system call; the descriptor is checked before it is owned.
    let raw = unsafe { libc::socket(libc::AF_NETLINK, libc::SOCK_RAW | libc::SOCK_CLOEXEC, libc::NETLINK_SOCK_DIAG) };
    if raw < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `raw` was just opened and belongs to nobody else.
    let socket = unsafe { OwnedFd::from_raw_fd(raw) };
    // SAFETY: pointer and length describe `request`.
    let sent = unsafe { libc::send(socket.as_raw_fd(), request.as_ptr().cast(), request.len(), 0) };
    if sent < 0 {
        return Err(io::Error::last_os_error());
    }
    // The kernel works inside `send`, so the answer is there already; never wait for one that is not.
    // SAFETY: pointer and length describe `answer`.
    let length =
        unsafe { libc::recv(socket.as_raw_fd(), answer.as_mut_ptr().cast(), answer.len(), libc::MSG_DONTWAIT) };
    usize::try_from(length).map_err(|_| io::Error::last_os_error())
}

fn read(answer: &[u8], client_port: u16, server_port: u16) -> io::Result<Owner> {
    let odd = || io::Error::new(io::ErrorKind::InvalidData, "an answer of unknown form");
    let word = |at: usize| Some(u32::from_ne_bytes(answer.get(at..at + 4)?.try_into().ok()?));
    let half = |at: usize| <[u8; 2]>::try_from(answer.get(at..at + 2)?).ok();
    match u16::from_ne_bytes(half(4).ok_or_else(odd)?) {
        NLMSG_ERROR => {
            let code = word(16).ok_or_else(odd)? as i32;
            return Err(io::Error::from_raw_os_error(code.wrapping_neg()));
        }
        SOCK_DIAG_BY_FAMILY if answer.len() >= ANSWER_BYTES_MIN => {}
        _ => return Err(odd()),
    }
    let port = |at: usize| half(at).map(u16::from_be_bytes);
    let inode = word(INODE_AT).ok_or_else(odd)?;
    // The kernel falls back to a listener on that port; and a closed connection has no inode any more.
    if answer[STATE_AT] == TCP_LISTEN
        || port(SOURCE_PORT_AT) != Some(client_port)
        || port(TARGET_PORT_AT) != Some(server_port)
        || inode == 0
    {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(Owner { uid: word(UID_AT).ok_or_else(odd)?, inode, pid: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_addresses_are_asked_for_as_ipv4() {
        let mapped = request("[::ffff:127.0.0.1]:5".parse().unwrap(), "[::ffff:127.0.0.1]:6".parse().unwrap());
        let plain = request("127.0.0.1:5".parse().unwrap(), "127.0.0.1:6".parse().unwrap());
        assert_eq!(mapped.unwrap(), plain.unwrap());
        assert!(request("[::1]:5".parse().unwrap(), "127.0.0.1:6".parse().unwrap()).is_err());
    }

    #[test]
    fn short_and_foreign_answers_are_errors() {
        let mut answer = vec![0u8; ANSWER_BYTES_MIN];
        answer[4..6].copy_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
        for length in 0..ANSWER_BYTES_MIN {
            assert!(read(&answer[..length], 0, 0).is_err());
        }
        assert_eq!(read(&answer, 0, 0).unwrap_err().kind(), io::ErrorKind::NotFound, "no inode");
        answer[INODE_AT] = 7;
        assert_eq!(read(&answer, 0, 0).unwrap().inode, 7);
        assert_eq!(read(&answer, 1, 0).unwrap_err().kind(), io::ErrorKind::NotFound, "another port");
        answer[STATE_AT] = TCP_LISTEN;
        assert_eq!(read(&answer, 0, 0).unwrap_err().kind(), io::ErrorKind::NotFound, "a listener");
    }
}
