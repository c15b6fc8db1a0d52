"""A stock aiortc client that notes when sound comes, before its jitter buffer and after.

Its microphone gives packets that were encoded before, so that many callers fit on one machine.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import aiohttp
import msgspec
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from aiortc.rtp import RtpPacket
from av import AudioFrame, Packet

from voice.bench.rtc_messages import Frames
from voice.bench.script import FRAME_BYTES, FRAME_MS, Recording, Said
from voice.groups import ungrouped
from voice.rtc.codecs import CODECS, Voice

OPUS = CODECS[0]
FRAME_TICKS = OPUS.clock_hz * FRAME_MS // 1000
SILENT_BYTES = 50
"""No packet of silence is larger, and none of a tone smaller."""
LOUD = 200
"""The level from which a frame is sound."""
LATE_MS = 20.0
CONNECT_S = 20.0

Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Spoken:
    """A recording as the packets that carry it."""

    recording: Recording
    packets: tuple[bytes, ...]


def spoken(recording: Recording) -> Spoken:
    """Encode a recording once, for all who speak it."""
    voice, pcm = Voice(OPUS), recording.pcm
    frames = [pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm), FRAME_BYTES)]
    return Spoken(recording, tuple(map(voice.payload, frames)))


class Microphone(MediaStreamTrack):
    """Sends silence, and what is said, every 20 ms on an absolute clock."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.lags_ms: list[float] = []
        self._queued: deque[tuple[Said, bytes]] = deque()
        self._number = 0
        self._start_s = 0.0

    def say(self, words: Spoken) -> Said:
        said = Said(words.recording)
        self._queued.extend((said, packet) for packet in words.packets)
        return said

    async def recv(self) -> "Packet[Any]":
        loop = asyncio.get_running_loop()
        self._start_s = self._start_s or loop.time()
        due_s = self._start_s + self._number * FRAME_MS / 1000
        await asyncio.sleep(due_s - loop.time())
        said, payload = self._queued.popleft() if self._queued else (None, OPUS.silence)
        self.lags_ms.append((loop.time() - due_s) * 1000)
        if said is not None:
            said.sent_s.append(loop.time())
        packet: Packet[Any] = Packet(payload)
        packet.pts, packet.time_base = self._number * FRAME_TICKS, Fraction(1, OPUS.clock_hz)
        self._number += 1
        return packet


class LostError(Exception):
    """The server ended the call."""


class Arrivals:
    """Stands before a receiver's jitter buffer, and looks at each packet as it comes.

    Without a buffer nothing is decoded, which costs a client more than a call costs the server.
    """

    def __init__(self, buffer: Any) -> None:
        self._buffer = buffer
        self.sounds_s: list[float] = []
        """When packets with sound in them came."""
        self._base_s: float | None = None
        self._numbers: list[int] = []
        self._late_ms: list[float] = []

    def add(self, packet: RtpPacket) -> Any:
        now_s = asyncio.get_running_loop().time()
        if len(packet.payload) > SILENT_BYTES:
            self.sounds_s.append(now_s)
        offset_s = now_s - packet.timestamp / OPUS.clock_hz
        # The packet that was underway for the shortest time tells when all were due.
        self._base_s = offset_s if self._base_s is None else min(offset_s, self._base_s)
        self._numbers.append(packet.sequence_number)
        self._late_ms.append((offset_s - self._base_s) * 1000)
        return self._buffer.add(packet) if self._buffer else (False, None)

    def take(self) -> Frames:
        """What came since this was asked last."""
        numbers, late_ms = self._numbers, self._late_ms
        self._numbers, self._late_ms = [], []
        span = (numbers[-1] - numbers[0]) % 0x10000 + 1 if numbers else 0
        return Frames(
            count=len(numbers),
            late=sum(ms > LATE_MS for ms in late_ms),
            missing=span - len(set(numbers)),
            worst_ms=max(late_ms, default=0.0),
        )


class Phone:
    """One call; use `called`. One that is `deaf` notes packets and decodes none."""

    def __init__(self, *, deaf: bool = False) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.microphone = Microphone()
        self.events: list[tuple[float, Event]] = []
        self.heard_s: list[float] = []
        """When frames with sound in them came out of the jitter buffer."""
        self._changed = asyncio.Event()
        self.opened = asyncio.Event()
        transceiver = self.connection.addTransceiver(self.microphone)
        receiver: Any = transceiver.receiver
        buffer = None if deaf else receiver._RTCRtpReceiver__jitter_buffer  # noqa: SLF001
        self.arrivals = Arrivals(buffer)
        receiver._RTCRtpReceiver__jitter_buffer = self.arrivals  # noqa: SLF001
        self.channel = self.connection.createDataChannel("oai-events")
        self.channel.on("open", self.opened.set)
        self.channel.on("message", self._take)

    async def dial(self, url: str) -> None:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        headers = {"Content-Type": "application/sdp"}
        offer = self.connection.localDescription.sdp
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{url}/v1/realtime/calls", data=offer, headers=headers) as response,
        ):
            response.raise_for_status()
            answer = RTCSessionDescription(await response.text(), "answer")
        await self.connection.setRemoteDescription(answer)
        async with asyncio.timeout(CONNECT_S):
            await self.opened.wait()

    async def listen(self) -> None:
        """Take what comes out of the jitter buffer, to the end of the call."""
        track = self.connection.getReceivers()[0].track
        loop = asyncio.get_running_loop()
        with suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                assert isinstance(frame, AudioFrame)  # noqa: S101 - of an audio track
                if np.abs(frame.to_ndarray()).max() > LOUD:
                    self.heard_s.append(loop.time())

    def send(self, kind: str, **fields: object) -> None:
        """Send an event; raises `LostError`."""
        if self.channel.readyState != "open":
            raise LostError("the server ended a call")
        self.channel.send(msgspec.json.encode({"type": kind, **fields}).decode())

    def _take(self, message: str) -> None:
        now_s = asyncio.get_running_loop().time()
        self.events.append((now_s, msgspec.json.decode(message)))
        self._changed.set()

    async def event(self, kind: str, since: int = 0) -> tuple[float, Event]:
        """Wait for the first event of this type after the first `since` of all."""
        while True:
            for at_s, event in self.events[since:]:
                if event["type"] == kind:
                    return at_s, event
            self._changed.clear()
            await self._changed.wait()


@asynccontextmanager
async def called(
    url: str, session: dict[str, object], *, deaf: bool = False
) -> AsyncIterator[Phone]:
    """A call with its microphone on, until the block ends."""
    phone = Phone(deaf=deaf)
    try:
        await phone.dial(url)
        phone.send("session.update", session={"type": "realtime", **session})
        await phone.event("session.updated")
        with ungrouped():
            async with asyncio.TaskGroup() as group:
                listening = group.create_task(phone.listen())
                try:
                    yield phone
                finally:
                    listening.cancel()
    finally:
        await phone.connection.close()
