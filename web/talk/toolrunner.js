/** Runs what the model calls, and lets it go on once every call has its answer. */

import { argumentsOf } from "./tools.js";
import { createResponse, toolAnswer } from "./wire.js";

export class ToolRunner {
  /** @type {import("./tools.js").Tool[]} the tools that are switched on */
  tools = [];
  #waiting = new Map(); // id of a call -> the response it belongs to
  #server;
  #send;
  #ask;

  /**
   * @param {import("./server.js").Server} server
   * @param {(event: object) => void} send
   * @param {(call: {call_id: string, name: string, arguments: string}) => void} ask a person
   */
  constructor(server, send, ask) {
    this.#server = server;
    this.#send = send;
    this.#ask = ask;
  }

  get definitions() {
    return this.tools.map((tool) => tool.definition);
  }

  /** @param {object} response that has ended @returns {boolean} whether it called something */
  take(response) {
    const calls = (response.output ?? []).filter((item) => item.type === "function_call");
    if (response.status !== "completed" || !calls.length) return false;
    for (const call of calls) this.#waiting.set(call.call_id, response.id);
    for (const call of calls) this.#run(call);
    return true;
  }

  /** @param {string} callId @param {unknown} output what a person or the page says to a call */
  answer(callId, output) {
    const response = this.#waiting.get(callId);
    if (!response) return; // the conversation has gone on without it
    this.#send(toolAnswer(callId, output));
    this.#waiting.delete(callId);
    if (![...this.#waiting.values()].includes(response)) this.#send(createResponse);
  }

  /** Forget the calls that nobody has answered. */
  forget() {
    this.#waiting.clear();
  }

  async #run(call) {
    const tool = this.tools.find((each) => each.name === call.name);
    if (tool && !tool.run) return this.#ask(call);
    let output;
    try {
      output = tool ? await tool.run(argumentsOf(call.arguments), this.#server) : { error: `there is no function ${call.name}` };
    } catch (error) {
      output = { error: error.message };
    }
    return this.answer(call.call_id, output);
  }
}
