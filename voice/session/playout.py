"""The player of one reply: the only place that knows real time.

Frames of 20 ms leave against an absolute clock, sent ahead of it by a lead, so that a late wake-up
costs nothing and the client never holds more than the lead. The clock of the reply stands still
while the client has nothing left to play, whether output is paused, no frame is there or the
connection is slow, and only then.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

FRAME_MS = 20
QUEUE_FRAMES = 100
"""Two seconds of audio may wait; the synthesizer is held back beyond that."""


class Playout:
    """A bounded queue of 20 ms frames that gives each one at its time."""

    def __init__(self, now: Callable[[], float], lead_ms: int) -> None:
        self._now = now
        self._lead_s = lead_ms / 1000
        self._frames: deque[bytes] = deque()
        self._changed = asyncio.Event()
        self._paused = self._was_paused = False
        self._ended = False
        self._zero_s: float | None = None
        """When the first frame would have sounded, had nothing ever stood still."""
        self.sent_ms = 0
        self.starved = 0
        """How often the player ran dry in the middle of a reply."""

    @property
    def buffered_s(self) -> float:
        return len(self._frames) * FRAME_MS / 1000

    def heard_ms(self) -> int:
        """How much of the reply has sounded, at most what was sent."""
        if self._zero_s is None:
            return 0
        return max(0, min(self.sent_ms, round((self._now() - self._zero_s) * 1000)))

    async def put(self, frame: bytes) -> None:
        """Queue a frame; waits while `QUEUE_FRAMES` are queued. After the end it is dropped."""
        while len(self._frames) >= QUEUE_FRAMES:
            await self._change()
        if not self._ended:
            self._frames.append(frame)
            self._changed.set()

    def end(self) -> None:
        """Say that no frame follows."""
        self._ended = True
        self._changed.set()

    def stop(self) -> None:
        """Forget what was not sent; nothing follows."""
        self._frames.clear()
        self.end()

    def pause(self) -> None:
        self._paused = self._was_paused = True

    def resume(self) -> None:
        """Go on with the very frame that would have been next."""
        self._paused = False
        self._changed.set()

    async def frames(self) -> AsyncIterator[bytes]:
        """Give each frame when it is to be sent; ends after the last."""
        while True:
            while self._paused or not (self._frames or self._ended):
                await self._change()
            if not self._frames:
                return
            await self._wait_for_time()
            if self._paused or not self._frames:
                continue
            frame = self._frames.popleft()
            self._changed.set()
            self.sent_ms += FRAME_MS
            yield frame

    async def _wait_for_time(self) -> None:
        """Wait until the next frame is due, a lead before it sounds."""
        now_s, sent_s = self._now(), self.sent_ms / 1000
        if self._zero_s is None:
            self._zero_s = now_s
        if now_s - sent_s - self._zero_s > FRAME_MS / 1000:
            self._zero_s = now_s - sent_s
            self.starved += not self._was_paused
        self._was_paused = False
        delay_s = self._zero_s + sent_s - self._lead_s - now_s
        if delay_s > 0:
            await asyncio.sleep(delay_s)

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()
