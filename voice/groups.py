"""Exception groups, where one error is the whole story."""

from collections.abc import Iterator
from contextlib import contextmanager


def first_error(error: BaseException) -> BaseException:
    """The first plain exception in a group of groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


@contextmanager
def ungrouped() -> Iterator[None]:
    """Let the first error of a task group out as itself."""
    try:
        yield
    except BaseExceptionGroup as group:
        raise first_error(group) from group
