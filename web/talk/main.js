/** The page: connects what a person does with the conversation, and shows how it goes. */

import { WORDS } from "./activity.js";
import { Call } from "./call.js";
import { Captions } from "./captions.js";
import { byId, element, save } from "./dom.js";
import { needle } from "./pcm.js";
import { dismiss, notify } from "./notices.js";
import { Problem, asProblem } from "./problems.js";
import { everything, srt } from "./recording.js";
import { Server } from "./server.js";
import { loadKey, loadResume, loadSettings } from "./settings.js";
import { SettingsPanel } from "./settingspanel.js";
import { tabs } from "./tabs.js";
import { ToolPanel } from "./toolpanel.js";
import { Waterfall } from "./waterfall.js";

const QUESTIONS = ["When does the library close on Saturday?", "How long should I bake the bread?", "What does the yellow light on the coffee machine mean?"];
const PATIENCE_MS = 1500; // between two looks at a server that warms up

const settings = loadSettings();
const server = new Server(loadKey);
const captions = new Captions(byId("captions"), byId("scroll"), byId("spoken"));
const waterfall = new Waterfall({
  list: byId("turns"),
  p50: byId("p50"),
  p95: byId("p95"),
  count: byId("turn-count"),
  empty: byId("latency-empty"),
  legend: byId("legend"),
});
let engines = [];
let knowsVoices = false;

const call = new Call(server, settings, {
  item: (item) => show(item),
  turn: () => waterfall.show(call.clock),
  problem: (problem) => explain(problem),
  notice: (kind, text) => NOTICES[kind](text),
  session: ({ instructions }) => panel.showUsualPrompt(instructions),
  ask: (asked) => toolPanel.ask(asked),
});
const toolPanel = new ToolPanel(takeTools, (id, output) => call.tools.answer(id, output));
const panel = new SettingsPanel(settings, { changed: settingChanged, keyChanged: learn });

// Beginning, talking, ending.

async function start(microphone = true) {
  if (call.status !== "off") return call.status === "live";
  dismiss("problem");
  takeTools();
  const starting = call.start({ microphone });
  refresh();
  try {
    await starting;
  } catch (error) {
    explain(asProblem(error));
    return false;
  }
  dismiss("problem");
  panel.showDevices();
  return call.status === "live";
}

async function end() {
  toolPanel.withdraw();
  dismiss("lost");
  await call.end();
}

function pressOrb() {
  if (call.status === "off") start();
  else if (settings.mode === "hands-free" && call.status === "live") toggleMute();
}

function toggleMute() {
  if (!call.hasMicrophone) return restart();
  call.setMuted(!call.muted);
  return null;
}

/** Begin again, so that what cannot change in a conversation does; it goes on where it was. */
async function restart() {
  await end();
  await start();
}

async function send(text) {
  if (text && (await start(false))) call.say(text);
}

function takeTools() {
  call.tools.tools = toolPanel.tools;
  if (call.status === "live") call.configure();
}

async function settingChanged(name, live) {
  const running = call.status === "live";
  if (running && live) call.configure();
  if (running && name === "microphone") await call.changeMicrophone().catch((error) => explain(asProblem(error)));
  const waits = running && !live && name !== "microphone";
  byId("next-time").textContent = waits ? "This takes effect when you end the conversation and start again; it goes on where it was." : "";
}

// What is shown.

function show(item) {
  byId("empty").hidden = true;
  byId("fresh").hidden = false;
  captions.show(item, call.conversation.items);
}

const NOTICES = {
  lost: () =>
    notify({
      name: "lost",
      kind: "warn",
      title: "The connection to the server was lost",
      text: "Trying to get it back; what was said stays here.",
      actions: [{ label: "Stop trying", act: end }],
    }),
  resumed: () => back("Connected again", "The conversation goes on where it was."),
  restored: () => back("Connected again", "The server had forgotten the conversation; it was told again what was said."),
  anew: () => dismiss("lost"),
  brief: () => notify({ name: "brief", kind: "info", title: "Hold the button while you speak", passing: true }),
  server: (text) => notify({ name: "server", kind: "warn", title: "The server says", text, passing: true }),
};

function back(title, text) {
  dismiss("lost");
  notify({ name: "back", kind: "good", title, text, passing: true });
}

const ACTIONS = {
  retry: { label: "Try again", act: () => start() },
  websocket: {
    label: "Use the WebSocket",
    act: () => {
      panel.setTransport("websocket");
      start();
    },
  },
  type: { label: "Type instead", act: () => byId("say").focus() },
  key: {
    label: "Enter a key",
    act: () => {
      byId("tab-settings").click();
      byId("key").focus();
    },
  },
  check: { label: "Check the connection", act: () => location.assign("/check") },
};

const shownProblem = () => document.querySelector('.notice[data-name="problem"]')?.dataset.about;

/** @param {import("./problems.js").Problem} problem */
function explain(problem) {
  if (problem.kind === shownProblem()) return;
  const { title, remedy, actions } = problem.words;
  const tellsMore = ["failed", "unknown", "full"].includes(problem.kind) && problem.detail;
  dismiss("lost");
  notify({
    name: "problem",
    about: problem.kind,
    kind: problem.kind === "warming" ? "warn" : "bad",
    title,
    text: tellsMore ? `${problem.detail} ${remedy}` : remedy,
    actions: actions.map((name) => ACTIONS[name]),
  });
}

const LABELS = {
  off: () => (loadResume(Date.now()) ? "Continue" : "Start talking"),
  "hands-free": () => (!call.hasMicrophone ? "Speak" : call.muted ? "Unmute" : "Mute"),
  "push-to-talk": () => "Hold to talk",
};
const HINTS = {
  off: "Press the ember, allow the microphone, and ask.",
  "hands-free": "Just speak. Interrupt whenever you like.",
  "push-to-talk": "Hold the ember or the space bar while you speak.",
  written: "You are typing. Press the ember to speak as well.",
};

