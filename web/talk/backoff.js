/** When to try again. Pure. */

const STEPS_MS = [0, 400, 800, 1500, 2500, 4000];

/** @param {number} attempt from 0 @returns {number} how long to wait before it */
export function waitBeforeMs(attempt) {
  return STEPS_MS[Math.min(attempt, STEPS_MS.length - 1)];
}

/** Codes with which a server ends a conversation for good. */
export const TAKEN_OVER = 4409;

/** @param {number} ms @param {AbortSignal} signal @returns {Promise<void>} ends early when aborted */
export function sleep(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
