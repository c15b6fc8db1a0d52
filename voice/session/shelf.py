"""The audio of recent items, for clients that retrieve them; the oldest is forgotten first."""

from collections import deque

from voice.realtime.items import InputAudio, OutputAudio

LIMIT_BYTES = 768 * 1024
"""As base64 this just fits the largest frame that every client takes: 16 s at 24 kHz."""


class AudioShelf:
    """Bounds the bytes of audio that a conversation's items hold."""

    def __init__(self) -> None:
        self._kept: deque[tuple[InputAudio | OutputAudio, int]] = deque()
        self._bytes = 0

    def keep(self, part: InputAudio | OutputAudio, size: int) -> None:
        """Count the audio of `part`, and take it from as many older parts as are too many."""
        self._kept.append((part, size))
        self._bytes += size
        while self._bytes > LIMIT_BYTES:
            self._forget_oldest()

    def clear(self) -> None:
        """Take the audio from all parts."""
        while self._kept:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        oldest, freed = self._kept.popleft()
        oldest.audio = None
        self._bytes -= freed
