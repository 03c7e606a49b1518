//! `decode` over the repository's wire samples: every one as it says, a changed one not.

use std::path::PathBuf;
use std::process::{Command, Output};

fn samples() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/wire-samples"))
}

fn decode(home: &std::path::Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_halton-meter"));
    command.env("HALTON_METER_HOME", home).arg("decode").args(arguments);
    command.output().expect("the program runs")
}

fn document(output: &Output) -> serde_json::Value {
    let text = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn every_sample_reads_as_it_says() {
    let home = tempfile::tempdir().expect("a folder");
    let folders: Vec<String> = std::fs::read_dir(samples())
        .expect("samples")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_dir())
        .map(|path| path.display().to_string())
        .collect();
    let arguments: Vec<&str> = ["--sample", "--json"].into_iter().chain(folders.iter().map(String::as_str)).collect();
    let output = decode(home.path(), &arguments);
    let read = document(&output);
    let read = read["samples"].as_array().expect("samples");
    assert!(read.len() >= 50);
    for sample in read {
        assert_eq!(sample["differences"], serde_json::json!([]), "{}", sample["sample"]);
        assert!(sample["calls"].as_array().is_some_and(|calls| !calls.is_empty()), "{}", sample["sample"]);
    }
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_sample_that_says_something_else_is_found() {
    let home = tempfile::tempdir().expect("a folder");
    let sample = samples().join("cohere-v2-sse");
    let changed = home.path().join("changed");
    std::fs::create_dir(&changed).expect("a folder");
    for entry in std::fs::read_dir(&sample).expect("a sample") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("text");
        let name = path.file_name().expect("a name");
        let text = if name == "expected.toml" { text.replace("input_uncached = ", "input_uncached = 1") } else { text };
        std::fs::write(changed.join(name), text).expect("a file");
    }
    let output = decode(home.path(), &["--sample", &changed.display().to_string()]);
    assert_eq!(output.status.code(), Some(3));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("buckets is {") && text.contains("input_uncached"), "{text}");
}

/// A copy of a sample whose `expected.toml` is changed; what `decode` says of it.
fn changed(sample: &str, from: &str, to: &str) -> (serde_json::Value, Option<i32>) {
    let home = tempfile::tempdir().expect("a folder");
    let copy = home.path().join(sample);
    std::fs::create_dir(&copy).expect("a folder");
    for entry in std::fs::read_dir(samples().join(sample)).expect("a sample") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name");
        std::fs::copy(&path, copy.join(name)).expect("a file");
    }
    let file = copy.join("expected.toml");
    let text = std::fs::read_to_string(&file).expect("text");
    assert!(text.contains(from), "{sample} has {from}");
    std::fs::write(&file, text.replace(from, to)).expect("a file");
    let output = decode(home.path(), &["--sample", "--json", &copy.display().to_string()]);
    (document(&output)["samples"][0].clone(), output.status.code())
}

#[test]
fn a_grade_and_a_missing_key_are_compared_too() {
    for (sample, from, to, key) in [
        ("anthropic-sse-truncated", "evidence = \"partial_stream\"", "evidence = \"provider_usage\"", "evidence"),
        ("openai-chat-json-unknown-model", "evidence = \"unpriced\"", "evidence = \"estimated\"", "evidence"),
        ("anthropic-sse-cumulative", "tier = ", "# tier = ", "tier"),
        ("responses-sse-completed-cache-write", "cache_write_other_split = ", "# ", "cache_write_other_split"),
        ("responses-background-poll", "usage_from_exchange = 3", "usage_from_exchange = 4", "usage_from_exchange"),
    ] {
        let (read, code) = changed(sample, from, to);
        assert_eq!(code, Some(3), "{sample}");
        let told: Vec<&str> =
            read["differences"].as_array().into_iter().flatten().filter_map(|one| one.as_str()).collect();
        assert!(told.iter().any(|line| line.contains(key)), "{sample}: {told:?}");
    }
}

