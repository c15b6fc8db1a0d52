"""One request on its way: over the targets of its model, and then those of its fallbacks."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import quote

import structlog

from voice.gateway.errors import ApiError
from voice.providers.protocol import Call, Operation, ProviderError, Refusing, Upload
from voice.routing.candidates import Candidate, Candidates, RetryPolicy
from voice.routing.health import Health, Trial, sane_retry_after
from voice.routing.targets import Route, Target

log = structlog.get_logger()

P = TypeVar("P", bound=Refusing)
T = TypeVar("T")

Ask = Callable[[P, Call, Health, Trial], Awaitable[T]]
"""Ask one provider once; what succeeded is told to the health by whoever asks."""

MAY_PASS = frozenset({"rate_limit", "unavailable", "timeout"})
"""The troubles after which it makes sense to say when to come back."""


@dataclass(frozen=True, slots=True)
class Routed(Generic[T]):
    """An answer, and the headers that say how it was got."""

    value: T
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Surroundings(Generic[P]):
    """What requests share; `P` is whom they ask."""

    policy: RetryPolicy
    random: Callable[[], float]
    """Gives a number in [0, 1)."""
    provider: Callable[[Target, Operation], Awaitable[P]]
    """Raises `ProviderError` for one that cannot be had."""
    health: Callable[[Target], Health]
    find: Callable[[str], Route | None]


class Journey(Generic[P, T]):
    """Ends with an answer, or with the error that the client gets."""

    def __init__(
        self,
        surroundings: Surroundings[P],
        operation: Operation,
        body: Mapping[str, object],
        ask: Ask[P, T],
        upload: Upload | None = None,
    ) -> None:
        self._around = surroundings
        self._operation = operation
        self._body = body
        self._ask = ask
        self._upload = upload
        self._clock = asyncio.get_running_loop().time
        self._deadline_s = self._clock() + surroundings.policy.deadline_s
        self._attempts = 0
        self._asked: dict[tuple[str, str], Candidate] = {}
        self._last: Target | None = None
        self._fallback: str | None = None

    async def go(self, finding: Awaitable[Route]) -> Routed[T]:
        """Raises `ApiError`."""
        try:
            async with asyncio.timeout_at(self._deadline_s) as limit:
                value = await self._over(await finding)
        except TimeoutError:
            if not limit.expired():
                raise
            raise self._told(self._too_late()) from None
        except ProviderError as error:
            raise self._told(error) from error.__cause__
        return Routed(value, self._headers())

    async def _over(self, route: Route) -> T:
        """Ask the model, and those that step in for it; the last real trouble is the result."""
        try:
            return await self._at(route)
        except ProviderError as error:
            trouble = error
        for name in route.steps_in(trouble.trouble):
            if (fallback := self._around.find(name)) is None:
                continue
            self._fallback = name
            try:
                return await self._at(fallback)
            except ProviderError as error:
                # That the next one takes no such request is not what the client should hear.
                trouble = trouble if error.trouble == "request" else error
            except ApiError:
                continue
        raise trouble

    async def _at(self, route: Route) -> T:
        """Ask the targets of one model, each as often as it makes sense."""
        around = self._around
        candidates = Candidates(
            [Candidate(target, around.health(target)) for target in route.targets],
            around.policy,
            around.random,
            self._deadline_s,
        )
        refusal: ApiError | None = None
        trouble: ProviderError | None = None
        while candidate := candidates.next(self._clock()):
            was_free = candidate.health.is_free(self._clock())
            try:
                provider, call = await self._ready(candidate)
                if was_free and not candidate.health.is_free(self._clock()):
                    # Somebody else has begun to probe it meanwhile, or it has just failed them.
                    continue
                candidates.tried(candidate, self._clock())
                return await self._attempt(provider, call, candidate)
            except ProviderError as error:
                trouble = error
                candidates.failed(candidate, error, self._clock())
            except ApiError as error:
                refusal = refusal or error
                candidates.drop(candidate)
        raise trouble or refusal or nobody(route)

    async def _ready(self, candidate: Candidate) -> tuple[P, Call]:
        """Wait until the target may be asked. Raises `ApiError` when it cannot do what is wanted."""
        target = candidate.target
        call = Call(self._operation, target.model, self._body, self._upload, target.voices)
        provider = await self._around.provider(target, self._operation)
        if refusal := provider.refusal(call):
            raise refusal
        wait_s = candidate.ready_at_s - self._clock()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        return provider, call

    async def _attempt(self, provider: P, call: Call, candidate: Candidate) -> T:
        self._attempts += 1
        self._last = candidate.target
        self._asked[candidate.target.key] = candidate
        health = candidate.health
        trial = health.start(self._clock())
        try:
            return await self._ask(provider, call, health, trial)
        except ProviderError as error:
            if error.blameless:
                health.dropped(trial)
            else:
                health.failed(trial, self._clock(), error.trouble, error.retry_after_s)
            if error.trouble != "request":
                log.warning(
                    "attempt failed",
                    provider=candidate.target.provider,
                    model=candidate.target.model,
                    trouble=error.trouble,
                    reason=error.message,
                )
            raise
        except BaseException:
            health.dropped(trial)
            raise

    # ------------------------------------------------------------ what the client hears

    def _headers(self) -> dict[str, str]:
        headers = {"x-voice-attempts": str(self._attempts)}
        if self._last is not None:
            headers |= {
                "x-voice-provider": header(self._last.provider),
                "x-voice-model": header(self._last.model),
            }
        if self._fallback is not None:
            headers["x-voice-fallback"] = header(self._fallback)
        return headers

    def _told(self, error: ProviderError) -> ProviderError:
        """The error with its headers; a client that tried again would multiply our attempts."""
        error.headers |= self._headers() | {"x-should-retry": "false"}
        error.headers.pop("Retry-After", None)
        if error.trouble in MAY_PASS and (wait_s := self._until_recovery(error)):
            error.headers["Retry-After"] = str(math.ceil(wait_s))
        return error

    def _until_recovery(self, error: ProviderError) -> float | None:
        """When it is worth asking again, seen from now and not from when a server said so."""
        now_s = self._clock()
        recoveries = [each.health.recovers_at_s for each in self._asked.values()]
        soonest_s = min(recoveries, default=-math.inf) - now_s
        return soonest_s if soonest_s > 0 else sane_retry_after(error.retry_after_s)

    def _too_late(self) -> ProviderError:
        return ProviderError(
            f"No answer within {self._around.policy.deadline_s:g} s, in {self._attempts} attempts.",
            "timeout",
            status=504,
            kind="timeout_error",
            code="timeout",
        )


def nobody(route: Route) -> ApiError:
    return ApiError(
        f"Nobody could be asked for the model '{route.name}'.", status=503, kind="server_error"
    )


def header(text: str) -> str:
    """A name as the value of a header, which holds printable ASCII."""
    return quote(text, safe=" !#$%&'()*+,/:;<=>?@[]^`{|}~")
