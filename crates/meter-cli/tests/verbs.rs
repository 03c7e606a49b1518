//! Every verb that needs no daemon, as the program prints it.

mod ledger;

use ledger::{Scene, out, tamper, text};
use serde_json::Value;
use std::process::Stdio;

fn json(text: &str) -> Value {
    let document: Value = serde_json::from_str(text).unwrap();
    assert_eq!(document["schema_version"], 1);
    document
}

const DAYS: [&str; 4] = ["--from", "2026-11-24", "--to", "2026-11-24"];

#[test]
fn a_report_says_what_its_total_is_made_of() {
    let scene = Scene::with_calls();
    let report = scene.meter(&[&["report"][..], &DAYS].concat());
    assert_eq!(
        out(&report, 0),
        "\
From 2026-11-24 00:00 until 2026-11-25 00:00 (UTC)
3 calls (1 failed) · 2 projects · 2 models · 22,210 in (18,400 cached) · 512 out
$0.0266 exact, 1 call unpriced

project  calls      in  cached  out                  cost    mean     p95
acme         2  22,210  18,400  512  $0.0266 + 1 unpriced  900 ms  900 ms
sandbox      1       0       0    0                 $0.00  900 ms  900 ms

model                calls      in  cached  out      cost    mean     p95
claude-sonnet-4-6        2  22,200  18,400  512   $0.0266  900 ms  900 ms
claude-nobody-knows      1      10       0    0  unpriced  900 ms  900 ms
"
    );
    let document = json(&out(&scene.meter(&[&["report", "--json"][..], &DAYS].concat()), 0));
    assert_eq!(document["total"]["cost_usd"], "0.026550000000");
    assert_eq!(document["total"]["made_of"]["unpriced_requests"], 1);
    assert_eq!(document["by_model"].as_array().unwrap().len(), 2);
    let only = json(&out(&scene.meter(&[&["report", "--json", "--by", "provider"][..], &DAYS].concat()), 0));
    assert_eq!((&only["by"], &only["by_model"]), (&"provider".into(), &Value::Null));
}

#[test]
fn calls_are_lines_with_the_newest_last() {
    let scene = Scene::with_calls();
    assert_eq!(
        out(&scene.meter(&["calls"]), 0),
        "\
time                 id        project  provider   model                status              in  cached  out      cost    took
2026-11-24 10:07:00  01010101  acme     anthropic  claude-sonnet-4-6    success         22,200  18,400  512   $0.0266  900 ms
2026-11-24 10:14:00  02020202  acme     anthropic  claude-nobody-knows  success             10       0    0  unpriced  900 ms
2026-11-24 10:21:00  03030303  sandbox  anthropic  claude-sonnet-4-6    429 rate_limit       -       -    -         -  900 ms
"
    );
    let document = json(&out(&scene.meter(&["calls", "--json", "-n", "1"]), 0));
    assert_eq!(document["total"], 3);
    assert_eq!(document["calls"][0]["id"], ledger::id(3).to_string());
}

