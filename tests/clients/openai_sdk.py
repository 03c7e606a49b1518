"""Drives OpenAI's own SDK; prints one JSON line per call with what the SDK understood."""

import recorded  # noqa: F401  (first: it wraps the sockets)
import json

import openai

client = openai.OpenAI(api_key="not-a-key", max_retries=0)
messages = [{"role": "user", "content": "hi"}]


def tell(name, **facts):
    print(json.dumps({"name": name, **facts}), flush=True)


def script(text):
    return {"x-demo": text}


plain = client.chat.completions.create(
    model="test-gpt", messages=messages, extra_headers=script("input=21, cache_read=4, output=5")
)
tell("plain", input=plain.usage.prompt_tokens, output=plain.usage.completion_tokens)

chunks = 0
usage = None
for chunk in client.chat.completions.create(
    model="test-gpt",
    messages=messages,
    stream=True,
    stream_options={"include_usage": True},
    extra_headers=script("input=22, output=6, events=9, gap_ms=2"),
):
    chunks += 1
    usage = chunk.usage or usage
tell("streamed", input=usage.prompt_tokens, output=usage.completion_tokens, chunks=chunks)

answer = client.responses.create(
    model="test-gpt", input="hi", extra_headers=script("input=23, output=7, reasoning=2")
)
tell("responses", input=answer.usage.input_tokens, output=answer.usage.output_tokens)

events = 0
for event in client.responses.create(
    model="test-gpt", input="hi", stream=True, extra_headers=script("input=24, output=8")
):
    events += 1
tell("responses-streamed", events=events)

vectors = client.embeddings.create(model="test-embed", input="hi", extra_headers=script("input=25"))
tell("embeddings", input=vectors.usage.prompt_tokens)

try:
    client.chat.completions.create(model="test-gpt", messages=messages, extra_headers=script("status=401"))
except openai.AuthenticationError as error:
    tell("error", status=error.status_code, code=error.code)
