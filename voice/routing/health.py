"""Whether a target can be trusted with a request: a circuit breaker with a half-open probe.

Pure: seconds of any monotonic clock are an argument.
"""

import math
from dataclasses import dataclass

from voice.providers.protocol import Trouble

LONGEST_RETRY_AFTER_S = 3600.0
"""What a server asks beyond this is taken for a mistake."""

COUNTED: frozenset[Trouble] = frozenset({"unavailable", "timeout"})
AT_ONCE: frozenset[Trouble] = frozenset({"rate_limit", "quota", "auth"})
"""The troubles that the next request would meet as well. The rest say nothing of the target."""


@dataclass(frozen=True, slots=True)
class Cooling:
    failures: int = 3
    """How many in a row make a target cool down."""
    first_s: float = 5.0
    """The first cooldown; each one after a failed probe is twice as long."""
    longest_s: float = 120.0


class Trial:
    """One request to a target, from `Health.start` to the first of its ends."""

    __slots__ = ("cooldown", "ended")

    def __init__(self, cooldown: int) -> None:
        self.cooldown = cooldown
        """The number of cooldowns that the target had had when it began."""
        self.ended = False


class Health:
    """Of one target. It only advises: a target that cools may be tried where there is no other."""

    def __init__(self, cooling: Cooling = Cooling()) -> None:
        self.recovers_at_s = -math.inf
        """When it may be probed again; in the past for one that is well."""
        self._cooling = cooling
        self._failures = 0
        self._strikes = 0
        self._cools = False
        self._cooldowns = 0
        self._probe: Trial | None = None

    def is_free(self, now_s: float) -> bool:
        """Whether it is well, or has cooled down and waits for its probe."""
        return not self._cools or (self._probe is None and now_s >= self.recovers_at_s)

    def start(self, now_s: float) -> Trial:
        """A request goes to the target; the first after a cooldown is its probe."""
        trial = Trial(self._cooldowns)
        if self._cools and self.is_free(now_s):
            self._probe = trial
        return trial

    def answering(self, trial: Trial) -> None:
        """The answer begins; whether it comes to its end is open."""
        if trial.ended:
            return
        self._end_probe(trial)
        # An answer to what was asked before the cooldown does not prove that it is over.
        if self._cools and trial.cooldown == self._cooldowns:
            self._cools = False
            self.recovers_at_s = -math.inf
            # On parole: until an answer has come to its end, one failure is enough.
            self._failures = self._cooling.failures - 1

    def succeeded(self, trial: Trial) -> None:
        """The answer is complete."""
        self.answering(trial)
        if self._end(trial) and not self._cools:
            self._failures = self._strikes = 0

    def failed(
        self, trial: Trial, now_s: float, trouble: Trouble, retry_after_s: float | None = None
    ) -> None:
        """It ended in trouble; one that is the request's own fault proves the target well."""
        if trouble not in COUNTED | AT_ONCE:
            self.succeeded(trial)
        elif self._end(trial):
            self._count(trial, now_s, trouble, sane_retry_after(retry_after_s))

    def dropped(self, trial: Trial) -> None:
        """It ended for a reason that has nothing to do with the target."""
        self._end(trial)

    def _count(self, trial: Trial, now_s: float, trouble: Trouble, asked_s: float | None) -> None:
        if trial.cooldown != self._cooldowns:
            # Requests that were under way together fail together, which is one failure.
            if self._cools and asked_s is not None:
                self.recovers_at_s = max(self.recovers_at_s, now_s + asked_s)
            return
        self._failures += 1
        enough = self._failures >= self._cooling.failures
        if self._cools or enough or trouble in AT_ONCE or asked_s is not None:
            self._cool(now_s, asked_s)

    def _cool(self, now_s: float, asked_s: float | None) -> None:
        exponential_s = self._cooling.first_s * 2.0 ** min(self._strikes, 32)
        wait_s = min(exponential_s, self._cooling.longest_s) if asked_s is None else asked_s
        self.recovers_at_s = max(self.recovers_at_s, now_s + wait_s)
        self._cools = True
        self._cooldowns += 1
        self._strikes += 1
        self._failures = 0
        self._probe = None

    def _end(self, trial: Trial) -> bool:
        """Whether this is the end, and not one that comes after it."""
        self._end_probe(trial)
        already, trial.ended = trial.ended, True
        return not already

    def _end_probe(self, trial: Trial) -> None:
        if self._probe is trial:
            self._probe = None


def sane_retry_after(seconds: float | None) -> float | None:
    """What a server asked, or None for what cannot be meant (no number, the past, next week)."""
    if seconds is None or not 0 < seconds <= LONGEST_RETRY_AFTER_S:
        return None
    return seconds
