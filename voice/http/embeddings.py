"""`POST /v1/embeddings`: texts as vectors, by an engine of this server or by a provider."""

from typing import Any

from litestar import Request, post
from litestar.datastructures import State
from litestar.types import ASGIApp

from voice.gateway.errors import ApiError
from voice.http.answering import Body, answering
from voice.http.body import json_body
from voice.http.embedding_types import EmbeddingRequest, check_limits
from voice.routing.router import Router
from voice.server import Server

MAX_BODY_BYTES = 16 * 2**20
"""More than the tokens of a request can fill."""

HINT = (
    " This server has no embedding model of its own: `voice pull minilm` fetches one, and "
    "ENGINES__EMBED chooses another."
)


@post("/v1/embeddings", status_code=200, request_max_body_size=MAX_BODY_BYTES)
async def embeddings(request: Request[Any, Any, Any], state: State) -> ASGIApp:
    """The vectors of texts or of arrays of tokens, in their order."""
    asked, fields = await json_body(request, EmbeddingRequest)
    server: Server = state.server
    router: Router = state.router
    check_limits(asked, server.settings.embeddings)

    async def work() -> Body:
        try:
            answered = await router.answer(asked.model, "embeddings", fields)
        except ApiError as error:
            if error.code == "model_not_found" and not (server.engines and server.engines.embed):
                error.message += HINT
            raise
        return Body(answered.value, headers=answered.headers)

    return answering(work)
