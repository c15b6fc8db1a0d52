/** One conversation of this page: its connection, its sound, and what is known of it. */

import { activity } from "./activity.js";
import { TAKEN_OVER, sleep, waitBeforeMs } from "./backoff.js";
import { Conversation } from "./conversation.js";
import { TurnClock } from "./latency.js";
import { closeMicrophone, openMicrophone } from "./microphone.js";
import { decodeBase64, loudness } from "./pcm.js";
import { Problem, asProblem } from "./problems.js";
import { Recording } from "./recording.js";
import { loadResume, saveResume } from "./settings.js";
import { Sound } from "./sound.js";
import { ToolRunner } from "./toolrunner.js";
import { openWebRtc } from "./webrtc.js";
import { openWebSocket } from "./websocket.js";
import * as wire from "./wire.js";

const VOICE_DBFS = -50; // louder is somebody speaking
const USER_DBFS = -42;
const SHORTEST_HOLD_MS = 250;
const REMEMBERED_ITEMS = 60;
const MOST_WEBRTC_FAILURES = 3;

/**
 * @typedef {object} Listener what the page wants to know
 * @property {(item: import("./conversation.js").Item) => void} item
 * @property {(turn: import("./latency.js").Turn) => void} turn
 * @property {(problem: Problem) => void} problem
 * @property {(kind: "lost" | "resumed" | "restored" | "anew" | "brief" | "server", text?: string) => void} notice
 * @property {(session: object) => void} session
 * @property {(call: object) => void} ask
 */

/** What is done about events, beside taking them into the conversation; filled in below. */
let REACTIONS;

export class Call {
  /** @type {"off" | "connecting" | "live" | "reconnecting"} */
  status = "off";
  conversation = new Conversation();
  clock = new TurnClock();
  recording = new Recording();
  levels = { you: -96, voice: -96 };
  muted = false;
  hasMicrophone = false;

  #server;
  #settings;
  #on;
  #link = null;
  #opening = null; // the promise of a session that the server has not described yet
  #resume = null; // what the server says about continuing
  #sound = null;
  #microphone = null;
  #stopping = new AbortController();
  #expired = false;
  #hearing = false;
  #holding = false;
  #heldSince = 0;
  #response = null; // the id of the one that runs
  #awaiting = false; // an answer to what was said, before there is a response
  #playing = false;
  #begun = false; // whether what is being answered has sounded
  #soundingItem = null;
  #loudMs = { you: 0, voice: 0 };

  /**
   * @param {import("./server.js").Server} server
   * @param {import("./settings.js").Settings} settings is read whenever it is needed
   * @param {Listener} on
   */
  constructor(server, settings, on) {
    this.#server = server;
    this.#settings = settings;
    this.#on = on;
    this.tools = new ToolRunner(server, (event) => this.#link?.send(event), on.ask);
  }

  get activity() {
    const now = performance.now();
    return activity({
      status: this.status,
      answering: this.answering || this.#awaiting,
      begun: this.#begun,
      answerQuietMs: now - this.#loudMs.voice,
      userQuietMs: now - this.#loudMs.you,
      hearing: this.#hearing,
      muted: this.muted || !this.hasMicrophone,
      held: !this.#pushes || this.#holding,
    });
  }

  get answering() {
    return this.#response !== null || this.#playing;
  }

  get #pushes() {
    return this.#settings.mode === "push-to-talk";
  }

  // Beginning and end.

  /** Begin, or go on with, the conversation. @param {{microphone: boolean}} with_ @throws {Problem} */
  async start({ microphone }) {
    if (this.status !== "off") return;
    this.status = "connecting";
    this.#stopping = new AbortController();
    const { signal } = this.#stopping;
    try {
      await this.#openSound(microphone);
      await this.#connect(signal);
    } catch (error) {
      if (signal.aborted) return;
      await this.end();
      throw asProblem(error);
    }
  }

