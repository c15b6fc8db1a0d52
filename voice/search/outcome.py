"""What becomes of the files of folders while they are indexed, as it is told to people."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import msgspec

Fate = Literal["added", "changed", "moved", "removed", "embedded", "failed"]


class Planned(msgspec.Struct, frozen=True):
    """So much is to be read."""

    files: int
    bytes: int


class Advanced(msgspec.Struct, frozen=True):
    """So much of it is done."""

    bytes: float
    """Less than 0 takes back what was told before."""


class Finished(msgspec.Struct, frozen=True):
    """A document is kept, or has gone, or could not be read."""

    path: str
    fate: Fate
    remarks: tuple[str, ...] = ()
    """Why it failed, or what to know of how it was read; each reads on from the path."""


Event = Planned | Advanced | Finished
Report = Callable[[Event], None]


@dataclass(slots=True)
class Summary:
    """How far an indexing has come."""

    added: int = 0
    changed: int = 0
    moved: int = 0
    removed: int = 0
    unchanged: int = 0
    left: int = 0
    """Files that are still to be read."""
    left_out: int = 0
    """Files of formats that are not indexed."""
    embedded: int = 0
    """Documents that had been kept without vectors and have them now."""
    failures: dict[str, str] = field(default_factory=dict)
    """What could not be read, by its path, and why; also what could not be before, and is as it
    was."""
    spared: dict[str, int] = field(default_factory=dict)
    """Folders that are empty or not there, and how many documents were kept all the same."""
