"""Drives xAI's own SDK, which speaks gRPC; prints one JSON line per call."""

import json

import xai_sdk
from xai_sdk.chat import user

client = xai_sdk.Client(api_key="not-a-key", timeout=20)
answer = client.chat.create(model="test-model", messages=[user("hi")]).sample()
print(json.dumps({"name": "xai", "input": answer.usage.prompt_tokens, "output": answer.usage.completion_tokens}), flush=True)
chunks = 0
for answer, chunk in client.chat.create(model="test-model", messages=[user("hi")]).stream():
    chunks += 1
print(json.dumps({"name": "xai-streamed", "chunks": chunks, "output": answer.usage.completion_tokens}), flush=True)
