//! The repository's own manifests, compiled in.

use crate::file::ManifestFile;

macro_rules! files {
    ($($path:literal,)*) => {
        /// Relative path and content of every bundled manifest.
        const FILES: &[(&str, &str)] = &[$(($path, include_str!(concat!("../../../", $path))),)*];
    };
}

files! {
    "manifests/clients.toml",
    "manifests/dialects/anthropic_batch.toml",
    "manifests/dialects/anthropic_complete.toml",
    "manifests/dialects/anthropic_messages.toml",
    "manifests/dialects/bedrock_converse.toml",
    "manifests/dialects/bedrock_invoke.toml",
    "manifests/dialects/code_assist.toml",
    "manifests/dialects/cohere.toml",
    "manifests/dialects/cohere_units.toml",
    "manifests/dialects/cohere_v1.toml",
    "manifests/dialects/gemini_batch.toml",
    "manifests/dialects/gemini_embed.toml",
    "manifests/dialects/gemini_generate.toml",
    "manifests/dialects/gemini_interactions.toml",
    "manifests/dialects/gemini_live.toml",
    "manifests/dialects/groq_chat.toml",
    "manifests/dialects/minimax_chat.toml",
    "manifests/dialects/minimax_speech.toml",
    "manifests/dialects/mistral_conversations.toml",
    "manifests/dialects/mistral_ocr.toml",
    "manifests/dialects/ollama.toml",
    "manifests/dialects/opaque.toml",
    "manifests/dialects/openai_audio.toml",
    "manifests/dialects/openai_batch.toml",
    "manifests/dialects/openai_chat.toml",
    "manifests/dialects/openai_decisions.toml",
    "manifests/dialects/openai_embeddings.toml",
    "manifests/dialects/openai_errors.toml",
    "manifests/dialects/openai_images.toml",
    "manifests/dialects/openai_live.toml",
    "manifests/dialects/openai_realtime.toml",
    "manifests/dialects/openai_responses.toml",
    "manifests/dialects/openai_responses_ws.toml",
    "manifests/dialects/openai_speech.toml",
    "manifests/dialects/openrouter_chat.toml",
    "manifests/dialects/perplexity.toml",
    "manifests/dialects/perplexity_async.toml",
    "manifests/dialects/perplexity_responses.toml",
    "manifests/dialects/perplexity_search.toml",
    "manifests/dialects/qwen_chat.toml",
    "manifests/dialects/vercel_sdk.toml",
    "manifests/dialects/vertex_anthropic.toml",
    "manifests/dialects/vertex_predict.toml",
    "manifests/dialects/vertex_video.toml",
    "manifests/dialects/xai_chat.toml",
    "manifests/dialects/xai_deferred.toml",
    "manifests/dialects/xai_grpc.toml",
    "manifests/dialects/xai_grpc_chunk.toml",
    "manifests/dialects/xai_grpc_compact.toml",
    "manifests/dialects/xai_grpc_deferred.toml",
    "manifests/dialects/xai_grpc_embed.toml",
    "manifests/dialects/xai_grpc_image.toml",
    "manifests/dialects/xai_grpc_sample.toml",
    "manifests/dialects/xai_grpc_video.toml",
    "manifests/dialects/xai_images.toml",
    "manifests/dialects/xai_videos.toml",
    "manifests/dialects/zai_chat.toml",
    "manifests/prices/anthropic.toml",
    "manifests/prices/azure.toml",
    "manifests/prices/bedrock.toml",
    "manifests/prices/cerebras.toml",
    "manifests/prices/cohere.toml",
    "manifests/prices/deepseek.toml",
    "manifests/prices/fireworks.toml",
    "manifests/prices/gemini.toml",
    "manifests/prices/groq.toml",
    "manifests/prices/meta.toml",
    "manifests/prices/minimax.toml",
    "manifests/prices/mistral.toml",
    "manifests/prices/moonshot.toml",
    "manifests/prices/openai.toml",
    "manifests/prices/openrouter.toml",
    "manifests/prices/perplexity.toml",
    "manifests/prices/qwen.toml",
    "manifests/prices/together.toml",
    "manifests/prices/vercel.toml",
    "manifests/prices/vertex.toml",
    "manifests/prices/xai.toml",
    "manifests/prices/zai.toml",
    "manifests/services.toml",
    "manifests/tagging.toml",
    "policies.d/10-examples.toml",
    "providers.d/anthropic.toml",
    "providers.d/anthropic_aws.toml",
    "providers.d/anthropic_google.toml",
    "providers.d/assemblyai.toml",
    "providers.d/azure.toml",
    "providers.d/baseten.toml",
    "providers.d/bedrock.toml",
    "providers.d/bedrock_china.toml",
    "providers.d/bedrock_mantle.toml",
    "providers.d/cerebras.toml",
    "providers.d/cloudflare.toml",
    "providers.d/code_assist.toml",
    "providers.d/codex.toml",
    "providers.d/cohere.toml",
    "providers.d/copilot.toml",
    "providers.d/cursor.toml",
    "providers.d/deepinfra.toml",
    "providers.d/deepseek.toml",
    "providers.d/digitalocean.toml",
    "providers.d/fireworks.toml",
    "providers.d/friendli.toml",
    "providers.d/gemini.toml",
    "providers.d/github_models.toml",
    "providers.d/groq.toml",
    "providers.d/huggingface.toml",
    "providers.d/hyperbolic.toml",
    "providers.d/inception.toml",
    "providers.d/jina.toml",
    "providers.d/kimi_code.toml",
    "providers.d/meta.toml",
    "providers.d/minimax.toml",
    "providers.d/mistral.toml",
    "providers.d/moonshot.toml",
    "providers.d/morph.toml",
    "providers.d/nebius.toml",
    "providers.d/novita.toml",
    "providers.d/nvidia.toml",
    "providers.d/ollama_cloud.toml",
    "providers.d/openai.toml",
    "providers.d/openai_regional.toml",
    "providers.d/opencode.toml",
    "providers.d/openrouter.toml",
    "providers.d/perplexity.toml",
    "providers.d/qwen.toml",
    "providers.d/qwen_china.toml",
    "providers.d/qwen_coding.toml",
    "providers.d/requesty.toml",
    "providers.d/sambanova.toml",
    "providers.d/scaleway.toml",
    "providers.d/siliconflow.toml",
    "providers.d/together.toml",
    "providers.d/vercel.toml",
    "providers.d/vertex.toml",
    "providers.d/volcengine.toml",
    "providers.d/voyage.toml",
    "providers.d/wandb.toml",
    "providers.d/workers_ai.toml",
    "providers.d/xai.toml",
    "providers.d/zai.toml",
}

/// Every bundled manifest, by path.
pub fn bundled() -> Vec<ManifestFile> {
    FILES.iter().map(|(path, text)| ManifestFile::new(*path, *text)).collect()
}

/// The text of one bundled manifest.
pub fn bundled_file(path: &str) -> Option<&'static str> {
    FILES.iter().find(|(known, _)| *known == path).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// A file that is not in the list would simply be missing from the binary.
    #[test]
    fn the_list_is_the_folder() {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        let mut found = Vec::new();
        for folder in ["manifests", "manifests/dialects", "manifests/prices", "policies.d", "providers.d"] {
            for entry in std::fs::read_dir(root.join(folder)).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                if name.ends_with(".toml") {
                    found.push(format!("{folder}/{name}"));
                }
            }
        }
        found.sort();
        let listed: Vec<String> = bundled().into_iter().map(|file| file.path).collect();
        assert_eq!(listed, found);
    }
}
