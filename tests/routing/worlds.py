"""Routers over fake providers."""

from collections.abc import Mapping

from voice.engines.protocols import EngineError
from voice.engines.registry import Choice, EngineSet
from voice.providers.config import PROVIDER_KINDS, ProviderConfig
from voice.providers.fake import FakeProvider
from voice.providers.protocol import Operation, Provider
from voice.routing.candidates import RetryPolicy
from voice.routing.models_file import ModelsFile
from voice.routing.registry import Registry
from voice.routing.router import Router


class Engines:
    """A source of engines; `name` is that of the language model."""

    def __init__(self, name: str = "reader", failure: str = "") -> None:
        self.engines: EngineSet | None = None
        self.asked = 0
        self._failure = failure
        self._name = name

    async def warm(self) -> EngineSet:
        self.asked += 1
        if self._failure:
            raise EngineError(self._failure)
        self.engines = self.engines or engine_set(self._name)
        return self.engines


class Named:
    """Stands where a test asks an engine for nothing but its name."""

    def __init__(self, name: str) -> None:
        self.name = name


def engine_set(name: str) -> EngineSet:
    choices = (Choice("stt", "sphinx", "", ""), Choice("llm", name, "", ""))
    return EngineSet(Named("sphinx"), Named(name), Named("espeak"), choices, ())


def config(name: str, url: str = "http://gpu:8001/v1") -> ProviderConfig:
    return ProviderConfig(name, "openai", url)


def models(**tables: object) -> ModelsFile:
    return ModelsFile.model_validate({"models": tables})


def router(
    *fakes: FakeProvider,
    file: ModelsFile | None = None,
    engines: Engines | None = None,
    local: Mapping[str, Provider] | None = None,
    policy: RetryPolicy | None = None,
    chance: float = 0.0,
    **options: object,
) -> Router:
    """A router whose providers are the fakes, and whose chance is always the same."""
    by_name = {fake.name: fake for fake in fakes}
    registry = Registry([config(name) for name in by_name], file or ModelsFile(), **options)

    def engines_for(_engines: EngineSet, operation: Operation) -> Mapping[str, Provider]:
        return (local or {}) if operation != "embeddings" else {}

    return Router(
        registry,
        dict.fromkeys(PROVIDER_KINDS, lambda each: by_name[each.name]),
        engines_for,
        engines or Engines(),
        policy=policy or RetryPolicy(),
        random=lambda: chance,
    )


def chat(*, stream: bool = False) -> dict[str, object]:
    messages = [{"role": "user", "content": "Hi"}]
    return {"model": "m", "messages": messages, **({"stream": True} if stream else {})}
