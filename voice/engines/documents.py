"""A folder of Markdown and plain text, as passages of sentences that can be read aloud."""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from voice.engines.protocols import EngineError, Source
from voice.engines.readable import file_title, readable
from voice.engines.wordforms import STOP_WORDS
from voice.turns.fullstop import ends_sentence
from voice.turns.lookahead import Lookahead

SUFFIXES = (".md", ".markdown", ".txt")
LARGEST_BYTES = 4 << 20
LONGEST_LIST = 12
"""Items that are taken for one passage."""

_HEADING = re.compile(r"#{1,6}\s+(.*?)\s*#*$")
_ITEM = re.compile(r"\s*(?:[-*+]|\d+[.)])\s+(?:\[[ xX]\]\s+)?")
_TABLE_RULE = re.compile(r"^[\s|:-]+$")
_SENTENCE_END = re.compile(r"[.!?][\"')\]”’]*\s+(?=[\"'(\[“‘]?[A-Z0-9])")
_ARTICLE = re.compile(r"(?:the|a|an|my|our|your)\b", re.IGNORECASE)
_ASKING = re.compile(r"(?:how|why|when|where|what|who)\b", re.IGNORECASE)


Block = tuple[str, ...]
"""A paragraph, or the items of a list."""


class Passage(NamedTuple):
    """A paragraph or a list, under the heading it stands under."""

    title: str
    section: str
    sentences: tuple[str, ...]


class Document(NamedTuple):
    """One file: `title` as it is written, `spoken` as one says it in a sentence.

    `names` are the words that have a capital inside sentences too.
    """

    title: str
    spoken: str
    names: frozenset[str]
    passages: tuple[Passage, ...]


class DocumentFolder:
    """The documents below some folders, read again when a file comes, goes or changes.

    Raises `EngineError` when a folder is missing.
    """

    def __init__(self, *folders: Path) -> None:
        self._folders = folders
        self._stamps: list[tuple[Path, int, int]] = []
        self.documents: tuple[Document, ...] = ()
        self.refresh()

    def refresh(self) -> bool:
        """Look at the files; says whether `documents` are others than before."""
        stamps = [
            (path, stat.st_mtime_ns, stat.st_size)
            for folder in self._folders
            for path in _files(folder)
            for stat in [path.stat()]
        ]
        if stamps == self._stamps:
            return False
        self._stamps = stamps
        self.documents = tuple(read_document(path) for path, _, _ in stamps)
        return True


