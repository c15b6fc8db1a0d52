// What the page computes without a browser.

import assert from "node:assert/strict";
import { test } from "node:test";

import { activity } from "../../web/talk/activity.js";
import { Conversation } from "../../web/talk/conversation.js";
import { TurnClock, percentile, spans } from "../../web/talk/latency.js";
import { decodeBase64, encodeBase64, loudness, needle, toFloat32, toInt16 } from "../../web/talk/pcm.js";
import { Problem, statusProblem } from "../../web/talk/problems.js";
import { heardText, srt, stamp } from "../../web/talk/recording.js";
import { Resampler } from "../../web/talk/resampler.js";
import { argumentsOf, ownTool, spokenTime } from "../../web/talk/tools.js";
import { sessionUpdate } from "../../web/talk/wire.js";

const sine = (hz, rate, seconds) => Float32Array.from({ length: rate * seconds }, (_, n) => Math.sin((2 * Math.PI * hz * n) / rate));

function resampled(x, from, to, block) {
  const resampler = new Resampler(from, to);
  const out = [];
  for (let at = 0; at < x.length; at += block) out.push(...resampler.push(x.subarray(at, at + block)));
  return Float32Array.from(out);
}

test("samples survive their way through base64", () => {
  const pcm = Int16Array.from([0, 1, -1, 32767, -32768, 12345]);
  assert.deepEqual(decodeBase64(encodeBase64(pcm)), pcm);
  assert.deepEqual(toInt16(toFloat32(Int16Array.from([0, 100, -100]))), Int16Array.from([0, 100, -100]));
  assert.deepEqual(toInt16(Float32Array.from([2, -2])), Int16Array.from([32767, -32768]));
});

test("loudness is in dBFS and silence has one too", () => {
  assert.equal(loudness(new Int16Array(480)), -96);
  assert.ok(Math.abs(loudness(toInt16(sine(440, 24000, 0.1))) - -3) < 0.1);
  assert.equal(needle(-96), 0);
  assert.equal(needle(0), 1);
});

for (const [from, to] of [[48000, 24000], [44100, 24000], [24000, 48000], [24000, 44100]]) {
  test(`a tone keeps its pitch and its level from ${from} to ${to} Hz`, () => {
    const out = resampled(sine(1000, from, 0.5), from, to, 480);
    assert.ok(Math.abs(out.length - to / 2) < 40);
    const middle = out.subarray(400, out.length - 400);
    const rms = Math.sqrt(middle.reduce((sum, v) => sum + v * v, 0) / middle.length);
    assert.ok(Math.abs(rms - Math.SQRT1_2) < 0.01, `rms ${rms}`);
    const crossings = middle.filter((v, n) => n && v >= 0 && middle[n - 1] < 0).length;
    assert.ok(Math.abs(crossings - (1000 * middle.length) / to) <= 1);
  });
}

test("what the new rate cannot carry is not folded into it", () => {
  const out = resampled(sine(20000, 48000, 0.3), 48000, 24000, 960).subarray(200);
  assert.ok(Math.max(...out.map(Math.abs)) < 0.02);
});

test("blocks of any size give the same sound", () => {
  const x = sine(700, 44100, 0.2);
  const [whole, parts] = [resampled(x, 44100, 24000, x.length), resampled(x, 44100, 24000, 37)];
  for (let n = 0; n < Math.min(whole.length, parts.length); n++) assert.ok(Math.abs(whole[n] - parts[n]) < 2e-2);
});

const said = (conversation) => conversation.items.map(({ role, text, final }) => [role, text, final]);

test("a spoken turn grows word by word", () => {
  const talk = new Conversation();
  talk.apply({ type: "input_audio_buffer.speech_started", item_id: "u" }, 100);
  talk.apply({ type: "conversation.item.input_audio_transcription.delta", item_id: "u", delta: "how " }, 200);
  assert.deepEqual(said(talk), [["user", "how ", false]]);
  talk.apply({ type: "input_audio_buffer.committed", item_id: "u", previous_item_id: null }, 300);
  talk.apply({ type: "conversation.item.input_audio_transcription.completed", item_id: "u", transcript: "How long?" }, 400);
  talk.apply({ type: "response.output_audio_transcript.delta", item_id: "a", delta: "Ten" }, 500);
  assert.deepEqual(said(talk), [["user", "How long?", true], ["assistant", "Ten", false]]);
  assert.deepEqual([talk.items[0].startMs, talk.items[0].endMs], [100, 300]);
});

