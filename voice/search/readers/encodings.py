"""From the bytes of a text file to characters."""

import codecs
import re

from voice.search.readers.text import ReadingError

# UTF-32 first: its mark begins like that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_KINDS = (
    (b"%PDF-", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an office document of the old kind"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"\x1f\x8b", "a compressed file"),
    (b"SQLite format 3\0", "a database"),
    (b"RIFF", "sound or film"),
    (b"ID3", "sound"),
    (b"OggS", "sound"),
)
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
LOOKED_AT = 65_536
MOST_CONTROLS = 0.01
"""Of the bytes of a text; what has more is something else."""
# Python's codecs for text, without those for other things, such as "punycode" and "unicode_escape".
_ENCODINGS = re.compile(r"utf-(8|16|32)|iso8859|iso2022_|cp\d|koi8|gb|hz|big5|shift_jis|euc_|mac")
MOST_ZEROS = 0.4
"""From here on every other byte seems to be zero, as in UTF-16 of Western languages."""


def decode(data: bytes, declared: str = "") -> tuple[str, str]:
    """The characters, and the name of the encoding where it had to be guessed.

    `declared` is what the file itself says it is in. Raises `ReadingError` for what is no text.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _decoded(data, encoding), ""
    if wide := _wide(data[:LOOKED_AT]):
        return _decoded(data, wide), wide
    check_text(data)
    for encoding in filter(None, ("utf-8", _known(declared))):
        try:
            return data.decode(encoding), ""
        except UnicodeDecodeError:
            continue
    try:
        return data.decode("windows-1252"), "windows-1252"
    except UnicodeDecodeError:
        return data.decode("latin-1"), "latin-1"


def check_text(data: bytes) -> None:
    """Raises `ReadingError` for bytes that are no text in any encoding that extends ASCII."""
    start = data[:LOOKED_AT]
    if len(_CONTROLS.findall(start)) > MOST_CONTROLS * len(start) or b"\0" in start:
        raise ReadingError(f"is no text but {_kind(start) or 'binary'}", "unsupported_file")


def _kind(start: bytes) -> str:
    """What else than text begins like this; empty for what is not known."""
    return next((kind for magic, kind in _KINDS if start.startswith(magic)), "")


def _wide(start: bytes) -> str:
    """The kind of UTF-16 that bytes without a mark seem to be; empty for none."""
    pairs = len(start) // 2
    if pairs < 2 or _kind(start):
        return ""
    if start[1::2].count(0) > MOST_ZEROS * pairs and not start[0::2].count(0):
        return "utf-16-le"
    if start[0::2].count(0) > MOST_ZEROS * pairs and not start[1::2].count(0):
        return "utf-16-be"
    return ""


def _decoded(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        name = encoding.removesuffix("-sig").upper()
        raise ReadingError(
            f"is broken: it says that it is in {name}, and byte {error.start} is not"
        ) from None


def _known(encoding: str) -> str:
    """The encoding, if it is one of text; ASCII and Latin-1 stand for Windows' superset of both."""
    try:
        name = codecs.lookup(encoding).name
    except (LookupError, ValueError):
        return ""
    return name if _ENCODINGS.match(name) and name != "iso8859-1" else ""
