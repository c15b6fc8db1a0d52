"""`GET /v1/models`: what can be asked for by name."""

from litestar import Response, get
from litestar.datastructures import State
from litestar.params import FromPath

from voice.routing.registry import model_not_found
from voice.routing.targets import LOCAL
from voice.server import Server

OWNER = "inferno"


@get("/v1/models", sync_to_thread=False)
def list_models(state: State) -> dict[str, object]:
    return {"object": "list", "data": _models(state.server)}


@get("/v1/models/{model_id:path}", sync_to_thread=False)
def show_model(state: State, model_id: FromPath[str]) -> Response[object]:
    """One model; ids may hold slashes."""
    wanted = model_id.removeprefix("/")
    server: Server = state.server
    models = _models(server)
    registry = server.router.registry
    for model in models:
        if model["id"] == wanted:
            return Response(model)
    route = registry.find(wanted)
    if route and registry.allows(wanted) and route.targets[0].provider != LOCAL:
        # Whether a provider has it, only the provider knows.
        return Response(_model(server, wanted))
    raise model_not_found(wanted, [str(model["id"]) for model in models])


def _models(server: Server) -> list[dict[str, object]]:
    """What has a name here; OpenAI's names for it are accepted everywhere and not listed."""
    choices = server.engines.choices if server.engines else ()
    heard_and_spoken = [each.name for each in choices if each.kind in {"stt", "tts"}]
    names = dict.fromkeys([*server.router.models(), *heard_and_spoken])
    return [_model(server, name) for name in names]


def _model(server: Server, name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": server.started_at, "owned_by": OWNER}
