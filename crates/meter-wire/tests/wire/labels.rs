//! The words of the samples and ours.

use meter_call::Meter;

/// Samples we cannot read yet, each with its reason. One that starts to pass fails the test.
pub const NOT_YET: &[(&str, &str)] = &[];

/// Our dialect for an exchange: by host and path, as the provider files say.
pub struct Endpoint {
    /// Part of the host.
    pub host: &'static str,
    /// Part of the target.
    pub path: &'static str,
    /// Our dialect.
    pub dialect: &'static str,
    /// The endpoint's word on streaming.
    pub stream: Option<bool>,
    /// The file below `providers.d/` whose `[dialect_overrides]` hold; none where it is empty.
    pub provider: &'static str,
}

const fn endpoint(host: &'static str, path: &'static str, dialect: &'static str) -> Endpoint {
    Endpoint { host, path, dialect, stream: None, provider: "" }
}

/// First match wins.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint { stream: Some(false), ..endpoint("api.anthropic.com", "/batches/", "anthropic_batch") },
    endpoint("api.anthropic.com", "/v1/messages", "anthropic_messages"),
    endpoint("api.anthropic.com", "/v1/complete", "anthropic_complete"),
    Endpoint { provider: "azure", ..endpoint("openai.azure.com", "/chat/completions", "openai_chat") },
    Endpoint { stream: Some(true), ..endpoint("bedrock-runtime", "/converse-stream", "bedrock_converse") },
    Endpoint { stream: Some(true), ..endpoint("bedrock-runtime", "/invoke-with-response-stream", "bedrock_invoke") },
    Endpoint { stream: Some(true), ..endpoint("cloudcode-pa.", ":streamGenerateContent", "code_assist") },
    endpoint("chatgpt.com", "/codex/responses", "openai_responses"),
    endpoint("api.cohere.com", "/v2/chat", "cohere"),
    Endpoint { provider: "deepseek", ..endpoint("api.deepseek.com", "/chat/completions", "openai_chat") },
    Endpoint { stream: Some(true), ..endpoint("generativelanguage.", ":streamGenerateContent", "gemini_generate") },
    endpoint("generativelanguage.", ":generateContent", "gemini_generate"),
    endpoint("api.groq.com", "/chat/completions", "groq_chat"),
    endpoint("dashscope-intl.aliyuncs.com", "/chat/completions", "qwen_chat"),
    endpoint("api.minimax.io", "/chatcompletion_v2", "minimax_chat"),
    endpoint("api.moonshot.ai", "/chat/completions", "openai_chat"),
    endpoint("localhost:11434", "/api/chat", "ollama"),
    endpoint("api.openai.com", "/v1/chat/completions", "openai_chat"),
    endpoint("api.openai.com", "/v1/embeddings", "openai_embeddings"),
    endpoint("api.openai.com", "/v1/moderations", "openai_embeddings"),
    endpoint("api.openai.com", "/v1/decisions", "openai_responses"),
    Endpoint { stream: Some(false), ..endpoint("api.openai.com", "/v1/files/", "openai_batch") },
    endpoint("api.openai.com", "/v1/audio/speech", "openai_speech"),
    endpoint("api.openai.com", "/v1/images", "openai_images"),
    endpoint("api.openai.com", "/v1/audio", "openai_audio"),
    endpoint("api.openai.com", "/v1/realtime", "openai_realtime"),
    endpoint("api.openai.com", "/v1/responses", "openai_responses"),
    endpoint("openrouter.ai", "/chat/completions", "openrouter_chat"),
    endpoint("api.perplexity.ai", "/chat/completions", "perplexity"),
    endpoint("aiplatform.googleapis.com", "/publishers/anthropic/", "vertex_anthropic"),
    endpoint("api.x.ai", "/v1/chat/completions", "xai_chat"),
    Endpoint { stream: Some(true), ..endpoint("api.x.ai", "GetCompletionChunk", "xai_grpc_chunk") },
];

/// The same path over a WebSocket.
pub fn over_websocket(dialect: &str) -> &str {
    if dialect == "openai_responses" { "openai_responses_ws" } else { dialect }
}

/// Captures of a target: the segment before and after the capture.
pub const CAPTURES: &[(&str, &str, &str)] =
    &[("model", "/model/", "/"), ("model", "/models/", ":"), ("deployment", "/deployments/", "/")];

/// Our meters for a bucket or unit of the samples; one whose lifetime is not in its name is the sum of ours.
pub fn meters(label: &str, provider: &str) -> Vec<Meter> {
    match label {
        "input_uncached" => vec![Meter::Input],
        "output_text" => vec![Meter::Output],
        "cache_write_other" => vec![Meter::CacheWrite, Meter::CacheWrite30m, Meter::CacheWrite12h],
        "audio_in" => vec![Meter::InputAudio],
        "image_in" => vec![Meter::InputImage],
        "video_in" => vec![Meter::InputVideo],
        "audio_out" => vec![Meter::OutputAudio],
        "image_out" => vec![Meter::OutputImage],
        "seconds" => vec![Meter::Audio],
        "images" => vec![Meter::Image],
        "pages" => vec![Meter::Page],
        "maps" => vec![Meter::MapsGrounding],
        "code_exec" => vec![Meter::CodeInterpreter],
        "web_search" if provider == "gemini" => vec![Meter::Grounding],
        same => vec![same.parse().unwrap_or_else(|_| panic!("no meter for {same}"))],
    }
}
