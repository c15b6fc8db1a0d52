"""The text of a file with its structure, as every reader gives it."""

import re
import unicodedata

import msgspec

from voice.search.records import Attributes, FailureCode

_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufeff\ud800-\udfff\u200b\u2060\u00ad]")
_SPACE = re.compile(r"\s+")


class ReadingError(Exception):
    """A file cannot be read; the message says why, and reads on from the name of the file."""

    def __init__(self, message: str, code: FailureCode = "invalid_file") -> None:
        super().__init__(message)
        self.code: FailureCode = code


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """A paragraph, an item, a row, a heading or a stretch of code; offsets are characters."""

    start: int
    end: int
    headings: tuple[str, ...] = ()
    """The path of headings it stands under, the outermost first; a heading is in its own."""
    is_heading: bool = False
    is_code: bool = False
    """Whether its lines are its parts, rather than its sentences."""


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """`text` as people read it: without markup, but with what sets off items, rows and code."""

    text: str
    title: str = ""
    """What the document calls itself; empty when it does not."""
    blocks: tuple[Block, ...] = ()
    """In their order; between two there are line breaks only."""
    attributes: Attributes = {}
    notes: tuple[str, ...] = ()
    """What people should know of how it was read; each reads on from the name of the file."""


class TextBuilder:
    """Puts a text together, block by block."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._length = 0
        self._blocks: list[Block] = []
        self._path: list[tuple[int, str]] = []
        self.place = ""
        """Where the next blocks stand, such as on which page: told like a heading."""

    @property
    def first_heading(self) -> str:
        return next((b.headings[-1] for b in self._blocks if b.is_heading), "")

    @property
    def length(self) -> int:
        return self._length

    def heading(self, level: int, text: str) -> None:
        """What follows stands under it, until a heading of its level or one further out."""
        if text := one_line(text):
            self._path = [outer for outer in self._path if outer[0] < level]
            self._path.append((level, text))
            self._add(text, "\n\n", is_heading=True)

    def paragraph(self, text: str) -> None:
        self._add(cleaned(text).strip(), "\n\n")

    def line(self, text: str) -> None:
        """An item or a row, which follows others without a blank line."""
        self._add(cleaned(text).rstrip(), "\n")

    def code(self, text: str) -> None:
        self._add(cleaned(text).strip("\n").rstrip(), "\n\n", is_code=True)

    def _add(self, text: str, gap: str, *, is_heading: bool = False, is_code: bool = False) -> None:
        if not text.strip():
            return
        if self._blocks:
            self._pieces.append(gap)
            self._length += len(gap)
        headings = tuple(heading for _, heading in self._path)
        if self.place and not is_heading:
            headings += (self.place,)
        end = self._length + len(text)
        self._blocks.append(
            Block(
                start=self._length,
                end=end,
                headings=headings,
                is_heading=is_heading,
                is_code=is_code,
            )
        )
        self._pieces.append(text)
        self._length = end

    def built(self, title: str = "", attributes: Attributes | None = None) -> Text:
        """The text, called as its first heading where it has no title of its own."""
        return Text(
            text="".join(self._pieces),
            title=one_line(title) or self.first_heading,
            blocks=tuple(self._blocks),
            attributes=attributes or {},
        )


def cleaned(text: str) -> str:
    """A text in composed characters, its lines ended by line feeds, without what is not seen."""
    text = unicodedata.normalize("NFC", text)
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n")
    return _UNSEEN.sub("", text)


def one_line(text: str) -> str:
    return _SPACE.sub(" ", cleaned(text)).strip()
