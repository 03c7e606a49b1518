"""Drives the SDKs of Google, Mistral, Groq and Cohere, and xAI's REST surface by OpenAI's shape; one JSON line per call."""

import json
import sys

MESSAGES = [{"role": "user", "content": "hi"}]


def tell(name, **facts):
    print(json.dumps({"name": name, **facts}), flush=True)


def script(text):
    return {"x-demo": text}


def google():
    from google import genai
    from google.genai import types

    client = genai.Client(api_key="not-a-key")
    config = lambda text: types.GenerateContentConfig(http_options=types.HttpOptions(headers=script(text)))
    answer = client.models.generate_content(
        model="test-model", contents="hi", config=config("input=11, cache_read=4, output=5, reasoning=3")
    )
    usage = answer.usage_metadata
    tell("google", input=usage.prompt_token_count, output=usage.candidates_token_count)
    last = None
    for chunk in client.models.generate_content_stream(
        model="test-model", contents="hi", config=config("input=12, output=6, events=4")
    ):
        last = chunk.usage_metadata or last
    tell("google-streamed", input=last.prompt_token_count, output=last.candidates_token_count)


def mistral():
    from mistralai.client import Mistral

    client = Mistral(api_key="not-a-key")
    answer = client.chat.complete(
        model="test-model", messages=MESSAGES, http_headers=script("input=13, output=7")
    )
    tell("mistral", input=answer.usage.prompt_tokens, output=answer.usage.completion_tokens)
    usage = None
    for event in client.chat.stream(
        model="test-model", messages=MESSAGES, http_headers=script("input=14, output=8, events=4")
    ):
        usage = event.data.usage or usage
    tell("mistral-streamed", input=usage.prompt_tokens, output=usage.completion_tokens)


def groq():
    import groq as sdk

    client = sdk.Groq(api_key="not-a-key", max_retries=0)
    answer = client.chat.completions.create(
        model="test-model", messages=MESSAGES, extra_headers=script("input=15, output=9")
    )
    tell("groq", input=answer.usage.prompt_tokens, output=answer.usage.completion_tokens)
    chunks = client.chat.completions.create(
        model="test-model", messages=MESSAGES, stream=True, extra_headers=script("input=16, output=10, events=4")
    )
    tell("groq-streamed", chunks=sum(1 for _ in chunks))


def cohere():
    import cohere as sdk

    client = sdk.ClientV2(api_key="not-a-key")
    options = lambda text: {"additional_headers": script(text), "max_retries": 0}
    answer = client.chat(model="test-model", messages=MESSAGES, request_options=options("input=17, output=11"))
    tell("cohere", input=answer.usage.billed_units.input_tokens, output=answer.usage.billed_units.output_tokens)
    events = client.chat_stream(
        model="test-model", messages=MESSAGES, request_options=options("input=18, output=12, events=4")
    )
    tell("cohere-streamed", kinds=[event.type for event in events][-1])


if __name__ == "__main__":
    {"google": google, "mistral": mistral, "groq": groq, "cohere": cohere}[sys.argv[1]]()
