"""A provider that does what it is told, for tests of whatever stands in front of providers.

It waits only with `asyncio.sleep`, so it obeys a virtual clock.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

import msgspec

from voice.gateway.errors import ApiError
from voice.providers.protocol import Call, ProviderError, Trouble

DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class Reply:
    """What comes back for one call: blocks, `interval_s` between them; an error is raised."""

    blocks: tuple[bytes | Exception, ...]
    delay_s: float = 0.0
    interval_s: float = 0.0


class FakeProvider:
    """Gives one reply after the other, and the last one for ever after."""

    def __init__(
        self,
        name: str,
        *replies: Reply,
        refuses: Callable[[Call], ApiError | None] = lambda _: None,
    ) -> None:
        self.name = name
        self.refusal = refuses
        self.calls: list[Call] = []
        self.running = 0
        """How many calls are under way."""
        self.abandoned = 0
        """How many calls were given up before their end."""
        self.closed = False
        self._replies = replies or (saying("Hello."),)

    async def answer(self, call: Call) -> bytes:
        return b"".join([block async for block in self.stream(call)])

    async def stream(self, call: Call) -> AsyncGenerator[bytes, None]:
        reply = self._replies[min(len(self.calls), len(self._replies) - 1)]
        self.calls.append(call)
        self.running += 1
        ended = False
        try:
            await asyncio.sleep(reply.delay_s)
            for number, block in enumerate(reply.blocks):
                if number:
                    await asyncio.sleep(reply.interval_s)
                if isinstance(block, Exception):
                    ended = True
                    raise block
                yield block
            ended = True
        finally:
            self.running -= 1
            self.abandoned += not ended

    async def aclose(self) -> None:
        self.closed = True


def saying(text: str, *, delay_s: float = 0.0, interval_s: float = 0.0) -> Reply:
    """A streamed chat completion, a word a block."""
    words = text.split(" ")
    parts = [word if number == 0 else f" {word}" for number, word in enumerate(words)]
    chunks: list[object] = [
        *({"choices": [{"index": 0, "delta": {"content": part}}]} for part in parts),
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    ]
    events = (b"data: " + msgspec.json.encode(chunk) + b"\n\n" for chunk in chunks)
    return Reply((*events, DONE), delay_s, interval_s)


def failing(
    trouble: Trouble = "unavailable",
    *,
    delay_s: float = 0.0,
    retry_after_s: float | None = None,
    after: tuple[bytes, ...] = (),
) -> Reply:
    """A call that ends in trouble, after some blocks or before the first."""
    error = ProviderError(
        f"the server is in trouble: {trouble}",
        trouble,
        status=STATUSES[trouble],
        kind="server_error",
        retry_after_s=retry_after_s,
    )
    return Reply((*after, error), delay_s)


STATUSES: dict[Trouble, int] = {
    "unavailable": 503,
    "timeout": 504,
    "rate_limit": 429,
    "quota": 429,
    "auth": 502,
    "context": 400,
    "content": 400,
    "request": 400,
}
