/** The sound of the page: what the microphone hears, what the speaker plays, both on one clock. */

import { RATE_HZ, toFloat32, toInt16 } from "./pcm.js";
import { Resampler } from "./resampler.js";

/**
 * @typedef {object} Frame 20 ms of both sides at 24 kHz
 * @property {Int16Array} mic
 * @property {Int16Array} answer
 * @property {number} at when it ended, as `performance.now()` counts
 */

export class Sound {
  /** @type {(frame: Frame) => void} */
  onFrame = () => {};
  /** Tells whether the player has something to play. @type {(playing: boolean) => void} */
  onPlaying = () => {};

  #context;
  #capture;
  #player;
  #source = null;
  #remote = null;
  #loudspeaker = null;
  #flushes = new Map();
  #flushCount = 0;
  #fromContext = null;
  #toContext = null;

  /**
   * Starts the audio of the page; call it from a click or a key, or the browser keeps it silent.
   * @param {MediaStream | null} microphone
   * @param {string} speaker the id of an output device, "" for the usual one
   */
  static async open(microphone, speaker) {
    try {
      return await new Sound().#start(RATE_HZ, microphone, speaker);
    } catch (error) {
      if (error.name !== "NotSupportedError") throw error;
      // Some browsers connect no microphone to a context of another rate than its own.
      return new Sound().#start(undefined, microphone, speaker);
    }
  }

  async #start(sampleRate, microphone, speaker) {
    const context = new AudioContext({ sampleRate, latencyHint: "interactive" });
    this.#context = context;
    try {
      await this.#connect(microphone);
    } catch (error) {
      await context.close();
      throw error;
    }
    await this.setSpeaker(speaker);
    await context.resume();
    return this;
  }

  async #connect(microphone) {
    const context = this.#context;
    if (context.sampleRate !== RATE_HZ) {
      this.#fromContext = [new Resampler(context.sampleRate, RATE_HZ), new Resampler(context.sampleRate, RATE_HZ)];
      this.#toContext = new Resampler(RATE_HZ, context.sampleRate);
    }
    const here = (name) => new URL(name, import.meta.url).href;
    await Promise.all(["capture.worklet.js", "player.worklet.js"].map((name) => context.audioWorklet.addModule(here(name))));
    this.#capture = new AudioWorkletNode(context, "capture", { numberOfInputs: 2, numberOfOutputs: 1, channelCount: 1, channelCountMode: "explicit" });
    this.#player = new AudioWorkletNode(context, "player", { numberOfInputs: 0, outputChannelCount: [1] });
    this.#capture.port.onmessage = ({ data }) => this.#heard(data);
    this.#player.port.onmessage = ({ data }) => this.#told(data);
    this.#player.connect(context.destination);
    this.#player.connect(this.#capture, 0, 1);
    this.#capture.connect(context.destination); // silent, but what leads nowhere is not run
    this.setMicrophone(microphone);
  }

  /** Milliseconds from here to the ear, as far as the browser knows them. */
  get outputMs() {
    return ((this.#context.outputLatency || 0) + (this.#context.baseLatency || 0)) * 1000;
  }

  /** Listen to this stream from now on. @param {MediaStream | null} stream */
  setMicrophone(stream) {
    this.#source?.disconnect();
    this.#source = stream ? this.#context.createMediaStreamSource(stream) : null;
    this.#source?.connect(this.#capture, 0, 0);
  }

  /** Play what comes in on this stream, as in a call. @param {MediaStream} stream */
  setRemote(stream) {
    this.#loudspeaker ??= new Audio();
    this.#loudspeaker.srcObject = stream;
    this.#loudspeaker.play().catch(() => {}); // a second stream may break off the first one's start
    this.#remote?.disconnect();
    this.#remote = this.#context.createMediaStreamSource(stream);
    this.#remote.connect(this.#capture, 0, 1);
  }

  /** @param {string} id of an output device, "" for the usual one */
  async setSpeaker(id) {
    this.#loudspeaker ??= new Audio();
    const sinks = [this.#context, this.#loudspeaker].filter((each) => each.setSinkId);
    // A device that is gone leaves the usual one.
    await Promise.all(sinks.map((each) => each.setSinkId(id).catch(() => {})));
  }

  /** @param {string} item whose sound it is @param {Int16Array} pcm */
  play(item, pcm) {
    const x = toFloat32(pcm);
    const samples = this.#toContext ? this.#toContext.push(x) : x;
    this.#player.port.postMessage({ item, samples }, [samples.buffer]);
  }

  /**
   * Fall silent at once.
   * @returns {Promise<{item: string | null, playedMs: number}>} how much of the latest item sounded
   */
  flush() {
    const number = ++this.#flushCount;
    return new Promise((resolve) => {
      this.#flushes.set(number, resolve);
      this.#player.port.postMessage({ flush: number });
    });
  }

  async close() {
    this.#capture.port.onmessage = this.#player.port.onmessage = null;
    if (this.#loudspeaker) this.#loudspeaker.srcObject = null;
    for (const resolve of this.#flushes.values()) resolve({ item: null, playedMs: 0 });
    await this.#context.close();
  }

  #heard({ mic, answer, at }) {
    const [x, y] = this.#fromContext ? [this.#fromContext[0].push(mic), this.#fromContext[1].push(answer)] : [mic, answer];
    // The message may have waited; the context's clock has not.
    const late = Math.max(0, this.#context.currentTime - at) * 1000;
    this.onFrame({ mic: toInt16(x), answer: toInt16(y), at: performance.now() - late });
  }

  #told(message) {
    if (message.playing !== undefined) {
      this.onPlaying(message.playing);
      return;
    }
    const playedMs = (message.played / this.#context.sampleRate) * 1000;
    this.#flushes.get(message.flushed)?.({ item: message.item, playedMs });
    this.#flushes.delete(message.flushed);
  }
}
