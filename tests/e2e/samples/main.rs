//! Every captured exchange through the whole product: edge, daemon, TLS on both sides, a row in SQLite that says what
//! `expected.toml` says.

mod replay;
mod sample;
mod turns;

use halton_meter_tests::{Rig, Row};
use meter_demo::DemoAuthority;
use sample::{Sample, text};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio_rustls::TlsAcceptor;
use toml::{Table, Value};

/// How long an exchange may take before it is said to hang.
const PATIENCE: Duration = Duration::from_secs(20);

/// Samples' words for meters; those that are not here are the same.
const LABELS: &[(&str, &str)] = &[
    ("input", "input_uncached"),
    ("output", "output_text"),
    ("cache_write", "cache_write_other"),
    ("cache_write_30m", "cache_write_other"),
    ("cache_write_12h", "cache_write_other"),
    ("input_audio", "audio_in"),
    ("input_image", "image_in"),
    ("input_video", "video_in"),
    ("output_audio", "audio_out"),
    ("output_image", "image_out"),
    ("audio", "seconds"),
    ("video", "seconds"),
    ("image", "images"),
    ("page", "pages"),
    ("grounding", "web_search"),
    ("maps_grounding", "maps"),
    ("code_interpreter", "code_exec"),
    ("query", "search_units"),
    ("request", "requests"),
];

/// Columns of a row and the keys of a call that say the same; absent in the sample is NULL in the row.
const TEXTS: &[(&str, &str)] = &[
    ("class", "class"),
    ("model_requested", "model_requested"),
    ("provider_request_id", "request_id"),
    ("response_id", "response_id"),
    ("service_tier", "tier"),
    ("speed", "speed"),
    ("error_class", "error_class"),
    ("provider_error_code", "error_code"),
];

/// Samples whose label has no price, or none at the tier it was served at.
const UNLISTED: &[(&str, &str)] = &[
    ("anthropic-json-cache-5m-1h", "estimated"),
    ("azure-image-by-model", "unpriced"), // a deployment that no answer names
    ("bedrock-converse-json-arn", "unpriced"),
    ("bedrock-converse-json-latency", "estimated"), // no list has the price of this latency
    ("bedrock-converse-json-openai-exclusive", "unpriced"),
    ("bedrock-converse-json-openai-inclusive", "unpriced"),
    ("bedrock-converse-stream", "estimated"),
    ("bedrock-converse-stream-openai-inclusive", "unpriced"),
    ("bedrock-invoke-json-openai-shape", "estimated"),
    ("bedrock-invoke-stream-openai-usage", "estimated"),
    ("cerebras-sse-error", "unpriced"),
    ("cohere-embed-images", "unpriced"),
    ("cohere-json-search-units", "unpriced"), // the model has no price for searches
    ("copilot-inline-engine", "unpriced"),
    ("copilot-sse", "unpriced"),
    ("gemini-embed-modalities", "unpriced"),
    ("gemini-interactions-grounded", "unpriced"),
    ("gemini-json-modalities-inclusive", "unpriced"),
    ("gemini-live-binary-frames", "unpriced"),
    ("gemini-live-grounded", "unpriced"),
    ("gemini-live-two-turns", "unpriced"),
    ("gemini-predict-images", "unpriced"),
    ("huggingface-json-served-by", "unpriced"),
    ("mistral-conversations-sse", "unpriced"), // an agent's model is not on the wire
    ("openai-chat-json-audio", "unpriced"),
    ("openai-image-edit-multipart", "unpriced"), // no list prices the text that this model answers
    ("openai-image-sse", "unpriced"),            // no list prices the text that this model answers
    ("openai-transcription-text", "unpriced"),   // sound of unknown length
    ("openrouter-anthropic-sse", "estimated"),
    ("perplexity-search", "estimated"), // no cost in the answer, as its provider names elsewhere
    ("perplexity-sse-cut", "estimated"), // the fee of a request goes by a size that nobody told
    ("responses-background-window", "estimated"), // no list has the price of this window
    ("vertex-grok-reasoning-outside", "unpriced"),
    ("vertex-predict-images-stored", "unpriced"),
    ("vertex-raw-predict-openai-shape", "unpriced"),
    ("xai-responses-tools", "unpriced"),
];

