/**
 * Hears both sides at once: input 0 is the microphone, input 1 the answer. Every 20 ms it posts
 * `{mic, answer, at}` (Float32Array each; `at` is the end of the frame in seconds of the context),
 * so that whoever listens has them sample by sample beside each other.
 */
class Capture extends AudioWorkletProcessor {
  #size = Math.round(sampleRate / 50);
  #mic = new Float32Array(this.#size);
  #answer = new Float32Array(this.#size);
  #filled = 0;

  process([mic, answer]) {
    const length = 128;
    let taken = 0;
    while (taken < length) {
      const count = Math.min(length - taken, this.#size - this.#filled);
      copy(mic[0], taken, count, this.#mic, this.#filled);
      copy(answer[0], taken, count, this.#answer, this.#filled);
      taken += count;
      this.#filled += count;
      if (this.#filled === this.#size) this.#post((currentFrame + taken) / sampleRate);
    }
    return true;
  }

  #post(at) {
    const { port } = this;
    port.postMessage({ mic: this.#mic, answer: this.#answer, at }, [this.#mic.buffer, this.#answer.buffer]);
    this.#mic = new Float32Array(this.#size);
    this.#answer = new Float32Array(this.#size);
    this.#filled = 0;
  }
}

/** Copy a stretch; an input with nothing connected has no channel and is silent. */
function copy(channel, from, count, target, to) {
  if (channel) target.set(channel.subarray(from, from + count), to);
}

registerProcessor("capture", Capture);