let shownState = "";
let nextRefresh = 0;

/** Show what changes with every frame, and the rest where it did change. */
function refresh() {
  const doing = call.activity;
  const way = call.status === "off" ? "off" : settings.mode;
  byId("level-you").style.setProperty("--level", needle(call.levels.you));
  byId("level-voice").style.setProperty("--level", needle(call.levels.voice));
  const loud = doing === "speaking" ? call.levels.voice : call.levels.you;
  byId("orb").style.setProperty("--level", call.status === "live" ? needle(loud) : 0);
  const state = [doing, way, call.muted, call.hasMicrophone, call.answering].join();
  if (state !== shownState) {
    shownState = state;
    showState(doing, way);
  }
  cancelAnimationFrame(nextRefresh);
  if (call.status !== "off") nextRefresh = requestAnimationFrame(refresh);
}

function showState(doing, way) {
  const silent = call.muted || (call.status === "live" && !call.hasMicrophone);
  byId("orb").dataset.state = doing;
  byId("orb-label").textContent = LABELS[way]();
  byId("orb-icon").setAttribute("href", `/web/icons.svg#${silent ? "mute" : "mic"}`);
  byId("state").textContent = doing === "muted" && !call.hasMicrophone ? "Ready" : WORDS[doing];
  byId("hint").textContent = HINTS[call.status === "live" && !call.hasMicrophone ? "written" : way];
  byId("live-actions").hidden = call.status === "off";
  byId("stop").disabled = !call.answering;
  document.body.dataset.status = call.status;
}

// What the server is.

/** Ask the server what it runs, until it does. */
async function learn() {
  try {
    const health = await server.health();
    engines = health.engines;
    panel.showEngines(engines);
    if (health.status === "warming") {
      explain(new Problem("warming"));
      setTimeout(learn, PATIENCE_MS);
      return;
    }
    if (health.status === "failed") throw new Problem("failed", health.reason);
    suggest();
    panel.showModels(await server.models());
    dismiss("problem");
  } catch (error) {
    explain(asProblem(error));
  }
}

/** Ask for the voices, which may be a hundred, when somebody wants to see them. */
async function learnVoices() {
  if (knowsVoices) return;
  try {
    panel.showVoices(await server.voices());
    knowsVoices = true;
  } catch (error) {
    explain(asProblem(error));
  }
}

/** Questions that the samples answer, where the server reads from them. */
function suggest() {
  const reads = engines.some(({ kind, name, reason }) => kind === "llm" && name === "reader" && reason.endsWith("the samples"));
  const ask = (question) => element("li", {}, element("button", { type: "button", onclick: () => send(question) }, question));
  byId("suggestions").replaceChildren(...(reads ? QUESTIONS.map(ask) : []));
}

// Downloads.

const FILES = {
  wav: () => call.recording.wav(),
  srt: () => new Blob([srt(call.conversation.items, call.recording.startMs ?? 0)], { type: "application/x-subrip" }),
  json: () => {
    const about = { engines, startMs: call.recording.startMs };
    const all = everything(call.conversation.items, call.clock.turns, about);
    return new Blob([JSON.stringify(all, null, 2)], { type: "application/json" });
  },
};

function download({ target }) {
  const kind = target.closest("[data-download]")?.dataset.download;
  if (!kind) return;
  byId("downloads").open = false;
  if (kind !== "json" && !call.recording.durationMs) {
    notify({ name: "brief", kind: "info", title: "Nothing was said yet", passing: true });
    return;
  }
  const when = new Date().toISOString().slice(0, 16).replace(/[T:]/g, "-");
  save(FILES[kind](), `conversation-${when}.${kind}`);
}

// Keys.

const TYPED_IN = "input:not([type=checkbox], [type=radio]), textarea, select";
const PRESSED = `input, button:not(#orb), a, summary, ${TYPED_IN}`;

function keyDown(event) {
  if (event.key === "Escape") call.stopAnswer();
  if (event.target.closest(TYPED_IN) || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key.toLowerCase() === "m" && call.status === "live") toggleMute();
  const talks = settings.mode === "push-to-talk" && call.status === "live";
  if (event.key !== " " || !talks || event.target.closest(PRESSED)) return;
  event.preventDefault();
  if (!event.repeat) call.hold();
}

const orb = byId("orb");
orb.addEventListener("click", pressOrb);
orb.addEventListener("pointerdown", (event) => {
  if (event.button === 0) call.hold();
});
for (const kind of ["pointerup", "pointercancel", "blur"]) window.addEventListener(kind, () => call.release());
document.addEventListener("keydown", keyDown);
document.addEventListener("keyup", (event) => {
  if (event.key === " ") call.release();
});
byId("stop").addEventListener("click", () => call.stopAnswer());
byId("end").addEventListener("click", end);
byId("downloads").addEventListener("click", download);
byId("fresh").addEventListener("click", async () => {
  await end();
  call.clear();
  captions.clear();
  waterfall.show(call.clock);
  byId("empty").hidden = false;
  byId("fresh").hidden = true;
});
byId("compose").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = byId("say");
  send(field.value.trim());
  field.value = "";
});
window.addEventListener("pagehide", () => call.end()); // a browser that closes a tab tells nobody
navigator.mediaDevices?.addEventListener("devicechange", () => panel.showDevices());

byId("key").value = loadKey();
tabs(document.querySelector("[role=tablist]"), (id) => id === "tab-settings" && learnVoices());
panel.showDevices();
refresh();
await learn();
if (!window.isSecureContext) explain(new Problem("insecure"));
