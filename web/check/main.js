/** The check page: one button that goes through all steps, and a report of what they found. */

import { byId } from "../talk/dom.js";
import { loadKey, saveKey } from "../talk/settings.js";
import { Desk } from "./desk.js";
import { failed, skipped } from "./outcome.js";
import { report, verdict } from "./report.js";
import { Row } from "./rows.js";
import { STEPS } from "./steps.js";

const ICONS = { good: "good", warn: "alert", bad: "close" };

const rows = new Map(STEPS.map(({ id, title }) => [id, new Row(title)]));
for (const [id, { node }] of rows) {
  node.id = `step-${id}`;
  byId("rows").append(node);
}

const start = byId("start");
const key = byId("key");
key.value = loadKey();
key.addEventListener("input", () => saveKey(key.value.trim()));
byId("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  start.click();
});
start.addEventListener("click", check);
byId("copy").addEventListener("click", copy);

async function check() {
  start.disabled = true;
  byId("start-label").textContent = "Checking";
  byId("verdict").hidden = byId("report").hidden = true;
  for (const row of rows.values()) row.show({ state: "waiting", figure: "" });
  const desk = new Desk();
  await desk.openSound().catch(() => {}); // the steps that need it say that it is missing
  const outcomes = new Map();
  let before = "";
  for (const step of STEPS) {
    byId("progress").textContent = `${before}${step.title}: ${step.doing}`;
    const outcome = await tried(step, desk);
    outcomes.set(step.id, outcome);
    rows.get(step.id).show(outcome);
    before = `${step.title} is ${outcome.state}. `;
  }
  await desk.close().catch(() => {}); // what does not close harms nobody
  conclude(outcomes);
  start.disabled = false;
  byId("start-label").textContent = "Check again";
}

/** @param {import("./steps.js").Step} step @param {Desk} desk */
async function tried(step, desk) {
  if (step.needs && !desk[step.needs]) return skipped(step.without);
  desk.row = rows.get(step.id);
  desk.row.run(step.doing);
  desk.row.node.scrollIntoView({ block: "nearest" });
  try {
    return await step.run(desk);
  } catch (error) {
    if (/key/.test(error.kind)) askForKey();
    return failed(error);
  }
}

function askForKey() {
  byId("key-form").hidden = false;
}

function conclude(outcomes) {
  const { kind, title, text } = verdict(outcomes);
  byId("progress").textContent = "";
  byId("verdict").dataset.kind = kind;
  byId("verdict-icon").setAttribute("href", `/web/icons.svg#${ICONS[kind]}`);
  byId("verdict").hidden = false;
  byId("verdict-title").textContent = title;
  byId("verdict-text").textContent = text;
  byId("verdict-talk").hidden = kind === "bad";
  byId("report-text").textContent = report(outcomes, { at: new Date(), origin: location.origin, browser: navigator.userAgent });
  byId("report").hidden = false;
  byId("verdict").scrollIntoView({ block: "nearest" });
}

async function copy() {
  const text = byId("report-text");
  try {
    await navigator.clipboard.writeText(text.textContent);
    byId("copied").textContent = "Copied.";
  } catch {
    getSelection().selectAllChildren(text);
    byId("copied").textContent = "The browser does not let this page copy; the text is selected, press Ctrl+C.";
  }
}
