//! One call of each surface: through edge and daemon, over TLS, to a row whose every number is what the origin said.

use halton_meter_tests::{Rig, Row};

fn rig() -> Rig {
    let claude = "input = 3\ncache_read = 0.30\ncache_write_5m = 3.75\noutput = 15\nweb_search = '10 / 1000 calls'";
    Rig::builder()
        .price("anthropic", "test-claude", claude)
        .price("openai", "test-gpt", "input = 2\ncache_read = 0.50\noutput = 8")
        .price("openai", "test-embed", "input = 0.13")
        .price("gemini", "test-gemini", "input = 1.25\ncache_read = 0.125\noutput = 10")
        .price("xai", "test-grok", "input = 2\ncache_read = 0.50\noutput = 6")
        .start()
}

/// A call: the URL, the body, the script of the answer.
struct Call {
    url: &'static str,
    body: &'static str,
    script: &'static str,
}

fn send(rig: &Rig, version: &str, call: &Call) -> String {
    let script = format!("x-demo: {}", call.script);
    rig.client()
        .curl(&[
            version,
            "--compressed",
            "-H",
            "content-type: application/json",
            "-H",
            &script,
            "-d",
            call.body,
            call.url,
        ])
        .expect_ok()
        .text()
}

/// input, cache read, cache write, output, thinking, pico-dollars.
type Numbers = (Option<i64>, Option<i64>, Option<i64>, Option<i64>, Option<i64>, Option<i64>);

fn numbers(row: &Row) -> Numbers {
    (
        row.number("input_tokens"),
        row.number("cache_read_tokens"),
        row.number("cache_write_tokens"),
        row.number("output_tokens"),
        row.number("thinking_tokens"),
        row.number("charged_pico"),
    )
}

/// Sends the call over both versions of HTTP and compares both rows.
fn check(rig: &Rig, call: &Call, expected: Numbers, words: &[(&str, &str)]) {
    for version in ["--http1.1", "--http2"] {
        let before = rig.rows_now().len();
        send(rig, version, call);
        let row = rig.rows(before + 1).pop().expect("a row");
        assert_eq!(numbers(&row), expected, "{version} {} {:#?}", call.url, row);
        for (column, word) in words {
            assert_eq!(row.text(column), Some(*word), "{version} {} {column}", call.url);
        }
        assert!(row.number("latency_ms").is_some(), "{row:#?}");
        assert!(row.number("ttfb_ms") <= row.number("latency_ms"), "{row:#?}");
    }
}

#[test]
fn anthropic_messages_plain_streamed_and_compressed() {
    let rig = rig();
    let plain = r#"{"model":"test-claude","max_tokens":64,"messages":[{"role":"user","content":"hi"}]}"#;
    let streamed =
        r#"{"model":"test-claude","max_tokens":64,"stream":true,"messages":[{"role":"user","content":"hi"}]}"#;
    let url = "https://api.anthropic.com/v1/messages";
    // 1200 × 3 + 9000 × 0.30 + 400 × 3.75 + 340 × 15 per million, + 2 searches at 10 per 1000.
    let cost = 1_200 * 3_000_000 + 9_000 * 300_000 + 400 * 3_750_000 + 340 * 15_000_000 + 2 * 10_000_000_000;
    let expected = (Some(1_200), Some(9_000), Some(400), Some(340), Some(40), Some(cost));
    let script = "input=1200, cache_read=9000, cache_write=400, output=300, reasoning=40, web_search=2, id=7";
    let words = &[
        ("provider", "anthropic"),
        ("model", "test-claude"),
        ("provider_request_id", "req_demo"),
        ("response_id", "msg_demo7"),
        ("evidence", "provider_usage"),
        ("status", "success"),
        ("request_kind", "chat"),
    ];
    check(&rig, &Call { url, body: plain, script }, expected, words);
    check(&rig, &Call { url, body: streamed, script }, expected, words);
    let gzip = "input=1200, cache_read=9000, cache_write=400, output=300, reasoning=40, web_search=2, gzip, id=7";
    check(&rig, &Call { url, body: streamed, script: gzip }, expected, words);
}

