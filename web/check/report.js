/** The check as plain text, for whoever helps. Pure. */

import { STEPS } from "./steps.js";

const INDENT = 11;
const WIDTH = 88;

/**
 * @param {Map<string, import("./outcome.js").Outcome>} outcomes by the id of their step
 * @param {{at: Date, origin: string, browser: string}} where
 * @returns {string}
 */
export function report(outcomes, { at, origin, browser }) {
  const head = [`Inferno Voice check, ${at.toISOString().slice(0, 16).replace("T", " ")} UTC`, `Page: ${origin}`, `Browser: ${browser}`, ""];
  return [...head, ...STEPS.flatMap(({ id, title }) => paragraph(title, outcomes.get(id))), ""].join("\n");
}

function paragraph(title, outcome) {
  if (!outcome) return [];
  const { state, figure, remedy, facts } = outcome;
  const word = state === "skipped" ? "not tried" : state;
  const [first, ...rest] = [`${title}: ${figure}`, ...facts, ...(remedy ? [`-> ${remedy}`] : [])].flatMap(wrapped);
  return [word.padEnd(INDENT) + first, ...rest.map((line) => " ".repeat(INDENT) + line)];
}

/** A text in lines, each as long as fits. */
function wrapped(text) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines.length - 1;
    if (lines[last] && lines[last].length + word.length >= WIDTH - INDENT) lines.push(`  ${word}`);
    else lines[last] += lines[last] ? ` ${word}` : word;
  }
  return lines;
}

/**
 * What it comes to.
 * @param {Map<string, import("./outcome.js").Outcome>} outcomes
 * @returns {{kind: "good" | "warn" | "bad", title: string, text: string}}
 */
export function verdict(outcomes) {
  const is = (id, ...states) => states.includes(outcomes.get(id)?.state);
  const works = (id) => is(id, "good", "doubtful");
  const talks = works("microphone") && !is("level", "bad");
  const ways = [["WebRTC", "call", "call-audio"], ["the WebSocket", "socket", "socket-audio"]].filter(([, way, audio]) => works(way) && works(audio)).map(([name]) => name);
  const counts = [...outcomes.values()].filter(({ state }) => state === "doubtful").length;
  if (!ways.length) return { kind: "bad", title: "A conversation does not work yet", text: "Follow the first remedy below, then check again." };
  if (!talks) return { kind: "bad", title: "You can type and listen, but not speak", text: "The server answers; your microphone is what is missing. Its remedy is below." };
  if (ways.length === 1) return { kind: "warn", title: `You can talk, over ${ways[0]}`, text: "The other way does not work; its remedy is below." };
  if (counts) return { kind: "warn", title: "You can talk", text: `Over WebRTC and over the WebSocket. ${counts === 1 ? "One step could" : `${counts} steps could`} be better; see below.` };
  return { kind: "good", title: "You can talk", text: "Everything works, over WebRTC and over the WebSocket." };
}
