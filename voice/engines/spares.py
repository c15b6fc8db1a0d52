"""Engines beside those of the conversations: started when first asked for, and kept."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Generic, TypeVar, cast

import structlog

from voice.config import Settings
from voice.engines.names import KINDS, EngineName, Role
from voice.engines.protocols import EngineError
from voice.engines.recipes import AbsentError, Recipes
from voice.engines.registry import open_engine

E = TypeVar("E")

log = structlog.get_logger()


class Spares(Generic[E]):
    """The engines of one role that are installed; they run while the block of `running` does.

    `E` is the protocol of the role.
    """

    def __init__(self, settings: Settings, role: Role) -> None:
        self._settings = settings
        self._role = role
        self._guests: dict[str, _Guest[E]] = {}
        self._closing = asyncio.Event()
        self._group: asyncio.TaskGroup

    def names(self) -> list[str]:
        """What could be started now, of each kind the usual one."""
        recipes = Recipes(self._settings)
        names = []
        for kind in KINDS[self._role]:
            try:
                names.append(recipes.find(self._role, EngineName(kind)).name)
            except AbsentError:
                continue
        return [name for name in names if name != "fake"]

    def started(self) -> list[E]:
        """Those that run."""
        return [guest.engine for guest in self._guests.values() if guest.engine is not None]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as self._group:
            try:
                yield
            finally:
                self._closing.set()

    async def get(self, name: str) -> E:
        """The engine of this name, once it is ready. Raises `EngineError`."""
        guest = self._guests.get(name)
        if guest is None:
            guest = self._guests[name] = _Guest[E]()
            self._group.create_task(self._host(name, guest))
        await guest.settled.wait()
        if guest.engine is None:
            raise EngineError(guest.failure)
        return guest.engine

    async def _host(self, name: str, guest: "_Guest[E]") -> None:
        try:
            async with open_engine(self._settings, self._role, name) as engine:
                guest.engine = cast("E", engine)
                guest.settled.set()
                await self._closing.wait()
        except (EngineError, ValueError) as error:
            guest.failure = str(error)
        except Exception as error:
            log.exception("engine failed to open", name=name)
            guest.failure = f"{name} cannot be opened: {error}"
        finally:
            guest.engine = None
            # The next who asks may have more luck.
            del self._guests[name]
            guest.settled.set()


class _Guest(Generic[E]):
    """An engine, or why there is none."""

    def __init__(self) -> None:
        self.settled = asyncio.Event()
        self.engine: E | None = None
        self.failure = "the server is shutting down"
