"""Drives xAI's REST surface, which speaks OpenAI's shape, with OpenAI's SDK; one JSON line per call."""

import json

import openai

client = openai.OpenAI(api_key="not-a-key", base_url="https://api.x.ai/v1", max_retries=0)
answer = client.chat.completions.create(
    model="test-model", messages=[{"role": "user", "content": "hi"}], extra_headers={"x-demo": "input=19, output=13"}
)
print(json.dumps({"name": "xai", "input": answer.usage.prompt_tokens, "output": answer.usage.completion_tokens}))
chunks = client.chat.completions.create(
    model="test-model",
    messages=[{"role": "user", "content": "hi"}],
    stream=True,
    extra_headers={"x-demo": "input=20, output=14, events=4"},
)
print(json.dumps({"name": "xai-streamed", "chunks": sum(1 for _ in chunks)}))