  async #openSound(wanted) {
    const { microphone, speaker } = this.#settings;
    this.#adopt(wanted ? await openMicrophone(microphone) : null);
    if (!window.isSecureContext) return; // there is no sound either: answers are written
    try {
      this.#sound = await Sound.open(this.#microphone, speaker);
    } catch (error) {
      // The files of the player come from the server too.
      throw new Problem(error.name === "AbortError" ? "gone" : "sound", error.message);
    }
    this.#sound.onFrame = (frame) => this.#frame(frame);
    this.#sound.onPlaying = (playing) => {
      this.#playing = playing;
    };
  }

  #adopt(stream) {
    closeMicrophone(this.#microphone);
    this.#microphone = stream;
    this.hasMicrophone = stream !== null;
    for (const track of stream?.getTracks() ?? []) track.onended = () => this.#lostMicrophone();
    this.#gate();
  }

  #lostMicrophone() {
    this.#adopt(null);
    this.#sound?.setMicrophone(null);
    this.#link?.setMicrophone(null);
    this.#on.problem(new Problem("no-microphone"));
  }

  /** Keep trying while the engines load. */
  async #connect(signal) {
    while (!signal.aborted) {
      try {
        await this.#open();
        return;
      } catch (error) {
        if (error.kind !== "warming") throw error;
        this.#on.problem(error);
        await sleep(1000, signal);
      }
    }
  }

  async #open() {
    const { transport, model } = this.#settings;
    const open = transport === "webrtc" ? openWebRtc : openWebSocket;
    const { signal } = this.#stopping;
    const waiting = []; // events may come before the link is ours
    let link = null;
    link = await open({
      server: this.#server,
      model,
      resume: loadResume(Date.now()) || "new",
      microphone: this.#microphone,
      onEvent: (event) => (link ? this.#event(event) : waiting.push(event)),
      onClose: (code, reason) => this.#closed(code, reason),
      onRemote: (stream) => this.#sound?.setRemote(stream),
    });
    if (signal.aborted) {
      link.close();
      return;
    }
    this.#link = link;
    await new Promise((resolve, reject) => {
      this.#opening = { resolve, reject };
      for (const event of waiting) this.#event(event);
    });
    this.#opening = null;
    this.status = "live";
  }

  /** End the conversation; what was said stays. */
  async end() {
    if (this.status === "live") this.keepResume();
    this.status = "off";
    this.#stopping.abort();
    this.#opening?.reject(new Problem("unknown", "ended"));
    this.#quieten();
    this.#link?.close();
    this.#link = null;
    this.#adopt(null);
    const sound = this.#sound;
    this.#sound = null;
    await sound?.close();
  }

  /** Note that the conversation can be continued; call it when the connection ends, or may end. */
  keepResume() {
    if (this.#resume) saveResume(this.#resume.token, Date.now() + this.#resume.expires_after_s * 1000);
  }

  /** Forget what was said. */
  clear() {
    this.#resume = null;
    saveResume("");
    this.conversation = new Conversation();
    this.clock = new TurnClock();
    this.recording = new Recording();
  }

  #quieten() {
    this.#hearing = this.#playing = this.#begun = this.#awaiting = false;
    this.#response = this.#soundingItem = null;
    this.#expired = false;
    this.levels = { you: -96, voice: -96 };
    this.tools.forget();
  }

  #closed(code, reason) {
    if (this.status === "off") return;
    if (this.#opening) {
      this.#opening.reject(new Problem("refused", reason));
      return;
    }
    this.keepResume();
    const expired = this.#expired;
    this.#link = null;
    this.#quieten();
    if (expired) this.#fail(new Problem("expired"));
    else if (code === TAKEN_OVER) this.#fail(new Problem("taken"));
    else this.#reconnect(reason);
  }

  #fail(problem) {
    this.end();
    this.#on.problem(problem);
  }

  async #reconnect(reason) {
    const { signal } = this.#stopping;
    this.status = "reconnecting";
    this.#sound?.flush();
    this.#on.notice("lost", reason);
    let blocked = 0;
    for (let attempt = 0; !signal.aborted && this.status === "reconnecting"; attempt++) {
      await sleep(waitBeforeMs(attempt), signal);
      if (signal.aborted) return;
      try {
        await this.#server.health(); // asks more quietly than a connection does
        await this.#open();
      } catch (error) {
        blocked += error.kind === "webrtc";
        const hopeless = ["key", "wrong-key", "no-webrtc"].includes(error.kind) || blocked === MOST_WEBRTC_FAILURES;
        if (hopeless) return this.#fail(error);
      }
    }
  }

  // What a person does.

  /** Say something in writing. @param {string} text */
  say(text) {
    if (this.answering) this.stopAnswer();
    this.clock.sent(performance.now());
    this.#begun = false;
    this.#awaiting = true;
    this.#link?.send(wire.userText(text));
    this.#link?.send(wire.createResponse);
  }

  /** @param {boolean} muted */
  setMuted(muted) {
    this.muted = muted;
    this.#gate();
  }

  /** The talk button goes down. */
  hold() {
    if (this.status !== "live" || !this.#pushes || this.#holding || !this.hasMicrophone) return;
    this.#holding = true;
    this.#heldSince = performance.now();
    if (this.answering) this.stopAnswer();
    this.#link.send(wire.clearAudio);
    this.#gate();
  }

  /** The talk button comes up. */
  release() {
    if (!this.#holding) return;
    const releasedMs = performance.now();
    // What was said last is still on its way: through the worklet, or through an encoder.
    setTimeout(() => this.#commit(releasedMs), this.#link?.playsHere ? 60 : 260);
  }

  #commit(releasedMs) {
    this.#holding = false;
    this.#gate();
    if (releasedMs - this.#heldSince < SHORTEST_HOLD_MS) {
      this.#link?.send(wire.clearAudio);
      this.#on.notice("brief");
      return;
    }
    this.clock.sent(releasedMs);
    this.#begun = false;
    this.#awaiting = true;
    this.#link?.send(wire.commitAudio);
    this.#link?.send(wire.createResponse);
  }

  /** Fall silent, and say how much was heard. */
  stopAnswer() {
    if (this.#response) this.#link?.send(wire.cancelResponse);
    this.#hush();
  }

  #hush() {
    if (!this.#link?.playsHere) this.#link?.send(wire.clearOutput);
    else this.#flush();
    this.#begun = false;
  }

  async #flush() {
    const link = this.#link;
    if (!this.#sound) return;
    const { item, playedMs } = await this.#sound.flush();
    if (item && item === this.#soundingItem) link.send(wire.truncate(item, playedMs));
    this.#soundingItem = null;
  }

  /** Take on changed settings, as far as they can change in a conversation. */
  configure() {
    this.#gate();
    this.#sound?.setSpeaker(this.#settings.speaker);
    this.#link?.send(wire.sessionUpdate(this.#settings, this.tools.definitions, { first: false, silent: !this.#sound }));
  }

  /** Listen through the microphone that is chosen now. @throws {Problem} */
  async changeMicrophone() {
    if (!this.#microphone) return;
    this.#adopt(await openMicrophone(this.#settings.microphone));
    this.#sound?.setMicrophone(this.#microphone);
    this.#link?.setMicrophone(this.#microphone);
  }

  /** A track that is off is silent, for the server as for the recording. */
  #gate() {
    const open = this.#pushes ? this.#holding : !this.muted;
    for (const track of this.#microphone?.getAudioTracks() ?? []) track.enabled = open;
  }

  // What is heard.

  #frame(frame) {
    this.recording.push(frame);
    const wanted = this.hasMicrophone && (!this.#pushes || this.#holding);
    if (wanted && this.status === "live") this.#link.hear(frame.mic);
    this.levels = { you: loudness(frame.mic), voice: loudness(frame.answer) };
    if (this.levels.you > USER_DBFS) this.#loudMs.you = frame.at;
    if (this.levels.voice > VOICE_DBFS) this.#sounds(frame.at);
  }

  #sounds(atMs) {
    this.#loudMs.voice = atMs;
    const item = this.conversation.answer;
    if (!item || !this.answering) return;
    if (this.clock.waits) this.clock.audible(atMs - 20 + this.#sound.outputMs);
    if (!item.sounded) [item.sounded, item.startMs] = [true, atMs - 20];
    item.endMs = atMs;
    this.#begun = true;
  }

  // What the server says.

  #event(event) {
    const now = performance.now();
    const item = this.conversation.apply(event, now);
    REACTIONS[event.type]?.call(this, event, now);
    if (item) this.#on.item(item);
  }

  static {
    REACTIONS = {
      "session.created"({ session, resume }) {
        if (resume) this.#resume = resume;
        this.keepResume();
        this.#link.send(wire.sessionUpdate(this.#settings, this.tools.definitions, { first: true, silent: !this.#sound }));
        this.#welcome(resume);
        this.#on.session(session);
        this.#opening.resolve();
      },
      "input_audio_buffer.speech_started"() {
        this.#hearing = true;
        if (this.answering && this.#link.playsHere) this.#hush();
      },
      "input_audio_buffer.committed"(_, now) {
        this.#hearing = false;
        if (this.#pushes) return;
        this.clock.committed(now);
        this.#awaiting = true;
      },
      "conversation.item.input_audio_transcription.completed"({ transcript }) {
        if (!transcript) this.#awaiting = false;
      },
      "conversation.item.input_audio_transcription.failed"() {
        this.#awaiting = false;
      },
      "response.created"({ response }) {
        this.#response = response.id;
        this.#begun = this.#awaiting = false;
      },
      "response.output_audio.delta"({ item_id, delta }) {
        this.#soundingItem = item_id;
        this.#sound?.play(item_id, decodeBase64(delta));
      },
      "output_audio_buffer.started"() {
        this.#playing = true;
      },
      "output_audio_buffer.stopped"() {
        this.#playing = false;
      },
      "output_audio_buffer.cleared"() {
        this.#playing = false;
      },
      "conversation.item.truncated"({ item_id }) {
        this.#link.send(wire.retrieve(item_id)); // what of its text was heard
      },
      "response.done"({ response }) {
        this.#ended(response);
      },
      error({ error }) {
        this.#expired ||= error.code === "session_expired";
        if (!this.#expired && wire.matters(error)) this.#on.notice("server", error.message);
      },
    };
  }

  #ended(response) {
    if (response.id === this.#response) this.#response = null;
    const more = this.tools.take(response);
    const turn = this.clock.done(response.timings, more);
    if (turn) this.#on.turn(turn);
    const reason = response.status_details?.error?.message;
    if (response.status === "failed") this.#on.notice("server", reason ?? "The answer failed.");
  }

  /** Give the conversation back to a server that has forgotten it. */
  #welcome(resume) {
    const said = this.conversation.items.filter((item) => ["user", "assistant"].includes(item.role) && item.text);
    if (resume?.resumed) return this.#on.notice("resumed");
    if (!said.length) return this.#on.notice("anew");
    for (const { id, role, text, heard } of said.slice(-REMEMBERED_ITEMS)) {
      this.#link.send(role === "user" ? wire.userText(text, id) : wire.assistantText(heard ?? text, id));
    }
    return this.#on.notice("restored");
  }
}
