/** What can go wrong, in words for people: what happened, and what to do about it. Pure. */

/**
 * @typedef {object} Words
 * @property {string} title what happened
 * @property {string} remedy what to do
 * @property {("retry" | "websocket" | "type" | "key" | "check")[]} actions what the page offers
 */

/** @type {Record<string, Words>} */
const PROBLEMS = {
  insecure: {
    title: "The browser gives neither microphone nor sound to this address",
    remedy: "Browsers allow them on https:// and on http://localhost only. Open the page there, or start the server with a certificate (voice serve --tls-self-signed). Until then you can type and read.",
    actions: ["type"],
  },
  denied: {
    title: "The microphone is not allowed",
    remedy: "Allow it at the left of the address bar, then try again. If no question came, the system itself may forbid it to the browser.",
    actions: ["retry", "type"],
  },
  "no-microphone": {
    title: "No microphone was found",
    remedy: "Plug one in or switch it on, then try again. You can type meanwhile.",
    actions: ["retry", "type"],
  },
  "busy-microphone": {
    title: "The microphone cannot be opened",
    remedy: "Another program may be using it. Close that, or choose another microphone in the settings.",
    actions: ["retry", "type"],
  },
  gone: {
    title: "The server does not answer",
    remedy: "See whether it runs (voice serve) and whether this device still reaches it.",
    actions: ["retry"],
  },
  key: {
    title: "This server wants a key",
    remedy: "Enter one of its API keys in the settings. It stays in this tab.",
    actions: ["key"],
  },
  "wrong-key": {
    title: "The server does not know this key",
    remedy: "Compare it with the keys the server was started with.",
    actions: ["key"],
  },
  warming: {
    title: "The engines are still loading",
    remedy: "A large model can take a minute. The conversation begins by itself once they are ready.",
    actions: [],
  },
  failed: {
    title: "The engines of the server could not be opened",
    remedy: "Its log says why; voice doctor shows what is missing.",
    actions: ["retry"],
  },
  refused: {
    title: "The server is there, but refused the conversation",
    remedy: "It may hold as many as it can, or a proxy in between may not pass WebSockets.",
    actions: ["retry", "check"],
  },
  full: {
    title: "The server takes no more conversations now",
    remedy: "Try again when another one has ended.",
    actions: ["retry"],
  },
  webrtc: {
    title: "WebRTC found no way to the server",
    remedy: "A firewall may block UDP. The WebSocket goes through where web pages do.",
    actions: ["websocket", "check", "retry"],
  },
  "no-webrtc": {
    title: "This server offers no WebRTC",
    remedy: "The WebSocket carries the same conversation.",
    actions: ["websocket"],
  },
  expired: {
    title: "The conversation has reached its longest time",
    remedy: "Start again to go on talking.",
    actions: ["retry"],
  },
  taken: {
    title: "The conversation goes on elsewhere",
    remedy: "It was opened in another tab. Start again to take it back.",
    actions: ["retry"],
  },
  sound: {
    title: "The browser could not start its sound",
    remedy: "Reload the page. If it stays so, another browser may help.",
    actions: ["retry"],
  },
  unknown: { title: "Something went wrong", remedy: "Try again.", actions: ["retry"] },
};

/** An error that a person can understand. */
export class Problem extends Error {
  /** @param {string} kind @param {string} [detail] what the server or the browser said */
  constructor(kind, detail = "") {
    super(detail || kind);
    this.kind = kind in PROBLEMS ? kind : "unknown";
    this.detail = detail;
  }

  /** @returns {Words} */
  get words() {
    return PROBLEMS[this.kind];
  }
}

/** @param {DOMException} error of getUserMedia @returns {Problem} */
export function microphoneProblem(error) {
  const kinds = {
    NotAllowedError: "denied",
    SecurityError: "insecure",
    NotFoundError: "no-microphone",
    NotReadableError: "busy-microphone",
    AbortError: "busy-microphone",
  };
  return new Problem(kinds[error.name] ?? "busy-microphone", error.message);
}

/** @param {number} status of an HTTP answer @param {string} message @param {boolean} keyShown */
export function statusProblem(status, message, keyShown) {
  if (status === 401) return new Problem(keyShown ? "wrong-key" : "key", message);
  if (status === 404 || status === 405 || status === 501) return new Problem("no-webrtc", message);
  if (status === 503) return new Problem(/taken/.test(message) ? "full" : "failed", message);
  return new Problem("unknown", message);
}

/** @param {unknown} error @returns {Problem} */
export function asProblem(error) {
  if (error instanceof Problem) return error;
  return new Problem("unknown", error instanceof Error ? error.message : String(error));
}
