/** The rows of the check: one for each step, with its state, its figure and its remedy. */

import { element, icon } from "../talk/dom.js";

const STATES = {
  waiting: ["wait", "waiting"],
  running: ["wait", "running"],
  good: ["good", "good"],
  doubtful: ["alert", "doubtful"],
  bad: ["close", "bad"],
  skipped: ["wait", "not tried"],
};

export class Row {
  #parts;

  /** @param {string} title */
  constructor(title) {
    this.title = title;
    this.#parts = {
      state: element("span", { class: "state" }),
      figure: element("p", { class: "figure" }),
      meter: element("div", { class: "meter you", "aria-hidden": "true" }),
      remedy: element("p", { class: "remedy" }),
      facts: element("ul"),
    };
    const { state, figure, meter, remedy, facts } = this.#parts;
    this.details = element("details", {}, element("summary", {}, "Details"), facts);
    const heading = element("h2", {}, title);
    this.node = element("li", { class: "step" }, icon("wait"), heading, state, figure, meter, remedy, this.details);
    this.show({ state: "waiting", figure: "", remedy: "", facts: [] });
  }

  /** @param {import("./outcome.js").Outcome} outcome or one that waits or runs */
  show({ state, figure, remedy = "", facts = [] }) {
    const [symbol, word] = STATES[state];
    this.node.dataset.state = state;
    this.node.firstChild.replaceWith(icon(symbol));
    this.#parts.state.textContent = word;
    this.#parts.facts.replaceChildren(...facts.map((fact) => element("li", {}, fact)));
    this.details.hidden = !facts.length;
    this.#parts.meter.hidden = true;
    for (const [part, text] of [["figure", figure], ["remedy", remedy]]) {
      this.#parts[part].textContent = text;
      this.#parts[part].hidden = !text;
    }
  }

  /** Say what is going on. @param {string} figure */
  run(figure) {
    this.show({ state: "running", figure });
  }

  /** Move the needle of a running step. @param {number} level 0 to 1 */
  level(level) {
    this.#parts.meter.hidden = false;
    this.#parts.meter.style.setProperty("--level", level.toFixed(3));
  }
}
