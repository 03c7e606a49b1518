//! The documents of each dialect, worded as its provider words them.

use crate::script::Script;
use serde_json::{Value, json};

/// What a path asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Surface {
    /// `POST /v1/messages`.
    AnthropicMessages,
    /// `POST /v1/messages/count_tokens`.
    AnthropicCount,
    /// `POST …/chat/completions`.
    OpenAiChat,
    /// `POST /v1/responses`.
    OpenAiResponses,
    /// `POST …/embeddings`.
    OpenAiEmbeddings,
    /// Cohere's `POST /v2/chat`.
    CohereChat,
    /// `…:generateContent`.
    GeminiGenerate,
    /// `…:streamGenerateContent?alt=sse`.
    GeminiSse,
    /// `…:streamGenerateContent` without `alt=sse`.
    GeminiArray,
    /// `…:countTokens`.
    GeminiCount,
}

impl Surface {
    /// The surface of a path and query; `None` when the demo provider does not have it.
    pub fn of(path: &str, query: &str) -> Option<Surface> {
        let found = match path {
            "/v1/messages" => Surface::AnthropicMessages,
            "/v1/messages/count_tokens" => Surface::AnthropicCount,
            "/v1/responses" => Surface::OpenAiResponses,
            "/v2/chat" => Surface::CohereChat,
            _ if path.ends_with("/chat/completions") => Surface::OpenAiChat,
            _ if path.ends_with("/embeddings") => Surface::OpenAiEmbeddings,
            _ if path.ends_with(":generateContent") => Surface::GeminiGenerate,
            _ if path.ends_with(":countTokens") => Surface::GeminiCount,
            _ if path.ends_with(":streamGenerateContent") && query.contains("alt=sse") => Surface::GeminiSse,
            _ if path.ends_with(":streamGenerateContent") => Surface::GeminiArray,
            _ => return None,
        };
        Some(found)
    }

    /// The name of the header that carries a request id; `None` where the provider has none.
    pub fn request_id_header(self) -> Option<&'static str> {
        match self {
            Surface::AnthropicMessages | Surface::AnthropicCount => Some("request-id"),
            Surface::OpenAiChat | Surface::OpenAiResponses | Surface::OpenAiEmbeddings => Some("x-request-id"),
            Surface::CohereChat => None,
            Surface::GeminiGenerate | Surface::GeminiSse | Surface::GeminiArray | Surface::GeminiCount => None,
        }
    }
}

/// The whole answer of a surface as one document.
pub fn document(surface: Surface, model: &str, script: &Script) -> Value {
    let text = format!("A short answer.{}", ".".repeat(usize::try_from(script.pad).unwrap_or(usize::MAX)));
    match surface {
        Surface::AnthropicMessages => {
            json!({"id": script.named("msg_demo"), "type": "message", "role": "assistant", "model": model,
            "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": null, "usage": {
            "input_tokens": script.input, "cache_creation_input_tokens": script.cache_write,
            "cache_read_input_tokens": script.cache_read,
            "cache_creation": {"ephemeral_5m_input_tokens": script.cache_write, "ephemeral_1h_input_tokens": 0},
            "output_tokens": script.output + script.reasoning,
            "output_tokens_details": {"thinking_tokens": script.reasoning},
            "server_tool_use": {"web_search_requests": script.web_search}, "service_tier": "standard"}})
        }
        Surface::AnthropicCount => json!({"input_tokens": script.input}),
        Surface::OpenAiChat => {
            json!({"id": script.named("chatcmpl-demo"), "object": "chat.completion", "created": 1_790_000_000,
            "model": model, "service_tier": "default", "choices": [{"index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": text}}], "usage": chat_usage(script)})
        }
        Surface::OpenAiResponses => responses_object(model, script, "completed"),
        Surface::CohereChat => json!({"id": script.named("cohere-demo"), "finish_reason": "COMPLETE",
            "message": {"role": "assistant", "content": [{"type": "text", "text": text}]}, "usage": cohere_usage(script)}),
        Surface::OpenAiEmbeddings => json!({"object": "list", "model": model,
            "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -0.25]}],
            "usage": {"prompt_tokens": script.input, "total_tokens": script.input}}),
        Surface::GeminiGenerate | Surface::GeminiSse | Surface::GeminiArray => {
            gemini_document(model, script, &text, Some("STOP"))
        }
        Surface::GeminiCount => json!({"totalTokens": script.input}),
    }
}

