/** What a person has chosen; kept by the browser, the key by the tab alone. */

/**
 * @typedef {object} Settings
 * @property {"hands-free" | "push-to-talk"} mode
 * @property {"webrtc" | "websocket"} transport
 * @property {"pause" | "sense"} turnsEnd
 * @property {string} microphone
 * @property {string} speaker
 * @property {string} voice
 * @property {string} model
 * @property {string} instructions
 */

/** @type {Settings} */
const USUAL = {
  mode: "hands-free",
  transport: "webrtc",
  turnsEnd: "pause",
  microphone: "",
  speaker: "",
  voice: "",
  model: "",
  instructions: "",
};

const STORE = "inferno-voice";
const KEY = "inferno-voice-key";
const RESUME = "inferno-voice-resume";
const TOOLS = "inferno-voice-tools";

/** Reading and writing may be forbidden; the choice then lasts as long as the page. */
function read(storage, name) {
  try {
    return window[storage].getItem(name);
  } catch {
    return null;
  }
}

function write(storage, name, value) {
  try {
    if (value === null) window[storage].removeItem(name);
    else window[storage].setItem(name, value);
  } catch {
    // See above.
  }
}

function parsed(text, otherwise) {
  try {
    return JSON.parse(text) ?? otherwise;
  } catch {
    return otherwise;
  }
}

/** @returns {Settings} */
export function loadSettings() {
  const stored = parsed(read("localStorage", STORE), {});
  const known = Object.entries(stored).filter(([name, value]) => name in USUAL && typeof value === "string");
  return { ...USUAL, ...Object.fromEntries(known) };
}

/** @param {Settings} settings */
export function saveSettings(settings) {
  write("localStorage", STORE, JSON.stringify(settings));
}

/** @returns {{on: string[], own: object[]}} the tools that are switched on, and those of one's own */
export function loadTools() {
  return { on: [], own: [], ...parsed(read("localStorage", TOOLS), {}) };
}

/** @param {{on: string[], own: object[]}} tools */
export function saveTools(tools) {
  write("localStorage", TOOLS, JSON.stringify(tools));
}

/** @returns {string} */
export function loadKey() {
  return read("sessionStorage", KEY) ?? "";
}

/** @param {string} key */
export function saveKey(key) {
  write("sessionStorage", KEY, key || null);
}

/**
 * The token that continues the conversation of this tab, while the server keeps it.
 * @param {number} nowMs since the epoch @returns {string} "" for none
 */
export function loadResume(nowMs) {
  const { token, untilMs } = parsed(read("sessionStorage", RESUME), {});
  return token && untilMs > nowMs ? token : "";
}

/** @param {string} token "" to forget it @param {number} untilMs since the epoch */
export function saveResume(token, untilMs = 0) {
  write("sessionStorage", RESUME, token ? JSON.stringify({ token, untilMs }) : null);
}
