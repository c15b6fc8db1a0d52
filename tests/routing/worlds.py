"""Routers over fake providers."""

from collections.abc import Mapping
from types import MappingProxyType

from voice.engines.protocols import EngineError
from voice.providers.config import ProviderConfig
from voice.providers.fake import FakeProvider
from voice.providers.kinds import PROVIDER_KINDS
from voice.providers.protocol import AudioProvider, Operation, Provider
from voice.routing.candidates import RetryPolicy
from voice.routing.kinds import ModelKind
from voice.routing.local import LocalEngines, NoEngines
from voice.routing.models_file import ModelsFile
from voice.routing.registry import Registry
from voice.routing.router import Router


class Engines:
    """Engines of one server, all behind fakes; the first one is the usual one."""

    def __init__(self, *fakes: tuple[str, FakeProvider], failure: str = "") -> None:
        self._fakes = dict(fakes)
        self._failure = failure
        self.asked = 0
        """How often they were waited for."""

    def names(self) -> list[str]:
        return list(self._fakes) if self.asked else []

    async def usual(self, operation: Operation) -> str | None:
        await self._warm()
        return next(iter(self._fakes), None)

    async def find(self, name: str, operation: Operation) -> Provider | None:
        await self._warm()
        return self._fakes.get(name)

    async def _warm(self) -> None:
        self.asked += 1
        if self._failure:
            raise EngineError(self._failure)


def config(name: str, url: str = "http://gpu:8001/v1") -> ProviderConfig:
    return ProviderConfig(name, "openai", url)


def models(**tables: object) -> ModelsFile:
    return ModelsFile.model_validate({"models": tables})


def router(
    *fakes: FakeProvider,
    file: ModelsFile | None = None,
    engines: Engines | None = None,
    audio: LocalEngines[AudioProvider] | None = None,
    usual: Mapping[ModelKind, str] = MappingProxyType({}),
    policy: RetryPolicy | None = None,
    chance: float = 0.0,
    **options: object,
) -> Router:
    """A router whose providers are the fakes, and whose chance is always the same."""
    by_name = {fake.name: fake for fake in fakes}
    registry = Registry([config(name) for name in by_name], file or ModelsFile(), **options)

    return Router(
        registry,
        dict.fromkeys(PROVIDER_KINDS, lambda each: by_name[each.name]),
        engines or Engines(),
        audio or NoEngines(),
        usual={kind: route for kind, name in usual.items() if (route := registry.find(name))},
        policy=policy or RetryPolicy(),
        random=lambda: chance,
    )


def chat(*, stream: bool = False) -> dict[str, object]:
    messages = [{"role": "user", "content": "Hi"}]
    return {"model": "m", "messages": messages, **({"stream": True} if stream else {})}
