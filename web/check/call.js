/** The steps over WebRTC. */

import { Problem } from "../talk/problems.js";
import { responseProblem } from "../talk/server.js";
import { gathered } from "../talk/webrtc.js";
import { candidates, serverAddresses, summary, whyNoWay } from "./ice.js";
import { Link, judgeRoundTrips, roundTrips } from "./link.js";
import { bad, doubtful, inMs } from "./outcome.js";

const CONNECT_MS = 12_000;

/** @param {import("./steps.js").Desk} desk */
export async function checkCall(desk) {
  if (!window.RTCPeerConnection) return bad("this browser has no WebRTC", "Use another browser, or the WebSocket as the connection.");
  const call = new Call(desk);
  desk.call = call;
  if (!(await call.connect())) return whyNoCall(call);
  const way = await call.way();
  const facts = [...call.facts(), ...way.facts];
  const trips = await roundTrips(call.link);
  if (way.relayed) return doubtful(`${inMs(call.took.total)} to connect, through a relay`, "Sound goes through a TURN server, which adds its distance to every answer. Let UDP through to the server itself.", facts);
  return judgeRoundTrips(trips, ` over ${way.name}`, facts);
}

/** @param {Call} call that found no way */
function whyNoCall(call) {
  const facts = call.facts();
  if (call.took.ice) return bad("a way was found, but no encryption over it (DTLS)", "Something between here and the server drops larger UDP packets or inspects them. The WebSocket works without: choose it as the connection.", facts);
  return bad("no way to the server over UDP", whyNoWay(call.ours, call.theirs, location.hostname), facts);
}

/** A call whose every stage is timed. */
class Call {
  /** @type {{gather?: number, answer?: number, ice?: number, dtls?: number, channel?: number, total?: number}} in ms */
  took = {};
  open = false;
  ours = [];
  theirs = [];
  #peer = new RTCPeerConnection();
  #channel = this.#peer.createDataChannel("oai-events");
  #track = null;
  #address = null;
  #server;

  constructor({ server, sound, microphone }) {
    this.#server = server;
    this.link = new Link((text) => this.#channel.send(text));
    this.#channel.onmessage = ({ data }) => this.link.take(data);
    this.#channel.onclose = () => this.link.lost(new Problem("gone", "the call was ended"));
    this.#peer.ontrack = ({ track }) => sound?.setRemote(new MediaStream([track]));
    // While a microphone is open the browser shows its addresses; what it hears stays here.
    this.#track = microphone?.getAudioTracks()[0].clone() ?? null;
    if (this.#track) this.#track.enabled = false;
    this.#peer.addTransceiver(this.#track ?? "audio", { direction: "sendrecv" });
  }

  /** @returns {Promise<boolean>} whether events can be sent */
  async connect() {
    const peer = this.#peer;
    const stop = this.#clock();
    await peer.setLocalDescription();
    await gathered(peer);
    this.ours = candidates(peer.localDescription.sdp);
    stop("gather");
    const sdp = await this.#offer(peer.localDescription.sdp);
    this.theirs = candidates(sdp);
    stop("answer");
    const created = this.link.next(["session.created"], 2 * CONNECT_MS);
    const connected = this.#connected(stop);
    await peer.setRemoteDescription({ type: "answer", sdp });
    if (!(await connected)) this.link.lost(new Problem("webrtc"));
    this.open = await created.then(() => stop("total") > 0, () => false);
    return this.open;
  }

  /** A clock that starts now, and notes when each stage was over. */
  #clock() {
    const began = performance.now();
    let last = began;
    return (stage) => {
      const now = performance.now();
      this.took[stage] = now - (stage === "total" ? began : last);
      last = now;
      return this.took[stage];
    };
  }

  async #offer(sdp) {
    let response;
    try {
      const headers = { ...this.#server.headers, "content-type": "application/sdp" };
      response = await fetch("/v1/realtime/calls", { method: "POST", body: sdp, headers });
    } catch {
      throw new Problem("gone");
    }
    if (!response.ok) throw await responseProblem(response, Boolean(this.#server.key()));
    this.#address = response.headers.get("location");
    return response.text();
  }

  #connected(stop) {
    const peer = this.#peer;
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), CONNECT_MS);
      const settle = (connected) => {
        clearTimeout(timer);
        resolve(connected);
      };
      peer.oniceconnectionstatechange = () => {
        if (/connected|completed/.test(peer.iceConnectionState) && !this.took.ice) stop("ice");
      };
      peer.onconnectionstatechange = () => {
        if (peer.connectionState === "connected") stop("dtls");
        if (peer.connectionState === "failed") settle(false);
      };
      this.#channel.onopen = () => {
        stop("channel");
        settle(true);
      };
    });
  }

  /** Which way was taken. @returns {Promise<{name: string, relayed: boolean, facts: string[]}>} */
  async way() {
    const stats = [...(await this.#peer.getStats()).values()];
    const byId = (id) => stats.find((each) => each.id === id);
    const transport = stats.find(({ type }) => type === "transport");
    const pair = byId(transport?.selectedCandidatePairId) ?? stats.find(({ type, selected, nominated }) => type === "candidate-pair" && (selected || nominated));
    const [here, there] = [byId(pair?.localCandidateId), byId(pair?.remoteCandidateId)];
    const protocol = (here?.relayProtocol ?? here?.protocol ?? "udp").toUpperCase();
    const [from, to] = [here?.candidateType ?? "unknown", there?.candidateType ?? "unknown"];
    const round = pair?.currentRoundTripTime === undefined ? [] : [`round trip of the path: ${inMs(pair.currentRoundTripTime * 1000)}`];
    const facts = [`path: ${from} here, ${to} there, ${protocol}${protocol === "UDP" ? ": UDP is reachable" : ""}`, ...round];
    return { name: protocol, relayed: from === "relay" || to === "relay", facts };
  }

  facts() {
    const names = { gather: "addresses gathered", answer: "answer of the server", ice: "ICE", dtls: "DTLS", channel: "data channel" };
    const times = Object.entries(names).filter(([stage]) => stage in this.took).map(([stage, name]) => `${name} ${inMs(this.took[stage])}`);
    return [times.join(", "), `offered here: ${summary(this.ours)}`, `offered by the server: ${serverAddresses(this.theirs).join("; ") || "none"}`];
  }

  close() {
    this.#channel.onclose = null;
    this.#track?.stop();
    if (this.#address) fetch(`${this.#address}/hangup`, { method: "POST", headers: this.#server.headers, keepalive: true }).catch(() => {});
    this.#peer.close();
  }
}
