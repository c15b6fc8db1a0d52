"""What a session has heard last, in the form that recognizers and voice detectors take.

A frame is converted, and judged, when somebody wants to know; in quiet that is seldom, and some
frames at a time cost little more than one. What comes out is the same.
"""

from collections import deque

from voice.audio.fir import FirResampler
from voice.audio.pcm import SAMPLE_BYTES
from voice.engines.protocols import STT_RATE_HZ
from voice.engines.vad import VoiceDetector
from voice.turns.gate import FRAME_MS

WAITING_FRAMES = 10
"""The most that wait, so that the first sound of speech has little to catch up with."""
FRAME_BYTES = STT_RATE_HZ * FRAME_MS // 1000 * SAMPLE_BYTES


class Ear:
    """Keeps the last `keep_ms` of frames, of 20 ms each."""

    def __init__(self, rate_hz: int, keep_ms: int, detector: VoiceDetector | None) -> None:
        self._resampler = FirResampler(rate_hz, STT_RATE_HZ)
        self._detector = detector
        self._waiting: list[bytes] = []
        self._frames: deque[bytes] = deque(maxlen=keep_ms // FRAME_MS)
        self._probability = 0.0

    def push(self, pcm: bytes) -> None:
        """Take the next frame, at the rate it came in."""
        self._waiting.append(pcm)
        if len(self._waiting) == WAITING_FRAMES:
            self.catch_up()

    def catch_up(self) -> bytes:
        """The frames that were waiting, at 16 kHz."""
        if not self._waiting:
            return b""
        pcm = self._resampler.push(b"".join(self._waiting))
        self._waiting.clear()
        for start in range(0, len(pcm), FRAME_BYTES):
            frame = pcm[start : start + FRAME_BYTES]
            self._frames.append(frame)
            if self._detector is not None:
                self._probability = self._detector(frame)
        return pcm

    def probability(self) -> float:
        """How likely the last frame is voice."""
        self.catch_up()
        return self._probability

    def judge_by(self, detector: VoiceDetector | None) -> None:
        """Ask this detector about the frames to come."""
        self.catch_up()
        self._detector = detector

    def recent(self, ms: float) -> bytes:
        """The last frames, as many as are kept."""
        self.catch_up()
        count = min(len(self._frames), max(0, round(ms / FRAME_MS)))
        return b"".join(list(self._frames)[-count:]) if count else b""

    def finish(self, rest: bytes) -> bytes:
        """What was held back, with what is less than a frame; the stream begins anew."""
        return self.catch_up() + self._resampler.push(rest) + self._resampler.flush()

    def forget(self) -> None:
        self._waiting.clear()
        self._frames.clear()
