/** A chirp, and how it is found again in what a microphone heard. Pure. */

const RATE_HZ = 24_000;
const CHIRP_MS = 300;
const STARTS_MS = [0, 900, 1650]; // uneven, so that no rhythm of the room fits them
const FROM_HZ = 500;
const TO_HZ = 4000;
const LOUDNESS = 0.25;
const LONGEST_MS = 600; // of a way from the speaker to the microphone, through Bluetooth and all
const LIKENESS = 0.15; // speech and noise by themselves stay below 0.1

export const PATTERN_MS = STARTS_MS[STARTS_MS.length - 1] + CHIRP_MS;
export const TAIL_MS = LONGEST_MS + 100;

/** One chirp at 24 kHz, in [-1, 1], with soft ends. @returns {Float32Array} */
function chirp() {
  const length = (CHIRP_MS * RATE_HZ) / 1000;
  const ramp = length / 8;
  return Float32Array.from({ length }, (_, i) => {
    const t = i / RATE_HZ;
    const sweep = (TO_HZ - FROM_HZ) / (CHIRP_MS / 1000);
    const edge = Math.min(1, i / ramp, (length - i) / ramp);
    return LOUDNESS * edge * Math.sin(2 * Math.PI * (FROM_HZ * t + (sweep * t * t) / 2));
  });
}

/** What is played. @returns {Int16Array} at 24 kHz */
export function pattern() {
  const played = new Int16Array((PATTERN_MS * RATE_HZ) / 1000);
  const one = chirp();
  for (const startMs of STARTS_MS) {
    one.forEach((x, i) => (played[(startMs * RATE_HZ) / 1000 + i] = Math.round(x * 32767)));
  }
  return played;
}

/**
 * @typedef {object} Echo
 * @property {number} delayMs
 * @property {number} db relative to what was played
 * @property {number} likeness 1 is the chirp and nothing else
 */

/**
 * Look for the chirps in what was heard.
 * @param {Int16Array} heard at 24 kHz @param {number} start the sample at which playing began
 * @returns {Echo | null} null when they are not there
 */
export function findEcho(heard, start) {
  const mic = halved(heard);
  const one = halved(Int16Array.from(chirp(), (x) => Math.round(x * 32767)));
  const rate = RATE_HZ / 2;
  const starts = STARTS_MS.map((ms) => Math.round(start / 2 + (ms * rate) / 1000));
  const longest = (LONGEST_MS * rate) / 1000;
  if (starts[starts.length - 1] + longest + one.length > mic.length) return null;
  const energy = dot(one, one, 0);
  const sums = sumsOfSquares(mic);
  let best = { likeness: 0, lag: 0, product: 0 };
  for (let lag = 0; lag < longest; lag++) {
    let product = 0;
    let power = 0;
    for (const at of starts) {
      product += dot(one, mic, at + lag);
      power += sums[at + lag + one.length] - sums[at + lag];
    }
    const likeness = Math.abs(product) / Math.sqrt(starts.length * energy * power || 1);
    if (likeness > best.likeness) best = { likeness, lag, product };
  }
  if (best.likeness < LIKENESS) return null;
  const gain = Math.abs(best.product) / (starts.length * energy);
  return { delayMs: (best.lag / rate) * 1000, db: 20 * Math.log10(gain), likeness: best.likeness };
}

/** Every second sample, after a short average. */
function halved(x) {
  return Float32Array.from({ length: x.length >> 1 }, (_, i) => (x[2 * i] + x[2 * i + 1]) / 2);
}

/** What the samples before each one carry together, so that a stretch is a difference of two. */
function sumsOfSquares(x) {
  const sums = new Float64Array(x.length + 1);
  for (let i = 0; i < x.length; i++) sums[i + 1] = sums[i] + x[i] * x[i];
  return sums;
}

function dot(x, y, offset) {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i] * y[offset + i];
  return sum;
}