#[test]
fn every_sample_becomes_the_rows_it_describes() {
    let mut samples = sample::all();
    samples.retain(|sample| {
        let local = sample.exchanges.iter().any(|exchange| exchange.host.starts_with("localhost"));
        if local {
            println!("skipped {}: a server on this machine is never behind the proxy", sample.name);
        }
        !local
    });
    let hosts: BTreeSet<String> =
        samples.iter().flat_map(|sample| &sample.exchanges).map(|exchange| exchange.host.clone()).collect();
    let names: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let authority = DemoAuthority::new().expect("a root");
    let config = authority.server_config(&names, &[b"h2", b"http/1.1"]).expect("a certificate");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let origin = runtime.block_on(replay::origin(TlsAcceptor::from(config), &samples));
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("root.pem");
    std::fs::write(&root, authority.root_pem()).expect("a PEM file");
    let own = "schema = 1\nid = \"contoso\"\nhosts = [\"contoso.openai.azure.com\"]\nextends = \"azure\"\n";
    let builder = Rig::builder().trust(&root).file("providers.d/contoso.toml", own);
    let rig = hosts.iter().fold(builder, |builder, host| builder.resolve(host, origin.address)).start();
    let (mut number, mut seen, mut wrong) = (0, BTreeSet::new(), Vec::new());
    for sample in &samples {
        for exchange in &sample.exchanges {
            runtime.block_on(async {
                let asked = tokio::time::timeout(PATIENCE, replay::ask(&rig, exchange, number));
                assert!(asked.await.is_ok(), "{} {number} never ends\n{}", sample.name, rig.logs());
            });
            number += 1;
        }
        // A file of results is a read with a row of its own beside those of its lines.
        let files = sample.calls.iter().any(|call| text(call, "kind") == "batch_result");
        let mut rows = rig.rows(seen.len() + sample.calls.len() + usize::from(files));
        if sample.calls.iter().any(|call| call.contains_key("usage_from_exchange")) {
            // The read that completes an earlier call adds no row that could be waited for.
            let completed = |row: &Row| !seen.contains(&row.id) && row.text("settled_at").is_some();
            rig.wait_for(&format!("the later usage of {}", sample.name), |rig| rig.rows_now().iter().any(completed));
            rows = rig.rows_now();
        }
        rows.retain(|row| seen.insert(row.id.clone()));
        compare(&rig, sample, rows, &mut wrong);
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(seen.len() > 60, "only {} rows", seen.len());
}

fn compare(rig: &Rig, sample: &Sample, mut rows: Vec<Row>, wrong: &mut Vec<String>) {
    for call in &sample.calls {
        let place = format!("{} {}", sample.name, text(call, "response_id"));
        // Several rows of one exchange stand in the order they ended: what has an id of its own is found by that.
        let id = Some(text(call, "response_id")).filter(|id| !id.is_empty() && text(call, "class") == "costed");
        let Some(at) = rows.iter().position(|row| id.is_none() || row.text("response_id") == id) else {
            wrong.push(format!("{place}: no row"));
            continue;
        };
        let row = &rows.remove(at);
        for (column, key) in TEXTS {
            let expected = Some(text(call, key)).filter(|text| !text.is_empty());
            // Samples say of a read that costs nothing what they need.
            if expected.is_none() && text(call, "class") != "costed" {
                continue;
            }
            if row.text(column) != expected {
                wrong.push(format!("{place}: {column} is {:?}, expected {expected:?}", row.text(column)));
            }
        }
        // Samples name models as labels: a few are in no price list, or were served at a tier that theirs does not know.
        let evidence = row.text("evidence").unwrap_or_default();
        match text(call, "evidence") {
            _ if UNLISTED.contains(&(sample.name.as_str(), evidence)) => {}
            expected if expected == evidence => {}
            expected => wrong.push(format!("{place}: evidence is {evidence}, expected {expected}")),
        }
        let counts = counts(rig, row);
        let expected = expected(call);
        if counts != expected {
            wrong.push(format!("{place}: counts are {counts:?}, expected {expected:?}"));
        }
    }
}

/// The quantities of the bill's lines in the words of the samples.
fn counts(rig: &Rig, row: &Row) -> BTreeMap<String, i64> {
    let mut counts = BTreeMap::new();
    for line in rig.lines(row) {
        let label =
            LABELS.iter().find(|(meter, _)| *meter == line.meter).map_or(line.meter.as_str(), |(_, label)| label);
        *counts.entry(label.to_owned()).or_default() += line.quantity;
    }
    counts
}

fn expected(call: &Table) -> BTreeMap<String, i64> {
    let tables = ["buckets", "units"].into_iter().filter_map(|key| call.get(key).and_then(Value::as_table));
    let counts = tables.flatten().map(|(label, count)| (label.clone(), count.as_integer().expect("a count")));
    counts.filter(|(_, count)| *count > 0).collect()
}
