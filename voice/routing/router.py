"""Answers requests for models by name, by whichever target can."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack
from random import random
from typing import Protocol

from voice.engines.names import AUTO, is_openai_name
from voice.engines.protocols import EngineError
from voice.engines.registry import EngineSet
from voice.gateway.errors import ApiError
from voice.providers.config import ProviderFactory, ProviderKind
from voice.providers.protocol import Call, Operation, Provider, ProviderError
from voice.routing.candidates import RetryPolicy
from voice.routing.health import Health, Trial
from voice.routing.journey import Journey, Routed, Surroundings
from voice.routing.registry import Registry, is_openai, model_not_found
from voice.routing.relay import Relay
from voice.routing.targets import LOCAL, Route, Target

LocalFactory = Callable[[EngineSet, Operation], Mapping[str, Provider]]
"""The engines of this server that do an operation, by their names, the usual one first."""

MANY_TARGETS = 10_000

STANDARD_POLICY = RetryPolicy()


class EngineSource(Protocol):
    """Where the engines of this server come from once they are warm."""

    @property
    def engines(self) -> EngineSet | None: ...

    async def warm(self) -> EngineSet:
        """Raises `EngineError`."""


class Router:
    """Knows the health of all targets; one serves all requests. Local engines are waited for only
    when a request needs one.
    """

    def __init__(
        self,
        registry: Registry,
        factories: Mapping[ProviderKind, ProviderFactory],
        local: LocalFactory,
        source: EngineSource,
        *,
        policy: RetryPolicy = STANDARD_POLICY,
        random: Callable[[], float] = random,
    ) -> None:
        self.registry = registry
        self._factories = factories
        self._local = local
        self._source = source
        self._healths: dict[tuple[str, str], Health] = {}
        self._remote: dict[str, Provider] = {}
        self._engines: dict[Operation, Mapping[str, Provider]] = {}
        self._around = Surroundings(policy, random, self._provider, self._health, registry.find)

    async def answer(
        self, model: str, operation: Operation, body: Mapping[str, object]
    ) -> Routed[bytes]:
        """The JSON of an answer. Raises `ApiError`."""
        journey = Journey(self._around, operation, body, _answer)
        return await journey.go(self._route(model, operation))

    async def stream(
        self, model: str, operation: Operation, body: Mapping[str, object]
    ) -> Routed[AsyncGenerator[bytes, None]]:
        """The events of an answer, the first of which is there; to be closed by whoever asked.

        Raises `ApiError`, the stream itself too: after its first block nothing is tried again.
        """
        journey = Journey(self._around, operation, body, _stream)
        return await journey.go(self._route(model, operation))

    async def refusal(
        self, model: str, operation: Operation, body: Mapping[str, object]
    ) -> ApiError | None:
        """Why none of a model's targets can do this, or None when one can. Raises `ApiError`."""
        refusals: list[ApiError] = []
        for target in (await self._route(model, operation)).targets:
            provider = await self._provider(target, operation)
            refusal = provider.refusal(Call(operation, target.model, body))
            if refusal is None:
                return None
            refusals.append(refusal)
        return refusals[0] if refusals else None

    def models(self) -> list[str]:
        """All names to list: models of the file, aliases, and engines once they are warm."""
        names = self.registry.names()
        engines = self._source.engines
        for choice in engines.choices if engines else ():
            # The list of what clients may ask for is one of language models.
            if choice.kind in {"stt", "tts"} or self.registry.allows(choice.name):
                names.append(choice.name)
        return list(dict.fromkeys(names))

    async def aclose(self) -> None:
        """Let go of all connections."""
        async with AsyncExitStack() as stack:
            for provider in self._remote.values():
                stack.push_async_callback(provider.aclose)
            for providers in self._engines.values():
                for provider in providers.values():
                    stack.push_async_callback(provider.aclose)
        self._remote.clear()
        self._engines.clear()

    # ------------------------------------------------------------ names

    async def _route(self, name: str, operation: Operation) -> Route:
        """Where a name leads. Raises `ApiError` for one that leads nowhere."""
        route = self.registry.find(name)
        if route is None and (name in {"", AUTO} or is_openai_name(name)):
            return await self._usual(name, operation)
        allowed = self.registry.allows(name)
        if route is None or not allowed or not await self._is_here(route, operation):
            raise model_not_found(name, self.models())
        return route

    async def _usual(self, name: str, operation: Operation) -> Route:
        """What this server answers with where OpenAI's name for a model was used."""
        usual = self.registry.preferred if operation != "embeddings" else None
        usual = usual or await self._usual_engine(operation)
        route = self.registry.find(usual) if usual else None
        provider = self.registry.providers.get(route.targets[0].provider) if route else None
        if name not in {"", AUTO} and ((provider and is_openai(provider)) or not usual):
            route = self.registry.at_openai(name)
        if route is None or not (self.registry.allows(name) or self.registry.allows(route.name)):
            raise model_not_found(name, self.models())
        return route

    async def _usual_engine(self, operation: Operation) -> str | None:
        if operation != "embeddings":
            return (await self._warm()).llm.name
        return next(iter(await self._here(operation)), None)

    async def _is_here(self, route: Route, operation: Operation) -> bool:
        """Whether an engine that was asked for by its own name is one of this server's."""
        (target, *others) = route.targets
        asked_for_itself = not others and target.provider == LOCAL and route.name == target.model
        return not asked_for_itself or target.model in await self._here(operation)

    # ------------------------------------------------------------ targets

    def _health(self, target: Target) -> Health:
        if target.key not in self._healths:
            if len(self._healths) >= MANY_TARGETS:
                # Clients may ask a provider for any name; what cools down is still remembered.
                now_s = asyncio.get_running_loop().time()
                self._healths = {k: h for k, h in self._healths.items() if not h.is_free(now_s)}
            self._healths[target.key] = Health()
        return self._healths[target.key]

    async def _provider(self, target: Target, operation: Operation) -> Provider:
        if target.provider != LOCAL:
            return self._remote_provider(target.provider)
        engines = await self._here(operation)
        if target.model not in engines:
            raise unavailable(f"The engine '{target.model}' is not among those of this server.")
        return engines[target.model]

    def _remote_provider(self, name: str) -> Provider:
        if name not in self._remote:
            config = self.registry.providers[name]
            self._remote[name] = self._factories[config.kind](config)
        return self._remote[name]

    async def _here(self, operation: Operation) -> Mapping[str, Provider]:
        """The engines of this server that do the operation."""
        engines = await self._warm()
        if operation not in self._engines:
            self._engines[operation] = self._local(engines, operation)
        return self._engines[operation]

    async def _warm(self) -> EngineSet:
        try:
            return await self._source.warm()
        except EngineError as error:
            raise unavailable(str(error)) from error


async def _answer(provider: Provider, call: Call, health: Health, trial: Trial) -> bytes:
    answer = await provider.answer(call)
    health.succeeded(trial)
    return answer


async def _stream(
    provider: Provider, call: Call, health: Health, trial: Trial
) -> AsyncGenerator[bytes, None]:
    blocks = provider.stream(call)
    try:
        first = await anext(blocks)
    except StopAsyncIteration:
        raise unavailable(f"{provider.name} sent an empty answer.") from None
    except BaseException:
        await blocks.aclose()
        raise
    health.answering(trial)
    return Relay(first, blocks, health, trial, asyncio.get_running_loop().time)


def unavailable(message: str) -> ProviderError:
    return ProviderError(message, "unavailable", status=503, kind="server_error")
