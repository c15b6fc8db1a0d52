/** What the steps of a check share: the devices, the server, and what earlier steps have opened. */

import { closeMicrophone } from "../talk/microphone.js";
import { Server } from "../talk/server.js";
import { loadKey, loadSettings } from "../talk/settings.js";
import { Sound } from "../talk/sound.js";

export class Desk {
  settings = loadSettings();
  server = new Server(loadKey);
  /** @type {import("./rows.js").Row} of the step that runs */
  row;
  /** @type {MediaStream | null} */
  microphone = null;
  /** @type {Sound | null} */
  sound = null;
  /** @type {import("../talk/server.js").Health | null} */
  health = null;
  /** @type {{link: import("./link.js").Link, close: () => void} | null} */
  socket = null;
  /** @type {{link: import("./link.js").Link, open: boolean, close: () => void} | null} */
  call = null;
  #listeners = new Set();

  /** Start the sound of the page; call it from the click that begins the check. */
  async openSound() {
    this.sound = await Sound.open(null, this.settings.speaker);
    this.sound.onFrame = (frame) => {
      for (const listener of this.#listeners) listener(frame);
    };
  }

  /** @param {MediaStream} stream */
  setMicrophone(stream) {
    this.microphone = stream;
    this.sound?.setMicrophone(stream);
  }

  /**
   * Hear 20 ms after 20 ms until enough is heard, or until the time is up.
   * @param {number} ms @param {(frame: import("../talk/sound.js").Frame) => boolean} enough
   * @returns {Promise<void>}
   */
  listen(ms, enough) {
    return new Promise((resolve) => {
      const stop = () => {
        clearTimeout(timer);
        this.#listeners.delete(listener);
        resolve();
      };
      const listener = (frame) => enough(frame) && stop();
      const timer = setTimeout(stop, ms);
      this.#listeners.add(listener);
    });
  }

  get secure() {
    return window.isSecureContext && navigator.mediaDevices;
  }

  /** Whether there is something to listen with. */
  get listens() {
    return this.microphone && this.sound;
  }

  get hearsSocket() {
    return this.socket && this.sound;
  }

  get hearsCall() {
    return this.call?.open && this.sound;
  }

  async close() {
    this.socket?.close();
    this.call?.close();
    closeMicrophone(this.microphone);
    await this.sound?.close();
  }
}
