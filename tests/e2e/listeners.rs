//! Who listens where, and who may talk to whom.

use halton_meter_tests::Rig;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};

/// Local addresses (hex, as the kernel prints them) of the listening sockets of a process.
fn listening(pid: u32) -> Vec<String> {
    let inodes: Vec<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("our own child's descriptors")
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.trim_end_matches(']').to_owned()))
        .collect();
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .flat_map(|table| fs::read_to_string(table).unwrap_or_default().lines().map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let listens =
                fields.get(3) == Some(&"0A") && inodes.iter().any(|inode| fields.get(9) == Some(&inode.as_str()));
            listens.then(|| fields[1].to_owned())
        })
        .collect()
}

#[test]
fn three_listeners_all_on_loopback_none_on_8080() {
    let rig = Rig::start();
    let mut all = listening(rig.edge_pid());
    all.extend(listening(rig.daemon_pid()));
    assert_eq!(all.len(), 3, "{all:?}");
    for address in &all {
        let (ip, port) = address.split_once(':').expect("ADDRESS:PORT");
        assert_eq!(ip, "0100007F", "{address} is not 127.0.0.1");
        assert_ne!(u16::from_str_radix(port, 16), Ok(8080));
    }
    let mut ports: Vec<u16> =
        all.iter().map(|a| u16::from_str_radix(a.split_once(':').expect("a port").1, 16).expect("hex")).collect();
    ports.sort_unstable();
    let mut said = vec![rig.edge_port(), rig.intercept_port(), rig.api_port()];
    said.sort_unstable();
    assert_eq!(ports, said, "effective-ports.json says what the kernel says");
}

#[test]
fn a_second_home_is_an_instance_of_its_own() {
    let (one, two) = (Rig::start(), Rig::start());
    assert_ne!(one.health("/daemon").expect("health")["instance"], two.health("/daemon").expect("health")["instance"]);
    let body = r#"{"model":"claude-sonnet-4-6","max_tokens":8,"messages":[]}"#;
    one.client().curl(&["-d", body, "https://api.anthropic.com/v1/messages"]).expect_ok();
    one.rows(1);
    assert!(two.rows_now().is_empty());
    // A certificate of the one is worth nothing to a client of the other.
    let crossed = one.client().trusting(two.bundle()).curl(&["-d", body, "https://api.anthropic.com/v1/messages"]);
    assert_eq!(crossed.code, 60, "{}", crossed.err);
}

#[test]
fn a_foreign_process_on_the_daemons_port_counts_as_no_daemon() {
    let mut rig = Rig::start();
    let port = rig.intercept_port();
    rig.kill_daemon();
    let foreign = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("the port is free again");
    let thread = std::thread::spawn(move || {
        use std::io::{Read, Write};
        // Answers everything with a 200, as a web server that knows nothing of us would.
        for socket in foreign.incoming().take(3) {
            let mut socket = socket.expect("a connection");
            let mut head = [0; 1024];
            let _head = socket.read(&mut head);
            let _sent = socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
        }
    });
    let body = r#"{"model":"claude-sonnet-4-6","max_tokens":8,"messages":[]}"#;
    let direct = rig.client().trusting(rig.origin_root());
    direct.curl(&["-d", body, "https://api.anthropic.com/v1/messages"]).expect_ok();
    drop(rig);
    // The thread waits for connections that may not come any more; it ends with the test.
    drop(thread);
}
