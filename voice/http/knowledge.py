"""What the endpoints over documents share: the library behind them, and lists in pages."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from time import time
from typing import Any, Literal, TypeVar

import msgspec
from litestar import Request
from litestar.datastructures import State

from voice.gateway.errors import ApiError
from voice.http.body import converted
from voice.search.intake import Intake
from voice.search.knowledge import Knowledge
from voice.search.library import Library
from voice.search.paging import MAX_LIMIT, Listing, Page
from voice.search.records import File, VectorStore

Item = TypeVar("Item")
Metadata = dict[str, str]

MOST_KEYS, KEY_CHARACTERS, VALUE_CHARACTERS = 16, 64, 512


class PageQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What lists are asked with; each endpoint says how much it gives at most."""

    after: str | None = None
    before: str | None = None
    limit: int | None = None
    order: Literal["asc", "desc"] = "desc"


async def library_of(state: State) -> Library:
    """Raises `SearchError` where documents cannot be kept."""
    knowledge: Knowledge = state.server.knowledge
    return await knowledge.library()


async def intake_of(state: State) -> Intake:
    """Raises `SearchError` where documents cannot be kept."""
    knowledge: Knowledge = state.server.knowledge
    return await knowledge.intake()


async def store_of(state: State, store_id: str) -> VectorStore:
    """Raises `ApiError` for a store that does not exist."""
    store = await (await library_of(state)).store(store_id)
    if store is None:
        raise not_found("vector store", store_id, "vector_store_id")
    return store


async def living_store_of(state: State, store_id: str) -> VectorStore:
    """Raises `ApiError` for a store that does not exist, or whose time is over."""
    store = await store_of(state, store_id)
    if store.expires_at is not None and store.expires_at <= time():
        raise ApiError(
            f"The vector store '{store_id}' has expired; make another one.",
            code="vector_store_expired",
            param="vector_store_id",
        )
    return store


async def file_of(state: State, file_id: str) -> File:
    """Raises `ApiError` for a file that does not exist, or whose time is over."""
    file = await (await library_of(state)).file(file_id)
    if file is None or (file.expires_at is not None and file.expires_at <= time()):
        raise not_found("file", file_id, "file_id")
    return file


def not_found(what: str, name: str, param: str) -> ApiError:
    message = f"No such {what}: '{name[:100]}'."
    return ApiError(message, status=404, kind="not_found_error", code="not_found", param=param)


def page_query(request: Request[Any, Any, Any], most: int = MAX_LIMIT) -> PageQuery:
    """The part of a list that a request asks for. Raises `ApiError`."""
    known = {field.name for field in msgspec.structs.fields(PageQuery)}
    given = {name: value for name, value in request.query_params.items() if name in known}
    query = converted(given, PageQuery, strict=False)
    if query.limit is not None and not 1 <= query.limit <= most:
        raise ApiError(
            f"Invalid 'limit': {query.limit}; it must be from 1 to {most}.",
            code="invalid_value",
            param="limit",
        )
    return query


async def list_body(
    query: PageQuery,
    limit: int,
    pages: Callable[[Page], Awaitable[Listing[Item]]],
    describe: Callable[[Item], Awaitable[Mapping[str, object]]],
) -> dict[str, object]:
    """A list as OpenAI's clients page through it; `limit` stands where none was asked for."""
    items, has_more = await _items(query, query.limit or limit, pages)
    data = [await describe(each) for each in items]
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": has_more,
    }


async def _items(
    query: PageQuery, limit: int, pages: Callable[[Page], Awaitable[Listing[Item]]]
) -> tuple[Sequence[Item], bool]:
    """As many as are wanted, in as many pages of the library as that takes."""
    found: list[Item] = []
    backwards = query.before is not None and query.after is None
    page = Page(
        after=query.after,
        before=query.before,
        limit=min(limit, MAX_LIMIT),
        order=query.order,
    )
    while True:
        listing = await pages(page)
        found = listing.items + found if backwards else found + listing.items
        left = limit - len(found)
        if not listing.has_more or left <= 0:
            return found, listing.has_more
        end: Any = found[0 if backwards else -1]
        cursor = {"before" if backwards else "after": end.id}
        page = msgspec.structs.replace(page, **cursor, limit=min(left, MAX_LIMIT))


def check_metadata(metadata: Mapping[str, object] | None, param: str) -> None:
    """Raises `ApiError` for more, or longer, keys and values than OpenAI keeps."""
    if metadata is None:
        return
    if len(metadata) > MOST_KEYS:
        raise _invalid(f"'{param}' has {len(metadata)} keys; {MOST_KEYS} are taken.", param)
    for key, value in metadata.items():
        if not 0 < len(key) <= KEY_CHARACTERS:
            raise _invalid(f"A key of '{param}' has 1 to {KEY_CHARACTERS} characters.", param)
        if isinstance(value, str) and len(value) > VALUE_CHARACTERS:
            raise _invalid(
                f"A value of '{param}' has at most {VALUE_CHARACTERS} characters, and that of "
                f"'{key}' has {len(value)}.",
                f"{param}.{key}",
            )


def _invalid(message: str, param: str) -> ApiError:
    return ApiError(message, code="invalid_value", param=param)
