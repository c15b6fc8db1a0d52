"""What is on its way to the client: ordered, bounded in bytes, and revocable.

Three bounds. `ROOM_BYTES` is back-pressure: audio waits until less than that is queued, so a slow
client slows its own player and nothing else. Beyond `BUSY_BYTES` no more is taken from the client,
who has asked for more than it reads. `LIMIT_BYTES` is the end: control events never wait, and a
client that has stopped reading altogether is let go rather than remembered without bound.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from voice.realtime.events import Event, encode
from voice.transports.transport import Transport

ROOM_BYTES = 64 * 1024
BUSY_BYTES = 2 * 1024 * 1024
LIMIT_BYTES = 4 * 1024 * 1024
STALL_S = 15.0


class ClientStalledError(Exception):
    """The client has stopped reading."""


class _Frame(NamedTuple):
    text: str
    revoked: Callable[[], bool] | None


class Outbox:
    """A queue of text frames between the session and one transport."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._frames: deque[_Frame] = deque()
        self._bytes = 0
        self._waiting = asyncio.Event()
        self._sent = asyncio.Event()
        self.peak_bytes = 0

    def put(self, text: str, revoked: Callable[[], bool] | None = None) -> None:
        """Queue a frame; one that is `revoked` by the time it could leave is dropped.

        Raises:
            ClientStalledError: more than `LIMIT_BYTES` wait.
        """
        if self._bytes + len(text) > LIMIT_BYTES:
            raise ClientStalledError(f"{self._bytes} bytes wait for the client to read them")
        self._frames.append(_Frame(text, revoked))
        self._bytes += len(text)
        self.peak_bytes = max(self.peak_bytes, self._bytes)
        self._waiting.set()

    def emit(self, events: list[Event], revoked: Callable[[], bool] | None = None) -> None:
        """Queue server events; see `put`."""
        for event in events:
            self.put(encode(event), revoked)

    async def room(self, limit_bytes: int = ROOM_BYTES) -> None:
        """Wait until less than `limit_bytes` are queued."""
        while self._bytes >= limit_bytes:
            self._sent.clear()
            await self._sent.wait()

    async def run(self) -> None:
        """Send until cancelled.

        Raises:
            ClientStalledError: one frame took longer than `STALL_S`.
        """
        while True:
            while not self._frames:
                self._waiting.clear()
                await self._waiting.wait()
            await self._send(self._frames.popleft())

    async def drain(self) -> None:
        """Send what is queued and return."""
        while self._frames:
            await self._send(self._frames.popleft())

    async def _send(self, frame: _Frame) -> None:
        if not (frame.revoked and frame.revoked()):
            try:
                async with asyncio.timeout(STALL_S):
                    await self._transport.send(frame.text)
            except TimeoutError:
                raise ClientStalledError(f"the client read nothing for {STALL_S:.0f} s") from None
        self._bytes -= len(frame.text)
        self._sent.set()