#[test]
fn openai_chat_responses_and_embeddings() {
    let rig = rig();
    let cost = 1_000 * 2_000_000 + 500 * 500_000 + 210 * 8_000_000;
    let expected = (Some(1_000), Some(500), Some(0), Some(210), Some(10), Some(cost));
    let script = "input=1000, cache_read=500, output=200, reasoning=10";
    let words = &[("provider", "openai"), ("provider_request_id", "req_demo"), ("evidence", "provider_usage")];
    for body in [
        r#"{"model":"test-gpt","messages":[]}"#,
        r#"{"model":"test-gpt","messages":[],"stream":true,"stream_options":{"include_usage":true}}"#,
    ] {
        check(&rig, &Call { url: "https://api.openai.com/v1/chat/completions", body, script }, expected, words);
    }
    for body in [r#"{"model":"test-gpt","input":"hi"}"#, r#"{"model":"test-gpt","input":"hi","stream":true}"#] {
        check(&rig, &Call { url: "https://api.openai.com/v1/responses", body, script }, expected, words);
    }
    let embed = Call {
        url: "https://api.openai.com/v1/embeddings",
        body: r#"{"model":"test-embed","input":"hi"}"#,
        script: "input=2000",
    };
    // 2000 tokens at 0.13 per million.
    check(
        &rig,
        &embed,
        (Some(2_000), Some(0), Some(0), Some(0), Some(0), Some(260_000_000)),
        &[("request_kind", "embedding")],
    );
}

#[test]
fn gemini_in_all_its_framings_and_a_count_that_costs_nothing() {
    let rig = rig();
    let cost = 1_500 * 1_250_000 + 300 * 125_000 + 260 * 10_000_000;
    let expected = (Some(1_500), Some(300), Some(0), Some(260), Some(60), Some(cost));
    let script = "input=1500, cache_read=300, output=200, reasoning=60";
    let words = &[("provider", "gemini"), ("model", "test-gemini"), ("model_requested", "test-gemini")];
    let body = r#"{"contents":[{"parts":[{"text":"hi"}]}]}"#;
    for url in [
        "https://generativelanguage.googleapis.com/v1beta/models/test-gemini:generateContent",
        "https://generativelanguage.googleapis.com/v1beta/models/test-gemini:streamGenerateContent?alt=sse",
        "https://generativelanguage.googleapis.com/v1beta/models/test-gemini:streamGenerateContent",
    ] {
        check(&rig, &Call { url, body, script }, expected, words);
    }
    let count = "https://generativelanguage.googleapis.com/v1beta/models/test-gemini:countTokens";
    let before = rig.rows_now().len();
    send(&rig, "--http1.1", &Call { url: count, body, script });
    let row = rig.rows(before + 1).pop().expect("a row");
    assert_eq!(row.text("class"), Some("zero_cost"));
    assert_eq!(row.number("charged_pico"), Some(0));
    assert_eq!(row.text("evidence"), Some("none"));
}

