/** The steps of the check, in their order, and what each of them needs. */

import { checkCall } from "./call.js";
import { checkLevel, checkMicrophone, checkPage } from "./device.js";
import { checkEcho } from "./echo.js";
import { firstAudio } from "./link.js";
import { checkEngines, checkServer } from "./server.js";
import { checkSocket } from "./socket.js";

/** @typedef {import("./desk.js").Desk} Desk */

/**
 * @typedef {object} Step
 * @property {string} id
 * @property {string} title
 * @property {string} doing what is said while it runs
 * @property {string} [needs] of the desk, without which it cannot be tried
 * @property {string} [without] what is said then
 * @property {(desk: Desk) => Promise<import("./outcome.js").Outcome>} run
 */

const HEAR = { needs: "listens", without: "there is no microphone to listen with" };

/** @type {Step[]} */
export const STEPS = [
  { id: "page", title: "Secure page", doing: "Looking at the address.", run: checkPage },
  { id: "microphone", title: "Microphone", doing: "The browser may ask whether this page may listen: allow it.", needs: "secure", without: "it needs a secure page", run: checkMicrophone },
  { id: "level", title: "Your voice", doing: "Speak now, for example: one, two, three, four, five.", ...HEAR, run: checkLevel },
  { id: "echo", title: "Speaker and echo", doing: "Playing chirps: be quiet for a moment.", ...HEAR, run: checkEcho },
  { id: "server", title: "Server", doing: "Asking how it is.", run: checkServer },
  { id: "engines", title: "Engines", doing: "Asking what it runs.", needs: "health", without: "the server said nothing", run: checkEngines },
  { id: "socket", title: "WebSocket", doing: "Sending events there and back.", run: checkSocket },
  { id: "socket-audio", title: "First sound over the WebSocket", doing: "Asking what time it is.", needs: "hearsSocket", without: "it needs the WebSocket and the sound of the page", run: (desk) => firstAudio(desk.socket.link, desk) },
  { id: "call", title: "WebRTC", doing: "Looking for a way to the server.", run: checkCall },
  { id: "call-audio", title: "First sound over WebRTC", doing: "Asking what time it is.", needs: "hearsCall", without: "it needs WebRTC and the sound of the page", run: (desk) => firstAudio(desk.call.link, desk) },
];
