"""What can go wrong with kept documents, said for people."""

from typing import Literal

from voice.search.records import VectorStore

Trouble = Literal[
    "not_found",
    "invalid",
    "expired",
    "embedder_mismatch",
    "read_only",
    "full",
    "busy",
    "unreachable",
    "broken",
]


class SearchError(Exception):
    """Documents could not be kept or found; the message is fit for a user's eyes.

    `code` says which kind of trouble it was where programs can tell, and `param` the field of what
    was asked that it lies in.
    """

    def __init__(self, message: str, code: Trouble, param: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.param = param


def mismatch(store: VectorStore, embedder: str, dimensions: int) -> SearchError:
    """What to say when a store is searched, or added to, with another embedder than its own."""
    return SearchError(
        f"The vectors of '{store.id}' were made by {store.embedder} ({store.dimensions} dimensions)"
        f" and cannot be searched with {embedder} ({dimensions} dimensions). Either use"
        f" {store.embedder} again, or make them anew with: voice index --rebuild",
        "embedder_mismatch",
        "embedder",
    )
