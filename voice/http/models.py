"""`GET /v1/models`: what can be asked for by name, and what each of it does."""

from typing import Protocol

from litestar import Response, get
from litestar.datastructures import State
from litestar.params import FromPath

from voice.routing.kinds import AUDIO, ModelKind
from voice.routing.registry import model_not_found
from voice.routing.targets import LOCAL
from voice.server import Server

OWNER = "inferno"


class Named(Protocol):
    name: str


@get("/v1/models", sync_to_thread=False)
def list_models(state: State) -> dict[str, object]:
    server: Server = state.server
    kinds = _kinds(server)
    return {"object": "list", "data": [_model(server, *each) for each in kinds.items()]}


@get("/v1/models/{model_id:path}", sync_to_thread=False)
def show_model(state: State, model_id: FromPath[str]) -> Response[object]:
    """One model; ids may hold slashes."""
    wanted = model_id.removeprefix("/")
    server: Server = state.server
    kinds, registry = _kinds(server), server.router.registry
    if wanted in kinds:
        return Response(_model(server, wanted, kinds[wanted]))
    route = registry.find(wanted)
    if route and registry.allows(wanted) and route.targets[0].provider != LOCAL:
        # Whether a provider has it, and what it does, only the provider knows.
        return Response(_model(server, wanted, route.kind))
    raise model_not_found(wanted, list(kinds))


def _kinds(server: Server) -> dict[str, ModelKind]:
    """What has a name here; OpenAI's names for it are accepted everywhere and not listed."""
    registry, engines = server.router.registry, server.engines
    kinds = registry.names()
    if engines is None:
        return kinds
    mine: dict[ModelKind, Named | None] = {
        "chat": engines.llm,
        "embedding": engines.embed,
        "transcription": engines.stt,
        "speech": engines.tts,
    }
    for kind, engine in mine.items():
        if engine and (kind in AUDIO or registry.allows(engine.name)):
            kinds.setdefault(engine.name, kind)
    return kinds


def _model(server: Server, name: str, kind: ModelKind | None) -> dict[str, object]:
    model = {"id": name, "object": "model", "created": server.started_at, "owned_by": OWNER}
    return model | ({"kind": kind} if kind else {})
