"""`/v1/vector_stores/{id}/files` and `/file_batches`: files put in vector stores to be searched."""

from itertools import pairwise
from time import time
from typing import Any, get_args

from litestar import Request, delete, get, post
from litestar.datastructures import State
from litestar.params import FromPath

from voice.gateway.errors import ApiError
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
from voice.http.store_types import (
    BatchRequest,
    StoreFileRequest,
    StoreFileUpdate,
    described_batch,
    described_document,
    rules_of,
)
from voice.search.library import new_id
from voice.search.records import Chunk, Document, DocumentStatus, File, FileBatch

USUAL_FILES = 20


def document_of(store_id: str, file: File, asked: StoreFileRequest) -> Document:
    """A file as it is put in a store, to be read, cut and embedded. Raises `ApiError`."""
    return Document(
        id=file.id,
        store_id=store_id,
        name=file.filename,
        bytes=file.bytes,
        sha256=file.sha256,
        attributes=asked.attributes or {},
        rules=rules_of(asked.chunking_strategy),
        created_at=int(time()),
    )


def _check(asked: StoreFileRequest, place: str = "") -> None:
    check_metadata(asked.attributes, f"{place}attributes")
    rules_of(asked.chunking_strategy)


# ---------------------------------------------------------------- one file


@post("/v1/vector_stores/{store_id:str}/files", status_code=200)
async def attach_file(
    request: Request[Any, Any, Any], state: State, store_id: FromPath[str]
) -> dict[str, object]:
    """Put an uploaded file in a vector store."""
    await living_store_of(state, store_id)
    asked, _ = await json_body(request, StoreFileRequest)
    _check(asked)
    file = await file_of(state, asked.file_id)
    (kept,) = await (await intake_of(state)).add(document_of(store_id, file, asked))
    return described_document(kept)


@get("/v1/vector_stores/{store_id:str}/files")
async def list_store_files(
    request: Request[Any, Any, Any], state: State, store_id: FromPath[str]
) -> dict[str, object]:
    """The files of a vector store, the newest first; `filter` wants those of one status."""
    await store_of(state, store_id)
    return await _listed(request, state, store_id)


@get("/v1/vector_stores/{store_id:str}/files/{file_id:str}")
async def show_store_file(
    state: State, store_id: FromPath[str], file_id: FromPath[str]
) -> dict[str, object]:
    """How far a file in a vector store is, and what went wrong with it."""
    return described_document(await _document_of(state, store_id, file_id))


@post("/v1/vector_stores/{store_id:str}/files/{file_id:str}", status_code=200)
async def update_store_file(
    request: Request[Any, Any, Any],
    state: State,
    store_id: FromPath[str],
    file_id: FromPath[str],
) -> dict[str, object]:
    """Replace the attributes of a file in a vector store."""
    asked, _ = await json_body(request, StoreFileUpdate)
    check_metadata(asked.attributes, "attributes")
    library = await library_of(state)
    await library.set_attributes(store_id, file_id, asked.attributes or {})
    return described_document(await _document_of(state, store_id, file_id))


@delete("/v1/vector_stores/{store_id:str}/files/{file_id:str}", status_code=200)
async def detach_file(
    state: State, store_id: FromPath[str], file_id: FromPath[str]
) -> dict[str, object]:
    """Take a file out of a vector store; the file itself stays."""
    await store_of(state, store_id)
    if not await (await library_of(state)).delete_document(store_id, file_id):
        raise not_found("file in this vector store", file_id, "file_id")
    return {"id": file_id, "object": "vector_store.file.deleted", "deleted": True}


@get("/v1/vector_stores/{store_id:str}/files/{file_id:str}/content")
async def store_file_content(
    state: State, store_id: FromPath[str], file_id: FromPath[str]
) -> dict[str, object]:
    """The text that was read from a file."""
    await _document_of(state, store_id, file_id)
    chunks = await (await library_of(state)).chunks(store_id, file_id)
    return {
        "object": "vector_store.file_content.page",
        "data": [{"type": "text", "text": text} for text in _without_overlap(chunks)],
        "has_more": False,
        "next_page": None,
    }


