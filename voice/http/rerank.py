"""`POST /v1/rerank`: texts in the order in which they answer a question."""

from typing import Annotated, Any

import msgspec
from litestar import Request, post
from litestar.datastructures import State
from litestar.types import ASGIApp
from msgspec import Meta

from voice.gateway.errors import ApiError
from voice.http.answering import Body, answering
from voice.http.body import json_body
from voice.http.knowledge import library_of

MOST_DOCUMENTS = 1000
Text = Annotated[str, Meta(min_length=1)]


class RerankRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    query: Text
    documents: Annotated[tuple[Text, ...], Meta(min_length=1, max_length=MOST_DOCUMENTS)]
    model: str | None = None
    top_n: Annotated[int, Meta(ge=1)] | None = None
    return_documents: bool = False


@post("/v1/rerank", status_code=200)
async def rerank(request: Request[Any, Any, Any], state: State) -> ASGIApp:
    """Judge texts beside a question, by the reranker of this server."""
    asked, _ = await json_body(request, RerankRequest)
    reranker = (await library_of(state)).reranker
    if reranker is None or asked.model not in {None, reranker.name}:
        raise ApiError(
            "This server has no reranker; /v1/search orders passages by words and by meaning.",
            status=404,
            kind="not_found_error",
            code="model_not_found",
            param=asked.model and "model",
        )

    async def work() -> Body:
        scores = await reranker.rerank(asked.query, asked.documents)
        ranked = sorted(enumerate(scores), key=lambda each: -each[1])[: asked.top_n]
        results = [
            {"index": index, "relevance_score": score}
            | ({"document": {"text": asked.documents[index]}} if asked.return_documents else {})
            for index, score in ranked
        ]
        return Body(msgspec.json.encode({"model": reranker.name, "results": results}))

    return answering(work)
