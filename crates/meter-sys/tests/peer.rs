//! Who is at the other end, asked of the running kernel.
#![cfg(any(target_os = "linux", target_os = "macos"))]

use meter_sys::{peer, process};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};

struct Pair {
    near: TcpStream,
    far: TcpStream,
    client: SocketAddr,
    server: SocketAddr,
}

fn connect(bind: &str, dial: impl Fn(u16) -> SocketAddr) -> Pair {
    let listener = TcpListener::bind(bind).unwrap();
    let near = TcpStream::connect(dial(listener.local_addr().unwrap().port())).unwrap();
    let (far, client) = listener.accept().unwrap();
    let server = far.local_addr().unwrap();
    Pair { near, far, client, server }
}

fn v4(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

#[cfg(target_os = "linux")]
fn inode_of(stream: &TcpStream) -> u32 {
    use std::os::fd::AsRawFd;
    let target = std::fs::read_link(format!("/proc/self/fd/{}", stream.as_raw_fd())).unwrap();
    let text = target.to_str().unwrap().to_owned();
    text.trim_start_matches("socket:[").trim_end_matches(']').parse().unwrap()
}

fn check(pair: &Pair) {
    let owner = peer::owner(pair.client, pair.server).unwrap();
    assert_eq!(owner.uid, process::effective_uid());
    #[cfg(target_os = "linux")]
    assert_eq!(owner.inode, inode_of(&pair.near), "the client's end, not ours ({})", inode_of(&pair.far));
    #[cfg(target_os = "macos")]
    assert_eq!(owner.pid, Some(std::process::id()), "the kernel's table is read ({:?}, {:?})", pair.near, pair.far);
    for hint in [&[][..], &[std::process::id()]] {
        let found = peer::process_of(&owner, hint, &["PATH"]).unwrap();
        assert_eq!(found.pid, std::process::id());
        assert!(found.environ.contains_key("PATH"));
    }
}

#[test]
fn an_ipv4_connection_has_its_owner() {
    check(&connect("127.0.0.1:0", v4));
}

#[test]
fn an_ipv6_connection_has_its_owner() {
    check(&connect("[::1]:0", |port| SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], port))));
}

#[test]
fn a_mapped_connection_has_its_owner() {
    // The client's socket is an IPv6 one although the connection is IPv4.
    let mapped = |port| SocketAddr::new("::ffff:127.0.0.1".parse().unwrap(), port);
    check(&connect("127.0.0.1:0", mapped));
}

#[test]
fn a_connection_that_is_not_there_is_not_found() {
    let pair = connect("127.0.0.1:0", v4);
    let elsewhere = v4(1);
    assert_eq!(peer::owner(pair.client, elsewhere).unwrap_err().kind(), io::ErrorKind::NotFound);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let listening = listener.local_addr().unwrap();
    assert_eq!(peer::owner(listening, elsewhere).unwrap_err().kind(), io::ErrorKind::NotFound);
}

#[test]
fn a_socket_nobody_holds_has_no_process() {
    let owner = peer::Owner { uid: process::effective_uid(), inode: u32::MAX, pid: None };
    assert_eq!(peer::process_of(&owner, &[std::process::id()], &[]), None);
}
