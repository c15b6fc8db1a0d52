"""The speech gate: from per-frame voice decisions to the times at which speech starts and ends.

A detector's yes or no flickers and lags: webrtcvad goes on saying yes for up to 100 ms after the
last sound. The gate adds hysteresis (several voiced frames start speech) and a level rule: a frame
counts as sound only if it is above the noise floor and not far below the speech before it. So the
end of speech is dated by its last sound, however late it is noticed. The gate knows neither which
detector is used nor what the frames contain.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

FRAME_MS = 20


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    at_ms: int
    """Start of the first frame with sound, in session audio."""


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    at_ms: int
    """End of the last frame with sound, in session audio."""


@dataclass(frozen=True, slots=True)
class GateTuning:
    threshold: float = 0.5
    """Voice probability from which a frame is voiced, and how loud it must be, 0 to 1."""
    start_frames: int = 4
    """Sounding frames, among the last `window_frames`, that start speech: a short "yes" has six."""
    window_frames: int = 6
    end_frames: int = 4
    """Frames in a row without sound that end speech; the wait for the end of the turn is not here."""
    above_floor_db: float = 9.0
    below_speech_db: float = 30.0

    @property
    def least_dbfs(self) -> float:
        """The level below which nothing is speech: -60 to -40 dBFS by threshold."""
        return -60.0 + 20.0 * self.threshold


class _NoiseFloor:
    """The least level of the last 1.6 s (minimum statistics): speech dips, steady noise does not."""

    BLOCK_FRAMES, BLOCKS = 10, 8

    def __init__(self) -> None:
        self._blocks: deque[float] = deque([-70.0], maxlen=self.BLOCKS)
        self._block_dbfs = 0.0
        self._frames = 0

    def push(self, level_dbfs: float) -> float:
        self._block_dbfs = min(self._block_dbfs, level_dbfs)
        self._frames += 1
        if self._frames == self.BLOCK_FRAMES:
            self._blocks.append(self._block_dbfs)
            self._block_dbfs, self._frames = 0.0, 0
        return min(*self._blocks, self._block_dbfs)


class SpeechGate:
    """Take one decision per 20 ms frame; tell when speech starts and ends."""

    def __init__(self, tuning: GateTuning | None = None) -> None:
        self.tuning = tuning or GateTuning()
        self.speaking = False
        self._recent: deque[bool] = deque(maxlen=self.tuning.window_frames)
        self._floor = _NoiseFloor()
        self._speech_dbfs = -96.0
        self._silent_frames = 0
        self._last_sound_ms = 0.0

    def push(
        self, level_dbfs: float, probability: Callable[[], float], end_ms: float
    ) -> SpeechStarted | SpeechEnded | None:
        """Judge the frame that ends at `end_ms` of session audio; quiet is not asked if it is voice."""
        sounding = self._is_sound(level_dbfs, probability)
        self._recent.append(sounding)
        if sounding:
            self._last_sound_ms = end_ms
            self._silent_frames = 0
            # Follows loud vowels at once and forgets them within a second or so.
            self._speech_dbfs = max(level_dbfs, self._speech_dbfs - 0.3)
        else:
            self._silent_frames += 1
        return self._end() if self.speaking else self._start(end_ms)

    def flush(self) -> SpeechEnded | None:
        """End speech now, because no more frames come."""
        if not self.speaking:
            return None
        self._silent_frames = self.tuning.end_frames
        return self._end()

    def restart(self) -> None:
        """Forget the speech in progress, but not how loud the noise is."""
        self.speaking = False
        self._recent.clear()
        self._speech_dbfs = -96.0

    def _is_sound(self, level_dbfs: float, probability: Callable[[], float]) -> bool:
        tuning = self.tuning
        floor_dbfs = self._floor.push(level_dbfs)
        least = max(tuning.least_dbfs, floor_dbfs + tuning.above_floor_db)
        if self.speaking:
            least = max(least, self._speech_dbfs - tuning.below_speech_db)
        return level_dbfs >= least and probability() >= tuning.threshold

    def _start(self, end_ms: float) -> SpeechStarted | None:
        if sum(self._recent) < self.tuning.start_frames:
            return None
        self.speaking = True
        first = next(i for i, sounding in enumerate(self._recent) if sounding)
        return SpeechStarted(max(0, round(end_ms - FRAME_MS * (len(self._recent) - first))))

    def _end(self) -> SpeechEnded | None:
        if self._silent_frames < self.tuning.end_frames:
            return None
        self.restart()
        return SpeechEnded(round(self._last_sound_ms))