test("of an interrupted answer the heard part is known, and the rest is kept", () => {
  const talk = new Conversation();
  talk.apply({ type: "response.output_audio_transcript.delta", item_id: "a", delta: "One two three" }, 0);
  const item = { id: "a", type: "message", role: "assistant", status: "incomplete", content: [{ type: "output_audio", transcript: "One two three" }] };
  talk.apply({ type: "conversation.item.done", item, previous_item_id: null }, 0);
  talk.apply({ type: "conversation.item.truncated", item_id: "a", audio_end_ms: 700 }, 0);
  talk.apply({ type: "conversation.item.retrieved", item: { ...item, content: [{ type: "output_audio", transcript: "One two" }] } }, 0);
  const [answer] = talk.items;
  assert.deepEqual([answer.interrupted, answer.heard, answer.text], [true, "One two", "One two three"]);
  assert.equal(heardText(answer), "One two");
});

test("items that are told twice are one, and a call gets its answer", () => {
  const talk = new Conversation();
  const typed = { id: "t", type: "message", role: "user", status: "completed", content: [{ type: "input_text", text: "Hi" }] };
  for (const type of ["conversation.item.added", "conversation.item.done"]) talk.apply({ type, item: typed, previous_item_id: null }, 0);
  talk.apply({ type: "response.function_call_arguments.done", item_id: "f", call_id: "c", name: "clock", arguments: "{}" }, 0);
  talk.apply({ type: "conversation.item.added", item: { id: "o", type: "function_call_output", call_id: "c", output: "noon" } }, 0);
  assert.deepEqual(said(talk), [["user", "Hi", true], ["tool", "", true]]);
  assert.equal(talk.items[1].call.output, "noon");
});

test("an answer names each of its documents once, with all that was taken from it", () => {
  const talk = new Conversation();
  talk.apply({ type: "response.output_audio_transcript.delta", item_id: "a", delta: "Venus" }, 0);
  for (const [filename, quote] of [["planets.md", "Venus is"], ["moon.md", "Rocks"], ["planets.md", "Mars is"]]) {
    const annotation = { type: "file_citation", file_id: "f", filename, quote, index: 5 };
    talk.apply({ type: "response.output_text.annotation.added", item_id: "a", annotation }, 0);
  }
  const sources = [{ name: "planets.md", quotes: ["Venus is", "Mars is"] }, { name: "moon.md", quotes: ["Rocks"] }];
  assert.deepEqual(talk.items[0].sources, sources);
});

test("an event that nobody knows changes nothing", () => {
  const talk = new Conversation();
  assert.equal(talk.apply({ type: "rate_limits.updated" }, 0), null);
  assert.deepEqual(talk.items, []);
});

test("a turn is heard so long after its last sound", () => {
  const clock = new TurnClock();
  clock.committed(1000);
  assert.ok(clock.waits);
  clock.audible(1060);
  clock.audible(1200);
  const turn = clock.done({ end_of_turn_ms: 500, stt_ms: 300, llm_ms: 40, tts_ms: 20, total_ms: 520 }, false);
  assert.equal(turn.heardMs, 560);
  const last = spans(turn).at(-1);
  assert.deepEqual([last.stage, last.fromMs, last.toMs], ["way", 520, 560]);
  assert.equal(clock.percentile(0.5), 560);
});

test("a turn with a function call counts to the answer after it", () => {
  const clock = new TurnClock();
  clock.committed(0);
  assert.equal(clock.done({ end_of_turn_ms: 500, stt_ms: 200, llm_ms: 10 }, true), null);
  clock.audible(900);
  const turn = clock.done({ llm_ms: 30, tts_ms: 5 }, false);
  assert.deepEqual([turn.heardMs, turn.timings.stt_ms, turn.timings.llm_ms], [1400, 200, 30]);
});

test("what was not heard has no time, and what is missing no bar", () => {
  const clock = new TurnClock();
  assert.equal(clock.done({}, false), null);
  clock.sent(0);
  const turn = clock.done(undefined, false);
  assert.equal(turn.heardMs, null);
  assert.deepEqual(spans(turn), []);
  assert.equal(clock.percentile(0.95), null);
});

