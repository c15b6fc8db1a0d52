"""The record of one turn: named instants, from which every latency is a difference."""

from dataclasses import dataclass, field
from typing import Literal

Instant = Literal[
    "speech_end",  # last sound of the user, dated back to when its audio came in
    "transcript",  # the text of the whole turn is known
    "prompt",  # the language model is asked
    "first_token",
    "first_chunk",  # the first text goes to the synthesizer
    "first_speech",  # its first audio is there
    "commit",  # the wait for the end of the turn is over
    "first_audio",  # the first audio leaves for the client
]
REPLY: tuple[Instant, ...] = (
    "prompt", "first_token", "first_chunk", "first_speech", "first_audio",
)  # fmt: skip


@dataclass(slots=True)
class TurnRecord:
    """Instants in seconds of one monotonic clock; what did not happen is absent, never 0."""

    at_s: dict[Instant, float] = field(default_factory=dict)

    def mark(self, instant: Instant, at_s: float) -> None:
        """Note an instant; the first mark counts."""
        self.at_s.setdefault(instant, at_s)

    def begin_reply(self) -> None:
        """Forget the instants of a reply that was begun before and came to nothing."""
        for instant in REPLY:
            self.at_s.pop(instant, None)

    def between_ms(self, start: Instant, end: Instant) -> int | None:
        """Milliseconds from one instant to another; None when one is missing or they are reversed."""
        if start not in self.at_s or end not in self.at_s:
            return None
        elapsed_s = self.at_s[end] - self.at_s[start]
        return round(elapsed_s * 1000) if elapsed_s >= 0 else None

    def timings(self) -> dict[str, int]:
        """The stages of the turn in milliseconds, as `response.timings` carries them."""
        stages = {
            "end_of_turn_ms": self.between_ms("speech_end", "commit"),
            "stt_ms": self.between_ms("speech_end", "transcript"),
            "llm_ms": self.between_ms("prompt", "first_token"),
            "tts_ms": self.between_ms("first_chunk", "first_speech"),
            "release_ms": self._release_ms(),
            "total_ms": self.between_ms("speech_end", "first_audio"),
        }
        return {name: ms for name, ms in stages.items() if ms is not None}

    def _release_ms(self) -> int | None:
        """From the moment that both audio and turn were ready to the first audio sent."""
        if not {"first_speech", "first_audio"} <= self.at_s.keys():
            return None
        ready_s = max(self.at_s["first_speech"], self.at_s.get("commit", 0.0))
        waited_s = self.at_s["first_audio"] - ready_s
        return round(waited_s * 1000) if waited_s >= 0 else None
