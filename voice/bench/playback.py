"""What a client's player would go through: frames that come too late, and frames that are missing."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Playback:
    """Counts over all replies of one client, which plays each from the moment it first comes."""

    frames: int = 0
    late: int = 0
    """How often the player had nothing left to play before the next frame of the reply came."""
    missing: int = 0
    _played_until_s: dict[str, float] = field(default_factory=dict)
    _number: int = -1

    def take(self, reply: str, at_s: float, duration_s: float, number: int | None) -> None:
        """A frame comes in; `number` counts those of a stretch from 0, None when they bear none."""
        self.frames += 1
        until_s = self._played_until_s.get(reply)
        if until_s is not None and at_s > until_s:
            self.late += 1
        self._played_until_s[reply] = max(at_s, until_s or at_s) + duration_s
        if number is not None:
            self._check(reply_is_new=until_s is None, number=number)

    def _check(self, *, reply_is_new: bool, number: int) -> None:
        """A stretch starts at 0; within one, each frame follows the one before."""
        expected = 0 if reply_is_new or number == 0 else self._number + 1
        self.missing += abs(number - expected)
        self._number = number
