"""Speech without its long pauses: nothing is said in them, and decoding them costs as much."""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from voice.engines.vad import FRAME_BYTES, VoiceDetector

FRAME_S = 0.02
MARGIN_S = 0.3
"""How much of a long pause is kept after speech, and before it."""


class Piece(NamedTuple):
    """Audio of one stretch of speech, and where in the stream it begins.

    `voiced` says that there is voice in it, `ends` that a long pause follows; such a piece may
    have no audio.
    """

    pcm: bytes
    start_s: float
    voiced: bool
    ends: bool


class Pauses:
    """Cuts one stream of 16 kHz int16 mono PCM at pauses longer than twice `MARGIN_S`."""

    def __init__(self, detector: VoiceDetector) -> None:
        self._detector = detector
        self._margin = round(MARGIN_S / FRAME_S)
        self._before: deque[bytes] = deque(maxlen=self._margin)
        self._rest = b""
        self._frames = 0
        self._quiet = self._margin
        self._resting = True

    @property
    def quiet_s(self) -> float:
        """How long nobody has spoken."""
        return self._quiet * FRAME_S

    def cut(self, pcm: bytes) -> Iterator[Piece]:
        """The pieces of the next audio; less than a frame of it waits for more."""
        data = self._rest + pcm
        whole = len(data) // FRAME_BYTES * FRAME_BYTES
        self._rest = data[whole:]
        kept: list[bytes] = []
        voiced = False
        for at in range(0, whole, FRAME_BYTES):
            ends = self._take(data[at : at + FRAME_BYTES], kept)
            voiced = voiced or not self._quiet
            if ends:
                yield self._piece(kept, voiced=voiced, ends=True)
                kept, voiced = [], False
        if kept:
            yield self._piece(kept, voiced=voiced, ends=False)

    def _take(self, frame: bytes, kept: list[bytes]) -> bool:
        """Keep the frame, or hold it back as part of a pause; says whether a long one began."""
        self._frames += 1
        self._quiet = 0 if self._detector(frame) >= 0.5 else self._quiet + 1
        if not self._quiet or (self._quiet <= self._margin and not self._before):
            kept += [*self._before, frame]
            self._before.clear()
            self._resting = False
            return False
        begins = len(self._before) == self._margin and not self._resting
        self._resting = self._resting or begins
        self._before.append(frame)
        return begins

    def _piece(self, kept: list[bytes], *, voiced: bool, ends: bool) -> Piece:
        start = self._frames - len(self._before) - len(kept) - ends
        return Piece(b"".join(kept), start * FRAME_S, voiced, ends)
