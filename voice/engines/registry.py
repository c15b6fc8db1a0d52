"""The engines of a server: chosen by name or by what is present, started, and watched.

`auto` goes from the best kind to the embedded one and takes the first that can be had and starts.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import cast

from voice.config import Settings
from voice.engines.child import WorkerSpec
from voice.engines.host import Statistics, Worker
from voice.engines.hosted import HostedLanguageModel, HostedSpeechToText, HostedTextToSpeech
from voice.engines.hosted_embedder import HostedEmbedder
from voice.engines.names import AUTO, ROLES, EngineName, Role, parse_name, resolve_alias
from voice.engines.protocols import (
    Embedder,
    EngineError,
    LanguageModel,
    SpeechToText,
    TextToSpeech,
)
from voice.engines.recipes import AbsentError, Recipe, Recipes
from voice.engines.wire import Facts

# From the best to the one that is always there; `fake` is never taken unasked.
PREFERENCE: dict[Role, tuple[str, ...]] = {
    "stt": ("whisper", "sphinx"),
    "llm": ("llama", "reader"),
    "tts": ("kokoro", "espeak"),
    # The server of a language model need not know of embeddings.
    "embed": ("minilm", "none"),
}

Engine = SpeechToText | LanguageModel | TextToSpeech | Embedder | None
"""None stands for doing without, which one can of embeddings only."""

HOSTED: dict[Role, Callable[[Worker, Facts], Engine]] = {
    "stt": HostedSpeechToText,
    "llm": HostedLanguageModel,
    "tts": HostedTextToSpeech,
    "embed": HostedEmbedder,
}


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine that was taken: why, and what would get a better one (empty when nothing)."""

    kind: Role
    name: str
    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class EngineSet:
    """The engines of a running server."""

    stt: SpeechToText
    llm: LanguageModel
    tts: TextToSpeech
    choices: tuple[Choice, ...]
    workers: tuple[Worker, ...]
    embed: Embedder | None = None

    def healthy(self) -> bool:
        """Whether every worker is up."""
        return all(worker.is_ready for worker in self.workers)

    def busy(self) -> bool:
        """Whether work waits for an engine, so that none should be made that may be thrown away."""
        return any(worker.is_busy for worker in self.workers)

    def statistics(self) -> list[Statistics]:
        return [worker.statistics() for worker in self.workers]

    def resolve(self, role: Role, name: str) -> str:
        """The engine that a client means: OpenAI's names mean the one of this server."""
        return resolve_alias(name, next(each.name for each in self.choices if each.kind == role))


Given = Mapping[Role, tuple[Choice, Engine]]
"""Engines that need no start, and what is said of them."""

NONE_GIVEN: Given = MappingProxyType({})


@asynccontextmanager
async def open_engines(settings: Settings, given: Given = NONE_GIVEN) -> AsyncIterator[EngineSet]:
    """Start the engines that the settings ask for, and stop them in the end; those that are given
    take the place of theirs.

    Raises `EngineError` when an engine that was asked for by name cannot be had or does not start.
    """
    recipes = Recipes(settings)
    async with AsyncExitStack() as stack:
        # All begin to load before the first is waited for.
        searches: dict[Role, Search] = {}
        for role in ROLES:
            if role not in given:
                searches[role] = Search(role, getattr(settings.engines, role), recipes)
                stack.push_async_callback(searches[role].close)
                await searches[role].begin()
        engines = {role: await search.finish() for role, search in searches.items()}
        choices = {role: search.choice for role, search in searches.items()}
        for role, (choice, engine) in given.items():
            choices[role], engines[role] = choice, engine
        yield EngineSet(
            cast("SpeechToText", engines["stt"]),
            cast("LanguageModel", engines["llm"]),
            cast("TextToSpeech", engines["tts"]),
            tuple(choices[role] for role in ROLES),
            tuple(search.worker for search in searches.values() if search.worker),
            cast("Embedder | None", engines["embed"]),
        )


@asynccontextmanager
async def open_engine(settings: Settings, role: Role, name: str) -> AsyncIterator[Engine]:
    """Start one engine, and stop it in the end.

    Raises `EngineError` when it cannot be had or does not start.
    """
    search = Search(role, name, Recipes(settings))
    try:
        await search.begin()
        yield await search.finish()
    finally:
        await search.close()


def preview(settings: Settings, role: Role) -> Choice:
    """What would be taken if it starts. Raises `EngineError` as `open_engines` does."""
    search = Search(role, getattr(settings.engines, role), Recipes(settings))
    search.pick()
    return search.choice


class Search:
    """The way to one engine, over those that cannot be had."""

    def __init__(self, role: Role, wanted: str, recipes: Recipes) -> None:
        self._role = role
        self._recipes = recipes
        self._name = named(role, wanted)
        self._candidates = self._find()
        self._troubles: list[EngineError] = []
        self._running = AsyncExitStack()
        self._recipe: Recipe
        self.worker: Worker | None = None

    @property
    def choice(self) -> Choice:
        hint = ""
        if self._troubles:
            nearest = self._troubles[-1]
            hint = nearest.remedy if isinstance(nearest, AbsentError) else str(nearest)
        return Choice(self._role, self._recipe.name, self._recipe.reason, hint)

    def pick(self) -> None:
        """Go on to the next engine that can be had."""
        self._recipe = next(self._candidates)
        self.worker = None

    async def begin(self) -> None:
        """Start the next engine that can be had."""
        self.pick()
        if isinstance(self._recipe.make, WorkerSpec):
            self.worker = await self._running.enter_async_context(Worker(self._recipe.make))

    async def finish(self) -> Engine:
        """Wait for it, and for the next if it does not start."""
        while True:
            try:
                return await self._engine()
            except EngineError as error:
                if self._name.kind != AUTO:
                    raise
                self._troubles.append(error)
                await self._running.aclose()
                await self.begin()

    async def close(self) -> None:
        await self._running.aclose()

    async def _engine(self) -> Engine:
        if not isinstance(self._recipe.make, WorkerSpec):
            engine = self._recipe.make()
            if aclose := getattr(engine, "aclose", None):
                self._running.push_async_callback(aclose)
            return engine
        assert self.worker  # noqa: S101 - it was started with the recipe
        facts = await self.worker.ready()
        return HOSTED[self._role](self.worker, facts)

    def _find(self) -> Iterator[Recipe]:
        """The engines that can be had, best first. Raises the last reason when there is none."""
        if self._name.kind != AUTO:
            yield self._recipes.find(self._role, self._name)
            return
        for kind in PREFERENCE[self._role]:
            try:
                yield self._recipes.find(self._role, EngineName(kind))
            except AbsentError as error:
                self._troubles.append(error)
        raise self._troubles[-1]


def named(role: Role, text: str) -> EngineName:
    try:
        return parse_name(role, text)
    except ValueError as error:
        raise EngineError(str(error)) from error
