//! A daemon killed with SIGKILL, again and again: whatever it had appended is in the database once.

use meter_call::{CallRecord, OpenRecord};
use meter_store::{CallQuery, Reader, Writer, WriterOptions};
use serde_json::json;
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

/// Set for the process that is to be killed: the home, then the first number to use.
const VICTIM: &str = "METER_STORE_TEST_VICTIM";
const LONG: Duration = Duration::from_secs(60);

fn options(home: &Path) -> WriterOptions {
    // Small files, so that kills fall between a file's end and its removal too.
    WriterOptions { file_bytes_max: 20_000, ..WriterOptions::new(&home.join("db.sqlite"), &home.join("journal")) }
}

fn id(number: u64) -> String {
    format!("019aa000-0000-7000-8000-{number:012}")
}

fn opened(number: u64) -> OpenRecord {
    serde_json::from_value(json!({
        "id": id(number), "requested_at": 1_795_514_400_000_u64 + number * 1000, "provider": "acme",
        "endpoint": "messages", "class": "costed", "host": "api.acme.example", "method": "POST",
        "path": "/v1/messages", "project": "acme", "manifest_digest": "b3:00", "daemon_pid": 1,
    }))
    .unwrap()
}

fn closed(number: u64) -> CallRecord {
    let mut call = serde_json::to_value(opened(number)).unwrap();
    let more = json!({
        "ended_at": 1_795_514_400_900_u64 + number * 1000, "request_kind": "chat", "status": "success",
        "mode": "streaming", "billing": "api", "usage_state": "final", "usage": {"input": 1000, "output": 200},
        "reasoning_known": false, "tokens_complete": true, "evidence": "provider_usage", "usage_flags": [],
        "lines": [], "prices": [], "list": 6_000_000_000_u64, "charged": 6_000_000_000_u64, "process": {},
        "source": "env", "reason": "test",
    });
    call.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(call).unwrap()
}

/// The process that is killed. Does nothing in an ordinary test run.
#[test]
fn victim() {
    let Ok(setting) = std::env::var(VICTIM) else { return };
    let (home, first) = setting.rsplit_once('#').unwrap();
    let writer = Writer::start(options(Path::new(home))).unwrap();
    let journal = writer.journal();
    let mut out = std::io::stdout();
    writeln!(out).unwrap(); // ends what the test harness has begun to print
    for number in first.parse::<u64>().unwrap().. {
        journal.open(&opened(number));
        writeln!(out, "open {number}").unwrap();
        // Every seventh call is still under way when the end comes.
        if !number.is_multiple_of(7) {
            journal.close(&closed(number));
            writeln!(out, "close {number}").unwrap();
        }
    }
}

/// Runs a victim until it has reported `lines` lines, kills it, and gives all it had reported.
fn kill_after(home: &Path, first: u64, lines: usize) -> BTreeMap<u64, &'static str> {
    let program: PathBuf = std::env::current_exe().unwrap();
    let mut victim = Command::new(program)
        .args(["--exact", "victim", "--nocapture", "--test-threads=1"])
        .env(VICTIM, format!("{}#{first}", home.display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut reported = BTreeMap::new();
    let mut seen = 0;
    for line in BufReader::new(victim.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let state = match line.split_once(' ') {
            Some(("open", number)) => number.parse().ok().map(|number| (number, "interrupted")),
            Some(("close", number)) => number.parse().ok().map(|number| (number, "success")),
            _ => None,
        };
        reported.extend(state);
        seen += 1;
        if seen == lines {
            victim.kill().unwrap();
        }
    }
    victim.wait().unwrap();
    reported
}

#[test]
fn nothing_that_was_appended_is_lost_or_doubled() {
    let dir = tempfile::tempdir().unwrap();
    let mut wanted = BTreeMap::new();
    for (round, lines) in [30, 1, 400, 77, 1500].into_iter().enumerate() {
        wanted.extend(kill_after(dir.path(), round as u64 * 1_000_000, lines));
    }
    assert!(wanted.len() > 500, "the victims did their work: {}", wanted.len());
    let writer = Writer::start(options(dir.path())).unwrap();
    writer.wait_recovered(LONG).unwrap();
    let status = writer.status();
    writer.stop(LONG).unwrap();
    let reader = Reader::open(&dir.path().join("db.sqlite")).unwrap();
    let page = reader.calls(&CallQuery { limit: usize::MAX, ..CallQuery::default() }).unwrap();
    let rows: BTreeMap<String, &str> = page.items.iter().map(|row| (row.id.to_string(), row.status.as_str())).collect();
    assert_eq!(rows.len(), page.items.len());
    for (number, state) in &wanted {
        let found = rows.get(&id(*number)).copied();
        // A call may have been closed between the report of its opening and the kill.
        assert!(found == Some(state) || (*state == "interrupted" && found == Some("success")), "{number}: {found:?}");
    }
    // At most one call per life was appended and not yet reported.
    assert!(rows.len() - wanted.len() <= 5, "{} rows for {} reports", rows.len(), wanted.len());
    assert_eq!(page.total, rows.len() as u64, "sums agree with rows");
    // A kill can cut the last line of each life, nothing else.
    assert!(status.rejected <= 5 && status.lost == 0, "{status:?}");
    assert!(reader.open_calls().unwrap().is_empty());
    assert_eq!(reader.journal_lag(&dir.path().join("journal")).unwrap(), 0);
}
