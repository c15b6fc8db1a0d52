"""What can go wrong with kept documents, said for people."""

from typing import Literal

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
