/** Speaking the events of a conversation, whatever carries them, and measuring how long they take. */

import { decodeBase64 } from "../talk/pcm.js";
import { Problem } from "../talk/problems.js";
import { bad, doubtful, good, inMs, spread } from "./outcome.js";

const ROUND_TRIPS = 20;
const ANSWER_MS = 5000;
const FIRST_AUDIO_MS = 45_000; // a large model on a small machine
const SPOKEN_MS = 4000; // of the answer are played
const TAIL_MS = 3000; // an answer that is complete has begun to sound by then
const QUICK_MS = 1500;
const FAR_MS = 150;
const STALL_MS = 400;
const AUDIBLE = 200; // of 32767: what codecs make of silence is less
const QUESTION = "What time is it?";

export class Link {
  /** @type {(event: object) => void} */
  onEvent = () => {};
  #waiting = new Set();
  #send;
  #problem = null;

  /** @param {(text: string) => void} send */
  constructor(send) {
    this.#send = send;
  }

  /** Send an event; on a link that was lost it is whoever waits that learns of it. @param {object} event */
  send(event) {
    if (!this.#problem) this.#send(JSON.stringify(event));
  }

  /** The next event of one of these types. @param {string[]} types @param {number} [ms] */
  next(types, ms = ANSWER_MS) {
    if (this.#problem) return Promise.reject(this.#problem);
    return new Promise((resolve, reject) => {
      const waiter = { types, resolve, reject };
      const timer = setTimeout(() => this.#settle(waiter, reject, new Problem("unknown", `the server sent no ${types[0]} within ${ms / 1000} s`)), ms);
      waiter.timer = timer;
      this.#waiting.add(waiter);
    });
  }

  /** Take a frame from the server. @param {string} text */
  take(text) {
    const event = JSON.parse(text);
    this.onEvent(event);
    for (const waiter of this.#waiting) {
      if (event.type === "error") this.#settle(waiter, waiter.reject, new Problem("unknown", event.error.message));
      else if (waiter.types.includes(event.type)) this.#settle(waiter, waiter.resolve, event);
    }
  }

  /** Whoever waits need not wait any longer. @param {Problem} problem */
  lost(problem) {
    this.#problem ??= problem;
    for (const waiter of this.#waiting) this.#settle(waiter, waiter.reject, problem);
  }

  #settle(waiter, then, value) {
    clearTimeout(waiter.timer);
    this.#waiting.delete(waiter);
    then(value);
  }
}

/** How long events take there and back. @param {Link} link @returns {Promise<number[]>} in ms */
export async function roundTrips(link) {
  const took = [];
  for (let i = 0; i < ROUND_TRIPS; i++) {
    const began = performance.now();
    const answered = link.next(["input_audio_buffer.cleared"]);
    link.send({ type: "input_audio_buffer.clear" });
    await answered;
    took.push(performance.now() - began);
  }
  return took;
}

/**
 * Ask in text, and wait for the first sample that can be heard.
 * @param {Link} link @param {import("./steps.js").Desk} desk
 * @returns {Promise<import("./outcome.js").Outcome>}
 */
export async function firstAudio(link, desk) {
  const { sound } = desk;
  await configure(link);
  link.onEvent = (event) => {
    if (event.type === "response.output_audio.delta") sound.play(event.item_id, decodeBase64(event.delta));
  };
  const item = { type: "message", role: "user", content: [{ type: "input_text", text: QUESTION }] };
  link.send({ type: "conversation.item.create", item });
  const done = link.next(["response.done"], FIRST_AUDIO_MS);
  const heard = audible(desk);
  const began = performance.now();
  link.send({ type: "response.create" });
  const at = await Promise.race([heard, done.then(silenceAfter)]);
  if (!(await Promise.race([done, after(SPOKEN_MS)]))) link.send({ type: "response.cancel" });
  const { response } = await done;
  sound.flush();
  if (response.status === "failed") return bad("the answer failed", "The log of the server says more; voice doctor --start tries its engines.", [response.status_details?.error?.message ?? ""]);
  if (at === null) return bad("the answer came without a sound", "Try its voice on the server itself: voice speak Hello.");
  return judgeFirstAudio(at - began + sound.outputMs, response.timings ?? {});
}

/** An answer that is complete sounds soon or never. */
async function silenceAfter({ response }) {
  await after(response.status === "failed" ? 0 : TAIL_MS);
  return null;
}

async function configure(link) {
  const updated = link.next(["session.updated"]);
  // Nobody listens here: what the microphone hears must not become a turn.
  const session = { type: "realtime", include: ["response.timings"], audio: { input: { turn_detection: null } } };
  link.send({ type: "session.update", session });
  await updated;
}

/** When the first sample that can be heard leaves the page, as `performance.now()` counts; null if none does. */
async function audible(desk) {
  let at = null;
  await desk.listen(FIRST_AUDIO_MS, ({ answer, at: end }) => {
    const first = answer.findIndex((sample) => Math.abs(sample) > AUDIBLE);
    if (first >= 0) at = end - (answer.length - first) / 24;
    return first >= 0;
  });
  return at;
}

const after = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const STAGES = {
  llm_ms: ["the language model", "A smaller model, a GPU or a faster server for it shortens every answer."],
  tts_ms: ["the voice", "A faster voice shortens every answer: espeak speaks at once, kokoro sounds better."],
};

/** @param {number} ms @param {Record<string, number>} stages */
export function judgeFirstAudio(ms, stages) {
  const facts = Object.entries(STAGES).filter(([name]) => name in stages).map(([name, [who]]) => `${who}: ${stages[name]} ms`);
  const figure = `first sound after ${inMs(ms)}`;
  if (ms < QUICK_MS) return good(figure, "", facts);
  const slowest = Object.keys(STAGES).sort((a, b) => (stages[b] ?? 0) - (stages[a] ?? 0))[0];
  const [who, remedy] = STAGES[slowest];
  if ((stages[slowest] ?? 0) > ms / 2) return doubtful(`${figure}, most of it for ${who}`, remedy, facts);
  return doubtful(figure, "Neither the language model nor the voice takes that long: the way there, or a busy server, does.", facts);
}

/** @param {number[]} took in ms @param {string} [more] @param {string[]} [facts] */
export function judgeRoundTrips(took, more = "", facts = []) {
  const { middle, worst } = spread(took);
  const figure = `${inMs(middle)} there and back, ${inMs(worst)} at worst${more}`;
  if (middle > FAR_MS) return doubtful(figure, "The server is far away, or the network is slow: every answer comes that much later.", facts);
  if (worst > STALL_MS) return doubtful(figure, "The connection stalls at times, as a weak wireless one does; answers may break up.", facts);
  return good(figure, "", facts);
}
