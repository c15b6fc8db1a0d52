/** The form of settings, filled with what this server and this device have. */

import { byId, element } from "./dom.js";
import { devices } from "./microphone.js";
import { saveKey, saveSettings } from "./settings.js";

const LIVE = new Set(["mode", "turnsEnd", "instructions", "speaker"]);
const ROLES = { stt: "Speech to text", llm: "Language model", tts: "Speech", embed: "Embeddings" };

/** @param {string} code such as `fr` @returns {string} such as `French` */
function languageName(code) {
  try {
    return new Intl.DisplayNames(["en"], { type: "language" }).of(code) ?? code;
  } catch {
    return code; // engines have codes of their own
  }
}

export class SettingsPanel {
  #settings;
  #form = byId("settings");

  /**
   * @param {import("./settings.js").Settings} settings is changed in place
   * @param {{changed: (name: string, live: boolean) => void, keyChanged: () => void}} on
   */
  constructor(settings, on) {
    this.#settings = settings;
    for (const name of ["transport", "turnsEnd", "instructions"]) this.#form.elements[name].value = settings[name];
    for (const radio of document.querySelectorAll("[name=mode]")) {
      radio.checked = radio.value === settings.mode;
      radio.addEventListener("change", () => this.#take("mode", radio.value, on));
    }
    this.#form.addEventListener("submit", (event) => event.preventDefault());
    this.#form.addEventListener("change", ({ target }) => {
      if (target.name === "key") {
        saveKey(target.value.trim());
        on.keyChanged();
      } else this.#take(target.name, target.value, on);
    });
  }

  #take(name, value, on) {
    this.#settings[name] = value;
    saveSettings(this.#settings);
    on.changed(name, LIVE.has(name));
  }

  /** Choose the transport in the person's stead. @param {"webrtc" | "websocket"} transport */
  setTransport(transport) {
    this.#settings.transport = this.#form.elements.transport.value = transport;
    saveSettings(this.#settings);
  }

  async showDevices() {
    const { microphones, speakers } = await devices();
    const usual = { id: "", name: "Usual" };
    this.#fill("microphone", [usual, ...microphones]);
    this.#fill("speaker", [usual, ...speakers]);
  }

  /** @param {{engine: string, voices: {id: string, language: string}[], names: string[]}} found */
  showVoices({ engine, voices, names }) {
    const own = voices.map(({ id, language }) => ({ id, name: `${id} (${languageName(language)})` }));
    const others = names.filter((name) => !voices.some(({ id }) => id === name)).map((id) => ({ id, name: id }));
    this.#fill("voice", [{ id: "", name: `Usual (${engine})` }, ...own, ...others]);
  }

  /** @param {string[]} models */
  showModels(models) {
    this.#fill("model", [{ id: "", name: "Usual" }, ...models.map((id) => ({ id, name: id }))]);
  }

  /** @param {import("./server.js").Choice[]} engines */
  showEngines(engines) {
    const rows = engines.flatMap(({ kind, name, reason, hint }) => [
      element("dt", {}, ROLES[kind] ?? kind, " ", element("code", {}, name)),
      element("dd", { class: "soft" }, reason, hint ? element("span", { class: "better" }, `Better: ${hint}`) : null),
    ]);
    byId("engine-reasons").replaceChildren(...rows);
    const spoken = engines.filter(({ kind }) => kind !== "embed").map(({ name }) => element("code", {}, name));
    byId("engines").replaceChildren(...spoken);
  }

  /** @param {string} text the prompt that the server uses where none is given */
  showUsualPrompt(text) {
    if (!this.#settings.instructions) this.#form.elements.instructions.placeholder = text;
  }

  #fill(name, choices) {
    const select = this.#form.elements[name];
    const wanted = this.#settings[name];
    // What is chosen and not here now stays chosen, and is used when it comes back.
    if (!choices.some(({ id }) => id === wanted)) choices.push({ id: wanted, name: `${wanted.slice(0, 24)} (not here)` });
    select.replaceChildren(...choices.map(({ id, name: shown }) => element("option", { value: id }, shown)));
    select.value = wanted;
  }
}
