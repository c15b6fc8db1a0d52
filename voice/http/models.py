"""`GET /v1/models`: what can be asked for by name."""

from litestar import Response, get
from litestar.datastructures import State
from litestar.params import FromPath

from voice.routing.registry import model_not_found
from voice.server import Server

OWNER = "inferno"


@get("/v1/models", sync_to_thread=False)
def list_models(state: State) -> dict[str, object]:
    return {"object": "list", "data": _models(state.server)}


@get("/v1/models/{model_id:path}", sync_to_thread=False)
def show_model(state: State, model_id: FromPath[str]) -> Response[object]:
    """One model; ids may hold slashes."""
    wanted = model_id.removeprefix("/")
    models = _models(state.server)
    for model in models:
        if model["id"] == wanted:
            return Response(model)
    raise model_not_found(wanted, [str(model["id"]) for model in models])


def _models(server: Server) -> list[dict[str, object]]:
    """What has a name here; OpenAI's names for it are accepted everywhere and not listed."""
    choices = server.engines.choices if server.engines else ()
    heard_and_spoken = [each.name for each in choices if each.kind in {"stt", "tts"}]
    names = dict.fromkeys([*server.router.models(), *heard_and_spoken])
    created = server.started_at
    return [
        {"id": name, "object": "model", "created": created, "owned_by": OWNER} for name in names
    ]
