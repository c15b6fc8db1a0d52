"""`GET /v1/models`: what can be asked for by name."""

from litestar import Response, get
from litestar.datastructures import State
from litestar.params import FromPath

from voice.engines.names import NONE
from voice.gateway.errors import error_body
from voice.server import Server

OWNER = "inferno"


@get("/v1/models", sync_to_thread=False)
def list_models(state: State) -> dict[str, object]:
    return {"object": "list", "data": _models(state.server)}


@get("/v1/models/{model_id:path}", sync_to_thread=False)
def show_model(state: State, model_id: FromPath[str]) -> Response[object]:
    """One model; ids may hold slashes."""
    wanted = model_id.removeprefix("/")
    for model in _models(state.server):
        if model["id"] == wanted:
            return Response(model)
    body = error_body(
        f"The model '{wanted}' does not exist.",
        "invalid_request_error",
        code="model_not_found",
        param="model",
    )
    return Response(body, status_code=404, media_type="application/json")


def _models(server: Server) -> list[dict[str, object]]:
    """The engines in use; OpenAI's names for them are accepted everywhere and not listed."""
    if server.engines is None:
        return []
    created = server.started_at
    return [
        {"id": choice.name, "object": "model", "created": created, "owned_by": OWNER}
        for choice in server.engines.choices
        if choice.name != NONE
    ]