def _without_overlap(chunks: list[Chunk]) -> list[str]:
    first = [chunk.text for chunk in chunks[:1]]
    return first + [
        after.text[max(0, before.end - after.start) :] for before, after in pairwise(chunks)
    ]


# ---------------------------------------------------------------- many files


@post("/v1/vector_stores/{store_id:str}/file_batches", status_code=200)
async def create_batch(
    request: Request[Any, Any, Any], state: State, store_id: FromPath[str]
) -> dict[str, object]:
    """Put many files in a vector store; all of them must be there, or none is put in."""
    await living_store_of(state, store_id)
    asked, _ = await json_body(request, BatchRequest)
    wanted = list({each.file_id: each for each in asked.each()}.values())
    for number, each in enumerate(wanted):
        _check(each, f"files[{number}]." if asked.files else "")
    files = [await file_of(state, each.file_id) for each in wanted]
    batch = FileBatch(id=new_id("vsfb_"), store_id=store_id, created_at=int(time()))
    documents = [
        document_of(store_id, file, each) for file, each in zip(files, wanted, strict=True)
    ]
    await (await intake_of(state)).add(*documents, batch=batch)
    return await _described_batch(state, batch)


@get("/v1/vector_stores/{store_id:str}/file_batches/{batch_id:str}")
async def show_batch(
    state: State, store_id: FromPath[str], batch_id: FromPath[str]
) -> dict[str, object]:
    """How far a batch is."""
    return await _described_batch(state, await _batch_of(state, store_id, batch_id))


@post("/v1/vector_stores/{store_id:str}/file_batches/{batch_id:str}/cancel", status_code=200)
async def cancel_batch(
    state: State, store_id: FromPath[str], batch_id: FromPath[str]
) -> dict[str, object]:
    """Cancel what of a batch is not done yet."""
    await _batch_of(state, store_id, batch_id)
    await (await library_of(state)).cancel_batch(store_id, batch_id)
    return await _described_batch(state, await _batch_of(state, store_id, batch_id))


@get("/v1/vector_stores/{store_id:str}/file_batches/{batch_id:str}/files")
async def list_batch_files(
    request: Request[Any, Any, Any],
    state: State,
    store_id: FromPath[str],
    batch_id: FromPath[str],
) -> dict[str, object]:
    """The files of a batch; `filter` wants those of one status."""
    await _batch_of(state, store_id, batch_id)
    return await _listed(request, state, store_id, batch_id)


async def _listed(
    request: Request[Any, Any, Any], state: State, store_id: str, batch_id: str | None = None
) -> dict[str, object]:
    library, status = await library_of(state), _status(request.query_params.get("filter"))

    async def describe(document: Document) -> dict[str, object]:
        return described_document(document)

    return await list_body(
        page_query(request),
        USUAL_FILES,
        lambda page: library.documents(store_id, page, status, batch_id),
        describe,
    )


def _status(name: str | None) -> DocumentStatus | None:
    known: tuple[DocumentStatus, ...] = get_args(DocumentStatus)
    for status in known:
        if name == status:
            return status
    if name is None:
        return None
    raise ApiError(
        f"Invalid 'filter': '{name[:100]}'; it is one of {', '.join(known)}.",
        code="invalid_value",
        param="filter",
    )


async def _document_of(state: State, store_id: str, file_id: str) -> Document:
    await store_of(state, store_id)
    document = await (await library_of(state)).document(store_id, file_id)
    if document is None:
        raise not_found("file in this vector store", file_id, "file_id")
    return document


async def _batch_of(state: State, store_id: str, batch_id: str) -> FileBatch:
    await store_of(state, store_id)
    batch = await (await library_of(state)).batch(store_id, batch_id)
    if batch is None:
        raise not_found("file batch", batch_id, "batch_id")
    return batch


async def _described_batch(state: State, batch: FileBatch) -> dict[str, object]:
    counts = await (await library_of(state)).batch_counts(batch.store_id, batch.id)
    return described_batch(batch, counts)
