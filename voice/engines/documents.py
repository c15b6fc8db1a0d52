"""A folder of Markdown and plain text, as passages of sentences that can be read aloud."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from voice.engines.protocols import EngineError

SUFFIXES = (".md", ".markdown", ".txt")
LARGEST_BYTES = 4 << 20

_FENCE = re.compile(r"^(```|~~~).*?^\1[^\n]*$", re.MULTILINE | re.DOTALL)
_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_HEADING = re.compile(r"#{1,6}\s+(.*?)\s*#*$")
_ITEM = re.compile(r"\s*(?:[-*+]|\d+[.)])\s+")
_TABLE_RULE = re.compile(r"^[\s|:-]+$")
_MARKUP = (
    (re.compile(r"!\[[^\]]*\]\([^)]*\)"), ""),
    (re.compile(r"\[([^\]]+)\]\([^)]*\)"), r"\1"),
    (re.compile(r"<!--.*?-->", re.DOTALL), ""),
    (re.compile(r"</?[a-zA-Z][^>]*>"), ""),
    (re.compile(r"(\*\*|__|`)(.+?)\1"), r"\2"),
    (re.compile(r"(?<!\w)[*_](\S.*?)[*_](?!\w)"), r"\1"),
)
_SENTENCE_END = re.compile(
    r"(?<!\bMr)(?<!\bMs)(?<!\bDr)(?<!\bSt)(?<!\bMrs)(?<!\be\.g)(?<!\bi\.e)(?<!\b[A-Z])"
    r"[.!?][\"')\]”’]*\s+(?=[\"'(\[“‘]?[A-Z0-9])"
)


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
    text = _FRONT_MATTER.sub("", text.replace("\r\n", "\n"))
    text = _FENCE.sub("", text)
    for pattern, plain in _MARKUP:
        text = pattern.sub(plain, text)
    title, section = "", ""
    found: list[tuple[str, str]] = []
    for block in _blocks(text):
        heading = _HEADING.match(block)
        if not heading:
            found.append((section, block))
        elif not title:
            title = heading.group(1)
        else:
            section = heading.group(1)
    title = title or re.sub(r"[-_\s]+", " ", stem).strip()
    passages = tuple(Passage(title, section, _sentences(block)) for section, block in found)
    body = " ".join(block for _, block in found)
    names = frozenset(re.findall(r"(?<=[a-z,;] )[A-Z]\w*", body))
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
    starts = [0, *(match.end() for match in _SENTENCE_END.finditer(block))]
    ends = [*starts[1:], len(block)]
    return tuple(
        block[a:b].strip() for a, b in zip(starts, ends, strict=True) if block[a:b].strip()
    )


def _spoken_title(title: str, names: frozenset[str]) -> str:
    """Say "Garden Calendar" as "the garden calendar"; names keep the capitals of the body."""
    words = [word if word in names or word.isupper() else word.lower() for word in title.split()]
    spoken = " ".join(words)
    return (
        spoken if re.match(r"(the|a|an|my|our|your)\b", spoken, re.IGNORECASE) else f"the {spoken}"
    )
