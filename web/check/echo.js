/** The step that plays a chirp and listens: how much of the voice comes back into the microphone? */

import { closeMicrophone, openMicrophone } from "../talk/microphone.js";
import { PATTERN_MS, TAIL_MS, findEcho, pattern } from "./chirp.js";
import { bad, doubtful, good, inDb, inMs } from "./outcome.js";

const SLOW_MS = 300;
const PATIENCE_MS = 2000; // until a speaker that sleeps has begun to play
const SAMPLES = (PATTERN_MS + TAIL_MS) * 24;

/** @param {import("./steps.js").Desk} desk */
export async function checkEcho(desk) {
  const bare = await echoWithoutCancellation(desk);
  desk.row.run("Once more, with echo cancellation.");
  if (bare) await chirpAndListen(desk); // from this it learns the room
  const left = await chirpAndListen(desk);
  return judgeEcho(bare, left);
}

/** What the microphone hears when nothing is taken away. */
async function echoWithoutCancellation(desk) {
  const { deviceId } = desk.microphone.getAudioTracks()[0].getSettings();
  const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };
  let bare;
  try {
    bare = await navigator.mediaDevices.getUserMedia({ audio: { ...audio, ...(deviceId && { deviceId: { exact: deviceId } }) } });
    desk.sound.setMicrophone(bare);
    return await chirpAndListen(desk);
  } catch {
    return null; // some browsers open a microphone in one way at a time
  } finally {
    closeMicrophone(bare ?? null);
    closeMicrophone(desk.microphone); // a second one may have silenced it
    desk.setMicrophone(await openMicrophone(desk.settings.microphone));
  }
}

async function chirpAndListen(desk) {
  const frames = [];
  let start = -1; // the sample at which the chirps begin to leave
  let heard = 0;
  desk.sound.play("chirp", pattern());
  await desk.listen(PATTERN_MS + TAIL_MS + PATIENCE_MS, ({ mic, answer }) => {
    const first = start < 0 ? answer.findIndex((sample) => sample !== 0) : -1;
    if (first >= 0) start = heard + first;
    frames.push(mic);
    heard += mic.length;
    return start >= 0 && heard - start > SAMPLES;
  });
  return start < 0 ? null : findEcho(joined(frames, heard), start);
}

function joined(frames, length) {
  const whole = new Int16Array(length);
  let at = 0;
  for (const frame of frames) {
    whole.set(frame, at);
    at += frame.length;
  }
  return whole;
}

/**
 * @param {import("./chirp.js").Echo | null} bare without echo cancellation
 * @param {import("./chirp.js").Echo | null} left with it
 */
export function judgeEcho(bare, left) {
  const heard = left ?? bare;
  if (!heard) return good("the microphone does not hear the speaker: headphones, or it is turned down");
  const facts = bare ? [`without cancellation ${inDb(bare.db)}, ${inMs(bare.delayMs)} from speaker to microphone`] : [];
  const way = `${inMs(heard.delayMs)} from speaker to microphone`;
  const figure = left ? `echo ${inDb(left.db)} after cancellation, ${way}` : `echo ${inDb(bare.db)}, cancelled in full, ${way}`;
  if (left && left.db > -20) return bad(figure, "The voice will hear itself and stop. Use headphones, or turn the loudspeaker down and move it away from the microphone.", facts);
  if (left && left.db > -35) return doubtful(figure, "The voice may now and then interrupt itself. Turn the loudspeaker down, or use headphones.", facts);
  if (heard.delayMs > SLOW_MS) return doubtful(figure, "Your sound takes a long way, as it does over Bluetooth: every answer comes that much later. A cable is faster.", facts);
  return good(figure, "", facts);
}
