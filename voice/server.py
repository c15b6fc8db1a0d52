"""What a running server holds: its settings, its engines once they are warm, its conversations."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from functools import partial
from time import monotonic, time
from typing import Any

import structlog

from voice.config import Settings
from voice.engines.protocols import (
    Embedder,
    EngineError,
    LanguageModel,
    SpeechToText,
    TextToSpeech,
)
from voice.engines.registry import EngineSet, open_engines
from voice.engines.spares import Spares
from voice.gateway.secrets import ClientSecrets
from voice.http.spoken_answer import SpokenAnswers
from voice.routing.kinds import ROLES, ModelKind
from voice.routing.serving import conversing, router_of
from voice.rtc.calls import Calls
from voice.search.following import keep_indexed
from voice.search.knowledge import Keep, Knowledge
from voice.session.resume import ResumableSessions

log = structlog.get_logger()

EngineOpener = Callable[[Settings], AbstractAsyncContextManager[EngineSet]]


class Server:
    """Opens the engines in the background, so that health can be asked from the first moment."""

    def __init__(self, settings: Settings, open_engines: EngineOpener | None = None) -> None:
        self.settings = settings
        self._open_engines = open_engines
        self.started_at = int(time())
        """In seconds of the epoch."""
        self.started_s = monotonic()
        self.engines: EngineSet | None = None
        self.other_ears: Spares[SpeechToText] = Spares(settings, "stt")
        self.other_voices: Spares[TextToSpeech] = Spares(settings, "tts")
        self.other_models: Spares[LanguageModel] = Spares(settings, "llm")
        self.router = router_of(settings, self)
        self.spoken_answers = SpokenAnswers()
        self.secrets = ClientSecrets()
        self.calls = Calls()
        self.knowledge = Knowledge(settings.search.location, self._embedder, _followed(settings))
        self.resumable = ResumableSessions()
        self.failure: str | None = None
        self.sessions = 0
        self.on_failure: Callable[[str], None] = lambda _: None
        self._warm = asyncio.Event()
        self._closing = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Host the engines while the block runs."""
        async with (
            self.other_ears.running(),
            self.other_voices.running(),
            self.other_models.running(),
            aclosing(self.router),
            self.knowledge.running(),
            asyncio.TaskGroup() as group,
        ):
            group.create_task(self._host())
            try:
                async with self.calls.running():
                    yield
            finally:
                self._closing.set()

    async def warm(self) -> EngineSet:
        """The engines, once they can be used.

        Raises:
            EngineError: they cannot be opened.
        """
        await self._warm.wait()
        if self.engines is None:
            raise EngineError(self.failure or "the server is shutting down")
        return self.engines

    async def _embedder(self) -> Embedder | None:
        await self._warm.wait()
        return self.engines.embed if self.engines else None

    async def until_warm(self) -> None:
        """Wait until the engines are ready or have failed."""
        await self._warm.wait()

    def opening(self) -> AbstractAsyncContextManager[EngineSet]:
        """The engines of conversations, while the block runs. Raises `EngineError`."""
        if self._open_engines is not None:
            return self._open_engines(self.settings)
        return open_engines(self.settings, conversing(self.router, self.settings))

    async def _host(self) -> None:
        try:
            async with self.opening() as engines:
                await self._open_others(engines)
                self.engines = engines
                for choice in engines.choices:
                    log.info(
                        "engine",
                        kind=choice.kind,
                        name=choice.name,
                        reason=choice.reason,
                        better=choice.hint or None,
                    )
                _spare_what_stays()
                self._warm.set()
                await self._closing.wait()
        except EngineError as error:
            self.failure = str(error)
            log.critical("engines failed to open", reason=self.failure)
            self.on_failure(self.failure)
        finally:
            self.engines = None
            self._warm.set()

    async def _open_others(self, engines: EngineSet) -> None:
        """Start the engines that models of the file count on. Raises `EngineError`."""
        used = {(each.kind, each.name) for each in engines.choices}
        others: dict[ModelKind, Spares[Any]] = {
            "chat": self.other_models,
            "transcription": self.other_ears,
            "speech": self.other_voices,
        }
        for kind, spares in others.items():
            for name in self.router.registry.local_models(kind):
                if (ROLES[kind], name) not in used:
                    await spares.get(name)


def _followed(settings: Settings) -> Keep | None:
    """What keeps the user's folder of documents indexed, where there is one."""
    if settings.documents is None:
        return None
    return partial(keep_indexed, folder=settings.documents.resolve(), settings=settings.search)


def _spare_what_stays() -> None:
    """Take what is loaded by now out of garbage collection.

    To walk all modules takes tens of milliseconds, in which no call is served; and only with them
    out of the count is the garbage of a few ended calls enough to be collected.
    """
    gc.collect()
    gc.freeze()
