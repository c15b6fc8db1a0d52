"""Which reader reads which file."""

import re
from collections.abc import Callable
from pathlib import PurePath

import msgspec

from voice.search.readers.docx import read_docx
from voice.search.readers.encodings import decode
from voice.search.readers.html import declared_charset, read_html
from voice.search.readers.markdown import read_markdown
from voice.search.readers.pdf import read_pdf
from voice.search.readers.plain import read_plain
from voice.search.readers.text import ReadingError, Text, one_line

FORMATS = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".mdown": "markdown",
    ".txt": "text",
    ".text": "text",
    ".rst": "text",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".pdf": "pdf",
    ".docx": "docx",
}
"""What of a folder is indexed, by the endings of names. Other files are read as plain text if
somebody sends them, and if they are that."""

LARGEST_MARKDOWN = 8 << 20
"""Its parser takes a second for 2 MB, and 35 times their memory."""

_BINARY: dict[str, Callable[[bytes], Text]] = {"pdf": read_pdf, "docx": read_docx}
_TEXTUAL: dict[str, Callable[[str], Text]] = {
    "markdown": read_markdown,
    "html": read_html,
    "text": read_plain,
}


def format_of(name: str) -> str:
    """Empty for what of a folder is not indexed."""
    return FORMATS.get(PurePath(name).suffix.lower(), "")


def read_text(name: str, data: bytes) -> Text:
    """The text of a file, by the format that its name tells; it always has a title.

    Raises `ReadingError`, whose message reads on from the name of the file.
    """
    kind = format_of(name) or "text"
    if not data:
        raise ReadingError("is empty")
    text = _BINARY[kind](data) if kind in _BINARY else _read_textual(kind, data)
    if not text.blocks:
        raise ReadingError("has no text")
    return msgspec.structs.replace(text, title=text.title or title_of(name))


def title_of(name: str) -> str:
    """What to call a document that has no title: its name, as words."""
    return one_line(re.sub(r"[-_]+", " ", PurePath(name).stem)) or name


def _read_textual(kind: str, data: bytes) -> Text:
    declared = declared_charset(data) if kind == "html" else ""
    characters, guessed = decode(data, declared)
    notes = [f"is not in UTF-8: it was read as {guessed}, which is a guess"] if guessed else []
    if kind == "markdown" and len(data) > LARGEST_MARKDOWN:
        kind = "text"
        notes.append(f"is larger than {LARGEST_MARKDOWN >> 20} MB: it was read as plain text")
    return msgspec.structs.replace(_TEXTUAL[kind](characters), notes=tuple(notes))
