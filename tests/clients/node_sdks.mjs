// Drives the Node SDKs of Anthropic, OpenAI and Google; prints one JSON line per call.
const tell = (name, facts) => console.log(JSON.stringify({ name, ...facts }));
const script = (text) => ({ "x-demo": text });
const messages = [{ role: "user", content: "hi" }];

async function anthropic() {
  const { default: Anthropic } = await import("@anthropic-ai/sdk");
  const client = new Anthropic({ apiKey: "not-a-key", maxRetries: 0 });
  const asked = { model: "test-model", max_tokens: 100, messages };
  const answer = await client.messages.create(asked, { headers: script("input=21, cache_read=4, output=5") });
  tell("anthropic", { input: answer.usage.input_tokens, output: answer.usage.output_tokens });
  const stream = client.messages.stream(asked, { headers: script("input=22, output=6, events=9") });
  const last = await stream.finalMessage();
  tell("anthropic-streamed", { output: last.usage.output_tokens });
}

async function openai() {
  const { default: OpenAI } = await import("openai");
  const client = new OpenAI({ apiKey: "not-a-key", maxRetries: 0 });
  const asked = { model: "test-model", messages };
  const answer = await client.chat.completions.create(asked, { headers: script("input=23, output=7") });
  tell("openai", { input: answer.usage.prompt_tokens, output: answer.usage.completion_tokens });
  const chunks = await client.responses.create(
    { model: "test-model", input: "hi", stream: true },
    { headers: script("input=24, output=8, events=4") },
  );
  let events = 0;
  for await (const _ of chunks) events += 1;
  tell("openai-streamed", { events });
}

async function google() {
  const { GoogleGenAI } = await import("@google/genai");
  const client = new GoogleGenAI({ apiKey: "not-a-key" });
  const config = (text) => ({ httpOptions: { headers: script(text) } });
  const asked = { model: "test-model", contents: "hi" };
  const answer = await client.models.generateContent({ ...asked, config: config("input=25, output=9") });
  tell("google", { input: answer.usageMetadata.promptTokenCount, output: answer.usageMetadata.candidatesTokenCount });
  const chunks = await client.models.generateContentStream({ ...asked, config: config("input=26, output=10, events=4") });
  let last;
  for await (const chunk of chunks) last = chunk.usageMetadata ?? last;
  tell("google-streamed", { output: last.candidatesTokenCount });
}

await { anthropic, openai, google }[process.argv[2]]();
