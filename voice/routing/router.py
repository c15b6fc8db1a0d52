"""Answers requests for models by name, by whichever target can."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from random import random
from types import MappingProxyType
from typing import TypeVar

from voice.engines.names import AUTO, is_openai_name
from voice.engines.protocols import EngineError
from voice.gateway.errors import ApiError
from voice.providers.config import ProviderFactory
from voice.providers.kinds import ProviderKind
from voice.providers.protocol import (
    AudioProvider,
    Call,
    Operation,
    Provider,
    ProviderError,
    Refusing,
    Reply,
    Upload,
)
from voice.routing.candidates import RetryPolicy
from voice.routing.health import Health, Trial
from voice.routing.journey import Journey, Routed, Surroundings
from voice.routing.kinds import (
    AUDIO,
    OPENAI_NAMES,
    ModelKind,
    kind_of,
    named_kind,
    wrong_endpoint,
)
from voice.routing.local import LocalEngines
from voice.routing.registry import Registry, is_openai, model_not_found
from voice.routing.relay import Relay
from voice.routing.targets import LOCAL, Route, Target

MANY_TARGETS = 10_000

STANDARD_POLICY = RetryPolicy()
NOTHING: Mapping[ModelKind, Route] = MappingProxyType({})


class Router:
    """Knows the health of all targets; one serves all requests. Local engines are waited for only
    when a request needs one.
    """

    def __init__(
        self,
        registry: Registry,
        factories: Mapping[ProviderKind, ProviderFactory],
        local: LocalEngines[Provider],
        local_audio: LocalEngines[AudioProvider],
        *,
        usual: Mapping[ModelKind, Route] = NOTHING,
        policy: RetryPolicy = STANDARD_POLICY,
        random: Callable[[], float] = random,
    ) -> None:
        self.registry = registry
        self.usual = usual
        """Who answers where nobody said who, where that is not an engine of this server."""
        self._factories = factories
        self._local = local
        self._local_audio = local_audio
        self._healths: dict[tuple[str, str], Health] = {}
        self._remote: dict[str, Provider] = {}
        self._texts = Surroundings(policy, random, self._provider, self._health, registry.find)
        self._sounds = Surroundings(
            policy, random, self._audio_provider, self._health, registry.find
        )

    async def answer(
        self, model: str, operation: Operation, body: Mapping[str, object]
    ) -> Routed[bytes]:
        """The JSON of an answer. Raises `ApiError`."""
        journey = Journey(self._texts, operation, body, _answer)
        return await journey.go(self.route(model, operation))

    async def stream(
        self, model: str, operation: Operation, body: Mapping[str, object], *, own: bool = False
    ) -> Routed[AsyncGenerator[bytes, None]]:
        """The events of an answer, the first of which is there; to be closed by whoever asked.

        `own` are requests of this server's, which may ask its usual model whoever else may not.
        Raises `ApiError`, the stream itself too: after its first block nothing is tried again.
        """
        journey = Journey(self._texts, operation, body, _stream)
        return await journey.go(self.route(model, operation, own=own))

    async def reply(
        self,
        model: str,
        operation: Operation,
        body: Mapping[str, object],
        upload: Upload | None = None,
    ) -> Routed[Reply]:
        """Speech or a transcript, whose first block is there; its blocks are to be closed by whoever
        asked, and the file of the upload after them.

        Raises `ApiError`, the blocks too: after the first of them nothing is tried again.
        """
        journey = Journey(self._sounds, operation, body, _reply, upload)
        return await journey.go(self.route(model, operation))

    async def refusal(
        self, model: str, operation: Operation, body: Mapping[str, object]
    ) -> ApiError | None:
        """Why none of a model's targets can do this, or None when one can. Raises `ApiError`."""
        refusals: list[ApiError] = []
        for target in (await self.route(model, operation)).targets:
            try:
                provider = await self._provider(target, operation)
            except ProviderError:
                continue
            refusal = provider.refusal(Call(operation, target.model, body))
            if refusal is None:
                return None
            refusals.append(refusal)
        return refusals[0] if refusals else None

    def models(self, kind: ModelKind | None = None) -> list[str]:
        """All names to list, or those of a kind: models of the file, aliases, and engines for text
        once they are warm.
        """
        names = [name for name, does in self.registry.names().items() if kind in {does, None}]
        local = [name for name in self._local.names() if self.registry.allows(name)]
        return list(dict.fromkeys([*names, *local]))

    async def aclose(self) -> None:
        """Let go of all connections."""
        async with AsyncExitStack() as stack:
            for provider in self._remote.values():
                stack.push_async_callback(provider.aclose)
        self._remote.clear()

    # ------------------------------------------------------------ names

    async def route(self, name: str, operation: Operation, *, own: bool = False) -> Route:
        """Where a name leads. Raises `ApiError` for one that leads nowhere."""
        kind = kind_of(operation)
        usual = self.usual.get(kind)
        if usual and usual.name == name and (own or self._may_ask(name, usual)):
            return usual
        route = self.registry.find(name)
        if kind == "embedding" and name in self._local.names():
            route = self._known(name, kind)
        if route is None and (name in {"", AUTO} or is_openai_name(name)):
            return await self._usual(name, operation)
        does = route.kind if route else None
        if does is None and kind in AUDIO:
            # Of a model of the file that is for text; any other is taken at its client's word.
            does = self.registry.names().get(name)
        if does not in {kind, None}:
            raise wrong_endpoint(name, does)
        if route is None or not self._may_ask(name, route):
            raise self._not_found(name, kind)
        if not await self._is_here(route, operation):
            raise self._not_found(name, kind)
        return route

    async def _usual(self, name: str, operation: Operation) -> Route:
        """What this server answers with where OpenAI's name for a model was used."""
        kind, named = kind_of(operation), named_kind(name)
        if named not in {kind, "chat", None} or (named == "chat" and kind in AUDIO):
            raise wrong_endpoint(name, named or "chat")
        route = self.usual.get(kind)
        if route is None:
            with as_unavailable():
                usual = await self._engines(kind).usual(operation)
            route = self._known(usual, kind) if usual else None
        provider = self.registry.providers.get(route.targets[0].provider) if route else None
        is_of_openai = named and (route is None or (provider and is_openai(provider)))
        if is_of_openai:
            route = self.registry.at_openai(name)
        if route is None or not (self.registry.allows(name) or self._may_ask(route.name, route)):
            raise self._not_found(name, kind)
        return route

    def _known(self, name: str, kind: ModelKind) -> Route:
        """The route of an engine in use, whatever it is called."""
        mine = Route(name, (Target(LOCAL, name),), kind=kind)
        # A remote embedder may have a server of its own, beside the one that its name leads to.
        return self.registry.find(name) or mine if kind == "chat" else mine

    def _may_ask(self, name: str, route: Route) -> bool:
        """Whether clients may have a model; one that is there to listen or speak is for everybody."""
        return route.kind in AUDIO or self.registry.allows(name)

    def _engines(self, kind: ModelKind) -> LocalEngines[Refusing]:
        return self._local_audio if kind in AUDIO else self._local

    async def _is_here(self, route: Route, operation: Operation) -> bool:
        """Whether an engine that was asked for by its own name is one of this server's."""
        (target, *others) = route.targets
        if others or target.provider != LOCAL or route.name != target.model:
            return True
        with as_unavailable():
            found = await self._engines(kind_of(operation)).find(target.model, operation)
        return found is not None

    def _not_found(self, name: str, kind: ModelKind) -> ApiError:
        names = self._engines(kind).names()
        return model_not_found(name, [*self.models(), *names, *OPENAI_NAMES.get(kind, ())])

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
        return await _here(self._local, target, operation)

    async def _audio_provider(self, target: Target, operation: Operation) -> AudioProvider:
        if target.provider == LOCAL:
            return await _here(self._local_audio, target, operation)
        provider = self._remote_provider(target.provider)
        if not isinstance(provider, AudioProvider):
            raise ApiError(
                f"The models of '{target.provider}' neither listen nor speak.", param="model"
            )
        return provider

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


async def _reply(provider: AudioProvider, call: Call, health: Health, trial: Trial) -> Reply:
    first, reply = await provider.reply(call)
    health.answering(trial)
    clock = asyncio.get_running_loop().time
    return replace(reply, blocks=Relay(first, reply.blocks, health, trial, clock))


P = TypeVar("P", bound=Refusing)


async def _here(engines: LocalEngines[P], target: Target, operation: Operation) -> P:
    with as_unavailable():
        engine = await engines.find(target.model, operation)
    if engine is None:
        raise unavailable(f"The engine '{target.model}' is not one of this server's.")
    return engine


def unavailable(message: str) -> ProviderError:
    return ProviderError(message, "unavailable", status=503, kind="server_error")


@contextmanager
def as_unavailable() -> Iterator[None]:
    """Say of engines that cannot be opened that they are not there for now."""
    try:
        yield
    except EngineError as error:
        raise unavailable(str(error)) from error
