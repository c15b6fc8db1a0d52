"""Cuts a recording into stretches of speech that an engine takes at once, at its pauses."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from voice.audio.pcm import SAMPLE_BYTES, samples
from voice.engines.protocols import STT_RATE_HZ
from voice.engines.vad import FRAME_BYTES, VoiceDetector

FRAME_S = 0.02
CALM_FRAMES = 5
"""A cut where nobody pauses lies in the middle of the quietest so many frames."""


@dataclass(frozen=True, slots=True)
class Cutting:
    """Where to cut, in seconds."""

    pause_s: float = 1.5
    """Silence that always ends a stretch; the rest of it is left out."""
    full_s: float = 20.0
    """A stretch of this length ends at the next breath."""
    breath_s: float = 0.3
    longest_s: float = 29.5
    """A stretch of this length is cut where it is quietest."""
    margin_s: float = 0.3
    """Silence kept before speech, and as much after it."""
    threshold: float = 0.5
    """The probability from which on a frame is voice."""


class Stretch(NamedTuple):
    """Audio with speech in it, and where it begins in the recording."""

    pcm: bytes
    start_s: float

    @property
    def end_s(self) -> float:
        return self.start_s + len(self.pcm) / SAMPLE_BYTES / STT_RATE_HZ


class Cutter:
    """Cuts one recording, 16 kHz int16 mono PCM; what nobody speaks in is left out."""

    def __init__(self, detector: VoiceDetector, cutting: Cutting) -> None:
        self._detector = detector
        self._threshold = cutting.threshold
        self._pause = round(cutting.pause_s / FRAME_S)
        self._full = round(cutting.full_s / FRAME_S)
        self._breath = round(cutting.breath_s / FRAME_S)
        self._longest = round(cutting.longest_s / FRAME_S)
        self._margin = round(cutting.margin_s / FRAME_S)
        self._before: deque[bytes] = deque(maxlen=self._margin)
        self._rest = b""
        self._count = 0
        self._kept: list[bytes] = []
        """The frames of the stretch that has begun; none between two."""
        self._quiet = 0

    def feed(self, pcm: bytes) -> Iterator[Stretch]:
        """The stretches that end in the next audio."""
        data = self._rest + pcm
        whole = len(data) // FRAME_BYTES * FRAME_BYTES
        self._rest = data[whole:]
        for at in range(0, whole, FRAME_BYTES):
            if stretch := self._take(data[at : at + FRAME_BYTES]):
                yield stretch

    def finish(self) -> Iterator[Stretch]:
        """The stretch that the recording ends in."""
        if self._kept:
            self._kept.append(self._rest)
            self._count += 1
            yield self._cut(len(self._kept))

    def _take(self, frame: bytes) -> Stretch | None:
        self._count += 1
        voice = self._detector(frame) >= self._threshold
        if not self._kept:
            if voice:
                self._kept = [*self._before, frame]
                self._before.clear()
                self._quiet = 0
            else:
                self._before.append(frame)
            return None
        self._kept.append(frame)
        self._quiet = 0 if voice else self._quiet + 1
        enough = self._breath if len(self._kept) >= self._full else self._pause
        if self._quiet >= enough:
            return self._end()
        return self._cut(self._calmest()) if len(self._kept) >= self._longest else None

    def _end(self) -> Stretch:
        """End the stretch in the silence that goes on."""
        after = min(self._margin, self._quiet // 2)
        stretch = self._cut(len(self._kept) - self._quiet + after)
        self._before.extend(self._kept)
        self._kept = []
        return stretch

    def _cut(self, at: int) -> Stretch:
        """The first `at` frames of what is kept; the others stay."""
        start = self._count - len(self._kept)
        stretch = Stretch(b"".join(self._kept[:at]), start * FRAME_S)
        del self._kept[:at]
        return stretch

    def _calmest(self) -> int:
        """Where in the last third of what is kept it is least likely that a word is cut."""
        first = len(self._kept) * 2 // 3
        last = samples(b"".join(self._kept[first:])).astype(np.float32)
        power = (last.reshape(-1, FRAME_BYTES // SAMPLE_BYTES) ** 2).mean(axis=1)  # (n_frames,)
        around = np.convolve(power, np.ones(CALM_FRAMES), "valid")
        return first + int(np.argmin(around)) + CALM_FRAMES // 2
