/** Where the milliseconds of each turn went. Pure: every moment is an argument. */

/**
 * @typedef {object} Turn
 * @property {"speech" | "text"} kind
 * @property {Record<string, number>} timings of the server, in milliseconds
 * @property {number | null} heardMs from the end of what was said, or the sending, to the first sound heard
 * @typedef {{stage: string, label: string, fromMs: number, toMs: number}} Span
 */

/** Follows the turns of a conversation from the events and the sound of the page. */
export class TurnClock {
  /** @type {Turn[]} */
  turns = [];
  #asked = null; // {kind, atMs, timings, audibleMs} of the turn that is not answered yet

  /** @param {number} nowMs when the server has said that the turn ended */
  committed(nowMs) {
    this.#asked = { kind: "speech", atMs: nowMs, timings: {}, audibleMs: null };
  }

  /** @param {number} nowMs when a message was typed or a button let go */
  sent(nowMs) {
    this.#asked = { kind: "text", atMs: nowMs, timings: {}, audibleMs: null };
  }

  /** @param {number} atMs when the answer sounded first, at the ear */
  audible(atMs) {
    if (this.#asked) this.#asked.audibleMs ??= atMs;
  }

  /** Whether an answer is awaited that has not sounded. */
  get waits() {
    return this.#asked !== null && this.#asked.audibleMs === null;
  }

  /**
   * @param {Record<string, number> | undefined} timings of a response that has ended
   * @param {boolean} more whether it called functions, so that another response follows
   * @returns {Turn | null} the turn that is complete now
   */
  done(timings, more) {
    const asked = this.#asked;
    if (!asked) return null;
    asked.timings = { ...timings, ...asked.timings, ...pick(timings, ["llm_ms", "tts_ms", "release_ms", "total_ms"]) };
    if (more) return null;
    this.#asked = null;
    const turn = { kind: asked.kind, timings: asked.timings, heardMs: heardMs(asked) };
    this.turns.push(turn);
    return turn;
  }

  /** @param {number} share 0.5 for the median @returns {number | null} of what was heard, in ms */
  percentile(share) {
    return percentile(this.turns.map((turn) => turn.heardMs).filter((ms) => ms !== null), share);
  }
}

/** The server dates the end of speech back from the moment it tells; the rest is of this clock. */
function heardMs({ kind, atMs, audibleMs, timings }) {
  if (audibleMs === null) return null;
  const waitedMs = kind === "speech" ? timings.end_of_turn_ms : 0;
  return waitedMs === undefined ? null : Math.round(audibleMs - atMs + waitedMs);
}

function pick(given = {}, names) {
  return Object.fromEntries(names.filter((name) => name in given).map((name) => [name, given[name]]));
}

/** @param {number[]} values @param {number} share @returns {number | null} by nearest rank */
export function percentile(values, share) {
  if (!values.length) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

/**
 * The stages as bars on one axis that begins with the last sound of the user.
 *
 * Lengths are measured. Where the model began is not told by the server: it is drawn where the text
 * was known, and speech where the first token came, as far left as the release allows.
 * @param {Turn} turn @returns {Span[]}
 */
export function spans({ timings, heardMs: heard }) {
  const { end_of_turn_ms: wait, stt_ms: stt, llm_ms: llm, tts_ms: tts } = timings;
  const found = [];
  const add = (stage, label, fromMs, lengthMs) => {
    if (lengthMs !== undefined) found.push({ stage, label, fromMs, toMs: fromMs + lengthMs });
  };
  const askedMs = stt ?? 0;
  add("wait", "wait for the end", 0, wait);
  add("stt", "speech to text", 0, stt);
  add("llm", "first token", askedMs, llm);
  add("tts", "first speech", askedMs + (llm ?? 0), tts);
  const sentMs = timings.total_ms ?? Math.max(0, ...found.map((span) => span.toMs));
  if (heard !== null) add("way", "sent to heard", Math.min(sentMs, heard), Math.max(0, heard - sentMs));
  return found;
}
