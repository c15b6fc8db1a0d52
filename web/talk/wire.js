/** The events that this page sends. Pure. */

/** Partial transcripts come for models that are known to be live. */
const LIVE_TRANSCRIPTION = "gpt-realtime-whisper";

/**
 * @param {import("./settings.js").Settings} settings
 * @param {object[]} tools definitions of functions
 * @param {{first: boolean, silent: boolean}} how the voice is set at the beginning alone, since it is
 *   fixed once heard; where no sound can be played, answers are written
 */
export function sessionUpdate(settings, tools, { first, silent }) {
  const { instructions, voice } = settings;
  return {
    type: "session.update",
    session: {
      type: "realtime",
      include: ["response.timings", "response.citations"],
      output_modalities: [silent ? "text" : "audio"],
      ...(instructions && { instructions }),
      tools,
      tool_choice: "auto",
      audio: {
        input: {
          transcription: { model: LIVE_TRANSCRIPTION },
          turn_detection: turnDetection(settings),
        },
        ...(first && voice && { output: { voice } }),
      },
    },
  };
}

function turnDetection({ mode, turnsEnd }) {
  if (mode === "push-to-talk") return null;
  return { type: turnsEnd === "sense" ? "semantic_vad" : "server_vad" };
}

/** @param {string} text @param {string} [id] */
export function userText(text, id) {
  return message("user", { type: "input_text", text }, id);
}

/** An earlier answer, for a server that has forgotten it. @param {string} text @param {string} id */
export function assistantText(text, id) {
  return message("assistant", { type: "output_text", text }, id);
}

function message(role, part, id) {
  const item = { ...(id && { id }), type: "message", role, content: [part] };
  return { type: "conversation.item.create", item };
}

/** @param {string} callId @param {unknown} output what the function gave */
export function toolAnswer(callId, output) {
  const text = typeof output === "string" ? output : JSON.stringify(output);
  return { type: "conversation.item.create", item: { type: "function_call_output", call_id: callId, output: text } };
}

/** @param {string} itemId @param {number} playedMs how much of it was heard */
export function truncate(itemId, playedMs) {
  return { type: "conversation.item.truncate", item_id: itemId, content_index: 0, audio_end_ms: Math.floor(playedMs) };
}

/** @param {string} itemId */
export function retrieve(itemId) {
  return { type: "conversation.item.retrieve", item_id: itemId };
}

export const createResponse = { type: "response.create" };
export const cancelResponse = { type: "response.cancel" };
export const commitAudio = { type: "input_audio_buffer.commit" };
export const clearAudio = { type: "input_audio_buffer.clear" };
export const clearOutput = { type: "output_audio_buffer.clear" };

/** Answers to what this page does in good faith: a race with the server that harms nobody. */
const HARMLESS = new Set([
  "response_cancel_not_active",
  "conversation_already_has_active_response",
  "item_truncate_invalid_item_id",
  "item_retrieve_invalid_item_id",
  "item_create_duplicate_item_id",
  "input_audio_buffer_commit_empty",
]);

/** @param {{code?: string}} error @returns {boolean} whether a person should know of it */
export function matters(error) {
  return !HARMLESS.has(error.code ?? "");
}
