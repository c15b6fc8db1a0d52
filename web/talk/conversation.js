/** The conversation as the events tell it, for captions and downloads. Pure. */

/**
 * @typedef {object} Item
 * @property {string} id
 * @property {"user" | "assistant" | "tool" | "note"} role
 * @property {string} text what was said so far
 * @property {boolean} final whether the text is complete
 * @property {boolean} interrupted
 * @property {string | null} heard of an interrupted answer, what was heard of it; null while unknown
 * @property {boolean} spoken whether it was said aloud, not typed
 * @property {{name: string, quotes: string[]}[]} sources the documents that an answer was taken from
 * @property {number | null} startMs
 * @property {number | null} endMs on the clock of the page
 * @property {{id: string, name: string, arguments: string, output: string | null}} [call]
 * @property {string} [problem] why there is no text
 */

export class Conversation {
  /** @type {Item[]} */
  items = [];
  #byId = new Map();

  /** @param {string} id @returns {Item | undefined} */
  find(id) {
    return this.#byId.get(id);
  }

  /** Say something beside the conversation. @param {string} text @returns {Item} */
  note(text, atMs) {
    return this.#add({ id: `note_${this.items.length}_${Math.round(atMs)}`, role: "note", text, final: true, startMs: atMs });
  }

  /** The latest answer that was begun. @returns {Item | undefined} */
  get answer() {
    return this.items.findLast((item) => item.role === "assistant");
  }

  /**
   * Take in an event of the server.
   * @param {object} event
   * @param {number} nowMs on the clock of the page
   * @returns {Item | null} the item that it changed
   */
  apply(event, nowMs) {
    const handler = HANDLERS[event.type];
    return handler ? handler.call(this, event, nowMs) ?? null : null;
  }

  _open(id, role, more = {}, previous) {
    return this.#byId.get(id) ?? this.#add({ id, role, ...more }, previous);
  }

  _remove(id) {
    const item = this.#byId.get(id);
    this.items = this.items.filter((each) => each !== item);
    this.#byId.delete(id);
    return item;
  }

  #add(given, previous) {
    const item = { text: "", final: false, interrupted: false, heard: null, spoken: false, sources: [], startMs: null, endMs: null, ...given };
    const before = previous ? this.items.findIndex((each) => each.id === previous) : -1;
    // A user's words are listed where they were said, also when an answer is on its way already.
    if (before >= 0 && item.role !== "assistant") this.items.splice(before + 1, 0, item);
    else this.items.push(item);
    this.#byId.set(item.id, item);
    return item;
  }
}

const HANDLERS = {
  "input_audio_buffer.speech_started"({ item_id }, nowMs) {
    return this._open(item_id, "user", { spoken: true, startMs: nowMs });
  },
  "input_audio_buffer.committed"({ item_id, previous_item_id }, nowMs) {
    const item = this._open(item_id, "user", { spoken: true, startMs: nowMs }, previous_item_id);
    item.endMs = nowMs;
    return item;
  },
  "conversation.item.added"({ item, previous_item_id }, nowMs) {
    return added(this, item, previous_item_id, nowMs);
  },
  "conversation.item.done"({ item }, nowMs) {
    const known = added(this, item, null, nowMs);
    if (known?.role === "assistant") {
      known.final = item.status !== "in_progress";
      known.interrupted ||= item.status === "incomplete";
    }
    return known;
  },
  "conversation.item.retrieved"({ item }) {
    const known = this.find(item.id);
    if (known?.interrupted) known.heard = textOf(item);
    return known;
  },
  "conversation.item.truncated"({ item_id, audio_end_ms }) {
    const known = this.find(item_id);
    if (known) [known.interrupted, known.heardMs] = [true, audio_end_ms];
    return known;
  },
  "conversation.item.deleted"({ item_id }) {
    return this._remove(item_id);
  },
  "conversation.item.input_audio_transcription.delta"({ item_id, delta }) {
    const item = this._open(item_id, "user", { spoken: true });
    item.text += delta;
    return item;
  },
  "conversation.item.input_audio_transcription.completed"({ item_id, transcript }) {
    const item = this._open(item_id, "user", { spoken: true });
    [item.text, item.final] = [transcript, true];
    return item;
  },
  "conversation.item.input_audio_transcription.failed"({ item_id, error }) {
    const item = this._open(item_id, "user", { spoken: true });
    [item.problem, item.final] = [error.message, true];
    return item;
  },
  "response.output_audio_transcript.delta"({ item_id, delta }) {
    return grow(this, item_id, delta, true);
  },
  "response.output_text.delta"({ item_id, delta }) {
    return grow(this, item_id, delta, false);
  },
  "response.output_text.annotation.added"({ item_id, annotation: { filename, quote } }) {
    const item = this._open(item_id, "assistant");
    const known = item.sources.find(({ name }) => name === filename);
    if (known) known.quotes.push(quote);
    else item.sources.push({ name: filename, quotes: [quote] });
    return item;
  },
  "response.output_audio_transcript.done"({ item_id, transcript }) {
    const item = this._open(item_id, "assistant", { spoken: true });
    item.text = transcript;
    return item;
  },
  "response.output_text.done"({ item_id, text }) {
    const item = this._open(item_id, "assistant");
    item.text = text;
    return item;
  },
  "response.function_call_arguments.done"({ item_id, call_id, name, arguments: given }) {
    const item = this._open(item_id, "tool");
    item.call = { id: call_id, name, arguments: given, output: null };
    return item;
  },
};

function grow(conversation, id, delta, spoken) {
  const item = conversation._open(id, "assistant", { spoken });
  item.text += delta;
  item.spoken = spoken;
  return item;
}

function added(conversation, item, previous, nowMs) {
  if (item.type === "function_call") {
    return conversation._open(item.id, "tool", { startMs: nowMs, call: { id: item.call_id, name: item.name, arguments: item.arguments, output: null } }, previous);
  }
  if (item.type === "function_call_output") {
    const asked = conversation.items.find((each) => each.call?.id === item.call_id);
    if (asked) [asked.call.output, asked.final] = [item.output, true];
    return asked;
  }
  if (item.role !== "user" && item.role !== "assistant") return null;
  const known = conversation._open(item.id, item.role, { startMs: nowMs }, previous);
  const text = textOf(item);
  if (text && !known.text) {
    known.text = text;
    known.final = item.status !== "in_progress";
  }
  if (known.role === "user" && item.content.some((part) => part.type === "input_text")) known.final = true;
  return known;
}

function textOf(item) {
  return item.content.map((part) => part.text ?? part.transcript ?? "").join("");
}
