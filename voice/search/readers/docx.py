"""DOCX: the text of a Word document, read as the ZIP archive of XML files that it is."""

import io
import zipfile
from collections.abc import Callable, Iterator
from xml.parsers import expat

from voice.search.readers.text import ReadingError, Text
from voice.search.readers.word import Body, Notes, Styles

LARGEST_PART = 256 << 20
"""Of one file of the archive, unpacked. The text of the longest novels is 10 MB of XML."""
PIECE = 1 << 16
_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_TITLE = "http://purl.org/dc/elements/1.1/ title"


def read_docx(data: bytes) -> Text:
    if data.startswith(_OLD_OFFICE):
        raise ReadingError(
            "is protected by a password, or a document of the old Word: save it as .docx without",
            "unsupported_file",
        )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _Document(archive).read()
    except ReadingError:
        raise
    except Exception as error:
        # Broken archives cause errors of many kinds.
        raise ReadingError(f"is no Word document that can be read: {error}") from error


class _Document:
    """One archive: its styles and notes first, then the text that refers to them."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        names = archive.namelist()
        parts = sorted(n for n in names if n.startswith("word/document") and n.endswith(".xml"))
        if not parts:
            raise ReadingError("is no Word document, but another kind of ZIP archive")
        self._part = parts[0]
        self._names = frozenset(names)

    def read(self) -> Text:
        body = Body(self._styles(), self._notes())
        self._parse(self._part, body.start, body.end, body.say)
        return body.builder.built(self._title() or body.title)

    def _styles(self) -> Styles:
        styles = Styles()
        self._parse("word/styles.xml", styles.start)
        return styles

    def _notes(self) -> dict[str, str]:
        notes: dict[str, str] = {}
        for kind in ("footnote", "endnote"):
            found = Notes(kind)
            self._parse(f"word/{kind}s.xml", found.start, found.end, found.say)
            notes |= {f"{kind} {number}": "".join(said) for number, said in found.notes.items()}
        return notes

    def _title(self) -> str:
        said: list[str] = []
        inside: list[str] = []
        self._parse(
            "docProps/core.xml",
            lambda name, _: inside.append(name),
            lambda _: inside.clear(),
            lambda text: said.append(text) if inside[-1:] == [_TITLE] else None,
        )
        return "".join(said).strip()

    def _parse(
        self,
        part: str,
        start: Callable[[str, dict[str, str]], None],
        end: Callable[[str], None] | None = None,
        say: Callable[[str], None] | None = None,
    ) -> None:
        """Go through a part of the archive; one that is not there is empty."""
        if part not in self._names:
            return
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = start
        parser.EndElementHandler = end
        parser.CharacterDataHandler = say
        parser.StartDoctypeDeclHandler = _refuse_doctype
        try:
            for piece in self._pieces(part):
                parser.Parse(piece)
            parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise ReadingError(f"is broken: {part} is no XML ({error})") from error

    def _pieces(self, part: str) -> Iterator[bytes]:
        left = LARGEST_PART
        with self._archive.open(part) as file:
            while piece := file.read(PIECE):
                left -= len(piece)
                if left < 0:
                    limit = LARGEST_PART >> 20
                    raise ReadingError(f"is too large: {part} unpacks to more than {limit} MB")
                yield piece


def _refuse_doctype(*_: object) -> None:
    # Entities can stand for gigabytes, and Word writes none.
    raise ReadingError("is no Word document: its XML declares a document type")
