"""Which target of a model is asked next.

Pure: time and chance are arguments.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from voice.providers.protocol import ProviderError
from voice.routing.health import Health, sane_retry_after
from voice.routing.targets import Target

HOPELESS = frozenset({404, 405, 501})
"""The statuses of a target that will not have the model, or the ability, the next time either."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    attempts: int = 3
    """At each model, the first included."""
    deadline_s: float = 300.0
    """For all attempts together, until an answer is there or its stream begins."""
    first_wait_s: float = 0.5
    """Before the same target is asked again; each further wait is twice as long."""
    longest_wait_s: float = 10.0
    """A target that wants to be left alone for longer is not waited for."""
    fast_s: float = 10.0
    """Who took longer than this to fail would take as long again."""


@dataclass(slots=True, eq=False)
class Candidate:
    """A target as one request sees it."""

    target: Target
    health: Health
    tries: int = 0
    began_s: float = 0.0
    """When it was last asked."""
    ready_at_s: float = -math.inf
    """When it may be asked again."""


class Candidates:
    """The targets of one model, for one request."""

    def __init__(
        self,
        candidates: Iterable[Candidate],
        policy: RetryPolicy,
        random: Callable[[], float],
        deadline_s: float,
    ) -> None:
        self._left = list(candidates)
        self._policy = policy
        self._random = random
        self._deadline_s = deadline_s
        self._tries = 0

    def next(self, now_s: float) -> Candidate | None:
        """Who is to be asked, or None when it is time to give up.

        Those who are well go first, then the less tried, then the lower order; among equals chance
        decides by weight. When all cool down it is the one that recovers soonest.
        """
        if not self._left or self._tries >= self._policy.attempts:
            return None
        free = [each for each in self._left if each.health.is_free(now_s)]
        if not free:
            return min(
                self._left,
                key=lambda each: (max(each.health.recovers_at_s, now_s), each.target.order),
            )
        best = min((each.tries, each.target.order) for each in free)
        return weighted(
            [each for each in free if (each.tries, each.target.order) == best], self._random()
        )

    def tried(self, candidate: Candidate, now_s: float) -> None:
        """It is asked now."""
        candidate.tries += 1
        candidate.began_s = now_s
        self._tries += 1

    def drop(self, candidate: Candidate) -> None:
        """It is not asked again for this request."""
        self._left.remove(candidate)

    def failed(self, candidate: Candidate, error: ProviderError, now_s: float) -> None:
        """Decide who is still worth asking after this."""
        if error.status in HOPELESS:
            self.drop(candidate)
            return
        was_fast = candidate.tries > 0 and now_s - candidate.began_s <= self._policy.fast_s
        match error.trouble:
            case "request" | "content":
                self._left.clear()
            case "context":
                self._keep_larger(candidate.target.context_tokens)
            case "unavailable" | "rate_limit" if was_fast:
                self._wait(candidate, error, now_s)
            case _:
                self.drop(candidate)

    def _keep_larger(self, context_tokens: int | None) -> None:
        if context_tokens is None:
            self._left.clear()
        self._left = [
            each
            for each in self._left
            if each.target.context_tokens and each.target.context_tokens > (context_tokens or 0)
        ]

    def _wait(self, candidate: Candidate, error: ProviderError, now_s: float) -> None:
        policy = self._policy
        backoff_s = policy.first_wait_s * 2.0 ** (candidate.tries - 1)
        # Requests that failed together must not come back together.
        jittered_s = min(backoff_s, policy.longest_wait_s) * (1 - self._random() / 2)
        wait_s = max(jittered_s, sane_retry_after(error.retry_after_s) or 0.0)
        if error.blameless:
            wait_s = 0.0
        candidate.ready_at_s = now_s + wait_s
        if wait_s > policy.longest_wait_s or candidate.ready_at_s >= self._deadline_s:
            self.drop(candidate)


def weighted(candidates: Sequence[Candidate], chance: float) -> Candidate:
    """The one on which a point in [0, 1) falls when each is as long as its weight."""
    point = chance * sum(each.target.weight for each in candidates)
    for each in candidates:
        point -= each.target.weight
        if point < 0:
            return each
    return candidates[-1]
