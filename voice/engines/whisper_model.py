"""Loads a Whisper model and keeps it from encoding more silence than it needs.

Whisper was trained on windows of 30 s, and faster-whisper pads every window to that, though
CTranslate2 takes shorter ones: 10 s cost a seventh on a CPU. But a window that ends with the
speech makes the decoder repeat itself or lose the last word, so a margin of silence stays, and a
window is one of few lengths, none under 10 s.
"""

import os
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel
from faster_whisper.utils import download_model
from faster_whisper.vad import get_vad_model
from numpy.typing import NDArray

from voice.engines.protocols import EngineError
from voice.engines.whisper_speech import Audio

FRAMES_PER_S = 100
WINDOWS_S = (10, 15, 20, 30)
MARGIN_S = 2.5

_FILES = ("model.bin", "config.json", "tokenizer.json")
_VAD_SAMPLES = 512


class WindowedWhisper(WhisperModel):  # type: ignore[misc]  # the library has no types
    """A Whisper model whose windows are as short as `short_windows` allows.

    It also keeps what the library computes and throws away: the encoded window, for who detects
    the language of it before decoding it, and the probability of each token that was aligned.
    """

    short_windows = True
    model: Any

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.model = self._aligning = _AligningModel(self.model)
        self._encoded: tuple[Any, Any] = (None, None)

    @property
    def aligned(self) -> list[tuple[int, float]]:
        """Token ids and their probabilities since this list was last cleared."""
        return self._aligning.aligned

    def encode(self, features: NDArray[np.float32]) -> Any:
        if self.short_windows:
            features = features[..., : window_frames(content_frames(features))]
        before, output = self._encoded
        if before is None or not np.array_equal(before, features):
            output = super().encode(features)
            self._encoded = (features, output)
        return output


class _AligningModel:
    """A CTranslate2 model that notes the token probabilities which an alignment brings."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.aligned: list[tuple[int, float]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def align(self, features: Any, start: Any, texts: Any, frames: Any, **options: Any) -> Any:
        results = self._model.align(features, start, texts, frames, **options)
        for tokens, result in zip(texts, results, strict=True):
            self.aligned += zip(tokens, result.text_token_probs, strict=False)
        return results


def content_frames(features: NDArray[np.float32]) -> int:
    """How many of the (n_mels, n_frames) features are audio, and not the zeros that pad it."""
    filled = np.flatnonzero(features.any(axis=0))
    return int(filled[-1]) + 1 if len(filled) else 0


def window_frames(content: int) -> int:
    """The shortest window that holds `content` frames and the margin."""
    needed_s = content / FRAMES_PER_S + MARGIN_S
    return next((s for s in WINDOWS_S if s >= needed_s), WINDOWS_S[-1]) * FRAMES_PER_S


def speech_probability(audio: Audio) -> float:
    """How sure Silero is that somebody speaks anywhere in the audio; 3 ms per second of it.

    Measured: noise, hum and clicks stay under 0.25, a spoken syllable comes over 0.6.
    """
    padded = np.pad(audio, (0, -len(audio) % _VAD_SAMPLES))
    return float(np.max(get_vad_model()(padded), initial=0.0))


# ---------------------------------------------------------------- loading


def load(model: str, device: str, compute_type: str, threads: int) -> WindowedWhisper:
    """A model from a folder, or by name from the local cache; raises `EngineError`."""
    folder = _folder(model)
    missing = [name for name in _FILES if not (folder / name).is_file()]
    if missing:
        raise EngineError(
            f"{folder} is no Whisper model for CTranslate2: {', '.join(missing)} is missing"
        )
    try:
        return WindowedWhisper(
            str(folder),
            device=device,
            compute_type=_compute_type(device, compute_type),
            cpu_threads=threads or min(4, os.cpu_count() or 1),
            local_files_only=True,
        )
    except (RuntimeError, ValueError) as error:
        raise EngineError(f"Whisper cannot load {folder} on {device!r}: {error}") from error


def _folder(model: str) -> Path:
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder
    try:
        return Path(download_model(model, local_files_only=True))
    except (ValueError, OSError) as error:
        known = isinstance(error, OSError)  # The hub's "not in the cache" is an OSError.
        advice = f"`voice pull whisper:{model}` fetches it" if known else str(error)
        raise EngineError(f"Whisper model {model!r} is not on this machine; {advice}") from error


def _compute_type(device: str, wanted: str) -> str:
    """By default 8-bit on a CPU, twice as fast as what most models are stored in."""
    on_cpu = device == "cpu" or not ctranslate2.get_cuda_device_count()
    if wanted == "default" and on_cpu:
        return "int8" if "int8" in ctranslate2.get_supported_compute_types("cpu") else wanted
    return wanted
