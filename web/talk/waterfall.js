/** Draws where the milliseconds of each turn went. */

import { element } from "./dom.js";
import { spans } from "./latency.js";

const MOST_TURNS = 40;
const GRIDS_MS = [250, 500, 750, 1000, 1500, 2000, 3000, 4000, 6000, 8000, 12_000, 20_000, 60_000];

export class Waterfall {
  #parts;

  /** @param {{list: HTMLElement, p50: HTMLElement, p95: HTMLElement, count: HTMLElement, empty: HTMLElement, legend: HTMLElement}} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  /** @param {import("./latency.js").TurnClock} clock */
  show(clock) {
    const { list, p50, p95, count, empty, legend } = this.#parts;
    const { turns } = clock;
    p50.textContent = milliseconds(clock.percentile(0.5));
    p95.textContent = milliseconds(clock.percentile(0.95));
    count.textContent = turns.length;
    empty.hidden = turns.length > 0;
    legend.hidden = turns.length === 0;
    const shown = turns.slice(-MOST_TURNS);
    const scaleMs = scale(shown);
    const first = turns.length - shown.length;
    list.replaceChildren(...shown.map((turn, index) => row(turn, first + index + 1, scaleMs)).reverse());
  }
}

/** One axis for all turns, so that their bars can be compared. */
function scale(turns) {
  const longest = Math.max(1, ...turns.flatMap((turn) => spans(turn).map((span) => span.toMs)));
  return GRIDS_MS.find((ms) => ms >= longest) ?? longest;
}

function row(turn, number, scaleMs) {
  const bars = spans(turn);
  const summary = bars.map(({ label, fromMs, toMs }) => `${label} ${toMs - fromMs} ms`).join(", ");
  const heard = turn.heardMs === null ? "not heard" : `heard after ${turn.heardMs} ms`;
  const what = turn.kind === "text" ? "Asked" : "Turn";
  return element(
    "li",
    { class: "turn" },
    element(
      "p",
      { class: "row turn-head small figures" },
      element("span", { class: "soft" }, `${what} ${number}`),
      element("strong", {}, heard),
      element("span", { class: "unseen" }, summary),
    ),
    element("div", { class: "bars", "aria-hidden": "true" }, ...bars.map((span) => bar(span, scaleMs))),
  );
}

function bar({ stage, label, fromMs, toMs }, scaleMs) {
  const share = (ms) => `${(100 * ms) / scaleMs}%`;
  const fill = element("span", { class: "fill" });
  const text = element("span", { class: "ms figures" }, `${toMs - fromMs}`);
  const made = element("div", { class: "bar", "data-stage": stage, title: `${label}: ${toMs - fromMs} ms` }, fill, text);
  made.style.setProperty("--from", share(fromMs));
  made.style.setProperty("--length", share(toMs - fromMs));
  return made;
}

function milliseconds(value) {
  return value === null ? "–" : `${Math.round(value)} ms`;
}
