"""Lists in pages, whose cursors hold while things come and go."""

from typing import Generic, Literal, TypeVar

import msgspec

Item = TypeVar("Item")

MAX_LIMIT = 100


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of a list is wanted: what stands behind the item `after`, or before `before`.

    Things stand in the order of their `created_at` and, within a second, of their ids. An item that
    has been deleted is still good as a cursor for a day.
    """

    after: str | None = None
    before: str | None = None
    limit: int = 20
    order: Literal["asc", "desc"] = "desc"


class Listing(msgspec.Struct, Generic[Item], frozen=True):
    """A page of a list, in its order."""

    items: list[Item]
    has_more: bool
    """Whether others follow, or go before where the page was asked for by `before` alone."""
