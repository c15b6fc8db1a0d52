/** Steps about the server: is it there, what does it run, and what would be better? */

import { Problem } from "../talk/problems.js";
import { bad, doubtful, good, inMs } from "./outcome.js";

const KINDS = { stt: "hears with", llm: "thinks with", tts: "speaks with", embed: "searches with" };

/** @param {import("./steps.js").Desk} desk */
export async function checkServer(desk) {
  if (/[^\x21-\x7e]/.test(desk.server.key())) throw new Problem("wrong-key", "it has characters that no key has");
  const began = performance.now();
  const health = await desk.server.health();
  const took = performance.now() - began;
  desk.health = health;
  // The first door that may ask for a key; client secrets open conversations alone.
  if (!desk.server.key().startsWith("ek_")) await desk.server.models();
  const figure = `version ${health.version}, ${health.status}, answers in ${inMs(took)}`;
  if (health.status === "failed") return bad(figure, "Its engines could not be opened. The log of the server says why, and voice doctor what is missing.", [health.reason ?? ""]);
  if (health.status === "warming") return doubtful(figure, "Its engines are still loading, which a large model can take a minute for. Run the check again then.");
  if (health.status === "degraded") return doubtful(figure, "One of its engines is being restarted. If it stays so, look into the log of the server.");
  return good(figure);
}

/** @param {import("./steps.js").Desk} desk */
export function checkEngines({ health }) {
  const engines = health.engines.filter(({ kind, name }) => kind in KINDS && name !== "none");
  if (!engines.length) return doubtful("none is open yet", "Run the check again when the server is ready.");
  const figure = engines.map(({ kind, name }) => `${KINDS[kind]} ${name}`).join(", ");
  const hints = [...new Set(health.engines.map(({ hint }) => hint).filter(Boolean))];
  const facts = health.engines.map(({ kind, name, reason }) => `${kind}: ${name}, ${reason}`);
  return good(figure, hints.length ? `Better ones can be had: ${hints.join("; ")}` : "", facts);
}
