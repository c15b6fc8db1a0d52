"""A folder of Markdown and plain text, as passages of sentences that can be read aloud."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from voice.engines.protocols import EngineError, Source
from voice.engines.readable import file_title, readable
from voice.engines.wordforms import STOP_WORDS
from voice.turns.fullstop import ends_sentence
from voice.turns.lookahead import Lookahead

SUFFIXES = (".md", ".markdown", ".txt")
LARGEST_BYTES = 4 << 20

_HEADING = re.compile(r"#{1,6}\s+(.*?)\s*#*$")
_ITEM = re.compile(r"\s*(?:[-*+]|\d+[.)])\s+(?:\[[ xX]\]\s+)?")
_TABLE_RULE = re.compile(r"^[\s|:-]+$")
_SENTENCE_END = re.compile(r"[.!?][\"')\]”’]*\s+(?=[\"'(\[“‘]?[A-Z0-9])")
_ARTICLE = re.compile(r"(?:the|a|an|my|our|your)\b", re.IGNORECASE)
_ASKING = re.compile(r"(?:how|why|when|where|what|who)\b", re.IGNORECASE)


class Passage(NamedTuple):
    """A paragraph or list item, under the heading it stands under."""

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
    """The documents below one folder, read again when a file comes, goes or changes.

    Raises `EngineError` when the folder is missing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamps: list[tuple[Path, int, int]] = []
        self.documents: tuple[Document, ...] = ()
        self.refresh()

    def refresh(self) -> bool:
        """Look at the files; says whether `documents` are others than before."""
        if not self._path.is_dir():
            raise EngineError(
                f"the documents folder {self._path} does not exist;"
                " create it, or point DOCUMENTS at a folder of Markdown or text files"
            )
        stamps = [
            (p, s.st_mtime_ns, s.st_size) for p in document_files(self._path) for s in [p.stat()]
        ]
        if stamps == self._stamps:
            return False
        self._stamps = stamps
        self.documents = tuple(read_document(path) for path, _, _ in stamps)
        return True


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
    found: list[tuple[str, str]] = []
    for block in _blocks(readable(text)):
        heading = _HEADING.match(block)
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
        if block not in (title, *source.headings) and not _HEADING.match(block)
    )
    return _document(file_title(title), list(blocks))


def _document(title: str, found: Sequence[tuple[str, str]]) -> Document:
    """A document of blocks, each with the heading it stands under."""
    passages = tuple(Passage(title, section, _sentences(block)) for section, block in found)
    body = " ".join(block for _, block in found)
    inside = re.findall(r"(?<=[a-z,;] )[A-Z]\w*", body)
    names = frozenset(word for word in inside if word.lower() not in STOP_WORDS)
    return Document(title, _spoken_title(title, names), names, passages)


def _blocks(text: str) -> Iterator[str]:
    """Headings, list items, table rows and paragraphs, each on one line."""
    paragraph: list[str] = []
    for line in [*text.splitlines(), ""]:
        item = _ITEM.match(line)
        alone = _HEADING.match(line) or line.lstrip().startswith("|")
        if (not line.strip() or item or alone) and paragraph:
            yield " ".join(paragraph)
            paragraph = []
        if alone and not _TABLE_RULE.match(line):
            yield ", ".join(cell.strip() for cell in line.strip().strip("|").split("|"))
        elif not alone and line.strip():
            paragraph.append(line[item.end() :] if item else line.strip().lstrip("> "))


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
