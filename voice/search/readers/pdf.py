"""PDF, by pypdf: the lines of its pages as paragraphs, under the headings of its outline."""

import io
import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from pypdf import PdfReader
from pypdf.errors import DependencyError

from voice.search.readers.text import ReadingError, Text, TextBuilder, one_line

EDGE_LINES = 2
"""Where running heads and page numbers stand: so many lines at the top and at the bottom."""
FEWEST_PAGES = 4
"""Of a document of fewer no line is taken for a running head."""
SHORT = 0.75
"""Of the longest line of a page: one that is shorter, and may be an end, ends a paragraph."""
_LIGATURES = str.maketrans(
    {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "ft", "ﬆ": "st"}
)
_NEW_SENTENCE = re.compile(r"(?<=[.!?:…])[\"')\]”’]*(?P<gap>\s+)(?=[\"'(\[“‘]*[^\W\d_a-zß-ÿ])")
_SENTENCE_END = re.compile(r"[.!?:…][\"')\]”’]*$")
_ITEM = re.compile(r"(?:[•◦▪‣●–*-]|\d{1,3}[.)]|[a-z]\))\s+\S")
_HYPHEN = re.compile(r"[a-zà-ÿ]-$")
_PROGRAMS_TITLE = re.compile(
    r"microsoft word|untitled|\.(?:docx?|indd|tex|dvi|pdf|rtf)$", re.IGNORECASE
)


class Entry(NamedTuple):
    """Of the outline."""

    level: int
    title: str


class Line(NamedTuple):
    page: int
    text: str
    entry: Entry | None
    """The entry of the outline that means this line."""
    ends: bool
    """Whether a paragraph ends with it."""


def read_pdf(data: bytes) -> Text:
    """Raises `ReadingError`."""
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        return _read(PdfReader(io.BytesIO(data)))
    except ReadingError:
        raise
    except DependencyError as error:
        raise ReadingError(f"is encrypted, and {error}", "server_error") from error
    except Exception as error:
        # Of the errors that broken files cause, only some are of pypdf's own kind.
        raise ReadingError(f"is a broken PDF: {str(error) or type(error).__name__}") from error


def _read(reader: Any) -> Text:
    if reader.is_encrypted and not reader.decrypt(""):
        raise ReadingError("is protected by a password", "unsupported_file")
    pages = [page.extract_text() for page in reader.pages]
    if not any(page.strip() for page in pages):
        raise ReadingError(
            "has no text, only pictures of it: have it recognized by OCR first", "unsupported_file"
        )
    title = (reader.metadata and reader.metadata.title) or ""
    title = "" if _PROGRAMS_TITLE.search(title) else title
    return _text(pages, _outline(reader, reader.outline), title)


def _outline(reader: Any, entries: Any, level: int = 1) -> dict[int, list[Entry]]:
    """The entries of each page, in their order; those below an entry come as a list after it."""
    found: dict[int, list[Entry]] = {}
    for entry in entries:
        if isinstance(entry, list):
            below = _outline(reader, entry, level + 1)
        else:
            number = reader.get_destination_page_number(entry)
            title = one_line(str(entry.title or ""))
            below = {} if number is None or not title else {number: [Entry(level, title)]}
        for page, more in below.items():
            found.setdefault(page, []).extend(more)
    return found


def _text(pages: Sequence[str], outline: dict[int, list[Entry]], title: str) -> Text:
    builder = TextBuilder()
    running = _running_heads(pages)
    lines = (line for page in enumerate(pages) for line in _lines(*page, outline, running))
    for paragraph in _paragraphs(lines):
        first = paragraph[0]
        builder.place = f"page {first.page + 1}"
        if first.entry:
            builder.heading(first.entry.level, first.entry.title)
        else:
            builder.paragraph(_joined(paragraph))
    return builder.built(title)


def _running_heads(pages: Sequence[str]) -> frozenset[str]:
    """What stands at the edges of most pages, numbers apart."""
    if len(pages) < FEWEST_PAGES:
        return frozenset()
    seen = Counter(key for page in pages for key in {_key(line) for line in _edges(page)})
    return frozenset(key for key, count in seen.items() if count > len(pages) / 2)


def _edges(page: str) -> list[str]:
    lines = [line for line in page.splitlines() if line.strip()]
    return lines[:EDGE_LINES] + lines[-EDGE_LINES:]


def _lines(
    page: int, text: str, outline: dict[int, list[Entry]], running: frozenset[str]
) -> Iterator[Line]:
    edges = {line for line in _edges(text) if _key(line) in running}
    lines = [line.strip().translate(_LIGATURES) for line in text.splitlines() if line not in edges]
    longest = max(map(len, lines), default=0)
    entries = {_key(entry.title): entry for entry in outline.get(page, ())}
    printed = set(map(_key, lines))
    for entry in [entry for key, entry in entries.items() if key not in printed]:
        yield Line(page, entry.title, entry, ends=True)
    for line, following in zip(lines, [*lines[1:], "-"], strict=True):
        if line:
            may_end = _SENTENCE_END.search(line) or _starts_anew(line, following)
            ends = not following or (len(line) < SHORT * longest and bool(may_end))
            yield Line(page, line, entries.pop(_key(line), None), ends)


def _starts_anew(line: str, following: str) -> bool:
    """Whether what follows a line, such as that of a heading, seems to be of its own."""
    return line[-1] not in ",;-–" and following[:1].isupper()


def _paragraphs(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Lines that belong together; over the end of a page so far as a sentence goes on."""
    paragraph: list[Line] = []
    for whole in lines:
        line, last = whole, paragraph[-1] if paragraph else None
        if last and line.page > paragraph[0].page:
            if _SENTENCE_END.search(last.text):
                last = last._replace(ends=True)
            elif begun := _NEW_SENTENCE.search(line.text):
                yield [*paragraph, line._replace(text=line.text[: begun.start("gap")])]
                paragraph, last = [], None
                line = line._replace(text=line.text[begun.end("gap") :])
        if last and (line.entry or last.entry or last.ends or _ITEM.match(line.text)):
            yield paragraph
            paragraph = []
        paragraph.append(line)
    if paragraph:
        yield paragraph


def _joined(paragraph: Sequence[Line]) -> str:
    """One line, the words whole that were parted at the ends of lines."""
    text = ""
    for line in paragraph:
        if _HYPHEN.search(text) and line.text[0].islower():
            text = text[:-1] + line.text
        else:
            text = f"{text} {line.text}" if text else line.text
    return text


def _key(text: str) -> str:
    """What a title and its line have in common: not the numbers, dots and spaces."""
    return re.sub(r"[\W\d_]+", "", text).lower()
