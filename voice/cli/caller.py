"""A caller: a client of `/v1/realtime` that speaks recordings and plays what it hears.

Like a telephone it works in real time, 20 ms at once, on one clock for both directions: each tick
sends a frame of the microphone (silence when nobody speaks) and plays a frame of the answer. So
what is on its two tracks is what a person beside it would have heard.
"""

import asyncio
import base64
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from voice.groups import ungrouped

RATE_HZ = 24_000
FRAME_MS = 20
FRAME_BYTES = RATE_HZ * FRAME_MS // 1000 * 2
SILENCE = bytes(FRAME_BYTES)

Event = dict[str, Any]


class CallEndedError(Exception):
    """The server closed the connection."""


class Caller:
    """One call; use `call` to make it."""

    def __init__(self, connection: ClientConnection, on_event: Callable[[Event], None]) -> None:
        self._connection = connection
        self._on_event = on_event
        self._microphone: deque[bytes] = deque()
        self._speaker = bytearray()
        self._changed = asyncio.Condition()
        self.events: list[Event] = []
        """Everything the server sent, audio deltas excepted."""
        self.spoken = bytearray()
        self.heard = bytearray()
        self.first_audio_s: float | None = None
        """When the first audio of the latest response came in."""
        self.answering = False
        """Whether a response is in progress."""
        self._item_id: str | None = None
        self._item_start = 0

    @property
    def now_s(self) -> float:
        return asyncio.get_running_loop().time()

    @property
    def playing_ms(self) -> float:
        """How much of the current answer has been played."""
        return max(0, len(self.heard) - self._item_start) / 48

    @property
    def buffered_ms(self) -> float:
        return len(self._speaker) / 48

    async def send(self, kind: str, **fields: object) -> None:
        await self._connection.send(msgspec.json.encode({"type": kind, **fields}).decode())

    def speak(self, pcm: bytes) -> None:
        """Say a recording (int16 mono at 24 kHz) after what is being said."""
        for start in range(0, len(pcm), FRAME_BYTES):
            self._microphone.append(pcm[start : start + FRAME_BYTES].ljust(FRAME_BYTES, b"\0"))

    async def quiet(self) -> None:
        """Wait until the microphone has nothing left to say."""
        await self._until(lambda: not self._microphone)

    async def event(self, kind: str, count: int = 1) -> Event:
        """Wait for the `count`-th event of this type."""

        def seen() -> list[Event]:
            return [event for event in self.events if event["type"] == kind]

        await self._until(lambda: len(seen()) >= count)
        return seen()[count - 1]

    def count(self, kind: str) -> int:
        return sum(event["type"] == kind for event in self.events)

    async def played(self, ms: float) -> None:
        """Wait until that much of the current answer has been played, or all of it."""

        def enough() -> bool:
            return self.first_audio_s is not None and self.playing_ms >= ms

        await self._until(lambda: enough() or not (self.answering or self._speaker))

    async def silent(self) -> None:
        """Wait until everything that came has been played."""
        await self._until(lambda: not self._speaker)

    async def _until(self, holds: Callable[[], bool]) -> None:
        async with self._changed:
            await self._changed.wait_for(holds)

    async def _tick(self) -> None:
        """Run the clock: one frame in each direction every 20 ms."""
        start_s, frames = self.now_s, 0
        while True:
            frame = self._microphone.popleft() if self._microphone else SILENCE
            await self.send("input_audio_buffer.append", audio=base64.b64encode(frame).decode())
            self.spoken += frame
            self.heard += bytes(self._speaker[:FRAME_BYTES]).ljust(FRAME_BYTES, b"\0")
            del self._speaker[:FRAME_BYTES]
            async with self._changed:
                self._changed.notify_all()
            frames += 1
            await asyncio.sleep(start_s + frames * FRAME_MS / 1000 - self.now_s)

    async def _listen(self) -> None:
        try:
            async for frame in self._connection:
                await self._take(msgspec.json.decode(frame))
        except ConnectionClosed as closed:
            raise CallEndedError(f"the server closed the connection: {closed}") from closed
        raise CallEndedError("the server closed the connection")

    async def _take(self, event: Event) -> None:
        kind = event["type"]
        if kind == "response.output_audio.delta":
            self._play(event)
            return
        self.events.append(event)
        if kind == "response.created":
            self.answering, self.first_audio_s = True, None
        if kind == "response.done":
            self.answering = False
        if kind == "input_audio_buffer.speech_started":
            await self._hush()
        self._on_event(event)
        async with self._changed:
            self._changed.notify_all()

    def _play(self, event: Event) -> None:
        if self.first_audio_s is None:
            self.first_audio_s = self.now_s
        if event["item_id"] != self._item_id:
            self._item_id = event["item_id"]
            self._item_start = len(self.heard) + len(self._speaker)
        self._speaker += base64.b64decode(event["delta"])

    async def _hush(self) -> None:
        """Stop playing, as a client must when its user speaks, and say how much was heard."""
        if self._speaker and self._item_id is not None:
            await self.send(
                "conversation.item.truncate",
                item_id=self._item_id,
                content_index=0,
                audio_end_ms=int(self.playing_ms),
            )
        self._speaker.clear()


def _trusting_all() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def realtime_address(url: str) -> str:
    """Where a server talks, of which any address is known that clients of it have.

    Raises `ValueError` that says how one is written.
    """
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    if scheme not in {"ws", "wss"} or not parts.hostname:
        raise ValueError(f"{url!r} is no address of a server; write it like http://127.0.0.1:8000")
    path = parts.path.rstrip("/").removesuffix("/realtime").removesuffix("/v1")
    return f"{scheme}://{parts.netloc}{path}/v1/realtime"


@asynccontextmanager
async def _connected(address: str, **options: Any) -> AsyncIterator[ClientConnection]:
    try:
        connection = await connect(address, max_size=None, compression=None, **options)
    except InvalidStatus as refused:
        status = refused.response.status_code
        reason = (refused.response.body or b"").decode(errors="replace")
        raise CallEndedError(f"the server refuses the call with HTTP {status}: {reason}") from None
    except InvalidHandshake as strange:
        raise CallEndedError(f"what answers there is no such server: {strange}") from None
    async with connection:
        yield connection


@asynccontextmanager
async def call(
    url: str,
    key: str | None = None,
    session: dict[str, object] | None = None,
    on_event: Callable[[Event], None] = lambda _: None,
    *,
    accept_self_signed: bool = False,
) -> AsyncIterator[Caller]:
    """Call a server, with its clock running until the block ends.

    Raises:
        ValueError: the URL is none of a server.
        CallEndedError: the server ended the call, or did not take it.
        OSError: there is no server.
    """
    address = f"{realtime_address(url)}?model=voice"
    headers = {"Authorization": f"Bearer {key}"} if key else None
    options = {"ssl": _trusting_all()} if accept_self_signed and address[:4] == "wss:" else {}
    async with _connected(address, additional_headers=headers, **options) as connection:
        caller = Caller(connection, on_event)
        with ungrouped():
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(caller._listen())]  # noqa: SLF001 - its own tasks
                await caller.event("session.created")
                if session is not None:
                    await caller.send("session.update", session={"type": "realtime", **session})
                    await caller.event("session.updated")
                tasks.append(group.create_task(caller._tick()))  # noqa: SLF001
                yield caller
                for task in tasks:
                    task.cancel()
