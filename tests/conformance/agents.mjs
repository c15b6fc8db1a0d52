// A person at the JavaScript Agents SDK: asks a question aloud, interrupts, and prints what came.
//
//     node agents.mjs URL KEY SCENE QUESTION.pcm INTERRUPTION.pcm
//
// The recordings are int16 mono PCM at 24 kHz. The last line printed is a JSON object.

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession, tool } from '@openai/agents-realtime';

const FRAME_BYTES = 960; // 20 ms
const PATIENCE_MS = 15_000;
const [url, apiKey, scene, question, interruption] = process.argv.slice(2);

const asked = [];
const hours = tool({
  name: 'opening_hours',
  description: 'When the library closes.',
  parameters: {
    type: 'object',
    properties: { season: { type: 'string' } },
    required: ['season'],
    additionalProperties: false,
  },
  execute: async ({ season }) => {
    asked.push(season);
    return 'three';
  },
});

const agent = new RealtimeAgent({
  name: 'Librarian',
  instructions: 'Answer about the library.',
  tools: scene === 'tool' ? [hours] : [],
});
const transport = new OpenAIRealtimeWebSocket({ url });
const session = new RealtimeSession(agent, { transport, tracingDisabled: true });

const errors = [];
let audioBytes = 0;
let interruptions = 0;
let done = 0;
session.on('error', (error) => errors.push(JSON.stringify(error)));
session.on('audio', (event) => (audioBytes += event.data.byteLength));
session.on('audio_interrupted', () => (interruptions += 1));
transport.on('*', (event) => (done += event.type === 'response.done' ? 1 : 0));

let microphone = Buffer.alloc(0);
let speaking = true;

const say = (file) => (microphone = Buffer.concat([microphone, readFileSync(file)]));

async function speak() {
  for (let due = performance.now(); speaking; due += 20) {
    const frame = Buffer.alloc(FRAME_BYTES);
    microphone.copy(frame, 0, 0, FRAME_BYTES);
    microphone = microphone.subarray(FRAME_BYTES);
    session.sendAudio(new Uint8Array(frame).buffer);
    await sleep(Math.max(0, due + 20 - performance.now()));
  }
}

async function until(holds) {
  for (const end = performance.now() + PATIENCE_MS; !holds(); await sleep(20)) {
    if (performance.now() > end) throw new Error(`never ${holds}: ${report()}`);
  }
}

const history = () =>
  session.history
    .filter((item) => item.type === 'message')
    .map((item) => [item.role, item.content.map((part) => part.transcript ?? part.text).join('')]);

const report = () => JSON.stringify({ history: history(), errors, audioBytes, interruptions, asked });

const complete = (messages) =>
  history().length === messages && history().every(([, text]) => text);

await session.connect({ apiKey });
const spoken = speak();
say(question);
if (scene === 'interrupt') {
  await until(() => audioBytes > 48_000);
  say(interruption);
  await until(() => interruptions > 0);
}
const turns = scene === 'turn' ? 1 : 2;
await until(() => done === turns && complete(scene === 'interrupt' ? 4 : 2));
speaking = false;
await spoken;
session.close();
console.log(report());
process.exit(0);
