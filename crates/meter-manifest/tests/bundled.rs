//! The repository's own manifests: valid without a warning, and every address leads where it should.

use meter_call::{Billing, EndpointClass};
use meter_manifest::{Model, Routed, Unmatched, bundled, load};
use std::sync::LazyLock;

static MODEL: LazyLock<Model> = LazyLock::new(|| load(&bundled(), &[]).0);

#[test]
fn the_bundled_manifests_have_no_findings() {
    let (_, found) = load(&bundled(), &[]);
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn meters_without_any_price_are_known() {
    // Units that providers count on the wire and publish no price of; their rows say `unpriced`.
    const KNOWN: &[&str] = &["`citation`", "`collections_search`", "`x_search`"];
    let (_, found) = load(&[], &bundled());
    let gaps: Vec<String> =
        found.iter().filter(|one| one.code.slug() == "unpriced-meter").map(ToString::to_string).collect();
    assert!(gaps.iter().any(|gap| gap.ends_with("`x_search`")), "{gaps:?}");
    assert!(gaps.iter().all(|gap| KNOWN.iter().any(|known| gap.ends_with(known))), "{gaps:?}");
}

/// Where a request leads, in one line: `endpoint class kind dialect prices`, or what became of it.
fn led(host: &str, method: &str, target: &str, upgrade: Option<&str>) -> String {
    match MODEL.route(host, 443, method, target, upgrade) {
        Routed::Endpoint(route) => {
            let dialect = MODEL
                .providers
                .iter()
                .find(|provider| provider.id == route.provider_id)
                .and_then(|provider| provider.endpoints.iter().find(|one| one.id == route.endpoint))
                .and_then(|endpoint| endpoint.dialect_id.clone())
                .unwrap_or_else(|| "-".to_owned());
            format!("{}/{} {} {} {dialect} {}", route.provider, route.endpoint, route.class, route.kind, route.prices)
        }
        Routed::Unmatched { provider, unmatched: Unmatched::Observed, .. } => format!("{provider}: observed"),
        Routed::Unmatched { provider, unmatched: Unmatched::Ignore, .. } => format!("{provider}: ignored"),
        Routed::NotMetered => "not metered".to_owned(),
    }
}

fn table(host: &str, rows: &[(&str, &str)]) {
    for (request, expected) in rows {
        let (method, target) = request.split_once(' ').unwrap();
        let (method, upgrade) = match method {
            "WS" => ("GET", Some("websocket")),
            method => (method, None),
        };
        assert_eq!(led(host, method, target, upgrade), *expected, "{host} {request}");
    }
}

#[test]
fn anthropic() {
    table(
        "api.anthropic.com",
        &[
            ("POST /v1/messages", "anthropic/messages costed chat anthropic_messages anthropic"),
            ("POST /v1/messages?beta=true", "anthropic/messages costed chat anthropic_messages anthropic"),
            ("POST /v1/messages/count_tokens", "anthropic/count_tokens zero_cost count anthropic_messages anthropic"),
            (
                "GET /v1/messages/batches/msgbatch_01/results",
                "anthropic/batch_results observed batch_result anthropic_batch anthropic",
            ),
            ("POST /v1/messages/batches", "anthropic/other observed other - anthropic"),
            ("GET /v1/messages", "anthropic/other observed other - anthropic"),
            ("GET /v1/models", "anthropic/other observed other - anthropic"),
            ("POST /v1//messages", "anthropic/other observed other - anthropic"),
            ("WS /v1/messages", "anthropic: observed"),
        ],
    );
    assert_eq!(led("API.Anthropic.Com.", "POST", "/v1/messages", None).split(' ').next(), Some("anthropic/messages"));
    assert!(matches!(MODEL.route("api.anthropic.com", 8443, "POST", "/v1/messages", None), Routed::NotMetered));
    assert!(matches!(MODEL.route("x.api.anthropic.com", 443, "POST", "/v1/messages", None), Routed::NotMetered));
}

#[test]
fn counting_tokens_costs_nothing_on_whichever_host_speaks_anthropics_shape() {
    for provider in &MODEL.providers {
        for messages in provider.endpoints.iter().filter(|one| one.dialect_id.as_deref() == Some("anthropic_messages"))
        {
            let counts = provider.endpoints.iter().any(|one| one.class.as_str() == "zero_cost" && one.kind == "count");
            assert!(counts, "{} {}", provider.id, messages.id);
        }
    }
}

#[test]
fn openai_on_every_host() {
    let rows = [
        ("POST /v1/chat/completions", "openai/chat costed chat openai_chat openai"),
        ("GET /v1/chat/completions/chatcmpl-1", "openai/stored observed retrieve openai_chat openai"),
        ("POST /v1/completions", "openai/completions costed completion openai_chat openai"),
        ("POST /v1/responses", "openai/responses costed chat openai_responses openai"),
        ("WS /v1/responses", "openai/responses_ws costed chat openai_responses_ws openai"),
        ("POST /v1/responses/compact", "openai/compact costed compact openai_responses openai"),
        ("POST /v1/responses/input_tokens", "openai/input_tokens zero_cost count openai_responses openai"),
        ("GET /v1/responses/resp_1?stream=true", "openai/retrieve observed retrieve openai_responses openai"),
        ("POST /v1/responses/resp_1/cancel", "openai/cancel observed retrieve openai_responses openai"),
        ("DELETE /v1/responses/resp_1", "openai/other observed other - openai"),
        ("POST /v1/embeddings", "openai/embeddings costed embedding openai_embeddings openai"),
        ("POST /v1/images/generations", "openai/images costed image openai_images openai"),
        ("POST /v1/audio/transcriptions", "openai/audio costed audio openai_audio openai"),
        ("POST /v1/audio/speech", "openai/speech costed audio openai_speech openai"),
        ("GET /v1/files/file-1/content", "openai/batch_results observed batch_result openai_batch openai"),
        ("GET /v1/files/file-1", "openai/other observed other - openai"),
        ("WS /v1/live/sessions?model=gpt-live", "openai/live costed realtime openai_live openai"),
        ("WS /v1/realtime?model=gpt-realtime-2", "openai/realtime costed realtime openai_realtime openai"),
        ("POST /v1/moderations", "openai/moderations zero_cost moderation openai_embeddings openai"),
        ("POST /v1/decisions", "openai/decisions costed decisions openai_decisions openai"),
        ("GET /v1/models", "openai/other observed other - openai"),
    ];
    table("api.openai.com", &rows);
    table("eu.api.openai.com", &rows);
}

#[test]
fn codex_is_metered_by_its_paths_only_and_paid_by_plan() {
    table(
        "chatgpt.com",
        &[
            ("POST /backend-api/codex/responses", "openai/responses costed chat openai_responses openai"),
            ("WS /backend-api/codex/responses", "openai/responses_ws costed chat openai_responses_ws openai"),
            ("GET /backend-api/codex/models", "openai/other observed other - openai"),
            ("GET /backend-api/wham/usage", "openai/other observed other - openai"),
            ("GET /", "openai: ignored"),
            ("GET /backend-api/conversations", "openai: ignored"),
            ("POST /backend-api/conversation", "openai: ignored"),
        ],
    );
    let Routed::Endpoint(route) = MODEL.route("chatgpt.com", 443, "POST", "/backend-api/codex/responses", None) else {
        panic!("an endpoint")
    };
    assert_eq!((route.provider_id.as_str(), route.billing), ("codex", Billing::Plan));
}

#[test]
fn gemini_in_every_version() {
    for version in ["v1", "v1beta", "v1beta1", "v1alpha"] {
        let at = |rest: &str| format!("POST /{version}/models/gemini-3-pro:{rest}");
        table(
            "generativelanguage.googleapis.com",
            &[
                (&at("generateContent"), "gemini/generate costed chat gemini_generate gemini"),
                (&at("streamGenerateContent?alt=sse&key=k"), "gemini/stream costed chat gemini_generate gemini"),
                (&at("embedContent"), "gemini/embed costed embedding gemini_embed gemini"),
                (&at("batchEmbedContents"), "gemini/embed costed embedding gemini_embed gemini"),
                (&at("countTokens"), "gemini/count_tokens zero_cost count gemini_generate gemini"),
                (&at("batchGenerateContent"), "gemini/other observed other - gemini"),
            ],
        );
    }
    table(
        "generativelanguage.googleapis.com",
        &[
            ("POST /v1beta/tunedModels/mine:generateContent", "gemini/generate costed chat gemini_generate gemini"),
            ("POST /v1beta/openai/chat/completions", "gemini/openai_chat costed chat openai_chat gemini"),
            ("GET /v1beta/models", "gemini/other observed other - gemini"),
        ],
    );
    table(
        "cloudcode-pa.googleapis.com",
        &[
            ("POST /v1internal:generateContent", "gemini/generate costed chat code_assist gemini"),
            ("POST /v1internal:streamGenerateContent?alt=sse", "gemini/stream costed chat code_assist gemini"),
            ("POST /v1internal:countTokens", "gemini/count_tokens zero_cost count code_assist gemini"),
            ("POST /v1internal:loadCodeAssist", "gemini/other observed other - gemini"),
        ],
    );
}

#[test]
fn xai_in_three_shapes() {
    let rows = [
        ("POST /v1/chat/completions", "xai/chat costed chat xai_chat xai"),
        ("GET /v1/chat/deferred-completion/r1", "xai/deferred observed retrieve xai_deferred xai"),
        ("POST /v1/responses", "xai/responses costed chat openai_responses xai"),
        ("POST /v1/messages", "xai/messages costed chat anthropic_messages xai"),
        ("POST /xai_api.Chat/GetCompletion", "xai/grpc costed chat xai_grpc xai"),
        ("POST /xai_api.Chat/GetCompletionChunk", "xai/grpc_stream costed chat xai_grpc_chunk xai"),
        ("POST /xai_api.Models/ListLanguageModels", "xai/other observed other - xai"),
    ];
    table("api.x.ai", &rows);
    table("us-east-1.api.x.ai", &rows);
}

#[test]
fn those_who_speak_openais_shape() {
    table(
        "api.groq.com",
        &[
            ("POST /openai/v1/chat/completions", "groq/chat costed chat groq_chat groq"),
            ("POST /openai/v1/audio/transcriptions", "groq/audio costed audio openai_audio groq"),
            ("POST /v1/chat/completions", "groq/other observed other - groq"),
        ],
    );
    table(
        "api.deepseek.com",
        &[
            ("POST /chat/completions", "deepseek/chat costed chat openai_chat deepseek"),
            ("POST /v1/chat/completions", "deepseek/chat costed chat openai_chat deepseek"),
            ("POST /beta/completions", "deepseek/completions costed completion openai_chat deepseek"),
            ("POST /anthropic/v1/messages", "deepseek/messages costed chat anthropic_messages deepseek"),
            ("GET /user/balance", "deepseek/other observed other - deepseek"),
        ],
    );
    table(
        "api.mistral.ai",
        &[
            ("POST /v1/chat/completions", "mistral/chat costed chat openai_chat mistral"),
            ("POST /v1/fim/completions", "mistral/fim costed completion openai_chat mistral"),
            ("POST /v1/embeddings", "mistral/embeddings costed embedding openai_embeddings mistral"),
            ("GET /v1/models", "mistral/other observed other - mistral"),
        ],
    );
    table(
        "openrouter.ai",
        &[
            ("POST /api/v1/chat/completions", "openrouter/chat costed chat openrouter_chat openrouter"),
            ("POST /api/v1/messages", "openrouter/messages costed chat anthropic_messages openrouter"),
            ("GET /api/v1/credits", "openrouter/other observed other - openrouter"),
            ("GET /models", "openrouter: ignored"),
        ],
    );
}

#[test]
fn a_route_brings_what_the_address_says() {
    let target = "/v1beta/models/gemini%2D3-pro:streamGenerateContent?alt=sse&x=a%20b";
    let Routed::Endpoint(route) = MODEL.route("generativelanguage.googleapis.com", 443, "POST", target, None) else {
        panic!("an endpoint")
    };
    assert_eq!(route.facts.captures["model"], "gemini-3-pro");
    assert_eq!(route.facts.query, [("alt".to_owned(), "sse".to_owned()), ("x".to_owned(), "a b".to_owned())]);
    assert_eq!((route.facts.stream, route.facts.class), (Some(true), EndpointClass::Costed));
    let Routed::Endpoint(route) = MODEL.route("eu.api.openai.com", 443, "POST", "/v1/responses", None) else {
        panic!("an endpoint")
    };
    assert_eq!(route.facts.captures["region"], "eu");
    assert_eq!((route.provider_id.as_str(), route.provider.as_str()), ("openai_regional", "openai"));
}

#[test]
fn every_endpoint_is_reachable_and_reads_what_it_costs() {
    for provider in &MODEL.providers {
        for endpoint in &provider.endpoints {
            if endpoint.class != EndpointClass::Observed || endpoint.settles {
                assert!(endpoint.dialect.is_some(), "{}/{} has no dialect", provider.id, endpoint.id);
            }
        }
    }
}

#[test]
fn metered_hosts_are_sorted_and_exact() {
    let hosts = MODEL.metered_hosts();
    assert!(hosts.is_sorted() && hosts.contains(&"api.anthropic.com".to_owned()));
    assert!(hosts.iter().all(|host| !host.contains(['*', ':'])), "{hosts:?}");
    assert!(hosts.iter().all(|host| MODEL.is_metered(host, 443)));
    assert!(!MODEL.is_metered("example.com", 443));
}

/// Every recorded exchange with a host that is metered leads to an endpoint of the class its rows have.
#[test]
#[allow(clippy::disallowed_methods, reason = "the samples are files")]
fn the_wire_samples_lead_to_endpoints() {
    let folder = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/wire-samples"));
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let Ok(text) = std::fs::read_to_string(entry.unwrap().path().join("expected.toml")) else { continue };
        let sample: toml::Table = text.parse().unwrap();
        let list = |key: &str| sample.get(key).and_then(toml::Value::as_array).cloned().unwrap_or_default();
        let text =
            |value: &toml::Value, key: &str| value.get(key).and_then(toml::Value::as_str).unwrap_or("").to_owned();
        let exchanges = list("exchange");
        for call in list("call") {
            let number = call.get("exchange").and_then(toml::Value::as_integer).unwrap_or(1);
            let exchange = &exchanges[usize::try_from(number).unwrap() - 1];
            let upgrade = (text(exchange, "transport") == "websocket").then_some("websocket");
            let (host, target) = (text(exchange, "host"), text(exchange, "target"));
            match MODEL.route(&host, 443, &text(exchange, "method"), &target, upgrade) {
                Routed::Endpoint(route) => {
                    seen += 1;
                    // A result of a batch has a costed row of its own, beside the read; a batch that runs has the read alone.
                    let read_once = route.settles && route.kind == "batch_result" && text(&call, "kind") == route.kind;
                    // What an idempotency key got before is a read, wherever it leads.
                    let keyed = exchange["request_headers"].to_string().contains("idempotency-key") && number > 1;
                    let class = match route.class.as_str() {
                        _ if read_once => "costed",
                        _ if keyed => "observed",
                        class => class,
                    };
                    assert_eq!(class, text(&call, "class"), "{host}{target}");
                    assert_eq!(route.provider, text(&call, "provider"), "{host}{target}");
                    assert!(route.dialect.is_some(), "{host}{target}");
                }
                Routed::Unmatched { .. } => panic!("no endpoint claims {host}{target}"),
                Routed::NotMetered => {}
            }
        }
    }
    assert!(seen >= 40, "only {seen} calls of the samples were routed");
}
