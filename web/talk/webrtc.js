/** The conversation over WebRTC; the twin of websocket.js. Sound travels as a call's, events beside it. */

import { Problem } from "./problems.js";
import { responseProblem } from "./server.js";

const GATHER_MS = 1000; // candidates of this device come at once, others may never
const CONNECT_MS = 12_000;
const LOST_MS = 5000; // a connection that was lost may come back by itself

/** @param {import("./websocket.js").LinkOptions} options @returns {Promise<WebRtcLink>} */
export async function openWebRtc(options) {
  if (!window.RTCPeerConnection) throw new Problem("no-webrtc");
  const link = new WebRtcLink(options);
  try {
    await link.connect();
  } catch (error) {
    link.close();
    throw error;
  }
  return link;
}

class WebRtcLink {
  playsHere = false;
  #peer = new RTCPeerConnection();
  #channel = this.#peer.createDataChannel("oai-events");
  #sender;
  #options;
  #call = null; // its address, once it has one
  #lostTimer = 0;

  constructor(options) {
    this.#options = options;
    const track = options.microphone?.getAudioTracks()[0];
    const { sender } = this.#peer.addTransceiver(track ?? "audio", { direction: "sendrecv" });
    this.#sender = sender;
    this.#peer.ontrack = ({ track: remote, receiver }) => {
      receiver.jitterBufferTarget = 0; // as little as the network allows: a person waits for it
      options.onRemote(new MediaStream([remote]));
    };
    this.#channel.onmessage = ({ data }) => options.onEvent(JSON.parse(data));
  }

  async connect() {
    const peer = this.#peer;
    await peer.setLocalDescription();
    await gathered(peer);
    const answer = await this.#offer(peer.localDescription.sdp);
    await peer.setRemoteDescription({ type: "answer", sdp: answer });
    await this.#opened();
    this.#channel.onclose = () => this.#closed(1006, "");
    peer.onconnectionstatechange = () => this.#watch(peer.connectionState);
  }

  async #offer(sdp) {
    const { server, model, resume } = this.#options;
    const form = new FormData();
    form.append("sdp", sdp);
    form.append("session", JSON.stringify({ type: "realtime", ...(model && { model }) }));
    let response;
    try {
      response = await fetch(`/v1/realtime/calls?${new URLSearchParams({ resume })}`, {
        method: "POST",
        body: form,
        headers: server.headers,
      });
    } catch {
      throw new Problem("gone");
    }
    if (!response.ok) throw await responseProblem(response, Boolean(server.key()));
    this.#call = response.headers.get("location");
    return response.text();
  }

  #opened() {
    return new Promise((resolve, reject) => {
      const failed = () => reject(new Problem("webrtc"));
      const timer = setTimeout(failed, CONNECT_MS);
      const settle = (then) => {
        clearTimeout(timer);
        then();
      };
      this.#channel.onopen = () => settle(resolve);
      this.#peer.onconnectionstatechange = () => {
        if (this.#peer.connectionState === "failed") settle(failed);
      };
    });
  }

  #watch(state) {
    clearTimeout(this.#lostTimer);
    if (state === "failed" || state === "closed") this.#closed(1006, "");
    if (state === "disconnected") this.#lostTimer = setTimeout(() => this.#closed(1006, ""), LOST_MS);
  }

  #closed(code, reason) {
    const { onClose } = this.#options;
    this.close();
    onClose(code, reason);
  }

  /** @param {object} event */
  send(event) {
    if (this.#channel.readyState === "open") this.#channel.send(JSON.stringify(event));
  }

  hear() {
    // The microphone's track carries its sound.
  }

  /** @param {MediaStream | null} stream */
  setMicrophone(stream) {
    this.#sender.replaceTrack(stream?.getAudioTracks()[0] ?? null);
  }

  close() {
    clearTimeout(this.#lostTimer);
    this.#channel.onclose = this.#channel.onmessage = this.#peer.onconnectionstatechange = null;
    if (this.#call) {
      const { server } = this.#options;
      fetch(`${this.#call}/hangup`, { method: "POST", headers: server.headers, keepalive: true }).catch(() => {});
      this.#call = null;
    }
    this.#peer.close();
  }
}

/** Wait for the addresses of this device, but not for those that a network never gives. @param {RTCPeerConnection} peer */
export function gathered(peer) {
  return new Promise((resolve) => {
    if (peer.iceGatheringState === "complete") return resolve();
    setTimeout(resolve, GATHER_MS);
    peer.onicegatheringstatechange = () => peer.iceGatheringState === "complete" && resolve();
  });
}
