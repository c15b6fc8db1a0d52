/** Shows what is said, while it is said. */

import { element, icon } from "./dom.js";
import { heardText } from "./recording.js";

const NAMES = { user: "You", assistant: "Voice" };

export class Captions {
  #list;
  #scroll;
  #spoken;
  #rows = new Map();
  #announced = new Set();

  /**
   * @param {HTMLElement} list
   * @param {HTMLElement} scroll the box that scrolls
   * @param {HTMLElement} spoken the region that screen readers read aloud
   */
  constructor(list, scroll, spoken) {
    this.#list = list;
    this.#scroll = scroll;
    this.#spoken = spoken;
  }

  /**
   * Show an item as it is now.
   * @param {import("./conversation.js").Item} item
   * @param {import("./conversation.js").Item[]} items in their order
   */
  show(item, items) {
    const follows = this.#isAtEnd();
    const row = this.#rows.get(item.id) ?? this.#insert(item, items);
    row.hidden = !worthShowing(item);
    row.className = `caption ${item.role}`;
    row.dataset.final = item.final;
    row.replaceChildren(...content(item));
    if (follows) this.#scroll.scrollTop = this.#scroll.scrollHeight;
    this.#announce(item);
  }

  clear() {
    this.#list.replaceChildren();
    this.#rows.clear();
    this.#announced.clear();
  }

  #insert(item, items) {
    const row = element("li", { "data-item": item.id });
    const after = items.slice(items.indexOf(item) + 1).find((each) => this.#rows.has(each.id));
    this.#list.insertBefore(row, after ? this.#rows.get(after.id) : null);
    this.#rows.set(item.id, row);
    return row;
  }

  #isAtEnd() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroll;
    return scrollHeight - scrollTop - clientHeight < 60;
  }

  /** Read whole sentences aloud, once, instead of every word. */
  #announce(item) {
    if (!item.final || this.#announced.has(item.id) || !NAMES[item.role] || !item.text) return;
    this.#announced.add(item.id);
    this.#spoken.append(element("p", {}, `${NAMES[item.role]}: ${heardText(item)}`));
    while (this.#spoken.children.length > 4) this.#spoken.firstChild.remove();
  }
}

function worthShowing(item) {
  return item.role !== "assistant" || item.text !== "" || !item.final;
}

function content(item) {
  if (item.role === "note") return [element("p", {}, item.text)];
  if (item.call) return [callContent(item.call)];
  const who = element("span", { class: "who" }, NAMES[item.role]);
  return [who, element("p", {}, ...words(item)), mark(item), ...item.sources.map(source)].filter((each) => each !== null);
}

function words(item) {
  if (item.problem) return [element("span", { class: "soft" }, `Not understood: ${item.problem}`)];
  if (item.role === "user" && !item.final) return [element("span", { class: "partial" }, item.text || "…")];
  if (item.role === "user" && !item.text) return [element("span", { class: "soft" }, "(no words)")];
  if (!item.interrupted || item.heard === null) return [item.text || "…"];
  const heard = item.text.startsWith(item.heard) ? item.heard : item.text.slice(0, item.heard.length);
  return [heard, element("s", { class: "unheard", title: "Not heard" }, item.text.slice(heard.length))];
}

function mark(item) {
  if (!item.interrupted) return null;
  const at = item.heardMs === undefined ? "" : ` after ${(item.heardMs / 1000).toFixed(1)} s`;
  return element("small", { class: "mark" }, `interrupted${at}`);
}

function source({ name, quotes }) {
  const quoted = quotes.map((quote) => element("blockquote", {}, quote));
  return element("details", { class: "source" }, element("summary", {}, `from ${name}`), ...quoted);
}

function callContent({ name, arguments: given, output }) {
  const shown = output === null ? "…" : output;
  return element(
    "p",
    { class: "call" },
    icon("tool"),
    element("code", {}, `${name}(${given === "{}" ? "" : given})`),
    element("span", { class: "soft" }, " gives "),
    element("code", {}, shown),
  );
}
