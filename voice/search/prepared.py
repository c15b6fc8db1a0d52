"""What is asked of the process that reads files, and what it answers."""

import struct
from typing import Protocol

import msgspec

from voice.search.records import Attributes, Chunk, ChunkingRules, FailureCode

HEADER = struct.Struct("<Q")
"""Before each frame: its length."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Read a file and cut its text."""

    path: str
    name: str
    """What it is called, which tells its format."""
    rules: ChunkingRules
    most_bytes: int
    known_sha256: str = ""
    """Of the content that need not be read again."""


class Prepared(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A file as it goes into a store."""

    sha256: str
    bytes: int
    modified_ns: int
    title: str
    attributes: Attributes
    notes: tuple[str, ...]
    chunks: list[Chunk]


class Same(msgspec.Struct, frozen=True, tag=True):
    """The content is that which is known."""


class Gone(msgspec.Struct, frozen=True, tag=True):
    """There is no such file any more."""


class Unreadable(msgspec.Struct, frozen=True, tag=True):
    """The message reads on from the name of the file."""

    code: FailureCode
    message: str
    sha256: str = ""
    """Empty where not even the bytes could be read."""


Answer = Prepared | Same | Gone | Unreadable


class Reading(Protocol):
    """Reads and cuts files."""

    async def read(self, job: Job) -> Answer: ...
