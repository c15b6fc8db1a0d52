/** What the conversation is doing, in one word. Pure. */

/**
 * @typedef {"off" | "connecting" | "reconnecting" | "muted" | "waiting" | "listening" | "hearing" | "thinking" | "speaking" | "paused"} Activity
 */

const QUIET_MS = 220; // longer than the gaps between words
const LOUD_MS = 700;

/**
 * @param {object} now
 * @param {"off" | "connecting" | "live" | "reconnecting"} now.status
 * @param {boolean} now.answering whether a response runs or its sound is still to be heard
 * @param {boolean} now.begun whether that response has sounded
 * @param {number} now.answerQuietMs how long the answer has been silent
 * @param {number} now.userQuietMs how long the user has been silent
 * @param {boolean} now.hearing whether the server has noticed the user
 * @param {boolean} now.muted
 * @param {boolean} now.held whether the talk button is down; true in hands-free talk
 * @returns {Activity}
 */
export function activity(now) {
  if (now.status !== "live") return now.status;
  if (now.hearing) return "hearing";
  if (now.answering && now.begun) {
    const paused = now.answerQuietMs > QUIET_MS && now.userQuietMs < LOUD_MS && !now.muted;
    return paused ? "paused" : "speaking";
  }
  if (now.answering) return "thinking";
  if (!now.held) return "waiting";
  return now.muted ? "muted" : "listening";
}

/** @type {Record<Activity, string>} */
export const WORDS = {
  off: "Ready when you are",
  connecting: "Connecting…",
  reconnecting: "Reconnecting…",
  muted: "Muted",
  waiting: "Hold to talk",
  listening: "Listening",
  hearing: "Hearing you",
  thinking: "Thinking",
  speaking: "Speaking",
  paused: "Paused: go on, or let it finish",
};
