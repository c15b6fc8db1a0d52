"""What a call has received and its session has not taken yet."""

import asyncio
from collections import deque

from voice.transports.transport import Sound

OPENING_SOUNDS = 25
"""Before anybody listens, half a second is kept: the microphone is open before the events are."""
MAX_SOUNDS = 250
"""Five seconds; beyond that the oldest is dropped, and counted."""
MAX_EVENT_BYTES = 24 * 1024 * 1024
"""One event more than the largest is kept waiting."""
EVENT_BYTES = 100
"""What an event takes beside its text."""


class Inbox:
    """Sounds and events, sounds first; nobody who fills it ever waits."""

    def __init__(self) -> None:
        self.dropped = 0
        """How many sounds were lost since the session did not keep up."""
        self._sounds: deque[Sound] = deque()
        self._max_sounds = OPENING_SOUNDS
        self._events: deque[str | bytes] = deque()
        self._event_bytes = 0
        self._closed = False
        self._filled = asyncio.Event()

    def hear(self, pcm: bytes) -> None:
        if self._closed:
            return
        self._sounds.append(Sound(pcm))
        if len(self._sounds) > self._max_sounds:
            self._sounds.popleft()
            self.dropped += self._max_sounds == MAX_SOUNDS
        self._filled.set()

    def take(self, event: str | bytes) -> bool:
        """Keep an event; False when there are too many, and the client must be let go."""
        if self._closed:
            return True
        self._event_bytes += len(event) + EVENT_BYTES
        self._events.append(event)
        self._filled.set()
        return self._event_bytes <= MAX_EVENT_BYTES

    def close(self) -> None:
        """Nothing follows, and what waits is not wanted any more."""
        self._closed = True
        self._sounds.clear()
        self._events.clear()
        self._filled.set()

    async def get(self) -> str | bytes | Sound | None:
        """The next; None when it is closed."""
        self._max_sounds = MAX_SOUNDS
        while not (self._sounds or self._events or self._closed):
            self._filled.clear()
            await self._filled.wait()
        if self._sounds:
            return self._sounds.popleft()
        if not self._events:
            return None
        event = self._events.popleft()
        self._event_bytes -= len(event) + EVENT_BYTES
        return event
