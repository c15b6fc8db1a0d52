"""The audio of recent items, for clients that retrieve them; the oldest is forgotten first."""

from voice.realtime.items import InputAudio, OutputAudio

LIMIT_BYTES = 512 * 1024
"""Eleven seconds at 24 kHz; as base64 it fits the largest frame that every client takes."""

Part = InputAudio | OutputAudio


class AudioShelf:
    """Bounds the bytes of audio that a conversation's items hold."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[Part, int]] = {}  # by identity, the oldest first
        self._bytes = 0

    def keep(self, part: Part, size: int) -> None:
        """Count the audio of `part`, which may have grown, and forget as much that is older."""
        _, before = self._kept.get(id(part), (part, 0))
        self._kept[id(part)] = part, size
        self._bytes += size - before
        while self._bytes > LIMIT_BYTES:
            self._forget_oldest()

    def clear(self) -> None:
        """Take the audio from all parts."""
        while self._kept:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        oldest, freed = self._kept.pop(next(iter(self._kept)))
        oldest.audio = None
        self._bytes -= freed
