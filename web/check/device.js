/** Steps on this device: may the page listen, to what, and how loud is it? */

import { openMicrophone } from "../talk/microphone.js";
import { loudness, needle } from "../talk/pcm.js";
import { Problem } from "../talk/problems.js";
import { bad, doubtful, good, inDb } from "./outcome.js";

const FRAME_MS = 20;
const LISTEN_MS = 8000;
const ENOUGH_MS = 1500; // of speech
const CLIPPED = 32_700;
const BAND_HZ = 16_000; // what speech recognition hears

/** @param {import("./steps.js").Desk} desk @returns {import("./outcome.js").Outcome} */
export function checkPage(desk) {
  if (!desk.secure) throw new Problem("insecure");
  return good(location.protocol === "https:" ? "https" : `http on this machine (${location.hostname})`);
}

/** @param {import("./steps.js").Desk} desk */
export async function checkMicrophone(desk) {
  desk.setMicrophone(await openMicrophone(desk.settings.microphone));
  const track = desk.microphone.getAudioTracks()[0];
  return judgeDevice(track.label || "a microphone without a name", track.getSettings());
}

const SWITCHES = { echoCancellation: "echo cancellation", noiseSuppression: "noise suppression", autoGainControl: "gain control" };

/** @param {string} name @param {MediaTrackSettings} settings */
export function judgeDevice(name, settings) {
  const kHz = settings.sampleRate ? `, ${settings.sampleRate / 1000} kHz` : "";
  const facts = Object.entries(SWITCHES).map(([key, words]) => `${words}: ${onOff(settings[key])}`);
  const figure = `${name}${kHz}`;
  if (settings.sampleRate && settings.sampleRate < BAND_HZ) {
    return doubtful(figure, "It sounds like a telephone, as Bluetooth headsets do while they also play. Choose the microphone of this device in the settings of the conversation, or use a cable.", facts);
  }
  if (settings.echoCancellation === false) {
    return doubtful(figure, "This browser cancels no echo here: use headphones, or the voice will hear itself.", facts);
  }
  return good(figure, "", facts);
}

function onOff(value) {
  if (value === undefined) return "the browser does not say";
  return value ? "on" : "off";
}

/** @param {import("./steps.js").Desk} desk */
export async function checkLevel(desk) {
  const heard = new Levels();
  await desk.listen(LISTEN_MS, ({ mic }) => {
    heard.add(mic);
    desk.row.level(needle(heard.last));
    return heard.speechMs >= ENOUGH_MS;
  });
  return judgeLevels(heard);
}

/** The loudness of what was heard, frame by frame. */
export class Levels {
  #db = [];
  #samples = 0;
  #clipped = 0;

  /** @param {Int16Array} frame */
  add(frame) {
    this.#db.push(loudness(frame));
    this.#samples += frame.length;
    for (const sample of frame) this.#clipped += Math.abs(sample) >= CLIPPED;
  }

  get last() {
    return this.#db[this.#db.length - 1];
  }

  /** The room between the words, in dBFS. */
  get room() {
    return this.#share(0.1);
  }

  /** The words, in dBFS. */
  get speech() {
    return this.#share(0.9);
  }

  get speechMs() {
    const floor = Math.max(this.room + 12, -55);
    return this.#db.filter((db) => db > floor).length * FRAME_MS;
  }

  /** The share of samples that are as large as can be. */
  get clipping() {
    return this.#samples ? this.#clipped / this.#samples : 0;
  }

  #share(part) {
    const sorted = [...this.#db].sort((a, b) => a - b);
    return sorted[Math.floor(part * (sorted.length - 1))] ?? -96;
  }
}

/** @param {Levels} heard @returns {import("./outcome.js").Outcome} */
export function judgeLevels(heard) {
  const { speech, room, clipping } = heard;
  const figure = `speech ${inDb(speech)}, room ${inDb(room)} of full scale`;
  if (speech < -85) {
    return bad("nothing at all, not even noise", "The microphone is switched off: look for a switch on it, for a mute key, and at the input level in the system's sound settings. Or the wrong one is chosen.");
  }
  if (clipping > 0.0005) {
    return doubtful(`too loud: ${(clipping * 100).toFixed(1)} % of the sound is cut off`, "Lower the input level in the system's sound settings, or move away from the microphone.");
  }
  if (speech - room < 8) {
    return bad(`no speech heard, only ${inDb(room)} of noise`, "Speak while this step runs. If you did, the wrong microphone is chosen, or the room is louder than you.");
  }
  if (speech < -42) return doubtful(`too quiet: ${figure}`, "Raise the input level in the system's sound settings, or come nearer to the microphone.");
  if (speech - room < 15) return doubtful(`noisy: ${figure}`, "A quieter room or a headset makes you easier to understand.");
  return good(figure);
}
