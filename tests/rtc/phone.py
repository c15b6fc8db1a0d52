"""A stock aiortc client that calls a server: it speaks, and keeps what it hears."""

import asyncio
from contextlib import asynccontextmanager
from fractions import Fraction

import aiohttp
import msgspec
import numpy as np
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from tests.conformance.live import KEY

RATE_HZ = 24_000
FRAME_BYTES = 960


class Microphone(MediaStreamTrack):
    """Gives what it was told to say, 20 ms at a time, and silence after it."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._frames: list[bytes] = []
        self._number = 0
        self._start_s: float | None = None
        self.spoken = asyncio.Event()

    def say(self, pcm: bytes) -> None:
        self.spoken.clear()
        self._frames += [pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm), FRAME_BYTES)]

    async def recv(self) -> AudioFrame:
        now_s = asyncio.get_running_loop().time()
        self._start_s = self._start_s or now_s
        await asyncio.sleep(max(0.0, self._start_s + self._number * 0.02 - now_s))
        pcm = self._frames.pop(0) if self._frames else b""
        if not self._frames:
            self.spoken.set()
        frame = AudioFrame(format="s16", layout="mono", samples=FRAME_BYTES // 2)
        frame.planes[0].update(pcm.ljust(FRAME_BYTES, b"\0"))
        frame.sample_rate, frame.time_base = RATE_HZ, Fraction(1, RATE_HZ)
        frame.pts = self._number * FRAME_BYTES // 2
        self._number += 1
        return frame


class Ear:
    """What came in on the track: mono frames at the rate of the codec, and when they did."""

    def __init__(self) -> None:
        self.frames: list[np.ndarray] = []
        self.at_s: list[float] = []
        self.rate_hz = 0
        self._more = asyncio.Event()

    async def hear(self, ms: int) -> None:
        """Wait until so much more has come in, of sound or silence."""
        wanted = len(self.frames) + ms // 20
        while len(self.frames) < wanted:
            self._more.clear()
            await self._more.wait()

    async def listen(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            x = frame.to_ndarray().reshape(-1, len(frame.layout.channels))
            self.frames.append(x.mean(axis=1))
            self.at_s.append(asyncio.get_running_loop().time())
            self.rate_hz = frame.sample_rate
            self._more.set()

    def levels(self) -> list[float]:
        """The loudness of each frame, as RMS."""
        return [float(np.sqrt(np.mean(frame**2))) for frame in self.frames]

    def pcm(self) -> np.ndarray:
        return np.concatenate(self.frames)

    @property
    def loud_s(self) -> float:
        """How long there was sound."""
        return sum(level > 100 for level in self.levels()) * 0.02

    def pitch_hz(self) -> float:
        """The strongest frequency of what was heard."""
        x = self.pcm()
        spectrum = np.abs(np.fft.rfft(x * np.hanning(len(x))))
        return float(np.argmax(spectrum) * self.rate_hz / len(x))


class Phone:
    """A peer connection with a microphone, an ear and the channel of events."""

    def __init__(
        self, *, channel: bool = True, direction: str = "sendrecv", codecs: list[str] | None = None
    ) -> None:
        self.connection = RTCPeerConnection()
        self.microphone = Microphone()
        self.ear = Ear()
        self.events: list[dict] = []
        self.opened = asyncio.Event()
        self.location = self.answer = ""
        transceiver = self.connection.addTransceiver(self.microphone, direction=direction)
        if codecs:
            known = RTCRtpSender.getCapabilities("audio").codecs
            transceiver.setCodecPreferences([c for c in known if c.mimeType[6:] in codecs])
        self._news = asyncio.Event()
        self._listening: list[asyncio.Task] = []
        self.channel = self.connection.createDataChannel("oai-events") if channel else None
        if self.channel:
            self.channel.on("message", self._take)
            self.channel.on("open", self.opened.set)
        self.connection.on("track", self._hear)
        self.connection.on("connectionstatechange", self._news.set)

    @property
    def state(self) -> str:
        return self.connection.connectionState

    def _take(self, message: str) -> None:
        self.events.append(msgspec.json.decode(message))
        self._news.set()

    def _hear(self, track: MediaStreamTrack) -> None:
        self._listening.append(asyncio.ensure_future(self.ear.listen(track)))

    async def offer(self, *, candidates: bool = True) -> str:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        sdp = self.connection.localDescription.sdp
        if candidates:
            return sdp
        kept = [line for line in sdp.splitlines() if "candidate" not in line]
        return "".join(f"{line}\r\n" for line in kept)

    async def take_answer(self, response: aiohttp.ClientResponse) -> None:
        self.answer = await response.text()
        assert response.status == 201, self.answer
        self.location = response.headers["Location"]
        await self.connection.setRemoteDescription(RTCSessionDescription(self.answer, "answer"))

    def send(self, kind: str, **fields) -> None:
        self.channel.send(msgspec.json.encode({"type": kind, **fields}).decode())

    def of_type(self, kind: str) -> list[dict]:
        return [event for event in self.events if event["type"] == kind]

    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    async def until(self, kind: str, count: int = 1) -> dict:
        """Wait for so many events of a type; gives the last of them."""
        try:
            async with asyncio.timeout(15):
                while len(self.of_type(kind)) < count:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"no {count} {kind}, but {self.types()}") from None
        return self.of_type(kind)[count - 1]

    async def until_state(self, state: str) -> None:
        async with asyncio.timeout(15):
            while self.state != state:
                self._news.clear()
                await self._news.wait()

    async def vanish(self) -> None:
        """Be gone without a word, as if the network had been cut."""
        for transceiver in self.connection.getTransceivers():
            for protocol in transceiver.receiver.transport.transport._connection._protocols:
                protocol.transport.abort()

    async def hang_up(self) -> None:
        await self.connection.close()
        for task in self._listening:
            task.cancel()
        await asyncio.gather(*self._listening, return_exceptions=True)


@asynccontextmanager
async def calling(
    address: str,
    *,
    path: str = "/v1/realtime/calls",
    session: dict | None = None,
    candidates: bool = True,
    key: str = KEY,
    **phone_options,
):
    """Call a server; hang up when the block ends."""
    phone = Phone(**phone_options)
    try:
        offer = await phone.offer(candidates=candidates)
        async with posting(address, path, offer, session=session, key=key) as response:
            await phone.take_answer(response)
        if phone.channel:
            async with asyncio.timeout(10):
                await phone.opened.wait()
        yield phone
    finally:
        await phone.hang_up()


@asynccontextmanager
async def posting(
    address: str,
    path: str,
    offer: str | bytes,
    *,
    session: dict | str | None = None,
    key: str = KEY,
    kind: str | None = "application/sdp",
):
    """Post an offer: alone, or in a form as browsers send it, whose parts have no content type."""
    headers, body = {"Authorization": f"Bearer {key}"}, offer
    if session is None and kind:
        headers["Content-Type"] = kind
    if session is not None:
        config = session if isinstance(session, str) else msgspec.json.encode(session).decode()
        body = aiohttp.FormData({"sdp": offer, "session": config}, default_to_multipart=True)
    async with (
        aiohttp.ClientSession(f"http://{address}") as http,
        http.post(path, data=body, headers=headers) as response,
    ):
        yield response


async def order(address: str, method: str, path: str) -> tuple[int, bytes]:
    """Ask something of a server; gives the status and the body."""
    headers = {"Authorization": f"Bearer {KEY}"}
    async with (
        aiohttp.ClientSession(f"http://{address}", headers=headers) as http,
        http.request(method, path) as response,
    ):
        return response.status, await response.read()
