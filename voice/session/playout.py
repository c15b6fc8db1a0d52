"""The player of one reply: its frames, and the place where they wait for their time.

Frames of 20 ms leave as the reply's pace wants it, so that a late wake-up costs nothing and little
waits where it could not be taken back. The clock of the reply stands still while there is nothing
left to play, whether output is paused, no frame is there or the connection is slow, and only then.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from voice.session.pace import FRAME_MS, Pace

QUEUE_FRAMES = 100
"""Two seconds of audio may wait; the synthesizer is held back beyond that."""


class Playout:
    """A bounded queue of 20 ms frames that gives each one at its time."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._frames: deque[bytes] = deque()
        self._changed = asyncio.Event()
        self._paused = False
        self._ended = False
        self.sent_ms = 0

    @property
    def starved(self) -> int:
        """How often the player ran dry in the middle of a reply."""
        return self._pace.starved

    @property
    def buffered_s(self) -> float:
        return len(self._frames) * FRAME_MS / 1000

    def heard_ms(self) -> int:
        """How much of the reply has sounded, at most what was sent."""
        return self._pace.heard_ms(self.sent_ms)

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
        self._pace.resume()
        self.end()

    def pause(self) -> None:
        self._paused = True
        self._pace.pause()

    def resume(self) -> None:
        """Go on with the very frame that would have been next."""
        self._paused = False
        self._pace.resume()
        self._changed.set()

    async def frames(self) -> AsyncIterator[bytes]:
        """Give each frame when it is to be sent; ends after the last."""
        while True:
            while self._paused or not (self._frames or self._ended):
                await self._change()
            if not self._frames:
                return
            await self._pace.wait(self.sent_ms)
            if self._paused or not self._frames:
                continue
            frame = self._frames.popleft()
            self._changed.set()
            self.sent_ms += FRAME_MS
            yield frame

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()