/// Usage as Chat Completions words it: everything inclusive.
pub fn chat_usage(script: &Script) -> Value {
    let prompt = script.input + script.cache_read;
    let completion = script.output + script.reasoning;
    json!({"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": script.cache_read, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": script.reasoning, "audio_tokens": 0}})
}

/// Usage as Cohere words it: typed floats, and beside the bill the tokens with its own template.
pub fn cohere_usage(script: &Script) -> Value {
    let (input, output) = (script.input as f64, script.output as f64);
    json!({"billed_units": {"input_tokens": input, "output_tokens": output},
        "tokens": {"input_tokens": input + 60.0, "output_tokens": output + 2.0}})
}

/// A Responses object; usage only when it has ended.
pub fn responses_object(model: &str, script: &Script, status: &str) -> Value {
    let input = script.input + script.cache_read;
    let output = script.output + script.reasoning;
    let ended = status == "completed";
    let items = if ended {
        json!([{"id": script.named("msg_demo"), "type": "message", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": "A short answer.", "annotations": []}]}])
    } else {
        json!([])
    };
    let usage = if ended {
        json!({"input_tokens": input, "input_tokens_details": {"cached_tokens": script.cache_read},
            "output_tokens": output, "output_tokens_details": {"reasoning_tokens": script.reasoning},
            "total_tokens": input + output})
    } else {
        Value::Null
    };
    json!({"id": script.named("resp_demo"), "object": "response", "created_at": 1_790_000_000, "status": status, "model": model,
        "output": items, "parallel_tool_calls": true, "tool_choice": "auto", "tools": [], "service_tier": "default",
        "usage": usage})
}

/// A Gemini answer or chunk: cached inside the prompt, thoughts outside the candidates.
pub fn gemini_document(model: &str, script: &Script, text: &str, finish: Option<&str>) -> Value {
    let prompt = script.input + script.cache_read;
    let mut candidate = json!({"content": {"parts": [{"text": text}], "role": "model"}, "index": 0});
    if let Some(finish) = finish {
        candidate["finishReason"] = finish.into();
    }
    let mut usage = json!({"promptTokenCount": prompt, "candidatesTokenCount": script.output,
        "totalTokenCount": prompt + script.output + script.reasoning});
    if script.cache_read > 0 {
        usage["cachedContentTokenCount"] = script.cache_read.into();
    }
    if script.reasoning > 0 {
        usage["thoughtsTokenCount"] = script.reasoning.into();
    }
    json!({"candidates": [candidate], "usageMetadata": usage, "modelVersion": model, "responseId": "demo-response"})
}

/// An error document with the provider's own envelope.
pub fn error(surface: Surface, status: u16) -> Value {
    match surface {
        Surface::AnthropicMessages | Surface::AnthropicCount => {
            let kind = match status {
                401 => "authentication_error",
                403 => "permission_error",
                429 => "rate_limit_error",
                529 => "overloaded_error",
                500.. => "api_error",
                _ => "invalid_request_error",
            };
            json!({"type": "error", "error": {"type": kind, "message": "The demo provider was asked to fail."},
                "request_id": "req_demo"})
        }
        Surface::OpenAiChat | Surface::OpenAiResponses | Surface::OpenAiEmbeddings => {
            let code = match status {
                401 => "invalid_api_key",
                429 => "rate_limit_exceeded",
                500.. => "server_error",
                _ => "invalid_request_error",
            };
            json!({"error": {"message": "The demo provider was asked to fail.", "type": code, "param": null,
                "code": code}})
        }
        Surface::CohereChat => json!({"id": "cohere-demo", "message": "The demo provider was asked to fail."}),
        Surface::GeminiGenerate | Surface::GeminiSse | Surface::GeminiArray | Surface::GeminiCount => {
            let word = match status {
                401 => "UNAUTHENTICATED",
                403 => "PERMISSION_DENIED",
                429 => "RESOURCE_EXHAUSTED",
                500.. => "INTERNAL",
                _ => "INVALID_ARGUMENT",
            };
            json!({"error": {"code": status, "message": "The demo provider was asked to fail.", "status": word}})
        }
    }
}
