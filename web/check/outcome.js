/** How a step of the check ended. Pure. */

import { asProblem } from "../talk/problems.js";

/**
 * @typedef {object} Outcome
 * @property {"good" | "doubtful" | "bad" | "skipped"} state
 * @property {string} figure what was found
 * @property {string} remedy what to do, "" where nothing is to be done
 * @property {string[]} facts for whoever looks closer
 */

const outcome = (state) => (figure, remedy = "", facts = []) => ({ state, figure, remedy, facts });

export const good = outcome("good");
export const doubtful = outcome("doubtful");
export const bad = outcome("bad");

/** What could not be tried. @param {string} figure why @returns {Outcome} */
export const skipped = outcome("skipped");

/** @param {unknown} error @returns {Outcome} */
export function failed(error) {
  const { kind, words, detail } = asProblem(error);
  if (kind === "unknown") return bad(detail, words.remedy);
  return bad(words.title, words.remedy, detail && detail !== kind ? [detail] : []);
}

/** @param {number} ms @returns {string} */
export function inMs(ms) {
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}

/** @param {number} db @returns {string} with a true minus sign, which screen readers speak */
export function inDb(db) {
  return `${db < 0 ? "\u2212" : ""}${Math.abs(Math.round(db))} dB`;
}

/** @param {number[]} values @returns {{middle: number, worst: number}} */
export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return { middle: sorted[Math.floor(sorted.length / 2)], worst: sorted[sorted.length - 1] };
}
