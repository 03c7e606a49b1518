//! A batch's results, read as often as anybody likes, are paid for once.

use halton_meter_tests::Rig;
use std::path::Path;
use test_origin::ScriptedOrigin;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

const PRICES: &str = r#"
schema = 1
provider = "anthropic"
source = "https://prices.example/"
checked = 2026-01-01
[[model]]
id = "claude-haiku-5-5"
replace = true
[[model.rates]]
from = 2026-01-01
input = 2
cache_read = 1
output = 10
when = [{ class = "batch", scale = 0.5 }]
"#;

#[test]
fn a_results_file_that_is_read_twice_makes_each_row_once_at_batch_rates() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("wire-samples/anthropic-batch-results/response.jsonl");
    let body = std::fs::read(sample).expect("the sample");
    let folder = tempfile::tempdir().expect("a folder");
    let authority = meter_demo::DemoAuthority::new().expect("a root");
    let acceptor =
        TlsAcceptor::from(authority.server_config(&["api.anthropic.com"], &[b"http/1.1"]).expect("a certificate"));
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
                "HTTP/1.1 200 OK\r\ncontent-type: application/x-jsonl\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
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
        .resolve("api.anthropic.com", origin.address)
        .trust(&root)
        .file("manifests/prices/anthropic.toml", PRICES)
        .start();
    let costed = |rig: &Rig| {
        let rows = rig.rows_now().into_iter().filter(|row| row.text("class") == Some("costed"));
        rows.map(|row| (row.text("response_id").map(str::to_owned), row.number("charged_pico"))).collect::<Vec<_>>()
    };
    let observed = |rig: &Rig| rig.rows_now().iter().filter(|row| row.text("class") == Some("observed")).count();
    // Half of 90 × 2 + 10 × 1 + 7 × 10, and of 95 × 2 + 8 × 10, per million tokens.
    let expected = [
        (Some("msg_01BatchA".to_owned()), Some((90 * 2 + 10 + 7 * 10) * 1_000_000 / 2)),
        (Some("msg_01BatchC".to_owned()), Some((95 * 2 + 8 * 10) * 1_000_000 / 2)),
    ];
    for read in 1..=2 {
        rig.client().curl(&["https://api.anthropic.com/v1/messages/batches/msgbatch_01S/results"]).expect_ok();
        rig.wait_for("the read's own row", |rig| observed(rig) == read);
        rig.wait_for("the results' rows", |rig| costed(rig).len() >= 2);
        let mut rows = costed(&rig);
        rows.sort();
        assert_eq!(rows, expected, "after read {read}");
    }
    let report = String::from_utf8_lossy(&rig.meter(&["report"]).stdout).into_owned();
    assert!(report.contains("2 calls"), "{report}");
}
