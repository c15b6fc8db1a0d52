/** The microphone, and the devices to choose from. */

import { Problem, microphoneProblem } from "./problems.js";

/**
 * Ask for the microphone.
 * @param {string} deviceId "" for the usual one
 * @returns {Promise<MediaStream>}
 */
export async function openMicrophone(deviceId) {
  if (!window.isSecureContext || !navigator.mediaDevices) throw new Problem("insecure");
  const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: deviceId ? { ...audio, deviceId: { exact: deviceId } } : audio,
    });
  } catch (error) {
    // A device that was unplugged since it was chosen.
    if (deviceId && error.name === "OverconstrainedError") return openMicrophone("");
    throw microphoneProblem(error);
  }
}

/** @param {MediaStream | null} stream */
export function closeMicrophone(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/**
 * What can be chosen; names are there once the microphone was allowed.
 * @returns {Promise<{microphones: Device[], speakers: Device[]}>}
 * @typedef {{id: string, name: string}} Device
 */
export async function devices() {
  const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  const some = (kind, word) =>
    all
      .filter((each) => each.kind === kind && each.deviceId && each.deviceId !== "default")
      .map((each, index) => ({ id: each.deviceId, name: each.label || `${word} ${index + 1}` }));
  return { microphones: some("audioinput", "Microphone"), speakers: some("audiooutput", "Speaker") };
}
