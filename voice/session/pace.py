"""When the frames of a reply leave, and how much of them has sounded.

A client that plays by itself is sent frames ahead of their time, and what it has played is known
from the clock. On a line it is the line that plays: it is kept filled, and asked.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from voice.transports.transport import Line

FRAME_MS = 20


class Pace(Protocol):
    starved: int
    """How often there was nothing left to play in the middle of a reply."""

    def heard_ms(self, sent_ms: int) -> int:
        """How much of the reply has sounded, at most what was sent."""

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    async def wait(self, sent_ms: int) -> None:
        """Wait until the next frame may leave."""


class LeadPace:
    """Frames leave against an absolute clock, a lead ahead of it."""

    def __init__(self, now: Callable[[], float], lead_ms: int) -> None:
        self.starved = 0
        self._now = now
        self._lead_s = lead_ms / 1000
        self._was_paused = False
        self._zero_s: float | None = None
        """When the first frame would have sounded, had nothing ever stood still."""

    def heard_ms(self, sent_ms: int) -> int:
        if self._zero_s is None:
            return 0
        return max(0, min(sent_ms, round((self._now() - self._zero_s) * 1000)))

    def pause(self) -> None:
        self._was_paused = True

    def resume(self) -> None:
        """What was sent before has sounded; the next frame will say since when nothing has."""

    async def wait(self, sent_ms: int) -> None:
        now_s, sent_s = self._now(), sent_ms / 1000
        if self._zero_s is None:
            self._zero_s = now_s
        if now_s - sent_s - self._zero_s > FRAME_MS / 1000:
            self._zero_s = now_s - sent_s
            self.starved += not self._was_paused
        self._was_paused = False
        delay_s = self._zero_s + sent_s - self._lead_s - now_s
        if delay_s > 0:
            await asyncio.sleep(delay_s)


class LinePace:
    """Frames leave as a line takes them, which a few of them always wait for."""

    LEAD_MS = 40

    def __init__(self, line: Line) -> None:
        self.starved = 0
        self._line = line
        self._holds = self._was_paused = False

    def heard_ms(self, sent_ms: int) -> int:
        return max(0, sent_ms - self._line.queued_ms)

    def pause(self) -> None:
        self._holds = self._was_paused = True
        self._line.hold()

    def resume(self) -> None:
        if self._holds:
            self._holds = False
            self._line.release()

    async def wait(self, sent_ms: int) -> None:
        if sent_ms and not self._line.queued_ms:
            self.starved += not self._was_paused
        self._was_paused = False
        await self._line.room(self.LEAD_MS)