test("percentiles are ranks", () => {
  assert.equal(percentile([30, 10, 20], 0.5), 20);
  assert.equal(percentile([...Array(100).keys()], 0.95), 94);
});

test("subtitles say who, when, and only what was heard", () => {
  assert.equal(stamp(3_723_004), "01:02:03,004");
  const items = [
    { role: "user", text: "Stop", startMs: 1000, endMs: 2000 },
    { role: "assistant", text: "One two", interrupted: true, heard: "One", startMs: 2500, endMs: 2600 },
    { role: "note", text: "not this", startMs: 3000 },
  ];
  assert.equal(srt(items, 1000), "1\n00:00:00,000 --> 00:00:01,000\nYou: Stop\n\n2\n00:00:01,500 --> 00:00:02,000\nVoice: One\n");
});

test("what goes on is one word", () => {
  const quiet = { status: "live", answering: false, begun: false, answerQuietMs: 9999, userQuietMs: 9999, hearing: false, muted: false, held: true };
  assert.equal(activity(quiet), "listening");
  assert.equal(activity({ ...quiet, muted: true }), "muted");
  assert.equal(activity({ ...quiet, held: false }), "waiting");
  assert.equal(activity({ ...quiet, hearing: true }), "hearing");
  assert.equal(activity({ ...quiet, answering: true }), "thinking");
  assert.equal(activity({ ...quiet, answering: true, begun: true, answerQuietMs: 50 }), "speaking");
  assert.equal(activity({ ...quiet, answering: true, begun: true, answerQuietMs: 300, userQuietMs: 100 }), "paused");
  assert.equal(activity({ ...quiet, status: "reconnecting" }), "reconnecting");
});

test("a definition of one's own is taken or refused with a reason", () => {
  assert.deepEqual(ownTool('{"name": "tea"}').definition, { type: "function", name: "tea", description: "", parameters: { type: "object", properties: {} } });
  assert.equal(ownTool('{"type": "function", "function": {"name": "tea"}}').name, "tea");
  for (const [text, reason] of [["{", /not JSON/], ["[]", /is an object/], ['{"name": "a b"}', /letters/], ['{"name": "clock"}', /taken/], ['{"name": "x", "parameters": []}', /schema/]]) {
    assert.throws(() => ownTool(text), reason);
  }
  assert.deepEqual(argumentsOf('{"a": 1}'), { a: 1 });
  assert.deepEqual(argumentsOf("nonsense"), {});
});

test("an unknown time zone gives the time here", () => {
  const date = new Date(Date.UTC(2030, 0, 1, 12));
  assert.match(spokenTime(date, "Asia/Tokyo"), /9:00/);
  assert.equal(spokenTime(date, "Nowhere/Else"), spokenTime(date));
});

test("the session says what was chosen, and the voice at the beginning alone", () => {
  const settings = { mode: "push-to-talk", turnsEnd: "pause", instructions: "", voice: "alloy" };
  const { session } = sessionUpdate(settings, [], { first: true });
  assert.equal(session.audio.input.turn_detection, null);
  assert.deepEqual(session.audio.output, { voice: "alloy" });
  assert.ok(!("instructions" in session));
  assert.deepEqual(session.output_modalities, ["audio"]);
  assert.deepEqual(sessionUpdate(settings, [], { first: true, silent: true }).session.output_modalities, ["text"]);
  assert.ok(!("output" in sessionUpdate(settings, [], { first: false }).session.audio));
  assert.deepEqual(sessionUpdate({ ...settings, mode: "hands-free", turnsEnd: "sense" }, [], { first: true }).session.audio.input.turn_detection, { type: "semantic_vad" });
});

test("a status becomes a problem with a remedy", () => {
  assert.equal(statusProblem(401, "", false).kind, "key");
  assert.equal(statusProblem(401, "", true).kind, "wrong-key");
  assert.equal(statusProblem(503, "All 4 sessions of this server are taken", false).kind, "full");
  assert.equal(statusProblem(503, "no model", false).kind, "failed");
  assert.equal(statusProblem(404, "", false).kind, "no-webrtc");
  assert.ok(new Problem("never heard of").words.remedy);
});