#[test]
fn xai_in_both_shapes() {
    let rig = rig();
    let cost = 100 * 2_000_000 + 50 * 6_000_000;
    let expected = (Some(100), Some(0), Some(0), Some(50), Some(0), Some(cost));
    let script = "input=100, output=50";
    let words = &[("provider", "xai"), ("model", "test-grok")];
    for (url, body) in [
        ("https://api.x.ai/v1/chat/completions", r#"{"model":"test-grok","messages":[]}"#),
        ("https://api.x.ai/v1/messages", r#"{"model":"test-grok","max_tokens":9,"messages":[]}"#),
    ] {
        check(&rig, &Call { url, body, script }, expected, words);
    }
}

#[test]
fn an_unknown_model_is_unpriced_never_zero() {
    let rig = rig();
    let call = Call {
        url: "https://api.openai.com/v1/chat/completions",
        body: r#"{"model":"test-gpt-2","messages":[]}"#,
        script: "input=100, output=50",
    };
    send(&rig, "--http1.1", &call);
    let row = rig.rows(1).pop().expect("a row");
    assert_eq!(row.text("evidence"), Some("unpriced"));
    assert_eq!(row.number("charged_pico"), None);
    assert_eq!(row.number("cost_usd_minor_units"), None);
    assert_eq!(row.number("input_tokens"), Some(100));
    let status = rig.meter(&["report"]);
    let text = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(text.contains("1 call unpriced"), "{text}");
}

#[test]
fn errors_keep_their_class_and_cost_nothing() {
    let rig = rig();
    let cases = [
        ("https://api.anthropic.com/v1/messages", "status=429", "rate_limit", "rate_limit_error", 429),
        ("https://api.anthropic.com/v1/messages", "status=529", "server_error", "overloaded_error", 529),
        ("https://api.openai.com/v1/chat/completions", "status=401", "auth", "invalid_api_key", 401),
        (
            "https://generativelanguage.googleapis.com/v1beta/models/test-gemini:generateContent",
            "status=400",
            "bad_request",
            "INVALID_ARGUMENT",
            400,
        ),
    ];
    for (index, (url, script, class, code, status)) in cases.into_iter().enumerate() {
        send(&rig, "--http2", &Call { url, body: r#"{"model":"test-claude","max_tokens":1,"messages":[]}"#, script });
        let row = rig.rows(index + 1).pop().expect("a row");
        assert_eq!(row.text("status"), Some("error"), "{url}");
        assert_eq!(row.text("error_class"), Some(class), "{url}");
        assert_eq!(row.text("provider_error_code"), Some(code), "{url}");
        assert_eq!(row.number("http_status"), Some(status), "{url}");
        assert_eq!(row.text("evidence"), Some("none"), "{url}");
        assert_eq!(row.number("charged_pico"), Some(0), "{url}");
        let retry_after = (status == 429).then_some(7_000);
        assert_eq!(row.number("retry_after_ms"), retry_after, "{url}");
    }
}

#[test]
fn a_cut_stream_keeps_what_was_seen() {
    let rig = rig();
    let script = "input=1000, output=500, events=10, cut_after=3";
    let body = r#"{"model":"test-claude","max_tokens":600,"stream":true,"messages":[]}"#;
    let header = format!("x-demo: {script}");
    let ran = rig.client().curl(&["--http1.1", "-H", &header, "-d", body, "https://api.anthropic.com/v1/messages"]);
    assert_ne!(ran.code, 0, "curl notices a cut stream");
    let row = rig.rows(1).pop().expect("a row");
    assert_eq!(row.text("status"), Some("interrupted"));
    assert_eq!(row.text("evidence"), Some("partial_stream"));
    assert_eq!(row.number("tokens_complete"), Some(0));
    assert_eq!(row.number("input_tokens"), Some(1_000));
    // 1000 × 3 per million for the prompt, and the placeholder of one output token.
    assert_eq!(row.number("charged_pico"), Some(1_000 * 3_000_000 + 15_000_000));
}

#[test]
fn an_answer_that_two_hosts_give_is_two_rows_and_the_later_says_so() {
    let rig = rig();
    let openai = "https://api.openai.com/v1/chat/completions";
    let ask = |url, model: &str| {
        let body = format!(r#"{{"model":"{model}","messages":[]}}"#);
        let script = "x-demo: input=1000, output=200, id=9";
        rig.client().curl(&["-H", "content-type: application/json", "-H", script, "-d", &body, url]).expect_ok();
    };
    for (count, url, model) in
        [(1, openai, "test-gpt"), (2, "https://api.x.ai/v1/chat/completions", "test-grok"), (3, openai, "test-gpt")]
    {
        ask(url, model);
        rig.rows(count);
    }
    let rows = rig.rows(3);
    let flags: Vec<_> = rows.iter().map(|row| row.text("usage_flags").unwrap_or_default()).collect();
    assert!(!flags[0].contains("seen_on_another_host") && !flags[2].contains("seen_on_another_host"), "{flags:?}");
    assert!(flags[1].contains("seen_on_another_host"), "{flags:?}");
    assert!(rows.iter().all(|row| row.number("charged_pico") > Some(0)), "both legs keep their cost");
}
