/** The steps over the WebSocket. */

import { Problem } from "../talk/problems.js";
import { bad, failed, inMs } from "./outcome.js";
import { Link, judgeRoundTrips, roundTrips } from "./link.js";

const OPEN_MS = 10_000;
const KEY_PREFIX = "openai-insecure-api-key.";

/** @param {import("./steps.js").Desk} desk */
export async function checkSocket(desk) {
  const began = performance.now();
  let socket;
  try {
    socket = await opened(desk.server.key());
  } catch {
    return whyNoSocket(await desk.server.diagnose());
  }
  desk.socket = socket;
  const took = performance.now() - began;
  return judgeRoundTrips(await roundTrips(socket.link), "", [`opened in ${inMs(took)}`]);
}

function whyNoSocket(problem) {
  if (problem.kind !== "refused") return failed(problem);
  return bad("web pages get through, the WebSocket does not", "A proxy in between does not pass WebSockets on: it needs HTTP/1.1 with the headers Upgrade and Connection, and long timeouts. If there is none, all seats of the server may be taken.");
}

/** @returns {Promise<{link: Link, close: () => void}>} once the session is there */
async function opened(key) {
  const url = `${location.origin.replace(/^http/, "ws")}/v1/realtime`;
  const socket = new WebSocket(url, key ? ["realtime", KEY_PREFIX + key] : ["realtime"]);
  const link = new Link((text) => socket.send(text));
  socket.onmessage = ({ data }) => link.take(data);
  socket.onclose = ({ reason }) => link.lost(new Problem("gone", reason || "the WebSocket was closed"));
  try {
    await link.next(["session.created"], OPEN_MS);
  } catch (error) {
    socket.close();
    throw error;
  }
  return { link, close: () => socket.close(1000) };
}
