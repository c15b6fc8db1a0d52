"""The audio line of a call: frames wait here for the clock of the track that takes them."""

import asyncio
from collections import deque

from voice.audio.pcm import fade_in, fade_out

FRAME_MS = 20
RATE_HZ = 24_000
FRAME_BYTES = RATE_HZ * FRAME_MS // 1000 * 2
FADE_BYTES = RATE_HZ * 5 // 1000 * 2
"""The last 5 ms of sound before a cut, and the first after one, are ramps and make no click."""


class SpeechLine:
    """A `Line`: the session plays, and a track takes a frame every 20 ms."""

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self.unplugged = False
        """Whether nobody listens, so that what is played is gone at once."""
        self._frames: deque[bytes] = deque()
        self._tail: bytes | None = None
        """What sounds instead of silence in the first frame after a cut."""
        self._held = self._was_cut = False
        self._taken = asyncio.Event()

    @property
    def queued_ms(self) -> int:
        return len(self._frames) * FRAME_MS

    def play(self, pcm: bytes) -> None:
        if not self.unplugged:
            self._frames.append(pcm)

    def hold(self) -> None:
        if not self._held:
            self._held = True
            self._cut()

    def release(self) -> None:
        self._held = False

    def clear(self) -> None:
        if not self._held:
            self._cut()
        self._frames.clear()
        self._taken.set()

    async def room(self, limit_ms: int) -> None:
        while self.queued_ms >= limit_ms:
            self._taken.clear()
            await self._taken.wait()

    def take(self) -> bytes | None:
        """The next 20 ms; None is silence."""
        tail, self._tail = self._tail, None
        if tail is not None:
            return tail
        if self._held or not self._frames:
            return None
        frame = self._frames.popleft()
        self._taken.set()
        if self._was_cut:
            self._was_cut = False
            frame = fade_in(frame[:FADE_BYTES]) + frame[FADE_BYTES:]
        return frame

    def _cut(self) -> None:
        if self._frames:
            self._was_cut = True
            self._tail = fade_out(self._frames[0][:FADE_BYTES]).ljust(FRAME_BYTES, b"\0")
