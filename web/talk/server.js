/** What the server says about itself over HTTP, and why it does not let us in. */

import { Problem, statusProblem } from "./problems.js";

const MOST_STORES = 5;
const MOST_PASSAGES = 3;

/**
 * @typedef {{kind: string, name: string, reason: string, hint: string}} Choice an engine and why it was taken
 * @typedef {{status: string, version: string, engines: Choice[], reason?: string}} Health
 */

export class Server {
  /** @param {() => string} key gives the API key, "" for none */
  constructor(key) {
    this.key = key;
  }

  /** The headers that show the key. */
  get headers() {
    return this.key() ? { authorization: `Bearer ${this.key()}` } : {};
  }

  /** @returns {Promise<Health>} */
  health() {
    return this.#json("/health");
  }

  /** @returns {Promise<string[]>} the models that have a name here */
  async models() {
    return (await this.#json("/v1/models")).data.map((model) => model.id);
  }

  /**
   * The voices of the engine that speaks, and those that OpenAI's names stand for.
   * @returns {Promise<{engine: string, voices: {id: string, language: string}[], names: string[]}>}
   */
  async voices() {
    const { data, engines } = await this.#json("/v1/audio/voices");
    const engine = engines.find((each) => each.default) ?? engines[0];
    return {
      engine: engine.model,
      voices: data.filter((voice) => voice.model === engine.model),
      names: Object.entries(engine.openai_voices).filter(([, voice]) => voice).map(([name]) => name),
    };
  }

  /**
   * Search what the server keeps of documents, or have its reader look in those it reads.
   * @param {string} query @returns {Promise<string>} passages with their sources, the best first
   */
  async search(query) {
    // A server may keep no documents, or be unable to search them.
    const { data: stores } = await this.#json("/v1/vector_stores").catch(() => ({ data: [] }));
    const filled = stores.filter((store) => store.file_counts.completed > 0).slice(0, MOST_STORES);
    if (!filled.length) return this.#read(query);
    const vector_store_ids = filled.map(({ id }) => id);
    const { data } = await this.#post("/v1/search", { query, vector_store_ids, max_num_results: MOST_PASSAGES });
    return data.map(({ filename, content }) => `${filename}: ${content.map((part) => part.text).join(" ")}`).join("\n");
  }

  async #read(query) {
    const messages = [{ role: "user", content: query }];
    const answer = await this.#post("/v1/chat/completions", { model: "reader", messages });
    return answer.choices[0].message.content;
  }

  /** Why no conversation began. @returns {Promise<Problem>} */
  async diagnose() {
    try {
      const { status, reason } = await this.health();
      if (status === "warming") return new Problem("warming");
      if (status === "failed") return new Problem("failed", reason);
      await this.models();
    } catch (error) {
      return error instanceof Problem ? error : new Problem("gone");
    }
    return new Problem("refused");
  }

  #post(path, body) {
    const headers = { "content-type": "application/json" };
    return this.#json(path, { method: "POST", body: JSON.stringify(body), headers });
  }

  async #json(path, { headers, ...options } = {}) {
    let response;
    try {
      response = await fetch(path, { ...options, headers: { ...this.headers, ...headers } });
    } catch {
      throw new Problem("gone");
    }
    if (!response.ok) throw await responseProblem(response, Boolean(this.key()));
    return response.json();
  }
}

/** @param {Response} response that is an error @param {boolean} keyShown */
export async function responseProblem(response, keyShown) {
  const said = await response.json().catch(() => ({}));
  return statusProblem(response.status, said.error?.message ?? response.statusText, keyShown);
}
