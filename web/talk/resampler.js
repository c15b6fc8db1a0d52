/** Another sample rate, for browsers whose audio runs at the rate of the sound card alone. Pure. */

const HALF_TAPS = 16;
const STEPS = 256; // of the kernel between two samples

/** A band-limited resampler that keeps its place between blocks. */
export class Resampler {
  #step;
  #position = 0; // of the next output, in input samples after #tail's start
  #tail = new Float32Array(2 * HALF_TAPS);
  #kernel;

  /** @param {number} fromHz @param {number} toHz */
  constructor(fromHz, toHz) {
    this.#step = fromHz / toHz;
    this.#kernel = kernel(Math.min(1, toHz / fromHz));
  }

  /** @param {Float32Array} block @returns {Float32Array} what it comes to, 16 samples late */
  push(block) {
    const x = new Float32Array(this.#tail.length + block.length);
    x.set(this.#tail);
    x.set(block, this.#tail.length);
    const last = x.length - 2 * HALF_TAPS;
    const out = new Float32Array(Math.max(0, Math.ceil((last - this.#position) / this.#step)));
    for (let n = 0; n < out.length; n++) out[n] = this.#at(x, this.#position + n * this.#step);
    this.#position += out.length * this.#step - last;
    this.#tail = x.slice(last);
    return out;
  }

  #at(x, position) {
    const whole = Math.floor(position);
    const phase = Math.round((position - whole) * STEPS);
    let sum = 0;
    for (let tap = 0; tap < 2 * HALF_TAPS; tap++) {
      const at = (tap + 1) * STEPS - phase;
      sum += x[whole + tap] * this.#kernel[at];
    }
    return sum;
  }
}

/** A windowed sinc over 2 * HALF_TAPS samples. @param {number} band share of the input's band */
function kernel(band) {
  const size = 2 * HALF_TAPS * STEPS;
  const taps = new Float32Array(size + STEPS + 1);
  for (let i = 0; i <= size; i++) {
    const t = i / STEPS - HALF_TAPS;
    const w = 0.42 + 0.5 * Math.cos((Math.PI * t) / HALF_TAPS) + 0.08 * Math.cos((2 * Math.PI * t) / HALF_TAPS);
    const sinc = t === 0 ? 1 : Math.sin(Math.PI * band * t) / (Math.PI * band * t);
    taps[i] = band * sinc * w;
  }
  return taps;
}