def _files(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        raise EngineError(
            f"the documents folder {folder} does not exist;"
            " create it, or point DOCUMENTS at a folder of documents"
        )
    return document_files(folder)


def document_files(folder: Path) -> Iterator[Path]:
    """The documents below `folder`, hidden files and folders left out, in a stable order."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() in SUFFIXES and not hidden and path.is_file():
            yield path


def read_document(path: Path) -> Document:
    """The document in `path`, of which at most 4 MiB are read; undecodable bytes are replaced."""
    with path.open("rb") as file:
        text = file.read(LARGEST_BYTES).decode(errors="replace")
    return parse_document(text, path.stem)


def parse_document(text: str, stem: str) -> Document:
    """Split Markdown or plain text; without a heading the title comes from `stem`."""
    title, section = "", ""
    found: list[tuple[str, Block]] = []
    for block in _blocks(readable(text)):
        heading = _HEADING.match(block[0])
        if not heading:
            found.append((section, block))
        elif not title:
            title = heading.group(1)
        else:
            section = heading.group(1)
    return _document(title or file_title(stem), found)


def documents_of(sources: Sequence[Source]) -> list[Document]:
    """What was looked up, as the documents it is from."""
    found: dict[str, list[Source]] = {}
    for source in sources:
        found.setdefault(source.document_id or source.name, []).append(source)
    return [_looked_up(each) for each in found.values()]


def _looked_up(sources: Sequence[Source]) -> Document:
    title = sources[0].title or sources[0].name
    # Chunks of one document overlap.
    blocks = dict.fromkeys(
        (source.headings[-1] if source.headings and source.headings[-1] != title else "", block)
        for source in sources
        for block in _blocks(readable(source.text))
        if block[0] not in (title, *source.headings) and not _HEADING.match(block[0])
    )
    return _document(file_title(title), list(blocks))


def _document(title: str, found: Sequence[tuple[str, Block]]) -> Document:
    """A document of blocks, each with the heading it stands under."""
    passages = tuple(
        Passage(title, section, tuple(each for part in block for each in _sentences(part)))
        for section, block in found
    )
    body = "\n".join("\n".join(block) for _, block in found)
    inside = re.findall(r"(?<=[a-z,;] )[A-Z]\w*", body)
    names = frozenset(word for word in inside if word.lower() not in STOP_WORDS)
    return Document(title, _spoken_title(title, names), names, passages)


def _blocks(text: str) -> Iterator[Block]:
    """Headings, paragraphs, lists and tables."""
    for is_list, lines in groupby(_lines(text), key=lambda line: line[0]):
        block = [line for _, line in lines]
        if is_list and block[0].startswith("|"):
            yield from _some(_rows(block))
        elif is_list:
            yield from _some(block)
        else:
            yield from ((line,) for line in block)


def _some(parts: Sequence[str]) -> Iterator[Block]:
    """A long list in several blocks."""
    for start in range(0, len(parts), LONGEST_LIST):
        yield tuple(parts[start : start + LONGEST_LIST])


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Each heading, paragraph, list item and table row on one line, after what list it is of."""
    paragraph: list[str] = []
    kind = ""
    for line in [*text.splitlines(), ""]:
        item = _ITEM.match(line)
        row = line.lstrip().startswith("|")
        alone = row or _HEADING.match(line)
        if (not line.strip() or item or alone) and paragraph:
            yield kind, " ".join(paragraph)
            paragraph = []
        if alone:
            yield "row" if row else "", line.strip()
        elif line.strip():
            kind = kind if paragraph else "item" if item else ""
            paragraph.append(line[item.end() :] if item else line.strip().lstrip("> "))


def _rows(lines: Sequence[str]) -> list[str]:
    """What the rows of a table say, each cell after the name of its column: "Tent: price $6"."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines
        if not _TABLE_RULE.match(line)
    ]
    if len(rows) < 2 or not _TABLE_RULE.match(lines[1]):
        return [", ".join(row) for row in rows]
    (_, *names), *others = rows
    return [f"{first}: {', '.join(_cells(names, cells))}" for first, *cells in others]


def _cells(names: Sequence[str], cells: Sequence[str]) -> Iterator[str]:
    return (f"{n.lower()} {cell}" for n, cell in zip(names, cells, strict=False) if cell)


def _sentences(block: str) -> tuple[str, ...]:
    look = Lookahead(block, final=True)
    starts = [0]
    for match in _SENTENCE_END.finditer(block):
        stop, follows = match.start(), match.end()
        if block[stop] != "." or ends_sentence(look, stop, follows, "en", broken=starts[-1] - 1):
            starts.append(follows)
    ends = [*starts[1:], len(block)]
    parts = (block[start:end].strip() for start, end in zip(starts, ends, strict=True))
    return tuple(part for part in parts if part)


def _spoken_title(title: str, names: frozenset[str]) -> str:
    """Say "Garden calendar" as "the garden calendar"; names keep their capitals.

    Where all words have one, those known as names tell which to keep.
    """
    words = title.split()
    own = names | _names_in(words)
    if not any(_bare(word) in own for word in words) and title.istitle():
        own = frozenset(map(_bare, words if not _ARTICLE.match(title) else words[1:]))
    spoken = " ".join(w if _bare(w) in own or not w.istitle() else w.lower() for w in words)
    if _ASKING.match(spoken):
        return f"the page on {spoken}"
    return spoken if _ARTICLE.match(spoken) else f"the {spoken}"


def _names_in(words: Sequence[str]) -> frozenset[str]:
    """The words that have a capital where others have none: "Heron Lake" of "Heron Lake trail"."""
    if not any(word.islower() and word not in STOP_WORDS for word in words[1:]):
        return frozenset()
    begins = len(words) > 1 and words[1].istitle() and words[0].lower() not in STOP_WORDS
    return frozenset(_bare(word) for word in words[not begins :] if word.istitle())


def _bare(word: str) -> str:
    return word.strip('.,:;!?()"').removesuffix("'s").removesuffix("’s")
