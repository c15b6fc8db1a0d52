/** What was said, to keep: sound, subtitles, everything. Pure. */

import { RATE_HZ } from "./pcm.js";

const FRAME_SAMPLES = RATE_HZ / 50;
const MOST_FRAMES = 20 * 60 * 50; // twenty minutes, 115 MB

/** Both sides of a conversation beside each other. */
export class Recording {
  #frames = []; // interleaved: the user left, the voice right
  /** When the first frame that is kept began, on the clock of the page. @type {number | null} */
  startMs = null;

  /** @param {import("./sound.js").Frame} frame */
  push({ mic, answer, at }) {
    this.startMs ??= at - 20;
    const frame = new Int16Array(2 * FRAME_SAMPLES);
    for (let i = 0; i < FRAME_SAMPLES; i++) {
      frame[2 * i] = mic[i] ?? 0;
      frame[2 * i + 1] = answer[i] ?? 0;
    }
    this.#frames.push(frame);
    if (this.#frames.length > MOST_FRAMES) {
      this.#frames.shift();
      this.startMs += 20;
    }
  }

  get durationMs() {
    return this.#frames.length * 20;
  }

  /** @returns {Blob} a stereo WAV file */
  wav() {
    const bytes = this.#frames.length * FRAME_SAMPLES * 4;
    return new Blob([wavHeader(bytes), ...this.#frames], { type: "audio/wav" });
  }
}

/** @param {number} bytes of 16-bit stereo samples that follow @returns {ArrayBuffer} */
export function wavHeader(bytes) {
  const view = new DataView(new ArrayBuffer(44));
  const word = (at, text) => [...text].forEach((c, i) => view.setUint8(at + i, c.charCodeAt(0)));
  word(0, "RIFF");
  view.setUint32(4, 36 + bytes, true);
  word(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, 2, true);
  view.setUint32(24, RATE_HZ, true);
  view.setUint32(28, RATE_HZ * 4, true);
  view.setUint16(32, 4, true);
  view.setUint16(34, 16, true);
  word(36, "data");
  view.setUint32(40, bytes, true);
  return view.buffer;
}

const SPEAKERS = { user: "You", assistant: "Voice" };

/**
 * @param {import("./conversation.js").Item[]} items
 * @param {number} startMs when the recording began
 * @returns {string} subtitles to the recording
 */
export function srt(items, startMs) {
  const cues = items.filter((item) => SPEAKERS[item.role] && heardText(item) && item.startMs !== null);
  return cues
    .filter((item) => item.startMs >= startMs)
    .map((item, index) => {
      const from = item.startMs - startMs;
      const to = Math.max(from + 500, (item.endMs ?? item.startMs) - startMs);
      return `${index + 1}\n${stamp(from)} --> ${stamp(to)}\n${SPEAKERS[item.role]}: ${heardText(item)}\n`;
    })
    .join("\n");
}

/** What was heard of an item: all of it, or as far as it was played. @param {import("./conversation.js").Item} item */
export function heardText(item) {
  return (item.interrupted && item.heard !== null ? item.heard : item.text).trim();
}

/** @param {number} ms @returns {string} as `00:01:02,345` */
export function stamp(ms) {
  const whole = Math.round(ms);
  const two = (n) => String(Math.floor(n)).padStart(2, "0");
  return `${two(whole / 3_600_000)}:${two((whole / 60_000) % 60)}:${two((whole / 1000) % 60)},${String(whole % 1000).padStart(3, "0")}`;
}

/**
 * @param {import("./conversation.js").Item[]} items
 * @param {import("./latency.js").Turn[]} turns
 * @param {{engines: object[], startMs: number | null}} about
 * @returns {object} the conversation, its latencies and what it ran on
 */
export function everything(items, turns, { engines, startMs }) {
  const since = (ms) => (ms === null || startMs === null ? null : Math.max(0, Math.round(ms - startMs)));
  return {
    format: "inferno-voice-conversation/1",
    saved_at: new Date().toISOString(),
    engines,
    items: items.map((item) => ({
      id: item.id,
      role: item.role,
      text: item.text,
      ...(item.interrupted && { interrupted: true, heard: item.heard }),
      ...(item.call && { call: item.call }),
      start_ms: since(item.startMs),
      end_ms: since(item.endMs),
    })),
    turns: turns.map(({ kind, timings, heardMs }) => ({ kind, heard_ms: heardMs, timings })),
  };
}
