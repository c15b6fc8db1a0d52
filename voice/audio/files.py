"""Reading and writing recordings."""

from pathlib import Path

import numpy as np
import soundfile

from voice.audio.pcm import samples
from voice.audio.resample import resample


class RecordingError(Exception):
    """A recording cannot be read; the message names the file and the reason."""


def read_recording(path: Path, rate_hz: int) -> bytes:
    """Read any file libsndfile knows (WAV, FLAC, OGG, MP3) as int16 mono PCM at `rate_hz`."""
    try:
        frames, file_rate = soundfile.read(path, dtype="int16", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        raise RecordingError(f"cannot read the recording {path}: {error}") from error
    if not len(frames):
        raise RecordingError(f"the recording {path} holds no audio")
    mono = frames.mean(axis=1).astype("<i2")  # (n_samples,) int16
    return resample(mono.tobytes(), file_rate, rate_hz)


def write_recording(path: Path, rate_hz: int, *channels: bytes) -> None:
    """Write int16 PCM channels side by side as a WAV; shorter ones end in silence."""
    length = max(len(pcm) for pcm in channels) // 2
    frames = np.zeros((length, len(channels)), np.int16)
    for column, pcm in enumerate(channels):
        x = samples(pcm)
        frames[: len(x), column] = x
    soundfile.write(path, frames, rate_hz, subtype="PCM_16", format="WAV")
