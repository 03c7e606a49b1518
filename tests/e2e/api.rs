//! The HTTP API over a running daemon.

use halton_meter_tests::Rig;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};

const BODY: &str = r#"{"model":"claude-sonnet-4-6","max_tokens":8,"messages":[]}"#;

fn call(rig: &Rig, project: &str) {
    let run = ["--silent", "--show-error", "-o", "/dev/null", "-H", "x-demo: input=100, cache_read=300, output=20"];
    let ran = rig
        .client()
        .with("HALTON_PROJECT", project)
        .curl(&[&run[..], &["-d", BODY, "https://api.anthropic.com/v1/messages"]].concat());
    ran.expect_ok();
}

fn document(rig: &Rig, path: &str) -> Value {
    let (status, body) = rig.api(path);
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).expect("a JSON document")
}

/// A request with a head of the test's own; answers the status.
fn raw(rig: &Rig, head: &str) -> u16 {
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, rig.api_port())).expect("the API listens");
    socket.write_all(head.as_bytes()).expect("a request");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    answer.split(' ').nth(1).expect("a status").parse().expect("a status")
}

#[test]
fn projects_stats_and_requests_say_what_was_metered() {
    let rig = Rig::start();
    for project in ["acme", "acme", "lab"] {
        call(&rig, project);
    }
    let rows = rig.rows(3);
    let each = rows[0].number("cost_usd_minor_units").expect("a cost");
    assert!(each > 0);

    let projects = document(&rig, "/v1/projects");
    let slugs: Vec<&str> =
        projects.as_array().expect("a list").iter().filter_map(|project| project["slug"].as_str()).collect();
    assert!(slugs.contains(&"acme") && slugs.contains(&"lab"), "{projects}");
    let acme = document(&rig, "/v1/projects/acme");
    assert_eq!(acme["stats"]["all_time_requests"], 2);
    assert_eq!(acme["stats"]["primary_model"], "claude-sonnet-4-6");

    let stats = document(&rig, "/v1/projects/acme/stats");
    assert_eq!(stats["summary"]["total_requests"], 2);
    assert_eq!(stats["summary"]["total_input_tokens"], 200);
    assert_eq!(stats["summary"]["total_cache_read_tokens"], 600);
    assert_eq!(stats["by_provider"][0]["provider"], "anthropic");

    let page = document(&rig, "/v1/projects/acme/requests?limit=1");
    assert_eq!((page["total"].as_u64(), page["items"].as_array().map(Vec::len)), (Some(2), Some(1)));
    let cursor = page["next_cursor"].as_str().expect("a second page");
    let rest = document(&rig, &format!("/v1/projects/acme/requests?limit=1&cursor={cursor}"));
    assert_ne!(page["items"][0]["id"], rest["items"][0]["id"]);
    assert!(rest["next_cursor"].is_null());

    let (status, csv) = rig.api("/v1/projects/acme/requests.csv");
    assert_eq!((status, csv.lines().count()), (200, 3), "{csv}");
    assert_eq!(rig.api("/v1/projects/nobody").0, 404);
    assert_eq!(document(&rig, "/v1/daemon/status")["request_count_last_hour"], 3);

    let health = document(&rig, "/health");
    assert_eq!(health["status"], "ok");
    assert_eq!(health["digest"], rig.health("/daemon").expect("health")["digest"]);
}

#[test]
fn only_our_own_pages_may_ask_and_nobody_may_write() {
    let rig = Rig::start();
    let host = format!("127.0.0.1:{}", rig.api_port());
    let ask = |line: &str, more: &str, host: &str| {
        raw(&rig, &format!("{line} HTTP/1.1\r\nHost: {host}\r\n{more}Connection: close\r\n\r\n"))
    };
    assert_eq!(ask("GET /v1/projects", "", &host), 200);
    // A page of somebody else's whose name leads to this machine.
    assert_eq!(ask("GET /v1/projects", "", "evil.example"), 421);
    assert_eq!(ask("GET /v1/projects", "Origin: https://evil.example\r\n", &host), 403);
    assert_eq!(ask("POST /v1/projects", "Content-Length: 0\r\n", &host), 405);
    assert_eq!(ask("DELETE /v1/projects/acme", "", &host), 405);
}

#[test]
fn a_token_is_asked_of_every_route_but_health() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    std::fs::write(&file, "a-long-enough-secret-of-the-users\n").expect("a token");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("a private file");
    let rig = Rig::builder().config(&format!("[api]\ntoken_file = {:?}", file.display().to_string())).start();
    assert_eq!(rig.api("/health").0, 200);
    assert_eq!(rig.api("/v1/projects").0, 401);
    let head = format!(
        "GET /v1/projects HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: Bearer a-long-enough-secret-of-the-users\r\n\
         Connection: close\r\n\r\n",
        rig.api_port()
    );
    assert_eq!(raw(&rig, &head), 200);
}
