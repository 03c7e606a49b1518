//! Refusals, warnings and budgets, as a client meets them.

use halton_meter_tests::{Rig, Row, raw};
use rusqlite::Connection;

const URL: &str = "https://api.anthropic.com/v1/messages";

fn body(model: &str) -> String {
    // The model last, behind a long prompt: what decides comes at the end.
    format!(
        r#"{{"max_tokens":8,"messages":[{{"role":"user","content":"{}"}}],"model":"{model}"}}"#,
        "x".repeat(200_000)
    )
}

fn rig(policies: &str) -> Rig {
    Rig::builder().file("policies.d/10-test.toml", policies).start()
}

fn audits(rig: &Rig) -> Vec<(String, String, String)> {
    let database = Connection::open(rig.home().join("db.sqlite")).expect("the database");
    let mut statement = database
        .prepare("SELECT rule, stage, verdict FROM audit_events WHERE rule IS NOT NULL ORDER BY at, id")
        .expect("audit_events has these columns");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    rows.and_then(Iterator::collect).expect("audit rows")
}

fn post(rig: &Rig, model: &str) -> (String, String) {
    let file = rig.folder().join("body.json");
    std::fs::write(&file, body(model)).expect("a body");
    let data = format!("@{}", file.display());
    let ran = rig
        .client()
        .curl(&[
            "--http1.1",
            "-H",
            "x-demo: input=10, output=2",
            "-H",
            "expect:",
            "-d",
            &data,
            "-w",
            "\n%{http_code}",
            URL,
        ])
        .expect_ok()
        .text();
    let (answer, status) = ran.rsplit_once('\n').expect("curl prints the status last");
    (status.to_owned(), answer.to_owned())
}

const DENY: &str = r#"
schema = 1
[[rule]]
id = "no_opus"
stage = "STAGE"
match = { provider = "anthropic", model = "claude-opus-*" }
deny = "Use a smaller model here."
"#;

#[test]
fn an_enforced_rule_refuses_in_the_providers_own_shape_and_the_origin_never_sees_a_whole_request() {
    let rig = rig(&DENY.replace("STAGE", "enforce"));
    let (status, answer) = post(&rig, "claude-opus-4-5");
    assert_eq!(status, "403", "{answer}");
    let answer: serde_json::Value = serde_json::from_str(&answer).expect("a JSON answer");
    assert_eq!(answer["type"], "error");
    assert_eq!(answer["error"]["type"], "permission_error");
    assert!(
        answer["error"]["message"].as_str().is_some_and(|text| text.contains("Use a smaller model here.")),
        "{answer}"
    );
    let row = rig.rows(1).pop().expect("a row");
    assert_eq!(row.text("status"), Some("refused"));
    assert_eq!(row.text("policy_rule"), Some("no_opus"));
    assert_eq!(row.number("charged_pico"), Some(0));
    for connection in rig.origin.recorder.connections() {
        assert!(connection.sent.is_empty(), "the origin answered a refused request");
        assert!(!connection.received.ends_with(b"\"model\":\"claude-opus-4-5\"}"), "the last slice went out");
    }
    let (status, _) = post(&rig, "claude-haiku-4-5");
    assert_eq!(status, "200", "another model passes");
    let verdicts: Vec<_> = audits(&rig).into_iter().filter(|(rule, ..)| rule == "no_opus").collect();
    assert_eq!(verdicts.len(), 1, "{verdicts:?}");
    assert_eq!(verdicts[0].1, "enforce");
}

#[test]
fn observing_and_warning_rules_let_the_call_pass_and_leave_an_audit_row() {
    for stage in ["observe", "warn"] {
        let rig = rig(&DENY.replace("STAGE", stage));
        let (status, _) = post(&rig, "claude-opus-4-5");
        assert_eq!(status, "200");
        rig.rows(1);
        rig.wait_for("the audit row", |rig| audits(rig).iter().any(|(rule, s, _)| rule == "no_opus" && s == stage));
    }
}

#[test]
fn a_budget_lets_calls_pass_until_it_is_spent() {
    let policy = r#"
schema = 1
[[rule]]
id = "daily"
stage = "enforce"
match = { project = "*" }
budget = { usd = 1, per = "day" }
message = "{spent} of {limit} are spent; it resets {resets}."
"#;
    let rig = Rig::builder()
        .file("policies.d/10-test.toml", policy)
        .price("anthropic", "test-claude", "input = 1\noutput = 1000")
        .start();
    let send = |output: u32| {
        let body = r#"{"model":"test-claude","max_tokens":100,"messages":[]}"#;
        let script = format!("x-demo: input=10, output={output}");
        rig.client()
            .curl(&["--http1.1", "-o", "/dev/null", "-w", "%{http_code}", "-H", &script, "-d", body, URL])
            .expect_ok()
            .text()
    };
    // 400 answer tokens cost 40 cents; the hold of 100 costs 10.
    assert_eq!(send(400), "200");
    rig.rows(1);
    assert_eq!(send(550), "200");
    rig.rows(2);
    assert_eq!(send(1), "403", "95 cents are spent and 10 more are needed to begin");
    let rows: Vec<Row> = rig.rows(3);
    assert_eq!(rows[2].text("status"), Some("refused"));
}

#[test]
fn on_http2_a_refused_call_is_a_reset_stream_and_the_others_go_on() {
    let rig = rig(&DENY.replace("STAGE", "enforce"));
    rig.runtime.block_on(async {
        let (stream, _recorder) = raw::metered(&rig, "api.anthropic.com", &[b"h2"]).await;
        let (mut client, connection) = h2::client::handshake(stream).await.expect("h2 through the proxy");
        let driver = tokio::spawn(connection);
        for model in ["claude-haiku-4-5", "claude-opus-4-5", "claude-haiku-4-5"] {
            let request = http::Request::post(URL).header("x-demo", "input=1, output=1").body(()).expect("a request");
            std::future::poll_fn(|cx| client.poll_ready(cx)).await.expect("room for a stream");
            let (answer, mut upload) = client.send_request(request, false).expect("a stream");
            upload
                .send_data(format!(r#"{{"max_tokens":8,"messages":[],"model":"{model}"}}"#).into(), true)
                .expect("a body");
            match answer.await {
                Ok(answer) => {
                    assert_eq!(model, "claude-haiku-4-5");
                    assert_eq!(answer.status(), 200);
                    let mut body = answer.into_body();
                    while let Some(chunk) = body.data().await {
                        let bytes = chunk.expect("data").len();
                        body.flow_control().release_capacity(bytes).expect("credit");
                    }
                }
                Err(error) => {
                    assert_eq!(model, "claude-opus-4-5");
                    assert!(error.is_reset() && error.is_remote(), "{error}");
                }
            }
        }
        drop(client);
        driver.await.expect("the connection's task").expect("the connection lives to its end");
    });
    let statuses: Vec<String> =
        rig.rows(3).iter().map(|row| row.text("status").expect("a status").to_owned()).collect();
    assert_eq!(statuses, ["success", "refused", "success"]);
}
