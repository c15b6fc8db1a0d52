/** Sound as numbers: 16-bit samples, base64, levels. Pure. */

export const RATE_HZ = 24_000;

/** @param {Float32Array} x in [-1, 1] @returns {Int16Array} */
export function toInt16(x) {
  const y = new Int16Array(x.length);
  for (let i = 0; i < x.length; i++) {
    y[i] = Math.max(-32768, Math.min(32767, Math.round(x[i] * 32767)));
  }
  return y;
}

/** @param {Int16Array} x @returns {Float32Array} in [-1, 1] */
export function toFloat32(x) {
  const y = new Float32Array(x.length);
  for (let i = 0; i < x.length; i++) y[i] = x[i] / 32768;
  return y;
}

/** @param {Int16Array} samples @returns {string} base64 of little-endian samples */
export function encodeBase64(samples) {
  const bytes = new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
  let text = "";
  // In slices, since each byte becomes an argument.
  for (let i = 0; i < bytes.length; i += 8192) {
    text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  }
  return btoa(text);
}

/** @param {string} text base64 @returns {Int16Array} */
export function decodeBase64(text) {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length & ~1);
  for (let i = 0; i < bytes.length; i++) bytes[i] = raw.charCodeAt(i);
  return new Int16Array(bytes.buffer);
}

/** The loudness of a frame. @param {Int16Array} x @returns {number} in dBFS, -96 for silence */
export function loudness(x) {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i] * x[i];
  const rms = x.length ? Math.sqrt(sum / x.length) / 32768 : 0;
  return rms > 1.6e-5 ? 20 * Math.log10(rms) : -96;
}

/** A loudness as a needle's position. @param {number} dbfs @returns {number} 0 to 1 */
export function needle(dbfs) {
  return Math.max(0, Math.min(1, (dbfs + 60) / 54));
}
