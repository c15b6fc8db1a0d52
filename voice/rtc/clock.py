"""When each frame of a call leaves: an absolute clock of 20 ms."""

import asyncio

from voice.rtc.line import FRAME_MS

FRAME_S = FRAME_MS / 1000
BEHIND_S = 0.2
"""So far behind, the frames that are overdue are left out rather than sent in a burst."""


class FrameClock:
    """Counts frames of 20 ms from the first `tick` on, and wakes up for each."""

    def __init__(self) -> None:
        self.late = 0
        """How many frames came more than one frame late."""
        self._number = 0
        self._zero_s: float | None = None

    async def tick(self) -> int:
        """Wait for the next frame; gives its number, which jumps where frames were left out."""
        now_s = asyncio.get_running_loop().time()
        if self._zero_s is None:
            self._zero_s = now_s
            return 0
        self._number += 1
        late_s = now_s - self._zero_s - self._number * FRAME_S
        self.late += late_s > FRAME_S
        if late_s > BEHIND_S:
            self._number += int(late_s / FRAME_S)
        elif late_s < 0:
            await asyncio.sleep(-late_s)
        return self._number
