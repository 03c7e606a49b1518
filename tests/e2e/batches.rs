//! A batch's results, read as often as anybody likes, are paid for once.

use halton_meter_tests::Rig;
use std::path::Path;
use test_origin::ScriptedOrigin;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

/// The price file of one model.
fn prices(provider: &str, model: &str) -> String {
    format!(
        r#"
schema = 1
provider = "{provider}"
source = "https://prices.example/"
checked = 2026-01-01
[[model]]
id = "{model}"
replace = true
[[model.rates]]
from = 2026-01-01
input = 2
cache_read = 1
output = 10
when = [{{ class = "batch", scale = 0.5 }}]
"#
    )
}

/// Half of what these tokens cost at 2 and 10 dollars per million, in pico.
fn half(input: i64, cached: i64, output: i64) -> Option<i64> {
    Some((input * 2 + cached + output * 10) * 1_000_000 / 2)
}

/// Where results are read, and the rows they become: ids and charges.
struct Results {
    sample: &'static str,
    kind: &'static str,
    host: &'static str,
    path: &'static str,
    prices: (&'static str, &'static str),
    rows: [(&'static str, Option<i64>); 2],
}

#[test]
fn a_results_file_that_is_read_twice_makes_each_row_once_at_batch_rates() {
    read_twice(&Results {
        sample: "anthropic-batch-results/response.jsonl",
        kind: "application/x-jsonl",
        host: "api.anthropic.com",
        path: "/v1/messages/batches/msgbatch_01S/results",
        prices: ("anthropic", "claude-haiku-5-5"),
        rows: [("msg_01BatchA", half(90, 10, 7)), ("msg_01BatchC", half(95, 0, 8))],
    });
}

#[test]
fn results_inside_a_batchs_document_that_is_read_twice_make_each_row_once_at_batch_rates() {
    read_twice(&Results {
        sample: "gemini-batch-inline/response.json",
        kind: "application/json",
        host: "generativelanguage.googleapis.com",
        path: "/v1beta/batches/b1",
        prices: ("gemini", "gemini-3-flash-preview"),
        rows: [("bi_1", half(10, 0, 5)), ("bi_3", half(20, 0, 7 + 3))],
    });
}

fn read_twice(results: &Results) {
    let Results { host, path, kind, .. } = *results;
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("wire-samples").join(results.sample);
    let body = std::fs::read(sample).expect("the sample");
    let folder = tempfile::tempdir().expect("a folder");
    let authority = meter_demo::DemoAuthority::new().expect("a root");
    let acceptor = TlsAcceptor::from(authority.server_config(&[host], &[b"http/1.1"]).expect("a certificate"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let origin = runtime.block_on(ScriptedOrigin::start(move |socket, _| {
        let (acceptor, body) = (acceptor.clone(), body.clone());
        async move {
            // A connection that is kept ready and never used ends here.
            let Ok(mut tls) = acceptor.accept(socket).await else { return };
            let mut request = [0; 4096];
            if !tls.read(&mut request).await.is_ok_and(|bytes| bytes > 0) {
                return;
            }
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            tls.write_all(head.as_bytes()).await.expect("a head");
            tls.write_all(&body).await.expect("a body");
            tls.shutdown().await.expect("an orderly end");
        }
    }));
    let root = folder.path().join("root.pem");
    std::fs::write(&root, authority.root_pem()).expect("a PEM file");
    let rig = Rig::builder()
        .resolve(host, origin.address)
        .trust(&root)
        .file(&format!("manifests/prices/{}.toml", results.prices.0), &prices(results.prices.0, results.prices.1))
        .start();
    let costed = |rig: &Rig| {
        let rows = rig.rows_now().into_iter().filter(|row| row.text("class") == Some("costed"));
        rows.map(|row| (row.text("response_id").map(str::to_owned), row.number("charged_pico"))).collect::<Vec<_>>()
    };
    let observed = |rig: &Rig| rig.rows_now().iter().filter(|row| row.text("class") == Some("observed")).count();
    let expected = results.rows.map(|(id, charged)| (Some(id.to_owned()), charged));
    for read in 1..=2 {
        rig.client().curl(&[&format!("https://{host}{path}")]).expect_ok();
        rig.wait_for("the read's own row", |rig| observed(rig) == read);
        rig.wait_for("the results' rows", |rig| costed(rig).len() >= 2);
        let mut rows = costed(&rig);
        rows.sort();
        assert_eq!(rows, expected, "after read {read}");
    }
    let report = String::from_utf8_lossy(&rig.meter(&["report"]).stdout).into_owned();
    assert!(report.contains("2 calls"), "{report}");
}
