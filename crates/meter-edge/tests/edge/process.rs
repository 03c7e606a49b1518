//! Start and end of the process.

use crate::stage::{Edge, PLAIN, Stage, listen, origin, read_all, unstuck};
use meter_hop::{Document, EffectivePorts};
use std::os::fd::OwnedFd;
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::process::Command;

fn section(stage: &Stage) -> Option<meter_hop::EdgeSection> {
    EffectivePorts::read(&stage.home.effective_ports()).unwrap().edge
}

#[tokio::test]
async fn a_started_edge_makes_itself_known_and_a_stopped_one_takes_that_back() {
    for signal in ["TERM", "INT"] {
        let stage = Stage::new();
        let mut edge = stage.edge().await;
        let found = section(&stage).unwrap();
        assert_eq!((found.port, found.pid), (edge.port, edge.pid));
        edge.signal(signal);
        assert_eq!(edge.exit().await.code(), Some(0), "{signal}");
        assert_eq!(section(&stage), None, "{signal}");
    }
}

#[tokio::test]
async fn an_edge_whose_section_was_removed_makes_itself_known_again() {
    let stage = Stage::new();
    stage.configure("b3:1", origin().await);
    let mut edge = stage.edge().await;
    // Two looks at the files: the second proves that the section was seen.
    for digest in ["b3:2", "b3:3"] {
        stage.configure(digest, 1);
        edge.logged("config.loaded").await;
    }
    std::fs::remove_file(stage.home.effective_ports()).unwrap();
    edge.logged("edge.listening").await;
    assert_eq!(section(&stage).map(|s| s.pid), Some(edge.pid));
}

#[tokio::test]
async fn a_taken_port_is_said_and_is_a_failure() {
    let stage = Stage::new();
    let (_holder, port) = listen().await;
    let output = Command::new(env!("CARGO_BIN_EXE_halton-meter-edge"))
        .arg("--home")
        .arg(stage.home.root())
        .args(["--port", &port.to_string()])
        .output();
    let output = unstuck("the exit", output).await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains(&format!("port {port} on 127.0.0.1 is taken")), "{text}");
    assert!(!stage.home.effective_ports().exists());
}

#[tokio::test]
async fn a_port_that_cannot_be_made_known_is_a_failure() {
    let stage = Stage::new();
    std::fs::write(stage.home.effective_ports(), r#"{"schema_version":99}"#).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_halton-meter-edge"));
    let output = command.arg("--home").arg(stage.home.root()).args(["--port", "0"]).output();
    let output = unstuck("the exit", output).await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("has schema version 99, this program knows up to 1"), "{text}");
}

#[tokio::test]
async fn usage_mistakes_and_the_forbidden_port_are_refused() {
    let stage = Stage::new();
    for (words, code) in [(&["--prot", "1"][..], 2), (&["--port", "8080"], 1)] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_halton-meter-edge"));
        let output = command.arg("--home").arg(stage.home.root()).args(words).output();
        assert_eq!(unstuck("the exit", output).await.unwrap().status.code(), Some(code), "{words:?}");
    }
}

#[tokio::test]
async fn a_stopping_edge_refuses_new_connections_and_lets_old_ones_end() {
    let stage = Stage::new();
    stage.configure("b3:1", origin().await);
    let mut edge = stage.edge().await;
    let (_, mut tunnel) = edge.connect(PLAIN).await;
    edge.signal("TERM");
    edge.logged("edge.stopping").await;
    unstuck("the closed port", async { while TcpStream::connect(("127.0.0.1", edge.port)).await.is_ok() {} }).await;
    tunnel.write_all(b"to the end").await.unwrap();
    tunnel.shutdown().await.unwrap();
    assert_eq!(read_all(&mut tunnel).await, "to the end, and good bye");
    assert_eq!(edge.exit().await.code(), Some(0));
}

#[tokio::test]
async fn an_idle_edge_leaves_by_itself() {
    let stage = Stage::new();
    let mut edge = stage.edge_with(&["--idle-exit", "1"]).await;
    edge.logged("edge.idle").await;
    assert_eq!(edge.exit().await.code(), Some(0));
    assert_eq!(section(&stage), None);
}

#[tokio::test]
async fn a_socket_of_the_service_manager_is_used() {
    let stage = Stage::new();
    stage.configure("b3:1", origin().await);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // A client that came before the process did waits in the queue.
    let mut early = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    // The shell puts the socket where a service manager would, and becomes the edge.
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg("LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=edge exec \"$0\" --home \"$1\" --verbose 3<&0 </dev/null")
        .arg(env!("CARGO_BIN_EXE_halton-meter-edge"))
        .arg(stage.home.root())
        .stdin(Stdio::from(OwnedFd::from(listener)));
    let edge = Edge::start(command).await;
    assert_eq!(edge.port, port);
    early.write_all(format!("CONNECT {PLAIN}:443 HTTP/1.1\r\n\r\nearly").as_bytes()).await.unwrap();
    early.shutdown().await.unwrap();
    assert!(read_all(&mut early).await.ends_with("early, and good bye"));
    edge.exchange(PLAIN).await;
}

#[tokio::test]
async fn quit_without_a_successor_changes_nothing() {
    let stage = Stage::new();
    stage.configure("b3:1", origin().await);
    let mut edge = stage.edge().await;
    edge.signal("QUIT");
    edge.logged("upgrade.nobody_waits").await;
    edge.exchange(PLAIN).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_successor_takes_the_listener_and_the_old_tunnels_go_on() {
    let stage = Stage::new();
    stage.configure("b3:1", origin().await);
    let mut old = stage.edge().await;
    let (_, mut tunnel) = old.connect(PLAIN).await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_halton-meter-edge"));
    command.arg("--home").arg(stage.home.root()).args(["--upgrade", "--verbose"]);
    let starting = tokio::spawn(Edge::start(command));
    let socket = stage.home.edge_upgrade_socket();
    let waits = || {
        let table = std::fs::read_to_string("/proc/net/unix").unwrap();
        table.lines().any(|line| line.ends_with(socket.to_str().unwrap()))
    };
    unstuck("the successor", async {
        while !waits() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    old.signal("QUIT");
    let new = unstuck("the new edge", starting).await.unwrap();
    assert_eq!(new.port, old.port);
    new.exchange(PLAIN).await;
    old.logged("edge.handing_over").await;
    tunnel.write_all(b"old but well").await.unwrap();
    tunnel.shutdown().await.unwrap();
    assert_eq!(read_all(&mut tunnel).await, "old but well, and good bye");
    assert_eq!(old.exit().await.code(), Some(0));
    assert_eq!(section(&stage).map(|s| s.pid), Some(new.pid));
    new.exchange(PLAIN).await;
}
