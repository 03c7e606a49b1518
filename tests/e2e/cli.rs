//! The command line, as a person meets it.

use halton_meter_tests::{Rig, rig};
use serde_json::Value;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output, Stdio};

const CALL: &str = "curl --silent --show-error --max-time 30 -o /dev/null -H 'x-demo: input=1200, cache_read=9200, output=90' \
     -d '{\"model\":\"claude-sonnet-4-6\",\"max_tokens\":9,\"messages\":[]}' https://api.anthropic.com/v1/messages";

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", rig::text_of(output));
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

#[test]
fn run_meters_a_command_and_ends_with_one_line() {
    let rig = Rig::start();
    let ran = rig.meter(&["run", "--", "sh", "-c", &format!("{CALL} && {CALL}")]);
    assert!(ran.status.success(), "{}", rig::text_of(&ran));
    let line = String::from_utf8_lossy(&ran.stderr).into_owned();
    let last = line.lines().last().expect("a closing line");
    assert!(last.starts_with("halton-meter: 2 calls · 20,800 in (18,400 cached) · 180 out · $0.01"), "{line}");
    assert!(last.contains(" · project "), "{line}");
    assert!(ran.stdout.is_empty(), "the command's output is the command's alone");
    let rows = rig.rows(2);
    assert!(rows[0].text("run_id").is_some());
    assert_eq!(rows[0].text("run_id"), rows[1].text("run_id"));
}

#[test]
fn run_passes_exit_codes_and_signals_and_keeps_its_own_apart() {
    let rig = Rig::start();
    let code = |args: &[&str]| rig.meter(&[&["run", "--quiet", "--"], args].concat()).status.code();
    assert_eq!(code(&["true"]), Some(0));
    assert_eq!(code(&["sh", "-c", "exit 7"]), Some(7));
    assert_eq!(code(&["sh", "-c", "kill -TERM $$"]), Some(128 + 15));
    assert_eq!(code(&["/nonexistent/program"]), Some(127));
    assert_eq!(code(&["/etc/hostname"]), Some(126));
}

#[test]
fn a_terminate_reaches_the_command() {
    let rig = Rig::start();
    let marker = rig.folder().join("marker");
    let script = format!("trap 'exit 9' TERM; touch {}; while :; do sleep 0.05; done", marker.display());
    let mut command = Command::new(rig::programs().join("halton-meter"));
    command.args(["run", "--quiet", "--", "sh", "-c", &script]);
    command.env("HALTON_METER_HOME", rig.home()).env("HOME", rig.folder()).stdin(Stdio::null());
    let mut child = command.spawn().expect("halton-meter runs");
    rig.wait_for("the command", |_| marker.exists());
    assert!(Command::new("kill").arg(child.id().to_string()).status().expect("kill runs").success());
    let status = child.wait().expect("our own child");
    assert_eq!((status.code(), status.signal()), (Some(9), None));
}

#[test]
fn every_verb_that_prints_data_prints_it_as_json_too() {
    let rig = Rig::start();
    assert!(rig.meter(&["run", "--quiet", "--", "sh", "-c", CALL]).status.success());
    rig.rows(1);
    for args in [
        &["status", "--json"][..],
        &["report", "--json"],
        &["calls", "--json"],
        &["explain", "last", "--json"],
        &["why", "last", "--json"],
        &["paths", "--json"],
        &["validate", "--json"],
        &["apply", "--dry-run", "--json"],
    ] {
        let document = json(&rig.meter(args));
        assert!(document["schema_version"].is_u64(), "{args:?}: {document}");
    }
    let explained = json(&rig.meter(&["explain", "last", "--json"]));
    assert!(explained.to_string().contains("cache_read"), "{explained}");
}

#[test]
fn verbs_answer_without_a_running_instance() {
    let rig = Rig::start();
    assert!(rig.meter(&["run", "--quiet", "--", "sh", "-c", CALL]).status.success());
    rig.rows(1);
    let home = rig.home().to_owned();
    let copy = rig.folder().join("copy");
    assert!(Command::new("cp").arg("-r").arg(&home).arg(&copy).status().expect("cp runs").success());
    let meter = |args: &[&str]| {
        Command::new(rig::programs().join("halton-meter"))
            .args(args)
            .arg("--home")
            .arg(&copy)
            .env("HOME", rig.folder())
            .output()
            .expect("halton-meter runs")
    };
    // The copy's ports file names processes of another instance's... the same identity, but nobody answers for it: the
    // database is read directly.
    for args in [&["report"][..], &["calls"], &["explain", "last"], &["why", "last"], &["validate"], &["paths"]] {
        let output = meter(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", rig::text_of(&output));
    }
}

#[test]
fn status_says_what_is_wrong_by_its_exit_code() {
    let mut rig = Rig::start();
    let status = rig.meter(&["status"]);
    assert_eq!(status.status.code(), Some(0), "{}", rig::text_of(&status));
    let text = rig::text_of(&status);
    for word in ["edge", "daemon", "mode", "in force since", "equal to the files", "no calls"] {
        assert!(text.contains(word), "{word} is missing:\n{text}");
    }
    rig.kill_daemon();
    assert_eq!(rig.meter(&["status"]).status.code(), Some(4), "no daemon answers");
}

#[test]
fn wrong_words_are_a_usage_error() {
    let rig = Rig::start();
    assert_eq!(rig.meter(&["reprot"]).status.code(), Some(2));
    assert_eq!(rig.meter(&["report", "--since", "soon"]).status.code(), Some(2));
    assert_eq!(rig.meter(&["explain", "00000000"]).status.code(), Some(1));
}

#[test]
fn completions_are_made_for_each_shell() {
    let rig = Rig::start();
    for shell in ["bash", "zsh", "fish"] {
        let made = rig.meter(&["completions", shell]);
        assert!(made.status.success() && String::from_utf8_lossy(&made.stdout).contains("halton-meter"), "{shell}");
    }
}

#[test]
fn the_demo_meters_eight_calls_without_a_key() {
    let rig = Rig::start();
    let ran = rig.meter(&["demo"]);
    assert!(ran.status.success(), "{}", rig::text_of(&ran));
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    for word in ["8 calls", "429 rate_limit", "interrupted", "equal to the last unit", "acme", "sandbox"] {
        assert!(text.contains(word), "{word} is missing:\n{text}");
    }
    assert!(rig.rows_now().is_empty(), "the demo has a home of its own");
}
