"""What a session asks of the connection to its client."""

import asyncio
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Sound:
    """Microphone audio that came by itself and in no event: int16 mono at 24 kHz."""

    pcm: bytes


class Line(Protocol):
    """An audio line to the client: what is played on it sounds in real time, one frame after another.

    Frames are 20 ms of int16 mono at 24 kHz. Where there is none to play the line is silent.
    """

    turn: asyncio.Lock
    """Held by whoever speaks, so that nobody speaks over another."""

    @property
    def queued_ms(self) -> int:
        """How much of what was played has not left yet."""

    def play(self, pcm: bytes) -> None: ...

    def hold(self) -> None:
        """Be silent from the next frame on, and keep what is queued."""

    def release(self) -> None:
        """Go on with the sample at which it was held."""

    def clear(self) -> None:
        """Be silent from the next frame on, and forget what is queued."""

    async def room(self, limit_ms: int) -> None:
        """Wait until less than `limit_ms` are queued."""


class Transport(Protocol):
    """A two-way stream of JSON text frames, beside which there may be a line for audio."""

    @property
    def max_frame_bytes(self) -> int:
        """The largest frame that the client is sure to take."""

    @property
    def line(self) -> Line | None:
        """Where speech is played; without one it is sent as events."""

    async def receive(self) -> str | bytes | Sound | None:
        """The next frame, or None when the client is gone."""

    async def send(self, text: str) -> None:
        """Send one frame; waits while the connection is full, returns quietly once it is closed."""

    async def close(self, code: int, reason: str) -> None: ...
