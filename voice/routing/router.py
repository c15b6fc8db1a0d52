"""Answers requests for models by name, by whichever target can."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from random import random

from voice.engines.names import AUTO, is_openai_name
from voice.engines.protocols import EngineError
from voice.gateway.errors import ApiError
from voice.providers.config import ProviderFactory
from voice.providers.kinds import ProviderKind
from voice.providers.protocol import Call, Operation, Provider, ProviderError
from voice.routing.candidates import RetryPolicy
from voice.routing.health import Health, Trial
from voice.routing.journey import Journey, Routed, Surroundings
from voice.routing.local import LocalEngines
from voice.routing.registry import Registry, is_openai, model_not_found
from voice.routing.relay import Relay
from voice.routing.targets import LOCAL, Route, Target

MANY_TARGETS = 10_000

STANDARD_POLICY = RetryPolicy()


class Router:
    """Knows the health of all targets; one serves all requests. Local engines are waited for only
    when a request needs one.
    """

    def __init__(
        self,
        registry: Registry,
        factories: Mapping[ProviderKind, ProviderFactory],
        local: LocalEngines,
        *,
        policy: RetryPolicy = STANDARD_POLICY,
        random: Callable[[], float] = random,
    ) -> None:
        self.registry = registry
        self._factories = factories
        self._local = local
        self._healths: dict[tuple[str, str], Health] = {}
        self._remote: dict[str, Provider] = {}
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
            try:
                provider = await self._provider(target, operation)
            except ProviderError:
                continue
            refusal = provider.refusal(Call(operation, target.model, body))
            if refusal is None:
                return None
            refusals.append(refusal)
        return refusals[0] if refusals else None

    def models(self) -> list[str]:
        """All names to list: models of the file, aliases, and engines once they are warm."""
        local = [name for name in self._local.names() if self.registry.allows(name)]
        return list(dict.fromkeys([*self.registry.names(), *local]))

    async def aclose(self) -> None:
        """Let go of all connections."""
        async with AsyncExitStack() as stack:
            for provider in self._remote.values():
                stack.push_async_callback(provider.aclose)
        self._remote.clear()

    # ------------------------------------------------------------ names

    async def _route(self, name: str, operation: Operation) -> Route:
        """Where a name leads. Raises `ApiError` for one that leads nowhere."""
        route = self.registry.find(name)
        if operation == "embeddings" and name in self._local.names():
            route = self._known(name, operation)
        if route is None and (name in {"", AUTO} or is_openai_name(name)):
            return await self._usual(name, operation)
        allowed = self.registry.allows(name)
        if route is None or not allowed or not await self._is_here(route, operation):
            raise model_not_found(name, self.models())
        return route

    async def _usual(self, name: str, operation: Operation) -> Route:
        """What this server answers with where OpenAI's name for a model was used."""
        usual = await self._usual_name(operation)
        route = self._known(usual, operation) if usual else None
        provider = self.registry.providers.get(route.targets[0].provider) if route else None
        is_of_openai = is_openai_name(name) and (
            route is None or (provider and is_openai(provider))
        )
        if is_of_openai:
            route = self.registry.at_openai(name)
        if route is None or not (self.registry.allows(name) or self.registry.allows(route.name)):
            raise model_not_found(name, self.models())
        return route

    async def _usual_name(self, operation: Operation) -> str | None:
        if operation != "embeddings" and self.registry.preferred:
            return self.registry.preferred
        with as_unavailable():
            return await self._local.usual(operation)

    def _known(self, name: str, operation: Operation) -> Route:
        """The route of an engine in use, whatever it is called."""
        mine = Route(name, (Target(LOCAL, name),))
        # A remote embedder may have a server of its own, beside the one that its name leads to.
        return mine if operation == "embeddings" else self.registry.find(name) or mine

    async def _is_here(self, route: Route, operation: Operation) -> bool:
        """Whether an engine that was asked for by its own name is one of this server's."""
        (target, *others) = route.targets
        if others or target.provider != LOCAL or route.name != target.model:
            return True
        with as_unavailable():
            return await self._local.find(target.model, operation) is not None

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
        with as_unavailable():
            engine = await self._local.find(target.model, operation)
        if engine is None:
            raise unavailable(f"The engine '{target.model}' is not one of this server's.")
        return engine

    def _remote_provider(self, name: str) -> Provider:
        if name not in self._remote:
            config = self.registry.providers[name]
            self._remote[name] = self._factories[config.kind](config)
        return self._remote[name]


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
    health.answering(trial)
    return Relay(first, blocks, health, trial, asyncio.get_running_loop().time)


def unavailable(message: str) -> ProviderError:
    return ProviderError(message, "unavailable", status=503, kind="server_error")


@contextmanager
def as_unavailable() -> Iterator[None]:
    """Say of engines that cannot be opened that they are not there for now."""
    try:
        yield
    except EngineError as error:
        raise unavailable(str(error)) from error
