/** Says what happened, and what to do about it. */

import { byId, element, icon } from "./dom.js";

const ICONS = { bad: "alert", warn: "wait", good: "good", info: "info" };
const PASSING_MS = 6000;

/**
 * Show a notice in place of an earlier one of the same name.
 * @param {object} notice
 * @param {string} notice.name
 * @param {string} [notice.about] what it is about, for those who look
 * @param {"bad" | "warn" | "good" | "info"} notice.kind
 * @param {string} notice.title
 * @param {string} [notice.text]
 * @param {{label: string, act: () => void}[]} [notice.actions]
 * @param {boolean} [notice.passing] whether it goes by itself
 */
export function notify({ name, about, kind, title, text = "", actions = [], passing = false }) {
  dismiss(name);
  const gone = () => dismiss(name);
  const buttons = actions.map(({ label, act }) => element("button", { type: "button", onclick: () => (gone(), act()) }, label));
  const shown = element(
    "div",
    { class: "notice", "data-kind": kind, "data-name": name, "data-about": about },
    icon(ICONS[kind]),
    element("div", {}, element("strong", {}, title), text ? element("p", {}, text) : null),
    element("button", { type: "button", class: "quiet square close", "aria-label": "Dismiss", onclick: gone }, icon("close")),
    buttons.length ? element("div", { class: "actions" }, ...buttons) : null,
  );
  byId("notices").append(shown);
  if (passing) setTimeout(() => shown.remove(), PASSING_MS);
}

/** @param {string} name */
export function dismiss(name) {
  for (const shown of [...byId("notices").children]) {
    if (shown.dataset.name === name) shown.remove();
  }
}
