"""A stream whose first block is already there, and whose end is told to its target's health."""

from collections.abc import AsyncGenerator, Callable
from types import TracebackType

from voice.providers.protocol import ProviderError
from voice.routing.health import Health, Trial


class Relay(AsyncGenerator[bytes, None]):
    """Passes the blocks of a provider on as they are.

    Not written as a generator function: closing one that nobody has asked yet would not run any of
    it, and the provider's connection would stay open.
    """

    def __init__(
        self,
        first: bytes,
        rest: AsyncGenerator[bytes, None],
        health: Health,
        trial: Trial,
        clock: Callable[[], float],
    ) -> None:
        self._first: bytes | None = first
        self._rest = rest
        self._health = health
        self._trial = trial
        self._clock = clock

    async def __anext__(self) -> bytes:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        try:
            return await anext(self._rest)
        except StopAsyncIteration:
            self._health.succeeded(self._trial)
            raise
        except ProviderError as error:
            now_s = self._clock()
            self._health.failed(self._trial, now_s, error.trouble, error.retry_after_s)
            raise

    async def asend(self, _value: None) -> bytes:
        return await anext(self)

    async def athrow(
        self,
        kind: type[BaseException] | BaseException,
        value: BaseException | object = None,
        trace: TracebackType | None = None,
    ) -> bytes:
        """End it with an error, as a closed generator would."""
        await self.aclose()
        error = kind if isinstance(kind, BaseException) else kind(value)
        raise error.with_traceback(trace)

    async def aclose(self) -> None:
        """Drop what has not come yet."""
        self._first = None
        self._health.dropped(self._trial)
        await self._rest.aclose()
