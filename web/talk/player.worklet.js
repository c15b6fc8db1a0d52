/**
 * Plays blocks one after the other without a gap, and can forget them within 5 ms.
 *
 * Takes `{item, samples}` (Float32Array at the rate of the context) and `{flush: number}`; posts
 * `{playing: boolean}` when it begins or runs dry, and `{flushed: number, item, played}` with the
 * number of samples of that item which have left.
 */
const FADE = 128;

class Player extends AudioWorkletProcessor {
  #queue = [];
  #offset = 0;
  #item = null;
  #played = 0;
  #playing = false;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => {
      if (data.flush !== undefined) this.#flush(data.flush);
      else this.#queue.push(data);
    };
  }

  process(_, [[out]]) {
    let filled = 0;
    while (filled < out.length && this.#queue.length) {
      const { item, samples } = this.#queue[0];
      if (item !== this.#item) [this.#item, this.#played] = [item, 0];
      const count = Math.min(out.length - filled, samples.length - this.#offset);
      out.set(samples.subarray(this.#offset, this.#offset + count), filled);
      filled += count;
      this.#offset += count;
      this.#played += count;
      if (this.#offset === samples.length) {
        this.#queue.shift();
        this.#offset = 0;
      }
    }
    this.#tell(filled > 0);
    return true;
  }

  /** Forget what waits, but for a fade that spares the ear a click. */
  #flush(number) {
    const next = this.#queue[0];
    const item = next && next.item !== this.#item ? next.item : this.#item;
    const played = item === this.#item ? this.#played : 0;
    this.#queue = [];
    if (next && item === this.#item) {
      const tail = next.samples.slice(this.#offset, this.#offset + FADE);
      for (let i = 0; i < tail.length; i++) tail[i] *= 1 - i / tail.length;
      this.#queue.push({ item, samples: tail });
    }
    this.#offset = 0;
    this.port.postMessage({ flushed: number, item, played });
  }

  #tell(playing) {
    if (playing === this.#playing) return;
    this.#playing = playing;
    this.port.postMessage({ playing });
  }
}

registerProcessor("player", Player);
