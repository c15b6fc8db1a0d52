"""Who says what: the recordings the callers speak, and the answers the fake model must give."""

import base64
import json
from dataclasses import dataclass, field

import msgspec

from voice.audio.files import read_recording
from voice.bench.speech import speech_bounds_ms
from voice.bundled import samples_path
from voice.turns.words import plain

RATE_HZ = 24_000
FRAME_MS = 20
FRAME_BYTES = RATE_HZ * FRAME_MS // 1000 * 2

ORDER = "Say: "
"""What follows it in a session's instructions is what the fake model answers."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A spoken question as the frames that carry it, and where its speech lies."""

    words: str
    pcm: bytes
    frames: tuple[str, ...]
    start_ms: float
    end_ms: float


@dataclass(slots=True)
class Said:
    """A recording that is being spoken: when each frame or packet was sent."""

    recording: Recording
    sent_s: list[float] = field(default_factory=list)

    def at_s(self, ms: float) -> float:
        """When a moment of the recording was spoken: in the 20 ms before it was sent."""
        index = min(int(ms // FRAME_MS), len(self.recording.frames) - 1)
        return self.sent_s[index] + (ms - (index + 1) * FRAME_MS) / 1000


def append(pcm: bytes) -> str:
    """The frame of text that carries this audio."""
    event = {"type": "input_audio_buffer.append", "audio": base64.b64encode(pcm).decode()}
    return msgspec.json.encode(event).decode()


SILENCE = append(bytes(FRAME_BYTES))


def recordings() -> list[Recording]:
    """The bundled questions that need no other before them, the shortest first."""
    folder = samples_path()
    listed = json.loads((folder / "questions.json").read_text())
    alone = [each for each in listed if "after" not in each and "interrupt" not in each["file"]]
    read = [
        _recording(read_recording(folder / each["file"], RATE_HZ), each["words"]) for each in alone
    ]
    return sorted(read, key=lambda recording: len(recording.pcm))


def _recording(pcm: bytes, words: str) -> Recording:
    pcm += bytes(-len(pcm) % FRAME_BYTES)
    frames = [append(pcm[at : at + FRAME_BYTES]) for at in range(0, len(pcm), FRAME_BYTES)]
    return Recording(words, pcm, tuple(frames), *speech_bounds_ms(pcm, RATE_HZ))


def short_answer(caller: int) -> str:
    """Half a second of speech that is this caller's alone."""
    return f"For number {caller}."


def long_answer(caller: int) -> str:
    """A quarter of a minute."""
    return short_answer(caller) + " And so on, and on, it goes and goes." * 7


def nearest(heard: str, questions: list[Recording]) -> Recording:
    """The question that shares most of its words with what was heard."""
    words = _words(heard)

    def shared(question: Recording) -> float:
        said = _words(question.words)
        return len(words & said) / len(said)

    return max(questions, key=shared)


def _words(text: str) -> set[str]:
    return {plain(word) for word in text.split()}
