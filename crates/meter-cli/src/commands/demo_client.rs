//! The demo's client: a plain HTTPS client that is pointed at the edge like any tool.

use crate::args::DemoClientArgs;
use crate::failure::Failure;
use crate::out;
use meter_api::Exit;
use meter_demo::HEADER;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider};

/// How long one call may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// One call of the demo.
pub struct DemoCall {
    /// Its name.
    pub name: &'static str,
    /// What it shows.
    pub about: &'static str,
    url: &'static str,
    body: &'static str,
    /// The numbers of the answer, in the words of `meter_demo::Script`.
    script: &'static str,
}

/// The eight calls, in the order they are sent.
pub const CALLS: [DemoCall; 8] = [
    DemoCall {
        name: "plain",
        about: "Anthropic Messages, one document",
        url: "https://api.anthropic.com/v1/messages",
        body: r#"{"model":"claude-sonnet-4-6","max_tokens":1024,"messages":[{"role":"user","content":"Hello"}]}"#,
        script: "input=1200, output=340",
    },
    DemoCall {
        name: "cached",
        about: "Anthropic Messages, streamed, with cache reads and writes",
        url: "https://api.anthropic.com/v1/messages",
        body: r#"{"model":"claude-sonnet-4-6","max_tokens":1024,"stream":true,"messages":[{"role":"user","content":"Hello"}]}"#,
        script: "input=210, cache_read=18400, cache_write=2600, output=512",
    },
    DemoCall {
        name: "search",
        about: "Anthropic Messages with two web searches, billed apart",
        url: "https://api.anthropic.com/v1/messages",
        body: r#"{"model":"claude-haiku-4-5","max_tokens":1024,"messages":[{"role":"user","content":"News?"}]}"#,
        script: "input=4100, output=620, web_search=2",
    },
    DemoCall {
        name: "chat",
        about: "OpenAI Chat Completions, streamed",
        url: "https://api.openai.com/v1/chat/completions",
        body: r#"{"model":"gpt-5.4-mini","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"Hello"}]}"#,
        script: "input=900, cache_read=1024, output=260, reasoning=128",
    },
    DemoCall {
        name: "responses",
        about: "OpenAI Responses, one document",
        url: "https://api.openai.com/v1/responses",
        body: r#"{"model":"gpt-5.4","input":"Hello"}"#,
        script: "input=2300, output=410, reasoning=900",
    },
    DemoCall {
        name: "gemini",
        about: "Gemini, streamed as one JSON array",
        url: "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:streamGenerateContent",
        body: r#"{"contents":[{"parts":[{"text":"Hello"}]}]}"#,
        script: "input=700, output=180, reasoning=96",
    },
    DemoCall {
        name: "limited",
        about: "an answer with status 429",
        url: "https://api.openai.com/v1/chat/completions",
        body: r#"{"model":"gpt-5.4-mini","messages":[{"role":"user","content":"Hello"}]}"#,
        script: "status=429",
    },
    DemoCall {
        name: "cut",
        about: "Anthropic Messages, a stream that breaks off",
        url: "https://api.anthropic.com/v1/messages",
        body: r#"{"model":"claude-sonnet-4-6","max_tokens":1024,"stream":true,"messages":[{"role":"user","content":"Hello"}]}"#,
        script: "input=1500, output=400, events=8, cut_after=3",
    },
];

/// Sends the named calls one after the other. Errors of the provider are what some of them are for.
pub fn run(args: &DemoClientArgs) -> Result<u8, Failure> {
    let pem = std::fs::read(&args.roots)
        .map_err(|error| Failure::because(format!("cannot read {}", args.roots.display()), error))?;
    let agent = agent(args.edge_port, &pem)?;
    for call in CALLS.iter().filter(|call| args.calls.iter().any(|name| name == call.name)) {
        send(&agent, call).map_err(|error| Failure::because(format!("the call `{}` failed", call.name), error))?;
    }
    Ok(Exit::Ok.code())
}

fn agent(edge_port: u16, pem: &[u8]) -> Result<ureq::Agent, Failure> {
    let mut roots = Vec::new();
    for item in ureq::tls::parse_pem(pem) {
        if let PemItem::Certificate(certificate) =
            item.map_err(|error| Failure::because("the roots are no PEM", error))?
        {
            roots.push(Certificate::from_der(certificate.der()).to_owned());
        }
    }
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .build();
    let proxy = ureq::Proxy::new(&format!("http://127.0.0.1:{edge_port}"))
        .map_err(|error| Failure::because("the edge's address is no proxy", error))?;
    let config = ureq::Agent::config_builder()
        .proxy(Some(proxy))
        .tls_config(tls)
        .http_status_as_error(false)
        .timeout_global(Some(PATIENCE))
        .build();
    Ok(ureq::Agent::new_with_config(config))
}

fn send(agent: &ureq::Agent, call: &DemoCall) -> Result<(), ureq::Error> {
    let answer = agent
        .post(call.url)
        .header("content-type", "application/json")
        .header(HEADER, call.script)
        .send(call.body.as_bytes())?;
    let status = answer.status().as_u16();
    let mut body = Vec::new();
    let end = match answer.into_body().into_reader().read_to_end(&mut body) {
        Ok(_) => "whole",
        // One of the calls is there for this.
        Err(_) => "cut off",
    };
    out::say(&format!("  {:<10} {status}, {} bytes, {end}: {}", call.name, body.len(), call.about));
    Ok(())
}
