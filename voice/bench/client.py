"""A client of `/v1/realtime` that is light enough to be many: it keeps times, and no audio."""

import asyncio
import base64
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from voice.bench.playback import Playback
from voice.bench.script import FRAME_MS, RATE_HZ, SILENCE, Recording, Said, append
from voice.groups import ungrouped

Event = dict[str, Any]


class _Delta(msgspec.Struct):
    """What the client reads of every frame."""

    type: str
    response_id: str = ""
    delta: str = ""


_light = msgspec.json.Decoder(_Delta)


class LostError(Exception):
    """The server closed the connection."""


class Client:
    """One connection, whose microphone never stops; use `connected`."""

    def __init__(self, connection: ClientConnection, *, numbered: bool) -> None:
        self._connection = connection
        self._numbered = numbered
        self._microphone: deque[tuple[Said, str]] = deque()
        self._changed = asyncio.Event()
        self._dropped = False
        self.events: list[tuple[float, Event]] = []
        """All but audio, and when it came."""
        self.audio_s: dict[str, list[float]] = {}
        """When the audio of each response came."""
        self.playback = Playback()
        self.lags_ms: list[float] = []

    @property
    def now_s(self) -> float:
        return asyncio.get_running_loop().time()

    async def send(self, kind: str, **fields: object) -> None:
        await self._connection.send(msgspec.json.encode({"type": kind, **fields}).decode())

    def say(self, recording: Recording) -> Said:
        """Speak from the next tick of the microphone on."""
        said = Said(recording)
        self._microphone.extend((said, frame) for frame in recording.frames)
        return said

    async def say_at_once(self, pcm: bytes) -> None:
        """Send audio faster than anybody can speak."""
        await self._connection.send(append(pcm))

    def drop(self) -> None:
        """Be gone without a word, as when a cable is pulled."""
        self._dropped = True
        self._connection.transport.abort()

    def seen(self, kind: str, since: int = 0) -> list[tuple[float, Event]]:
        return [each for each in self.events[since:] if each[1]["type"] == kind]

    async def event(self, kind: str, since: int = 0) -> tuple[float, Event]:
        """Wait for the first event of this type after the first `since` of all."""
        await self.until(lambda: bool(self.seen(kind, since)))
        return self.seen(kind, since)[0]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something has come that makes this true."""
        while not holds():
            self._changed.clear()
            await self._changed.wait()

    async def tick(self, after_s: float) -> None:
        """Send a frame every 20 ms, on an absolute clock that starts `after_s` from now, to the end."""
        with suppress(ConnectionClosed):
            await asyncio.sleep(after_s)
            await self._tick(self.now_s)

    async def _tick(self, due_s: float) -> None:
        while not self._dropped:
            said, frame = self._microphone.popleft() if self._microphone else (None, SILENCE)
            sent_s = self.now_s
            await self._connection.send(frame)
            if said is not None:
                said.sent_s.append(sent_s)
            self.lags_ms.append((sent_s - due_s) * 1000)
            due_s += FRAME_MS / 1000
            await asyncio.sleep(due_s - self.now_s)

    async def listen(self) -> None:
        """Take what comes; raises `LostError` when the connection ends."""
        try:
            async for frame in self._connection:
                self._take(frame)
        except ConnectionClosed:
            pass
        if not self._dropped:
            raise LostError(f"the server closed the connection: {self._connection.close_reason}")

    def _take(self, frame: str | bytes) -> None:
        delta = _light.decode(frame)
        if delta.type == "response.output_audio.delta":
            self._hear(delta)
        else:
            self.events.append((self.now_s, msgspec.json.decode(frame)))
        self._changed.set()

    def _hear(self, delta: _Delta) -> None:
        now_s = self.now_s
        self.audio_s.setdefault(delta.response_id, []).append(now_s)
        # Two samples of four characters hold the number that the frame bears.
        number = base64.b64decode(delta.delta[:4])[:2] if self._numbered else None
        self.playback.take(
            delta.response_id,
            now_s,
            len(delta.delta) * 3 / 4 / 2 / RATE_HZ,
            None if number is None else int.from_bytes(number, "little"),
        )


@asynccontextmanager
async def connected(
    url: str, session: dict[str, object], *, numbered: bool = False, after_s: float = 0.0
) -> AsyncIterator[Client]:
    """A client with its microphone on until the block ends; `numbered` if audio bears numbers.

    Raises `LostError` when the server ends the call.
    """
    address = url.replace("http", "ws", 1) + "/v1/realtime?model=voice"
    async with connect(address, max_size=None, compression=None) as connection:
        client = Client(connection, numbered=numbered)
        with ungrouped():
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(client.listen())]
                await client.send("session.update", session={"type": "realtime", **session})
                await client.event("session.updated")
                tasks.append(group.create_task(client.tick(after_s)))
                try:
                    yield client
                finally:
                    for task in tasks:
                        task.cancel()
