"""A call to the server over WebRTC, made by a stock aiortc peer."""

import asyncio
import ipaddress
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import aiohttp
import numpy as np
from aiortc import MediaStreamTrack, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcicetransport import RTCIceCandidate
from av import AudioFrame

from voice.cli.network.target import Target
from voice.cli.network.wire import ProbeError, Wire
from voice.groups import ungrouped

CONNECT_S = 12.0
BLOCKED = (
    "let the UDP ports of the server through the firewall (RTC__UDP_PORTS gives them a range), or "
    "give it a TURN server (RTC__ICE_SERVERS); the WebSocket works without"
)
CONTAINER = (
    "set RTC__PUBLIC_ADDRESS to the address it is reached by, and RTC__UDP_PORTS=40000-40100, and "
    "publish these ports (docker run -p 40000-40100:40000-40100/udp)"
)

CONTAINERS = ipaddress.ip_network("172.16.0.0/12")


class NoWayError(Exception):
    """No call came about: what was found, and the remedy."""

    def __init__(self, text: str, remedy: str) -> None:
        super().__init__(text)
        self.remedy = remedy


@dataclass(slots=True)
class Call:
    wire: Wire
    ice_ms: float
    connected_ms: float
    """From the offer on, with the answer, ICE, DTLS and the data channel."""
    path: str
    relayed: bool


@dataclass(slots=True)
class _Peer:
    """The connection, and the moments that matter."""

    connection: RTCPeerConnection
    channel: RTCDataChannel
    wire: Wire
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    failed: asyncio.Event = field(default_factory=asyncio.Event)
    ice_s: float | None = None
    track: "asyncio.Queue[MediaStreamTrack]" = field(
        default_factory=lambda: asyncio.Queue(maxsize=8)
    )


@asynccontextmanager
async def calling(target: Target, http: aiohttp.ClientSession) -> AsyncIterator[Call]:
    """Call, and hang up when the block ends. Raises `NoWayError` and `ProbeError`."""
    peer = _peer()
    location = None
    try:
        began_s = time.monotonic()
        await peer.connection.setLocalDescription(await peer.connection.createOffer())
        location, answer = await _offer(target, http, peer.connection.localDescription.sdp)
        await peer.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        with ungrouped():
            async with asyncio.TaskGroup() as group:
                listening = group.create_task(_listen(peer))
                try:
                    yield await _connected(peer, target, began_s)
                finally:
                    listening.cancel()
    finally:
        if location:
            with suppress(aiohttp.ClientError, TimeoutError):
                await http.post(f"{target.url}{location}/hangup")
        await peer.connection.close()


def _peer() -> _Peer:
    connection = RTCPeerConnection()
    connection.addTransceiver("audio", direction="sendrecv")
    channel = connection.createDataChannel("oai-events")

    async def send(text: str) -> None:
        channel.send(text)

    peer = _Peer(connection, channel, Wire(send))
    channel.on("open", peer.opened.set)
    channel.on("message", peer.wire.take)
    channel.on("close", peer.wire.end)
    connection.on("track", peer.track.put_nowait)

    def ice_changed() -> None:
        if connection.iceConnectionState in {"connected", "completed"} and peer.ice_s is None:
            peer.ice_s = time.monotonic()

    def changed() -> None:
        if connection.connectionState == "failed":
            peer.failed.set()

    connection.on("iceconnectionstatechange", ice_changed)
    connection.on("connectionstatechange", changed)
    return peer


async def _offer(target: Target, http: aiohttp.ClientSession, sdp: str) -> tuple[str, str]:
    """Where the call is, and the answer."""
    headers = {"Content-Type": "application/sdp"}
    async with http.post(f"{target.url}/v1/realtime/calls", data=sdp, headers=headers) as answered:
        text = await answered.text()
        if answered.status in {404, 405, 501}:
            raise NoWayError("the server offers none", "update it, or use the WebSocket")
        if answered.status != 201:
            raise ProbeError(f"the server refused the call ({answered.status}): {text[:200]}")
        return answered.headers.get("Location", ""), text


async def _connected(peer: _Peer, target: Target, began_s: float) -> Call:
    try:
        async with asyncio.timeout(CONNECT_S):
            await _first_of(peer.opened, peer.failed)
    except TimeoutError:
        pass
    if not peer.opened.is_set():
        raise _why_not(peer, target)
    await peer.wire.next("session.created")
    now_s = time.monotonic()
    path, relayed = _path(peer.connection)
    return Call(
        peer.wire,
        ((peer.ice_s or now_s) - began_s) * 1000,
        (now_s - began_s) * 1000,
        path,
        relayed,
    )


async def _first_of(*events: asyncio.Event) -> None:
    with ungrouped():
        async with asyncio.TaskGroup() as group:
            waiting = [group.create_task(event.wait()) for event in events]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in waiting:
                task.cancel()


async def _listen(peer: _Peer) -> None:
    """Take the sound of the call, for what is not taken fills the memory."""
    track = await peer.track.get()
    with suppress(MediaStreamError):
        while True:
            frame = await track.recv()
            if isinstance(frame, AudioFrame):
                samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels))
                peer.wire.hear(samples[:, 0].astype(np.int16), frame.sample_rate, live=True)


def _why_not(peer: _Peer, target: Target) -> NoWayError:
    if peer.ice_s is not None:
        text = "a way was found, but no encryption over it (DTLS)"
        return NoWayError(text, "something on the way drops or inspects UDP; " + BLOCKED)
    offered = _offered_by_server(peer.connection)
    if not offered:
        return NoWayError("the server offered no address", "set RTC__PUBLIC_ADDRESS")
    shown = ", ".join(f"{each.ip}:{each.port}" for each in offered)
    if _is_inside([each.ip for each in offered], _address_of(target)):
        text = f"the server offers {shown} alone, which nobody outside its network reaches"
        return NoWayError(text, CONTAINER)
    return NoWayError(f"UDP does not get through to {shown}", BLOCKED)


def _offered_by_server(connection: RTCPeerConnection) -> list[RTCIceCandidate]:
    transport = connection.sctp and connection.sctp.transport.transport
    return transport.getRemoteCandidates() if transport else []


def _path(connection: RTCPeerConnection) -> tuple[str, bool]:
    """The way that was taken, and whether through a relay."""
    transport = connection.sctp and connection.sctp.transport.transport
    # There is no public name for the pair that ICE has chosen.
    pairs = transport._connection._nominated if transport else {}  # noqa: SLF001
    if not pairs:
        return "unknown", False
    pair = pairs[min(pairs)]
    types = pair.local_candidate.type, pair.remote_candidate.type
    protocol = pair.remote_candidate.transport.upper()
    return f"{types[0]} here, {types[1]} there, {protocol}", "relay" in types


def _is_inside(offered: list[str], host: str) -> bool:
    """Whether these are addresses of a network that one who reaches `host` is not in."""
    theirs, here = list(map(ipaddress.ip_address, offered)), ipaddress.ip_address(host)
    if not all(each.is_private for each in theirs):
        return False
    return not here.is_private or (
        all(each in CONTAINERS for each in theirs) and here not in CONTAINERS
    )


def _address_of(target: Target) -> str:
    return str(socket.getaddrinfo(target.host, target.port)[0][4][0])
