"""Media files of every kind, made on the spot."""

import io
import wave

import av
import numpy as np

from voice.audio.files import read_recording
from voice.bundled import samples_path

KINDS = {
    "wav": ("wav", "pcm_s16le"),
    "mp3": ("mp3", "libmp3lame"),
    "ogg": ("ogg", "libopus"),
    "flac": ("flac", "flac"),
    "m4a": ("ipod", "aac"),
    "mp4": ("mp4", "aac"),
    "webm": ("webm", "libopus"),
}
STEP = 1000


def speech(name: str = "winter", rate_hz: int = 16_000) -> bytes:
    """A recorded question as int16 mono PCM."""
    return read_recording(samples_path() / "questions" / f"{name}.wav", rate_hz)


def wav(pcm: bytes, rate_hz: int = 16_000, channels: int = 1) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes(pcm)
    return file.getvalue()


def media(
    kind: str,
    pcm: bytes,
    rate_hz: int = 48_000,
    *,
    layout: str = "mono",
    picture: bool = False,
    late_s: float = 0.0,
) -> bytes:
    """PCM of interleaved channels as a file; with a picture it becomes a film.

    The sound of a film begins `late_s` after its picture.
    """
    file = io.BytesIO()
    container, codec = KINDS[kind]
    with av.open(file, "w", format=container) as out:
        screen = (
            out.add_stream("mpeg4" if kind == "mp4" else "libvpx", rate=10) if picture else None
        )
        track = out.add_stream(codec, rate=rate_hz, layout=layout)
        if screen:
            screen.width = screen.height = 64
            screen.pix_fmt = "yuv420p"
            for number in range(5):
                frame = av.VideoFrame(64, 64, "yuv420p")
                frame.pts = number
                out.mux(screen.encode(frame))
            out.mux(screen.encode(None))
        channels = 2 if layout == "stereo" else 1
        samples = np.frombuffer(pcm, "<i2").reshape(-1, channels)
        for start in range(0, len(samples), STEP):
            part = samples[start : start + STEP].reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(part, format="s16", layout=layout)
            frame.rate = rate_hz
            frame.pts = start + round(late_s * rate_hz)
            out.mux(track.encode(frame))
        out.mux(track.encode(None))
    return file.getvalue()


def film_without_sound() -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        screen = out.add_stream("mpeg4", rate=10)
        screen.width = screen.height = 64
        screen.pix_fmt = "yuv420p"
        frame = av.VideoFrame(64, 64, "yuv420p")
        frame.pts = 0
        out.mux(screen.encode(frame))
        out.mux(screen.encode(None))
    return file.getvalue()
