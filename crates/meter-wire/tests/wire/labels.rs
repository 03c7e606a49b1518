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

/// An endpoint of a provider with overrides of its own.
const fn of(
    provider: &'static str,
    host: &'static str,
    path: &'static str,
    dialect: &'static str,
    stream: Option<bool>,
) -> Endpoint {
    Endpoint { host, path, dialect, stream, provider }
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
    of("azure", "openai.azure.com", "/images/", "openai_images", None),
    Endpoint { stream: Some(true), ..endpoint("bedrock-runtime", "/converse-stream", "bedrock_converse") },
    Endpoint { stream: Some(true), ..endpoint("bedrock-runtime", "/invoke-with-response-stream", "bedrock_invoke") },
    Endpoint { stream: Some(true), ..endpoint("cloudcode-pa.", ":streamGenerateContent", "code_assist") },
    endpoint("cloudcode-pa.", ":countTokens", "code_assist"),
    of("codex", "chatgpt.com", "/codex/responses", "openai_responses", None),
    endpoint("api.cohere.com", "/v2/chat", "cohere"),
    Endpoint { provider: "deepseek", ..endpoint("api.deepseek.com", "/chat/completions", "openai_chat") },
    Endpoint { stream: Some(true), ..endpoint("generativelanguage.", ":streamGenerateContent", "gemini_generate") },
    endpoint("generativelanguage.", ":generateContent", "gemini_generate"),
    endpoint("generativelanguage.", ":countTokens", "gemini_generate"),
    endpoint("generativelanguage.", ":embedContent", "gemini_embed"),
    endpoint("generativelanguage.", ":predictLongRunning", "vertex_video"),
    endpoint("generativelanguage.", ":predict", "vertex_predict"),
    Endpoint { stream: Some(false), ..endpoint("generativelanguage.", "/download/", "gemini_batch") },
    Endpoint { stream: Some(false), ..endpoint("generativelanguage.", "/batches/", "gemini_batch") },
    endpoint("generativelanguage.", "/interactions", "gemini_interactions"),
    endpoint("generativelanguage.", ".BidiGenerateContent", "gemini_live"),
    of("gemini", "generativelanguage.", "/openai/chat/completions", "openai_chat", None),
    endpoint("cloudcode-pa.", ":generateContent", "code_assist"),
    endpoint("aiplatform.googleapis.com", "/count-tokens:rawPredict", "anthropic_messages"),
    of("vertex", "aiplatform.googleapis.com", "/publishers/deepseek-ai/", "openai_chat", None),
    of("vertex", "aiplatform.googleapis.com", "/endpoints/openapi/", "openai_chat", None),
    endpoint("aiplatform.googleapis.com", ":predictLongRunning", "vertex_video"),
    endpoint("aiplatform.googleapis.com", ":predict", "vertex_predict"),
    Endpoint { stream: Some(false), ..endpoint("bedrock-runtime", "/converse", "bedrock_converse") },
    Endpoint { stream: Some(false), ..endpoint("bedrock-runtime", "/invoke", "bedrock_invoke") },
    of("xai", "api.x.ai", "/v1/responses", "openai_responses", None),
    endpoint("api.x.ai", "/v1/images/", "xai_images"),
    endpoint("api.x.ai", "/v1/videos/", "xai_videos"),
    endpoint("api.x.ai", "/deferred-completion/", "xai_deferred"),
    Endpoint { stream: Some(true), ..endpoint("api.x.ai", "GetCompletionChunk", "xai_grpc_chunk") },
    Endpoint { stream: Some(false), ..endpoint("api.x.ai", "Chat/GetCompletion", "xai_grpc") },
    Endpoint { stream: Some(false), ..endpoint("api.x.ai", "Chat/StartDeferred", "xai_grpc") },
    Endpoint { stream: Some(false), ..endpoint("api.x.ai", "Chat/GetDeferred", "xai_grpc_deferred") },
    Endpoint { stream: Some(false), ..endpoint("api.x.ai", "Chat/CompactContext", "xai_grpc_compact") },
    Endpoint { stream: Some(false), ..endpoint("api.x.ai", "Image/GenerateImage", "xai_grpc_image") },
    Endpoint { stream: Some(false), ..endpoint("api.x.ai", "Video/GenerateVideo", "xai_grpc_sample") },
    Endpoint { stream: Some(false), ..endpoint("api.x.ai", "Video/GetDeferred", "xai_grpc_video") },
    Endpoint { stream: Some(true), ..endpoint("api.x.ai", "Sample/SampleTextStreaming", "xai_grpc_sample") },
    of("openrouter", "openrouter.ai", "/v1/responses", "openai_responses", None),
    of("openrouter", "openrouter.ai", "/v1/messages", "anthropic_messages", None),
    of("openrouter", "openrouter.ai", "/v1/embeddings", "openai_embeddings", None),
    of("groq", "api.groq.com", "/audio/", "openai_audio", None),
    of("mistral", "api.mistral.ai", "/chat/completions", "openai_chat", None),
    of("mistral", "codestral.mistral.ai", "/fim/completions", "openai_chat", None),
    of("mistral", "api.mistral.ai", "/audio/", "openai_audio", None),
    of("mistral", "api.mistral.ai", "/conversations", "mistral_conversations", None),
    of("mistral", "api.mistral.ai", "/ocr", "mistral_ocr", None),
    endpoint("api.together.xyz", "/chat/completions", "openai_chat"),
    of("cerebras", "api.cerebras.ai", "/chat/completions", "openai_chat", None),
    endpoint("api.perplexity.ai", "/v1/responses", "perplexity_responses"),
    endpoint("api.perplexity.ai", "/v1/agent", "perplexity_responses"),
    Endpoint { stream: Some(false), ..endpoint("api.perplexity.ai", "/async/", "perplexity_async") },
    of("perplexity", "api.perplexity.ai", "/v1/embeddings", "openai_embeddings", None),
    endpoint("api.z.ai", "/chat/completions", "zai_chat"),
    endpoint("api.minimaxi.com", "/chat/completions", "minimax_chat"),
    of("huggingface", "router.huggingface.co", "/chat/completions", "openai_chat", None),
    endpoint("gateway.ai.cloudflare.com", "/openai/chat/completions", "openai_chat"),
    endpoint("gateway.ai.cloudflare.com", "/mistral/v1/chat/completions", "openai_chat"),
    Endpoint { stream: Some(false), ..endpoint("gateway.ai.cloudflare.com", "/converse", "bedrock_converse") },
    endpoint("api.cohere.com", "/v1/chat", "cohere_v1"),
    endpoint("api.cohere.com", "/embed", "cohere_units"),
    endpoint("api.cohere.com", "/rerank", "cohere_units"),
    of("copilot", "copilot-proxy.", "/engines/", "openai_chat", None),
    endpoint("api.githubcopilot.com", "/chat/completions", "openai_chat"),
    endpoint("api.groq.com", "/chat/completions", "groq_chat"),
    endpoint("api.openai.com", "/v1/decisions", "openai_decisions"),
    endpoint("dashscope-intl.aliyuncs.com", "/chat/completions", "qwen_chat"),
    endpoint("api.minimax.io", "/chatcompletion_v2", "minimax_chat"),
    endpoint("api.minimax.io", "/t2a_v2", "minimax_speech"),
    endpoint("api.moonshot.ai", "/chat/completions", "openai_chat"),
    endpoint("localhost:11434", "/api/", "ollama"),
    endpoint("api.openai.com", "/v1/chat/completions", "openai_chat"),
    endpoint("api.openai.com", "/v1/embeddings", "openai_embeddings"),
    endpoint("api.openai.com", "/v1/moderations", "openai_embeddings"),
    Endpoint { stream: Some(false), ..endpoint("api.openai.com", "/v1/files/", "openai_batch") },
    endpoint("api.openai.com", "/v1/audio/speech", "openai_speech"),
    endpoint("api.openai.com", "/v1/images", "openai_images"),
    endpoint("api.openai.com", "/v1/audio", "openai_audio"),
    endpoint("api.openai.com", "/v1/realtime", "openai_realtime"),
    endpoint("api.openai.com", "/v1/live/", "openai_live"),
    endpoint("api.openai.com", "/v1/responses", "openai_responses"),
    endpoint("openrouter.ai", "/chat/completions", "openrouter_chat"),
    endpoint("api.perplexity.ai", "/chat/completions", "perplexity"),
    endpoint("api.perplexity.ai", "/search", "perplexity_search"),
    Endpoint { stream: Some(true), ..endpoint("aiplatform.googleapis.com", ":streamRawPredict", "vertex_anthropic") },
    endpoint("aiplatform.googleapis.com", "/publishers/anthropic/", "vertex_anthropic"),
    endpoint("api.x.ai", "/v1/chat/completions", "xai_chat"),
];

/// The same path over a WebSocket.
pub fn over_websocket(dialect: &str) -> &str {
    if dialect == "openai_responses" { "openai_responses_ws" } else { dialect }
}

/// Captures of a target: the segment before and after the capture.
pub const CAPTURES: &[(&str, &str, &str)] = &[
    ("model", "/model/", "/"),
    ("model", "/models/", ":"),
    ("deployment", "/deployments/", "/"),
    ("request", "/deferred-completion/", "/"),
    ("request", "/v1/videos/", "/"),
    ("engine", "/engines/", "/"),
];

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
        "seconds" => vec![Meter::Audio, Meter::Video],
        "search_units" => vec![Meter::Query],
        "requests" => vec![Meter::Request],
        "images" => vec![Meter::Image],
        "pages" => vec![Meter::Page],
        "maps" => vec![Meter::MapsGrounding],
        "code_exec" => vec![Meter::CodeInterpreter],
        "web_search" if provider == "gemini" => vec![Meter::Grounding],
        same => vec![same.parse().unwrap_or_else(|_| panic!("no meter for {same}"))],
    }
}
