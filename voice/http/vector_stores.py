"""`/v1/vector_stores`: named sets of documents, made, listed, changed, searched and deleted."""

from time import time
from typing import Any

import msgspec
from litestar import Request, delete, get, post
from litestar.datastructures import State
from litestar.params import FromPath
from litestar.types import ASGIApp

from voice.gateway.errors import ApiError
from voice.http.answering import Body, answering
from voice.http.body import json_body
from voice.http.knowledge import (
    check_metadata,
    file_of,
    intake_of,
    library_of,
    list_body,
    living_store_of,
    not_found,
    page_query,
    store_of,
)
from voice.http.rewriting import rewritten
from voice.http.store_files import document_of
from voice.http.store_types import (
    StoreFileRequest,
    StoreRequest,
    StoreSearchRequest,
    StoreUpdate,
    described_passage,
    described_store,
    ranking_of,
    rules_of,
)
from voice.search.filters import parse_filter
from voice.search.library import Library, new_id
from voice.search.records import FOLDERS_STORE, VectorStore

USUAL_STORES = 20


@post("/v1/vector_stores", status_code=200)
async def create_store(request: Request[Any, Any, Any], state: State) -> dict[str, object]:
    """Make a vector store, with files if some are named."""
    asked, _ = await json_body(request, StoreRequest)
    check_metadata(asked.metadata, "metadata")
    rules_of(asked.chunking_strategy)
    files = [await file_of(state, file_id) for file_id in dict.fromkeys(asked.file_ids)]
    now = int(time())
    store = VectorStore(
        id=new_id("vs_"),
        name=asked.name or "",
        description=asked.description or "",
        metadata=asked.metadata or {},
        created_at=now,
        last_active_at=now,
        expires_after_days=asked.expires_after.days if asked.expires_after else None,
    )
    wanted = [
        StoreFileRequest(file_id=file.id, chunking_strategy=asked.chunking_strategy)
        for file in files
    ]
    documents = [document_of(store.id, *each) for each in zip(files, wanted, strict=True)]
    await (await intake_of(state)).add(*documents, store=store)
    return await _described(await library_of(state), store)


@get("/v1/vector_stores")
async def list_stores(request: Request[Any, Any, Any], state: State) -> dict[str, object]:
    """The vector stores, the newest first."""
    library = await library_of(state)

    async def describe(store: VectorStore) -> dict[str, object]:
        return await _described(library, store)

    return await list_body(page_query(request), USUAL_STORES, library.stores, describe)


@get("/v1/vector_stores/{store_id:str}")
async def show_store(state: State, store_id: FromPath[str]) -> dict[str, object]:
    """What is known of a vector store."""
    return await _described(await library_of(state), await store_of(state, store_id))


@post("/v1/vector_stores/{store_id:str}", status_code=200)
async def update_store(
    request: Request[Any, Any, Any], state: State, store_id: FromPath[str]
) -> dict[str, object]:
    """Change what describes a vector store; what is not named stays as it is."""
    await living_store_of(state, store_id)
    asked, _ = await json_body(request, StoreUpdate)
    changes: dict[str, Any] = {}
    if asked.name is not msgspec.UNSET:
        changes["name"] = asked.name or ""
    if asked.metadata is not msgspec.UNSET:
        check_metadata(asked.metadata, "metadata")
        changes["metadata"] = asked.metadata or {}
    if asked.expires_after is not msgspec.UNSET:
        expiry = asked.expires_after
        _check_may_go(store_id, "expires_after")
        changes["expires_after_days"] = expiry.days if expiry else None
    library = await library_of(state)
    changed = await library.change_store(store_id, changes)
    if changed is None:
        raise not_found("vector store", store_id, "vector_store_id")
    return await _described(library, changed)


@delete("/v1/vector_stores/{store_id:str}", status_code=200)
async def delete_store(state: State, store_id: FromPath[str]) -> dict[str, object]:
    """Delete a vector store; the files in it stay."""
    _check_may_go(store_id, "vector_store_id")
    if not await (await library_of(state)).delete_store(store_id):
        raise not_found("vector store", store_id, "vector_store_id")
    return {"id": store_id, "object": "vector_store.deleted", "deleted": True}


def _check_may_go(store_id: str, param: str) -> None:
    """Raises `ApiError` for the indexed folders, which a client that clears up must not lose."""
    if store_id == FOLDERS_STORE:
        raise ApiError(
            f"'{FOLDERS_STORE}' holds the indexed folders and stays as long as they are; to forget "
            "one: voice index --remove FOLDER.",
            code="invalid_value",
            param=param,
        )


@post("/v1/vector_stores/{store_id:str}/search", status_code=200)
async def search_store(
    request: Request[Any, Any, Any], state: State, store_id: FromPath[str]
) -> ASGIApp:
    """The passages of a vector store that fit a question best."""
    asked, _ = await json_body(request, StoreSearchRequest)

    async def work() -> Body:
        return Body(msgspec.json.encode(await _found(state, store_id, asked)))

    return answering(work)


async def _found(state: State, store_id: str, asked: StoreSearchRequest) -> dict[str, object]:
    await living_store_of(state, store_id)
    filters = None if asked.filters is None else parse_filter(asked.filters)
    ranking = ranking_of(asked.ranking_options)
    queries = asked.queries
    if asked.rewrite_query:
        queries = await rewritten(state.server, queries)
    passages = await (await library_of(state)).search(
        [store_id],
        queries,
        filters=filters,
        limit=asked.max_num_results,
        ranking=ranking,
    )
    return {
        "object": "vector_store.search_results.page",
        "search_query": list(queries),
        "data": [described_passage(each) for each in passages],
        "has_more": False,
        "next_page": None,
    }


async def _described(library: Library, store: VectorStore) -> dict[str, object]:
    return described_store(store, await library.totals(store.id), time())
