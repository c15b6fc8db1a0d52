/** The conversation over a WebSocket; the twin of webrtc.js. Sound travels inside the events. */

import { encodeBase64 } from "./pcm.js";
import { Problem } from "./problems.js";

const KEY_PREFIX = "openai-insecure-api-key.";
const FULL_BYTES = 512 * 1024; // ten seconds of sound that wait: the way out is blocked

/**
 * @typedef {object} LinkOptions
 * @property {import("./server.js").Server} server
 * @property {string} model "" for the usual one
 * @property {string} resume a token, or "new" to get one
 * @property {MediaStream | null} microphone
 * @property {(event: object) => void} onEvent
 * @property {(code: number, reason: string) => void} onClose called once, unless closed from here
 * @property {(stream: MediaStream) => void} onRemote gives the sound of the answers, if it comes as a stream
 */

/** @param {LinkOptions} options @returns {Promise<WebSocketLink>} */
export async function openWebSocket(options) {
  const { server, model, resume } = options;
  const query = new URLSearchParams({ ...(model && { model }), resume });
  const url = `${location.origin.replace(/^http/, "ws")}/v1/realtime?${query}`;
  const key = server.key();
  let socket;
  try {
    socket = new WebSocket(url, key ? ["realtime", KEY_PREFIX + key] : ["realtime"]);
  } catch {
    throw new Problem("wrong-key"); // it has characters that no key can have
  }
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    // The browser does not tell why; the server does, when asked in another way.
    socket.onclose = async () => reject(await server.diagnose());
  });
  return new WebSocketLink(socket, options);
}

class WebSocketLink {
  /** Whether answers come as sound in events, to be played by the page. */
  playsHere = true;
  #socket;

  constructor(socket, { onEvent, onClose }) {
    this.#socket = socket;
    socket.onmessage = ({ data }) => onEvent(JSON.parse(data));
    socket.onclose = ({ code, reason }) => onClose(code, reason);
  }

  /** @param {object} event */
  send(event) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(event));
  }

  /** Take 20 ms of the microphone. @param {Int16Array} pcm */
  hear(pcm) {
    if (this.#socket.bufferedAmount > FULL_BYTES) return;
    this.send({ type: "input_audio_buffer.append", audio: encodeBase64(pcm) });
  }

  setMicrophone() {
    // Its sound comes through `hear`.
  }

  close() {
    this.#socket.onclose = this.#socket.onmessage = null;
    this.#socket.close(1000);
  }
}
