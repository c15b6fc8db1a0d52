// A page with the JavaScript Agents SDK: it calls a server over WebRTC with the microphone of the
// browser, and keeps what it hears and is told. `window.caller` is for the test that drives it.

import { OpenAIRealtimeWebRTC, RealtimeAgent, RealtimeSession, tool } from './sdk/openai-realtime-agents.mjs';

const RATE_HZ = 24_000;

const heard = [];
const told = [];
const asked = [];
const errors = [];
let heardSamples = 0;
let session;

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

async function call(baseUrl, apiKey, withTools) {
  const audioElement = document.createElement('audio');
  const transport = new OpenAIRealtimeWebRTC({ baseUrl, audioElement });
  transport.on('*', (event) => told.push({ ...event, heard_s: heardSamples / RATE_HZ }));
  const agent = new RealtimeAgent({
    name: 'Librarian',
    instructions: 'Answer about the library.',
    tools: withTools ? [hours] : [],
  });
  session = new RealtimeSession(agent, { transport, tracingDisabled: true });
  session.on('error', (error) => errors.push(JSON.stringify(error)));
  await session.connect({ apiKey });
  await listen(audioElement.srcObject);
  return transport.callId;
}

async function listen(stream) {
  const context = new AudioContext({ sampleRate: RATE_HZ });
  await context.audioWorklet.addModule('ear.worklet.js');
  const ear = new AudioWorkletNode(context, 'ear');
  ear.port.onmessage = ({ data }) => {
    heard.push(data);
    heardSamples += data.length;
  };
  context.createMediaStreamSource(stream).connect(ear).connect(context.destination);
}

const history = () =>
  session.history
    .filter((item) => item.type === 'message')
    .map((item) => [item.role, item.content.map((part) => part.transcript ?? part.text).join('')]);

// How often such an event has come.
const count = (type) => told.filter((event) => event.type === type).length;

// What was heard, as int16 PCM in base64.
function sound() {
  const samples = heard.flatMap((piece) => [...piece]);
  const pcm = new Uint8Array(Int16Array.from(samples, (x) => Math.round(x * 32_767)).buffer);
  return btoa(Array.from(pcm, (byte) => String.fromCharCode(byte)).join(''));
}

const report = () => ({ history: history(), sound: sound(), told, asked, errors });

window.caller = {
  call,
  count,
  history,
  report,
  get session() {
    return session;
  },
};
