/** Functions that the model may call, and that this page runs. */

/**
 * @typedef {object} Tool
 * @property {string} name
 * @property {string} title for people
 * @property {string} example what to say to try it
 * @property {object} definition as the wire has it
 * @property {((given: object, server: import("./server.js").Server) => Promise<unknown>) | null} run
 *   null for one that a person answers
 */

/** @type {Tool[]} */
export const EXAMPLES = [
  {
    name: "clock",
    title: "Clock",
    example: "What does the clock say?",
    definition: {
      type: "function",
      name: "clock",
      description: "The time and date, now, here or in another time zone.",
      parameters: {
        type: "object",
        properties: { time_zone: { type: "string", description: "An IANA name, such as Europe/Lisbon" } },
        required: [],
      },
    },
    run: async ({ time_zone: zone }) => ({ time: spokenTime(new Date(), zone) }),
  },
  {
    name: "search_documents",
    title: "Search of documents",
    example: "Search the documents for the bread",
    definition: {
      type: "function",
      name: "search_documents",
      description: "Looks something up in the documents of this server.",
      parameters: {
        type: "object",
        properties: { query: { type: "string", description: "What to look for, as a question or in words" } },
        required: ["query"],
      },
    },
    run: async ({ query }, server) => ({ found: await server.search(String(query ?? "")) }),
  },
];

/** What stands in the form of one's own, to begin with. */
export const TEMPLATE = JSON.stringify(
  {
    type: "function",
    name: "coffee_order",
    description: "Orders a coffee.",
    parameters: {
      type: "object",
      properties: { size: { type: "string", enum: ["small", "large"] } },
      required: ["size"],
    },
  },
  null,
  2,
);

/** @param {Date} date @param {string} [zone] @returns {string} */
export function spokenTime(date, zone) {
  const style = { hour: "numeric", minute: "2-digit", weekday: "long", day: "numeric", month: "long" };
  try {
    return new Intl.DateTimeFormat("en", { ...style, timeZone: zone || undefined }).format(date);
  } catch {
    return new Intl.DateTimeFormat("en", style).format(date); // no such time zone
  }
}

/**
 * Read a definition that a person wrote.
 * @param {string} text JSON
 * @returns {Tool}
 * @throws {Error} whose message says what is wrong and what would be right
 */
export function ownTool(text) {
  let given;
  try {
    given = JSON.parse(text);
  } catch (error) {
    throw new Error(`This is not JSON: ${error.message}`);
  }
  const definition = given?.function ? { type: "function", ...given.function } : given;
  if (typeof definition !== "object" || definition === null || Array.isArray(definition)) {
    throw new Error('A definition is an object: {"name": "…", "description": "…", "parameters": {…}}');
  }
  const { name, description = "", parameters = { type: "object", properties: {} } } = definition;
  if (typeof name !== "string" || !/^[\w-]{1,64}$/.test(name)) {
    throw new Error('"name" must be 1 to 64 letters, digits, "_" or "-"');
  }
  if (typeof description !== "string") throw new Error('"description" must be a text');
  if (typeof parameters !== "object" || parameters === null || Array.isArray(parameters)) {
    throw new Error('"parameters" must be a JSON schema of an object');
  }
  if (EXAMPLES.some((tool) => tool.name === name)) throw new Error(`"${name}" is taken by an example`);
  return { name, title: name, example: "", definition: { type: "function", name, description, parameters }, run: null };
}

/** @param {string} text the arguments of a call @returns {object} */
export function argumentsOf(text) {
  try {
    const given = JSON.parse(text || "{}");
    return typeof given === "object" && given !== null ? given : {};
  } catch {
    return {};
  }
}