#[test]
fn following_shows_what_was_there_and_ends_with_its_reader() {
    let scene = Scene::with_calls();
    let mut child = scene.command(&["calls", "--follow", "--json", "-n", "2"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    for number in [2, 3] {
        let line = json(&lines.next().unwrap().unwrap());
        assert_eq!(line["id"], ledger::id(number).to_string());
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn an_amount_is_explained_and_derived_again() {
    let scene = Scene::with_calls();
    let explained = out(&scene.meter(&["explain", "01010101"]), 0);
    for part in [
        "call 01010101  2026-11-24 10:07:00",
        "anthropic · claude-sonnet-4-6 · project acme · success · POST api.anthropic.com/v1/messages",
        "   1,200  input           $3 / 1M tokens",
        "  18,400  cache_read      $0.30 / 1M tokens",
        "          sum                                $0.0266  0.026550000000",
        "charged    $0.0266 (0.026550000000 USD)",
        "evidence   provider_usage: the provider's complete usage at dated rates",
        "checked    derived again from the stored rates: equal to the last unit",
    ] {
        assert!(explained.contains(part), "no `{part}` in\n{explained}");
    }
    assert_eq!(json(&out(&scene.meter(&["explain", "01010101", "--json"]), 0))["bill"]["verified"], true);
    let unpriced = out(&scene.meter(&["explain", "02020202"]), 0);
    assert!(unpriced.contains("no rate known") && unpriced.contains("charged    unknown"), "{unpriced}");
}

#[test]
fn an_amount_that_cannot_be_derived_again_is_a_failure() {
    for (sql, why) in [
        ("UPDATE line_items SET amount_pico = amount_pico + 1 WHERE meter = 'input'", "gives"),
        ("UPDATE line_items SET rate = '4 / 1M tokens' WHERE meter = 'input'", "no rate"),
        ("UPDATE requests SET contract_pico = contract_pico + 1 WHERE contract_pico > 0", "add up to"),
    ] {
        let scene = Scene::with_calls();
        tamper(&scene.database(), sql);
        let explained = scene.meter(&["explain", "01010101"]);
        assert!(out(&explained, 1).contains("checked"));
        assert!(text(&explained.stderr).contains(why), "{sql}: {}", text(&explained.stderr));
        let document = scene.meter(&["explain", "01010101", "--json"]);
        assert_eq!(json(&out(&document, 1))["bill"]["verified"], false);
    }
}

#[test]
fn a_project_comes_with_its_reason() {
    let scene = Scene::with_calls();
    assert_eq!(
        out(&scene.meter(&["why", "last"]), 0),
        "\
call 03030303 belongs to project sandbox

  source   env
  reason   HALTON_PROJECT=\"sandbox\" in the environment of claude
  folder   /home/ann/acme
  process  claude (process 42)
  program  /usr/bin/claude
"
    );
    assert_eq!(json(&out(&scene.meter(&["why", "--json"]), 0))["project"], "sandbox");
}

#[test]
fn what_is_not_there_is_said() {
    let empty = Scene::empty();
    assert!(out(&empty.meter(&["report"]), 0).ends_with("No calls.\n"));
    assert_eq!(out(&empty.meter(&["calls"]), 0), "");
    out(&empty.meter(&["why"]), 1);
    let scene = Scene::with_calls();
    out(&scene.meter(&["why", "ffffffff"]), 1);
    out(&scene.meter(&["why", "x"]), 2);
    // Ids begin with their time, so beginnings are shared.
    let several = scene.meter(&["why", "019ab"]);
    assert!(matches!(several.status.code(), Some(1 | 2)));
    out(&scene.meter(&["report", "--since", "soon"]), 2);
    out(&scene.meter(&["nonsense"]), 2);
}

#[test]
fn status_of_nothing_says_how_to_start() {
    let scene = Scene::with_calls();
    let status = scene.meter(&["status"]);
    assert!(out(&status, 4).contains("edge       off\ndaemon     off\n"));
    assert!(text(&status.stderr).contains("halton-meter run -- CMD"));
    let document = json(&out(&scene.meter(&["status", "--json"]), 4));
    assert_eq!((&document["healthy"], &document["components"][0]["state"]), (&false.into(), &"off".into()));
}

#[test]
fn a_broken_manifest_is_shown_with_its_place_and_never_applied() {
    let scene = Scene::empty();
    scene.write("providers.d/acme.toml", "schema = 1\nid = \"acme\"\nhost = [\"api.acme.example\"]\n");
    let line = "providers.d/acme.toml:3:1: error[HM0107]: ";
    let checked = scene.meter(&["validate"]);
    assert!(out(&checked, 3).contains(line));
    assert!(text(&checked.stderr).contains("error"));
    assert!(out(&scene.meter(&["status"]), 4).contains(line));
    assert!(out(&scene.meter(&["validate", "--github"]), 3).contains("::error file=providers.d/acme.toml,line=3"));
    assert!(json(&out(&scene.meter(&["validate", "--json"]), 3))["errors"].as_u64().unwrap() > 0);
    out(&scene.meter(&["apply", "--yes"]), 3);
    assert_eq!(json(&out(&scene.meter(&["apply", "--yes", "--json"]), 3))["applied"], false);
    assert!(!scene.home().join("applied").exists() && !scene.home().join("edge.json").exists());
}

#[test]
fn applying_is_planned_asked_for_and_then_done() {
    let scene = Scene::empty();
    scene.write(
        "providers.d/acme.toml",
        "schema = 1\nid = \"acme\"\nname = \"Acme\"\nhosts = [\"api.acme.example\"]\nextends = \"openai\"\n",
    );
    assert!(out(&scene.meter(&["apply", "--dry-run"]), 3).contains("+ providers.d/acme.toml"));
    assert!(!scene.home().join("applied").exists(), "a dry run writes nothing");
    // Nobody can be asked here.
    out(&scene.meter(&["apply"]), 2);
    assert_eq!(json(&out(&scene.meter(&["apply", "--yes", "--json"]), 0))["applied"], true);
    assert!(out(&scene.meter(&["plan"]), 0).starts_with("no changes: b3:"));
    out(&scene.meter(&["apply"]), 0);
    scene.write("config.toml", "[daemon]\napi_port = 9765\n");
    let plan = json(&out(&scene.meter(&["plan", "--json"]), 3));
    assert_eq!(plan["settings"][0]["key"], "daemon.api_port");
    let edge = std::fs::read_to_string(scene.home().join("edge.json")).unwrap();
    assert!(edge.contains("api.acme.example"), "{edge}");
}

#[test]
fn roots_that_cannot_be_read_are_told_before_anything_is_written() {
    let scene = Scene::empty();
    scene.write("config.toml", "[upstream]\nca_file = \"/nowhere/roots.pem\"\n");
    let applied = scene.meter(&["apply", "--yes"]);
    out(&applied, 1);
    assert!(text(&applied.stderr).contains("cannot read the root certificates in /nowhere/roots.pem"));
    assert!(!scene.home().join("applied").exists());
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let scene = Scene::empty();
    let mut child =
        scene.command(&["completions", "bash"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(text(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn nothing_is_coloured_where_nobody_looks() {
    let scene = Scene::with_calls();
    for verb in ["report", "calls", "status", "explain", "why", "paths"] {
        assert!(!text(&scene.meter(&[verb]).stdout).contains('\u{1b}'), "{verb}");
    }
}
