"""The engines of this server as targets."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol, TypeVar

from voice.engines.protocols import Embedder, LanguageModel
from voice.engines.registry import EngineSet
from voice.providers.protocol import Operation, Provider, Refusing

P_co = TypeVar("P_co", bound=Refusing, covariant=True)


class LocalEngines(Protocol[P_co]):
    """What the router asks of the engines of this server; `P_co` is what they answer as."""

    def names(self) -> list[str]:
        """Those known by now, to be listed."""

    async def usual(self, operation: Operation) -> str | None:
        """Who does the operation where nobody said who; None where nobody can.

        Raises `EngineError`.
        """

    async def find(self, name: str, operation: Operation) -> P_co | None:
        """The engine of this name; None for one that is not here. Raises `EngineError`."""


class EngineSource(Protocol):
    """Has the engines of conversations, once they are warm."""

    @property
    def engines(self) -> EngineSet | None: ...

    async def warm(self) -> EngineSet:
        """Raises `EngineError`."""


class NoEngines:
    """For a router that has none."""

    def names(self) -> list[str]:
        return []

    async def usual(self, _operation: Operation) -> None:
        return None

    async def find(self, _name: str, _operation: Operation) -> None:
        return None


class ServerEngines:
    """The engines of conversations, and beside them the language models that were configured."""

    def __init__(
        self,
        source: EngineSource,
        chat: Callable[[LanguageModel], Provider],
        embeddings: Callable[[Embedder], Provider],
        *,
        others: Iterable[str] = (),
        open_other: Callable[[str], Awaitable[LanguageModel]],
    ) -> None:
        self._source = source
        self._chat = chat
        self._embeddings = embeddings
        self._others = frozenset(others)
        self._open_other = open_other

    def names(self) -> list[str]:
        engines = self._source.engines
        if engines is None:
            return []
        embedders = [engines.embed.name] if engines.embed else []
        return [engines.llm.name, *embedders]

    async def usual(self, operation: Operation) -> str | None:
        engines = await self._source.warm()
        if operation == "embeddings":
            return engines.embed.name if engines.embed else None
        return engines.llm.name

    async def find(self, name: str, operation: Operation) -> Provider | None:
        engines = await self._source.warm()
        if operation == "embeddings":
            found = engines.embed is not None and engines.embed.name == name
            return self._embeddings(engines.embed) if engines.embed and found else None
        if engines.llm.name == name:
            return self._chat(engines.llm)
        return self._chat(await self._open_other(name)) if name in self._others else None
