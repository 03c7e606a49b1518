"""Drives Anthropic's own SDK; prints one JSON line per call with what the SDK understood."""

import recorded  # noqa: F401  (first: it wraps the sockets)
import json

import anthropic

client = anthropic.Anthropic(api_key="not-a-key", max_retries=0)
messages = [{"role": "user", "content": "hi"}]


def tell(name, **facts):
    print(json.dumps({"name": name, **facts}), flush=True)


def script(text):
    return {"x-demo": text}


plain = client.messages.create(
    model="test-claude", max_tokens=64, messages=messages, extra_headers=script("input=11, output=5")
)
tell("plain", input=plain.usage.input_tokens, output=plain.usage.output_tokens, id=plain.id)

texts = 0
with client.messages.stream(
    model="test-claude", max_tokens=64, messages=messages, extra_headers=script("input=12, output=6, events=9, gap_ms=2")
) as stream:
    for _ in stream.text_stream:
        texts += 1
    last = stream.get_final_message()
tell("streamed", input=last.usage.input_tokens, output=last.usage.output_tokens, texts=texts)

tools = [{"name": "weather", "description": "tells", "input_schema": {"type": "object", "properties": {}}}]
tooled = client.messages.create(
    model="test-claude", max_tokens=64, messages=messages, tools=tools, extra_headers=script("input=13, output=7, web_search=1")
)
tell("tools", input=tooled.usage.input_tokens, output=tooled.usage.output_tokens)

counted = client.messages.count_tokens(model="test-claude", messages=messages, extra_headers=script("input=14"))
tell("count", input=counted.input_tokens)

try:
    client.messages.create(
        model="test-claude", max_tokens=64, messages=messages, extra_headers=script("status=429")
    )
except anthropic.RateLimitError as error:
    tell("error", status=error.status_code, type=error.body["error"]["type"])
