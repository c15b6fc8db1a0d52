"""Voice activity detectors: each judges one 20 ms frame of 16 kHz int16 mono PCM."""

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import webrtcvad

from voice.audio.pcm import level_dbfs, samples
from voice.engines.protocols import STT_RATE_HZ, EngineError

VadName = Literal["webrtcvad", "silero"]

FRAME_BYTES = STT_RATE_HZ // 50 * 2


class VoiceDetector(Protocol):
    """The probability, 0 to 1, that a frame of `FRAME_BYTES` is voice; it may keep state."""

    def __call__(self, frame: bytes) -> float: ...


class WebRtcVad:
    """WebRTC's Gaussian-mixture detector: 4 microseconds a frame, answers 0 or 1."""

    def __init__(self, threshold: float = 0.5) -> None:
        self._vad = webrtcvad.Vad(min(3, int(threshold * 4)))

    def __call__(self, frame: bytes) -> float:
        return float(self._vad.is_speech(frame, STT_RATE_HZ))


class LevelVad:
    """A fake: everything louder than -40 dBFS is voice."""

    def __call__(self, frame: bytes) -> float:
        return float(level_dbfs(frame) > -40.0)


class SileroVad:
    """Silero v6 from the file that faster-whisper carries: 32 ms windows, answers a probability."""

    WINDOW, CONTEXT = 512, 64  # samples

    def __init__(self) -> None:
        self._session = _silero_session()
        self._h = np.zeros((1, 1, 128), np.float32)
        self._c = np.zeros((1, 1, 128), np.float32)
        self._context = np.zeros(self.CONTEXT, np.float32)
        self._pending = np.zeros(0, np.float32)
        self._probability = 0.0

    def __call__(self, frame: bytes) -> float:
        x = samples(frame).astype(np.float32) / 32768  # (320,) float32 in [-1, 1)
        self._pending = np.concatenate([self._pending, x])
        while len(self._pending) >= self.WINDOW:
            self._judge(self._pending[: self.WINDOW])
            self._pending = self._pending[self.WINDOW :]
        return self._probability

    def _judge(self, window: "np.ndarray[Any, np.dtype[np.float32]]") -> None:
        joined = np.concatenate([self._context, window])[None]  # (1, 576) float32
        output, self._h, self._c = self._session.run(
            None, {"input": joined, "h": self._h, "c": self._c}
        )
        self._context = window[-self.CONTEXT :]
        self._probability = float(output.reshape(-1)[-1])


@cache
def _silero_session() -> Any:
    """One ONNX session for all conversations; the state is passed in and out of each run."""
    import onnxruntime  # noqa: PLC0415 - 20 MB that only this detector needs

    spec = importlib.util.find_spec("faster_whisper")
    if spec is None or spec.origin is None:
        raise EngineError('Silero needs faster-whisper: pip install "faster-whisper>=1.2"')
    path = Path(spec.origin).parent / "assets" / "silero_vad_v6.onnx"
    if not path.exists():
        raise EngineError(f"this faster-whisper carries no Silero v6 ({path} is missing)")
    options = onnxruntime.SessionOptions()
    options.inter_op_num_threads = options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def open_detector(name: VadName, threshold: float) -> VoiceDetector:
    return SileroVad() if name == "silero" else WebRtcVad(threshold)
