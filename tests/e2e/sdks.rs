//! The official SDKs, unmodified, through the whole path. Skipped with a printed reason where they are not installed.

use halton_meter_tests::{Rig, python_clients};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// The end of a chunked body (RFC 9112, 7.1).
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

fn rig() -> Rig {
    let rates = "input = 1\ncache_read = 0.1\noutput = 2\nweb_search = '10 / 1000 calls'";
    let models = [("anthropic", "test-claude"), ("openai", "test-gpt"), ("openai", "test-embed")];
    models.iter().fold(Rig::builder(), |builder, (provider, model)| builder.price(provider, model, rates)).start()
}

/// Runs a script of `tests/clients` and answers its lines, each a JSON object with a `name`. What the SDK sent and got,
/// decrypted, must be what the origin got and sent, connection by connection.
fn told(rig: &Rig, python: &Path, script: &str) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(script);
    let records = rig.folder().join("records");
    fs::create_dir(&records).expect("a folder");
    let ran = rig
        .client()
        .with("RECORD_TO", records.to_str().expect("a plain path"))
        .run(python, &[script.to_str().expect("a plain path")], rig.folder())
        .expect_ok();
    let origin = rig.origin.recorder.connections();
    let recorded = |number: usize, direction: &str| fs::read(records.join(format!("{number}.{direction}")));
    assert!(!origin.is_empty());
    for (number, connection) in origin.iter().enumerate() {
        assert!(
            recorded(number, "sent").expect("a record") == connection.received,
            "upstream bytes of {number} differ"
        );
        let received = recorded(number, "received").expect("a record");
        let untaken = connection.sent.strip_prefix(received.as_slice());
        let untaken = untaken.unwrap_or_else(|| panic!("downstream bytes of {number} differ"));
        // OpenAI's SDK leaves at `[DONE]`: the end of the body may find nobody there, and the next call a new connection.
        let left = number + 1 < origin.len();
        assert!(
            untaken.is_empty() || (left && untaken == LAST_CHUNK),
            "{} bytes of {number} are missing",
            untaken.len()
        );
    }
    assert!(recorded(origin.len(), "sent").is_err(), "a connection went elsewhere");
    ran.text().lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
}

/// input, cached, output, pico-dollars of the row.
fn figures(rig: &Rig, count: usize) -> Vec<(i64, i64, i64, i64)> {
    let number = |row: &halton_meter_tests::Row, column| row.number(column).unwrap_or(0);
    rig.rows(count)
        .iter()
        .map(|row| {
            (
                number(row, "input_tokens"),
                number(row, "cache_read_tokens"),
                number(row, "output_tokens"),
                number(row, "charged_pico"),
            )
        })
        .collect()
}

#[test]
fn anthropics_sdk_sees_its_provider_and_every_call_is_a_row() {
    let Some(python) = python_clients() else { return };
    let rig = rig();
    let told = told(&rig, &python, "anthropic_sdk.py");
    let names: Vec<&str> = told.iter().filter_map(|line| line["name"].as_str()).collect();
    assert_eq!(names, ["plain", "streamed", "tools", "count", "error"]);
    assert_eq!(told[0]["input"], 11);
    assert_eq!(told[1]["texts"], 9);
    assert_eq!(told[4]["type"], "rate_limit_error");
    // 1 and 2 dollars per million tokens; a search costs a cent.
    let expected = [
        (11, 0, 5, 11_000_000 + 10_000_000),
        (12, 0, 6, 12_000_000 + 12_000_000),
        (13, 0, 7, 13_000_000 + 14_000_000 + 10_000_000_000),
        (0, 0, 0, 0),
        (0, 0, 0, 0),
    ];
    assert_eq!(figures(&rig, 5), expected);
    let rows = rig.rows(5);
    assert_eq!(rows[3].text("class"), Some("zero_cost"));
    assert_eq!(rows[4].text("error_class"), Some("rate_limit"));
}

#[test]
fn openais_sdk_sees_its_provider_and_every_call_is_a_row() {
    let Some(python) = python_clients() else { return };
    let rig = rig();
    let told = told(&rig, &python, "openai_sdk.py");
    let names: Vec<&str> = told.iter().filter_map(|line| line["name"].as_str()).collect();
    assert_eq!(names, ["plain", "streamed", "responses", "responses-streamed", "embeddings", "error"]);
    assert_eq!(told[0]["input"], 25);
    assert_eq!(told[5]["code"], "invalid_api_key");
    let expected = [
        (21, 4, 5, 21_000_000 + 400_000 + 10_000_000),
        (22, 0, 6, 22_000_000 + 12_000_000),
        (23, 0, 9, 23_000_000 + 18_000_000),
        (24, 0, 8, 24_000_000 + 16_000_000),
        (25, 0, 0, 25_000_000),
        (0, 0, 0, 0),
    ];
    assert_eq!(figures(&rig, 6), expected);
}
