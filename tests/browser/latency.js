/** Dates what a page hears of a server, by one clock: `compared` and `interrupted` are for the test. */

const LOUD = 0.01;
const QUIET_MS = 400; // a shorter silence is a pause in speech
const PATIENCE_MS = 20_000;
const WORKLET = `
  registerProcessor("ear", class extends AudioWorkletProcessor {
    #sounds = false;
    #last = 0;
    process([[samples = []]]) {
      const now = Date.now();
      const loud = samples.some((x) => Math.abs(x) > ${LOUD});
      if (loud) this.#last = now;
      if (loud !== this.#sounds && now - this.#last >= (loud ? 0 : ${QUIET_MS})) {
        this.#sounds = loud;
        this.port.postMessage({ type: loud ? "sound" : "silence", at: this.#last });
      }
      return true;
    }
  });`;

const now = () => performance.timeOrigin + performance.now();
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** What came, each with its time; `after` waits for the first of a type since a moment. */
class Diary {
  entries = [];
  #changed = () => {};

  note(type, at = now()) {
    this.entries.push({ type, at });
    this.#changed();
  }

  async after(since, ...types) {
    const deadline = now() + PATIENCE_MS;
    for (;;) {
      const found = this.entries.find((each) => each.at >= since && types.includes(each.type));
      if (found) return found.at;
      if (now() > deadline) throw new Error(`no ${types} came after ${this.entries.at(-1)?.type}`);
      await Promise.race([new Promise((resolve) => (this.#changed = resolve)), sleep(1000)]);
    }
  }
}

async function openSocket() {
  const diary = new Diary();
  const socket = new WebSocket(`${location.origin.replace("http", "ws")}/v1/realtime`, ["realtime"]);
  socket.onmessage = ({ data }) => diary.note(JSON.parse(data).type);
  await new Promise((resolve) => (socket.onopen = resolve));
  return { diary, send: (event) => socket.send(JSON.stringify(event)) };
}

/** A call; `diary` has its events, `ear` when its sound began and ended. */
async function openCall(microphone) {
  const diary = new Diary();
  const peer = new RTCPeerConnection();
  const channel = peer.createDataChannel("oai-events");
  channel.onmessage = ({ data }) => diary.note(JSON.parse(data).type);
  const { receiver } = peer.addTransceiver(microphone ?? "audio", { direction: "sendrecv" });
  receiver.jitterBufferTarget = 0;
  await peer.setLocalDescription();
  const { sdp } = peer.localDescription; // a server on the same machine needs no candidates
  const headers = { "Content-Type": "application/sdp" };
  const answer = await fetch("/v1/realtime/calls", { method: "POST", headers, body: sdp });
  await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
  await new Promise((resolve) => (channel.onopen = resolve));
  const ear = await listen(receiver.track);
  return { diary, ear, receiver, send: (event) => channel.send(JSON.stringify(event)) };
}

async function listen(track) {
  const stream = new MediaStream([track]);
  const player = new Audio(); // without one, the sound of a call reaches no context
  Object.assign(player, { muted: true, srcObject: stream });
  await player.play();
  const context = new AudioContext({ sampleRate: 48_000 });
  await context.audioWorklet.addModule(`data:text/javascript,${encodeURIComponent(WORKLET)}`);
  const node = new AudioWorkletNode(context, "ear", { numberOfOutputs: 0 });
  const diary = new Diary();
  node.port.onmessage = ({ data }) => diary.note(data.type, data.at);
  context.createMediaStreamSource(stream).connect(node);
  diary.keep = { player, context };
  return diary;
}

function ask({ send }) {
  const content = [{ type: "input_text", text: "how long" }];
  send({ type: "conversation.item.create", item: { type: "message", role: "user", content } });
  const asked = now();
  send({ type: "response.create" });
  return asked;
}

/** The jitter buffer of a call between two moments: its mean delay, and how much it made up. */
async function buffered(receiver) {
  const all = [...(await receiver.getStats()).values()];
  const { jitterBufferDelay, jitterBufferEmittedCount, concealedSamples } = all.find(
    ({ type }) => type === "inbound-rtp",
  );
  return (since) => ({
    delay_ms:
      (1000 * (jitterBufferDelay - (since?.delay ?? 0))) /
      (jitterBufferEmittedCount - (since?.count ?? 0)),
    concealed_ms: (concealedSamples - (since?.concealed ?? 0)) / 48,
    delay: jitterBufferDelay,
    count: jitterBufferEmittedCount,
    concealed: concealedSamples,
  });
}

/** The same turn over both transports by turns, each reply over the call cut by its client. */
async function compared(turns) {
  const socket = await openSocket();
  const call = await openCall(null);
  await sleep(2000); // a jitter buffer learns how even its network is
  const before = (await buffered(call.receiver))();
  const seen = { websocket_ms: [], heard_ms: [], silent_ms: [] };
  for (let turn = 0; turn < turns; turn++) {
    let asked = ask(socket);
    seen.websocket_ms.push((await socket.diary.after(asked, "response.output_audio.delta")) - asked);
    socket.send({ type: "response.cancel" });
    await socket.diary.after(asked, "response.done");
    await sleep(300 + Math.random() * 20); // at any moment of the track's clock
    asked = ask(call);
    seen.heard_ms.push((await call.ear.after(asked, "sound")) - asked);
    await sleep(500 + Math.random() * 20);
    const cleared = now();
    call.send({ type: "output_audio_buffer.clear" });
    seen.silent_ms.push((await call.ear.after(cleared - QUIET_MS, "silence")) - cleared);
  }
  const { delay_ms, concealed_ms } = (await buffered(call.receiver))(before);
  return { ...seen, buffer_ms: [delay_ms], concealed_ms: [concealed_ms] };
}

/** Replies that are spoken over by what the browser's microphone says. */
async function interrupted(times) {
  const media = await navigator.mediaDevices.getUserMedia({ audio: { autoGainControl: false } });
  const [microphone] = media.getAudioTracks();
  const mouth = await listen(microphone);
  const call = await openCall(microphone);
  const turn_detection = { type: "server_vad", create_response: false };
  const session = { type: "realtime", audio: { input: { turn_detection } } };
  call.send({ type: "session.update", session });
  const seen = { after_onset_ms: [], after_confirmed_ms: [] };
  for (let time = 0; time < times; time++) {
    const asked = ask(call);
    await call.ear.after(asked, "sound");
    const onset = await mouth.after(asked, "sound");
    const confirmed = await call.diary.after(asked, "input_audio_buffer.speech_started");
    const silent = await call.ear.after(asked, "silence");
    seen.after_onset_ms.push(silent - onset);
    seen.after_confirmed_ms.push(silent - confirmed);
    await call.diary.after(confirmed, "input_audio_buffer.committed");
    await sleep(QUIET_MS);
  }
  return seen;
}
