"""`POST /v1/search`: passages of the user's documents for a question, and an answer from them."""

from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, Any

import msgspec
from litestar import Request, post
from litestar.datastructures import State
from litestar.types import ASGIApp
from msgspec import Meta

from voice.engines.protocols import Cited, LanguageModel, Message, Prompt, Source, TextDelta
from voice.gateway.errors import ApiError
from voice.http.answering import DONE, Body, Stream, answering
from voice.http.body import json_body
from voice.http.knowledge import library_of, not_found
from voice.http.rewriting import rewritten
from voice.http.session_engines import language_model
from voice.http.store_types import StoreSearchRequest, described_passage, ranking_of
from voice.routing.registry import model_not_found
from voice.search.filters import parse_filter
from voice.search.grounding import answer_from, within
from voice.search.records import FOLDERS_STORE, Passage
from voice.server import Server
from voice.streams import closing

Json = dict[str, object]

NOTHING_INDEXED = ApiError(
    "Nothing has been indexed yet: `voice index FOLDER` reads a folder of documents, and "
    "'vector_store_ids' names stores of uploaded files.",
    status=404,
    kind="not_found_error",
    code="nothing_indexed",
)


class SearchRequest(StoreSearchRequest, frozen=True):
    vector_store_ids: Annotated[tuple[str, ...], Meta(min_length=1, max_length=16)] = (
        FOLDERS_STORE,
    )
    answer: bool = False
    """Answer the question from what is found, and say from where."""
    model: str | None = None
    """Who answers; the server's own language model if nobody is named."""
    stream: bool = False


@post("/v1/search", status_code=200)
async def search(request: Request[Any, Any, Any], state: State) -> ASGIApp:
    """Search documents, those of `voice index` if no vector stores are named."""
    asked, _ = await json_body(request, SearchRequest)

    async def work() -> Body | Stream:
        queries, passages = await _found(state, asked)
        results = _results(queries, passages)
        if not asked.answer:
            return Stream(_listed(results)) if asked.stream else Body(msgspec.json.encode(results))
        model = await _model(state.server, asked.model)
        told = _Told(model.name, _answer(model, asked.queries, passages))
        if asked.stream:
            return Stream(_streamed(results, told))
        async with closing(told.deltas()) as deltas:
            async for _ in deltas:
                pass
        return Body(msgspec.json.encode(results | {"answer": told.whole()}))

    return answering(work, events=asked.stream)


async def _found(state: State, asked: SearchRequest) -> tuple[Sequence[str], list[Passage]]:
    filters = None if asked.filters is None else parse_filter(asked.filters)
    ranking = ranking_of(asked.ranking_options)
    library = await library_of(state)
    for store_id in asked.vector_store_ids:
        if await library.store(store_id) is None:
            raise _missing(store_id)
    queries = asked.queries
    if asked.rewrite_query:
        queries = await rewritten(state.server, queries)
    passages = await library.search(
        asked.vector_store_ids,
        queries,
        filters=filters,
        limit=asked.max_num_results,
        ranking=ranking,
    )
    return queries, passages


def _missing(store_id: str) -> ApiError:
    if store_id == FOLDERS_STORE:
        return NOTHING_INDEXED
    return not_found("vector store", store_id, "vector_store_ids")


def _results(queries: Sequence[str], passages: Sequence[Passage]) -> Json:
    return {
        "object": "search.results",
        "search_query": list(queries),
        "data": [described_passage(each) for each in passages],
    }


# ---------------------------------------------------------------- the answer


async def _model(server: Server, name: str | None) -> LanguageModel:
    engines = await server.warm()
    if name is None or name == engines.llm.name:
        return engines.llm
    model = await language_model(server, name)
    if model is None:
        raise model_not_found(name, server.router.models())
    return model


def _answer(
    model: LanguageModel, queries: Sequence[str], passages: Sequence[Passage]
) -> AsyncGenerator[object, None]:
    prompt = Prompt(messages=(Message(role="user", content=" ".join(queries)),))
    return answer_from(model, prompt, within(passages, model.context_tokens, queries))


class _Told:
    """An answer as it is told, and all of it in the end."""

    def __init__(self, model: str, pieces: AsyncGenerator[object, None]) -> None:
        self._model = model
        self._pieces = pieces
        self._words: list[str] = []
        self._sources: tuple[Source, ...] = ()

    async def deltas(self) -> AsyncGenerator[str, None]:
        async with closing(self._pieces) as pieces:
            async for piece in pieces:
                match piece:
                    case TextDelta(text=text):
                        self._words.append(text)
                        yield text
                    case Cited(sources=sources):
                        self._sources = sources

    def whole(self) -> Json:
        citations = [
            {"file_id": each.document_id, "filename": each.name, "quote": each.text}
            for each in self._sources
        ]
        return {"model": self._model, "text": "".join(self._words), "citations": citations}


async def _listed(results: Json) -> AsyncGenerator[bytes, None]:
    yield _event("search.results", results)
    yield DONE


async def _streamed(results: Json, told: _Told) -> AsyncGenerator[bytes, None]:
    """What was found, the answer piece by piece, and at last the whole of it with its sources."""
    yield _event("search.results", results)
    async with closing(told.deltas()) as deltas:
        async for delta in deltas:
            yield _event("search.answer.delta", {"delta": delta})
    yield _event("search.answer.done", {"answer": told.whole()})
    yield DONE


def _event(kind: str, fields: Json) -> bytes:
    return b"data: " + msgspec.json.encode({"type": kind, **fields}) + b"\n\n"
