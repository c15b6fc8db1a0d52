"""The player of one reply: the only place that knows real time.

Frames of 20 ms leave against an absolute clock, sent ahead of it by a lead, so that a late wake-up
costs nothing and the client never holds more than the lead. The clock of the reply stands still
while output is paused or no frame is there (a starved player cannot have been heard), and only then.
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
        self._paused = False
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
        """Queue a frame; waits while `QUEUE_FRAMES` are queued."""
        while len(self._frames) >= QUEUE_FRAMES:
            await self._change()
        self._frames.append(frame)
        self._changed.set()

    def end(self) -> None:
        """Say that no frame follows."""
        self._ended = True
        self._changed.set()

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        """Go on with the very frame that would have been next."""
        self._paused = False
        self._changed.set()

    async def frames(self) -> AsyncIterator[bytes]:
        """Give each frame when it is to be sent; ends after the last."""
        while True:
            stood_still = await self._wait_for_frame()
            if not self._frames:
                return
            await self._wait_for_time(stood_still=stood_still)
            if self._paused:
                continue
            frame = self._frames.popleft()
            self._changed.set()
            self.sent_ms += FRAME_MS
            yield frame

    async def _wait_for_frame(self) -> bool:
        """Wait until there is a frame or the end; True when the clock stood still meanwhile."""
        waited = False
        while self._paused or not (self._frames or self._ended):
            waited = True
            if not self._paused and self._zero_s is not None:
                self._count_starvation()
            await self._change()
        return waited

    def _count_starvation(self) -> None:
        if self._zero_s is not None and self._now() >= self._zero_s + self.sent_ms / 1000:
            self.starved += 1

    async def _wait_for_time(self, *, stood_still: bool) -> None:
        if self._zero_s is None:
            self._zero_s = self._now()
        if stood_still:
            self._zero_s = max(self._zero_s, self._now() - self.sent_ms / 1000)
        delay_s = self._zero_s + self.sent_ms / 1000 - self._lead_s - self._now()
        if delay_s > 0:
            await asyncio.sleep(delay_s)

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()
