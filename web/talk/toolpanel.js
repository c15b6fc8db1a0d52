/** The panel of tools: which are on, one's own, and the answers a person gives. */

import { byId, element, icon } from "./dom.js";
import { loadTools, saveTools } from "./settings.js";
import { EXAMPLES, TEMPLATE, argumentsOf, ownTool } from "./tools.js";

export class ToolPanel {
  #on;
  #own;
  #changed;
  #answer;

  /**
   * @param {() => void} changed called when other tools are on
   * @param {(callId: string, output: string) => void} answer takes what a person says to a call
   */
  constructor(changed, answer) {
    const stored = loadTools();
    this.#on = new Set(stored.on);
    this.#own = stored.own.flatMap((definition) => {
      try {
        return [ownTool(JSON.stringify(definition))];
      } catch {
        return []; // stored by another version of this page
      }
    });
    this.#changed = changed;
    this.#answer = answer;
    byId("tool-json").value = TEMPLATE;
    byId("tool-form").addEventListener("submit", (event) => this.#add(event));
    this.#show();
  }

  /** The tools that are switched on. @returns {import("./tools.js").Tool[]} */
  get tools() {
    return [...EXAMPLES, ...this.#own].filter((tool) => this.#on.has(tool.name));
  }

  /** Ask the person for the result of a call. @param {{call_id: string, name: string, arguments: string}} call */
  ask(call) {
    const given = JSON.stringify(argumentsOf(call.arguments), null, 2);
    const text = element("textarea", { rows: "3", class: "code", id: `answer-${call.call_id}`, spellcheck: "false" });
    const form = element(
      "form",
      { class: "panel stack tight question" },
      element("h3", {}, `${call.name} was called`),
      element("pre", {}, given),
      element("div", { class: "field" }, element("label", { for: text.id }, "What it gives, as JSON or text"), text),
      element("button", { type: "submit", class: "primary" }, "Send result"),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      form.remove();
      this.#answer(call.call_id, text.value);
    });
    byId("tool-questions").append(form);
    byId("tab-tools").click();
    text.focus();
  }

  /** Take back the questions that nobody waits for. */
  withdraw() {
    byId("tool-questions").replaceChildren();
  }

  #add(event) {
    event.preventDefault();
    const problem = byId("tool-error");
    try {
      const tool = ownTool(byId("tool-json").value);
      this.#own = [...this.#own.filter((each) => each.name !== tool.name), tool];
      this.#on.add(tool.name);
      problem.textContent = "";
      this.#keep();
    } catch (error) {
      problem.textContent = error.message;
    }
  }

  #remove(name) {
    this.#own = this.#own.filter((tool) => tool.name !== name);
    this.#on.delete(name);
    this.#keep();
  }

  #toggle(name, on) {
    if (on) this.#on.add(name);
    else this.#on.delete(name);
    this.#keep();
  }

  #keep() {
    saveTools({ on: [...this.#on], own: this.#own.map((tool) => tool.definition) });
    this.#show();
    this.#changed();
  }

  #show() {
    const focused = document.activeElement?.id;
    byId("tools").replaceChildren(...[...EXAMPLES, ...this.#own].map((tool) => this.#row(tool)));
    if (focused?.startsWith("tool-on-")) byId(focused)?.focus();
  }

  #row(tool) {
    const { name, title, example, definition } = tool;
    const toggle = ({ target }) => this.#toggle(name, target.checked);
    const box = element("input", { type: "checkbox", id: `tool-on-${name}`, checked: this.#on.has(name), onchange: toggle });
    const remove = () => this.#remove(name);
    return element(
      "div",
      { class: "row tool" },
      element(
        "label",
        { class: "check" },
        box,
        element("span", {}, title, element("small", { class: "soft" }, example ? `Try: “${example}”` : definition.description)),
      ),
      tool.run ? null : element("button", { type: "button", class: "quiet square", "aria-label": `Remove ${name}`, onclick: remove }, icon("close")),
    );
  }
}
