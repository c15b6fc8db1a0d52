"""The engine that a command works with: of this machine, of a provider, or of a running server."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

from voice.config import Settings
from voice.engines.registry import Engine, open_engine
from voice.providers.config import ProviderConfig
from voice.routing.kinds import ROLES, ModelKind
from voice.routing.serving import routed_engine, router_to, router_without_engines

USUAL: dict[ModelKind, str] = {"transcription": "whisper-1", "speech": "tts-1"}
"""What a server is asked for where no model was named: it stands for the server's own."""


def server_at(url: str, key: str | None, timeout_s: float) -> ProviderConfig:
    """A running server by its address, with or without the version."""
    base_url = url.rstrip("/")
    base_url += "" if base_url.endswith("/v1") else "/v1"
    return ProviderConfig(f"the server at {url}", "openai", base_url, key or "", timeout_s)


@asynccontextmanager
async def opened(
    settings: Settings, kind: ModelKind, name: str | None, server: ProviderConfig | None
) -> AsyncIterator[Engine]:
    """The engine of this name, or of the settings; that of a server, if one is given.

    Raises `EngineError`, and `ValueError` for an address that cannot be one.
    """
    if server is not None:
        async with aclosing(router_to(server, kind, name or USUAL[kind])) as router:
            yield routed_engine(router, kind, router.usual[kind], settings)
        return
    if name is not None:
        engines = settings.engines.model_copy(update={ROLES[kind]: name})
        settings = settings.model_copy(update={"engines": engines})
    async with aclosing(router_without_engines(settings)) as router:
        if route := router.usual.get(kind):
            yield routed_engine(router, kind, route, settings)
            return
    async with open_engine(settings, ROLES[kind], getattr(settings.engines, ROLES[kind])) as engine:
        yield engine
