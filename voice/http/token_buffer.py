"""The tokens between a model and a client that may be slower. Pure: time is an argument.

While the client keeps up, a message holds a few tokens, or those of a short while. What a slow
client has not taken is put into one larger message; nothing is dropped.
"""

from collections import deque
from math import inf
from typing import Literal

Level = Literal["healthy", "moderate", "critical"]

CAPACITY_TOKENS = 120
MODERATE, CRITICAL = 0.7, 0.9
"""Above which part of the capacity a level begins."""
BATCH_TOKENS = 3
BATCH_S = 0.05
"""How long the first token of a message waits for others."""


class TokenBuffer:
    """Tokens go in one by one and come out as messages.

    Healthy is normal, moderate makes messages large, and at critical no more should be put.
    """

    def __init__(self, capacity_tokens: int = CAPACITY_TOKENS) -> None:
        self._capacity = capacity_tokens
        self._tokens: deque[tuple[str, float]] = deque()
        self._closed = False

    def __len__(self) -> int:
        return len(self._tokens)

    @property
    def level(self) -> Level:
        filled = len(self._tokens) / self._capacity
        if filled > CRITICAL:
            return "critical"
        return "moderate" if filled > MODERATE else "healthy"

    @property
    def closed(self) -> bool:
        return self._closed

    def put(self, token: str, now_s: float) -> None:
        self._tokens.append((token, now_s))

    def close(self) -> None:
        """Say that no more tokens come: the last ones need not wait, and leave together."""
        self._closed = True

    @property
    def due_s(self) -> float:
        """When the next message may leave: never while there is nothing to say."""
        if not self._tokens:
            return inf
        if self._closed or len(self._tokens) >= BATCH_TOKENS:
            return -inf
        return self._tokens[0][1] + BATCH_S

    def take(self, now_s: float) -> list[str]:
        """The tokens of the next message; none before it is due."""
        if now_s < self.due_s:
            return []
        waiting = len(self._tokens)
        is_usual = self.level == "healthy" and not self._closed
        size = min(BATCH_TOKENS, waiting) if is_usual else waiting
        return [self._tokens.popleft()[0] for _ in range(size)]