#[test]
fn the_printed_rows_are_those_that_a_later_read_leaves() {
    let (read, _) = changed("responses-background-poll", "schema = 1", "schema = 1");
    let calls = read["calls"].as_array().expect("calls");
    assert_eq!((&calls[0]["usage"], &calls[0]["usage_from_exchange"]), (&"final".into(), &3.into()));
    assert_eq!(calls[0]["buckets"]["reasoning"], 1000);
    assert!(calls[1..].iter().all(|call| call["class"] == "observed" && call["usage"] == "none"));
    // The request alone names a window of hours, which has no price of its own.
    let (read, _) = changed("responses-background-window", "schema = 1", "schema = 1");
    assert_eq!(read["calls"][0]["cost"]["evidence"], "estimated", "the call's price, not the read's");
    let (read, _) = changed("anthropic-batch-results", "schema = 1", "schema = 1");
    let calls = read["calls"].as_array().expect("calls");
    assert!(calls.iter().all(|call| call["class"] == "costed" && call["usage"] == "final"), "{calls:?}");
}

#[test]
fn what_is_no_sample_stops_none_of_the_others() {
    let home = tempfile::tempdir().expect("a folder");
    let (file, empty) = (home.path().join("README.md"), home.path().join("empty"));
    std::fs::write(&file, "Samples").expect("a file");
    std::fs::create_dir(&empty).expect("a folder");
    let good = samples().join("anthropic-sse-truncated").display().to_string();
    let [file, empty] = [file, empty].map(|path| path.display().to_string());
    let output = decode(home.path(), &["--sample", &file, &good]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stderr).contains("README.md is no folder: left out"));
    let output = decode(home.path(), &["--sample", "--json", &empty, &good]);
    assert_eq!(output.status.code(), Some(3), "one could not be read");
    let document = document(&output);
    assert!(document["samples"][0]["error"].as_str().is_some_and(|error| error.contains("expected.toml")));
    assert_eq!(document["samples"][1]["differences"].as_array().map(Vec::len), Some(0), "and the other was");
    assert_ne!(decode(home.path(), &["--sample", &file]).status.code(), Some(0), "alone it is a mistake");
}

#[test]
fn one_answer_is_read_for_the_endpoint_a_person_names() {
    let home = tempfile::tempdir().expect("a folder");
    let answer = samples().join("gemini-sse-crlf-running-totals/response.sse").display().to_string();
    let endpoint =
        ["--endpoint", "gemini/stream", "--target", "/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse"];
    let output = decode(home.path(), &[&[answer.as_str(), "--json"], &endpoint[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let call = &document(&output)["files"][0]["calls"][0];
    assert_eq!((&call["model_requested"], &call["stream_end"]), (&"gemini-3-pro".into(), &"normal".into()));
    assert!(call["cost"]["lines"].as_array().is_some_and(|lines| !lines.is_empty()));
    let table = decode(home.path(), &[&[answer.as_str()], &endpoint[..]].concat());
    assert!(String::from_utf8_lossy(&table.stdout).contains("/ 1M tokens"));
    // A wrong name is told with the right ones.
    let wrong = decode(home.path(), &[&answer, "--endpoint", "gemini/straem"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("generate"));
    assert_eq!(decode(home.path(), &[&answer]).status.code(), Some(2));
}

/// The blocks of a page in a language, in order.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    page.split(&fence).skip(1).filter_map(|rest| rest.split("```").next().map(str::to_owned)).collect()
}

#[test]
fn the_worked_example_of_the_manual_works() {
    let page = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/dialects.md"));
    let page = std::fs::read_to_string(page).expect("the page");
    let home = tempfile::tempdir().expect("a folder");
    let write = |path: &str, text: &str| {
        let path = home.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    let toml = blocks(&page, "toml");
    write("manifests/dialects/acme_talk.toml", &toml[0]);
    write("providers.d/acme.toml", &toml[1]);
    let answer = write("answer.json", &blocks(&page, "json")[0]);
    let output = decode(home.path(), &[&answer, "--endpoint", "acme/talk", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let call = &document(&output)["files"][0]["calls"][0];
    let buckets = serde_json::json!({"input_uncached": 200, "cache_read": 1000, "output_text": 50, "reasoning": 30});
    assert_eq!((&call["buckets"], &call["flags"], &call["usage"]), (&buckets, &serde_json::json!([]), &"final".into()));
    let validated = Command::new(env!("CARGO_BIN_EXE_halton-meter"))
        .env("HALTON_METER_HOME", home.path())
        .arg("validate")
        .output()
        .expect("the program runs");
    assert_eq!(validated.status.code(), Some(0), "{}", String::from_utf8_lossy(&validated.stdout));
    assert_eq!(String::from_utf8_lossy(&validated.stdout).trim(), "", "the example has no findings");
}
