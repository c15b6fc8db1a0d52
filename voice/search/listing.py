"""Pages of a table by its own order, from where a cursor stands or stood."""

from collections.abc import Callable, Mapping
from typing import Literal, TypeVar

from voice.search.database import Database, Row
from voice.search.errors import SearchError
from voice.search.paging import MAX_LIMIT, Listing, Page
from voice.search.records import SECONDS_PER_DAY

Table = Literal["stores", "files", "documents"]
Item = TypeVar("Item")
_SPECIAL = {"batch_id": "d.id IN (SELECT file_id FROM batch_files WHERE batch_id = ?)"}
"""A file put in again belongs to several batches."""
_Place = tuple[int, int]


def list_page(
    database: Database,
    table: Table,
    columns: str,
    read: Callable[[Row], Item],
    page: Page,
    wanted: Mapping[str, str | None] | None = None,
) -> Listing[Item]:
    """A page of those rows that have all `wanted` values but None."""
    if not 1 <= page.limit <= MAX_LIMIT:
        raise SearchError(
            f"A page has 1 to {MAX_LIMIT} items, not {page.limit}", "invalid", "limit"
        )
    equal = {name: value for name, value in (wanted or {}).items() if value is not None}
    conditions = [_SPECIAL.get(name, f"d.{name} = ?") for name in equal]
    parameters: list[object] = list(equal.values())
    store_id = equal.get("store_id", "")
    backwards = page.before is not None and page.after is None
    for param, cursor in (("after", page.after), ("before", page.before)):
        if cursor is not None:
            sign = ">" if (param == "after") == (page.order == "asc") else "<"
            conditions.append(f"(d.created_at, d.place) {sign} (?, ?)")
            parameters += _place(database, table, store_id, cursor, param)
    direction = "ASC" if (page.order == "asc") != backwards else "DESC"
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    rows = list(
        database.rows(
            f"SELECT {columns} FROM {table} d {where}"
            f" ORDER BY d.created_at {direction}, d.place {direction} LIMIT ?",
            [*parameters, page.limit + 1],
        )
    )
    items = [read(row) for row in rows[: page.limit]]
    return Listing(items[::-1] if backwards else items, len(rows) > page.limit)


def _place(database: Database, table: Table, store_id: str, cursor: str, param: str) -> _Place:
    """Where an item stands in the list, or stood."""
    within, owner = ("AND store_id = ?", (store_id,)) if table == "documents" else ("", ())
    rows = database.rows(
        f"SELECT created_at, place FROM {table} WHERE id = ? {within}"
        " UNION ALL SELECT created_at, place FROM departed"
        " WHERE kind = ? AND id = ? AND store_id = ?",
        (cursor, *owner, table, cursor, store_id),
    )
    for created_at, place in rows:
        return created_at, place
    raise SearchError(f"'{param}' names no item of this list: '{cursor}'", "invalid", param)


def note_departed(
    database: Database, table: Table, now: int, condition: str, *parameters: object
) -> None:
    """Before rows are deleted: keep where they stood, for those who page through the list."""
    owner = "store_id" if table == "documents" else "''"
    database.run(
        "INSERT INTO departed (kind, store_id, id, created_at, place, gone_at)"
        f" SELECT ?, {owner}, id, created_at, place, ? FROM {table} WHERE {condition}"
        " ON CONFLICT (kind, store_id, id) DO UPDATE SET created_at = excluded.created_at,"
        " place = excluded.place, gone_at = excluded.gone_at",
        (table, now, *parameters),
    )


def prune_departed(database: Database, now: int) -> None:
    database.run("DELETE FROM departed WHERE gone_at <= ?", (now - SECONDS_PER_DAY,))
