/** What the addresses of a call tell: which way was taken, or why none was found. Pure. */

/**
 * @typedef {{type: string, protocol: string, address: string, port: number}} Candidate
 */

/** The candidates in a session description. @param {string} sdp @returns {Candidate[]} */
export function candidates(sdp) {
  return sdp
    .split(/\r?\n/)
    .filter((line) => line.startsWith("a=candidate:"))
    .map((line) => {
      const [, , protocol, , address, port, , type] = line.split(" ");
      return { type, protocol: protocol.toLowerCase(), address, port: Number(port) };
    })
    .filter(({ port }) => port !== 9); // a placeholder of TCP, on which nobody listens
}

/** Counts, and no address: whose device it is stays unsaid. @param {Candidate[]} offered */
export function summary(offered) {
  const counts = new Map();
  for (const { type, protocol, address } of offered) {
    const name = `${address.endsWith(".local") ? "hidden (mDNS)" : type} ${protocol}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, count]) => `${count} ${name}`).join(", ") || "none";
}

/** @param {Candidate[]} offered by the server @returns {string[]} */
export function serverAddresses(offered) {
  return [...new Set(offered.map(({ type, protocol, address, port }) => `${address}:${port} ${protocol} ${type}`))];
}

/**
 * Why no way was found, as a remedy.
 * @param {Candidate[]} ours @param {Candidate[]} theirs @param {string} host of the page
 */
export function whyNoWay(ours, theirs, host) {
  if (!ours.length) {
    return "The browser offered no address of its own: an extension, a policy or a private window may forbid WebRTC. Try without.";
  }
  if (!theirs.length) return "The server offered no address. Look at its network, or set RTC__PUBLIC_ADDRESS.";
  if (unreachable(theirs, host)) {
    return `The server offers ${theirs[0].address} only, an address inside a container or behind a router. Set RTC__PUBLIC_ADDRESS to the address you reach it by, and RTC__UDP_PORTS (such as 40000-40100), and publish these UDP ports (docker run -p 40000-40100:40000-40100/udp).`;
  }
  const hidden = ours.every(({ address }) => address.endsWith(".local"));
  const shown = hidden ? " The browser hides its own addresses as long as the microphone is not allowed, which can be reason enough: allow it." : "";
  return `UDP does not get through to ${theirs[0].address}: a firewall stops it. Let the UDP ports of the server (RTC__UDP_PORTS) through, or give it a TURN server (RTC__ICE_SERVERS). The WebSocket works without: choose it as the connection.${shown}`;
}

/** Whether nobody outside gets to any of these addresses, and this page is outside. */
function unreachable(theirs, host) {
  const local = isPrivate(host) || /^[^.]+$|\.(local|lan|home|internal|arpa)$/.test(host);
  const container = theirs.every(({ address }) => /^172\.(1[6-9]|2\d|3[01])\./.test(address));
  return theirs.every(({ address }) => isPrivate(address)) && (!local || (container && !theirs.some(({ address }) => address === host)));
}

/** @param {string} address @returns {boolean} whether it means something else in every network */
function isPrivate(address) {
  return /^(10|127)\.|^192\.168\.|^169\.254\.|^172\.(1[6-9]|2\d|3[01])\.|^\[?(::1|f[cd]|fe80)/i.test(address);
}
