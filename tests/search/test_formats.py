"""Files are read by what they are called, and refused with the reason."""

import codecs

import pytest

from voice.search import formats
from voice.search.formats import format_of, read_text
from voice.search.readers.text import ReadingError

WORDS = "Grüße aus Köln: „schön“"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.md", "markdown"),
        ("b/READ.ME.MARKDOWN", "markdown"),
        ("x.Txt", "text"),
        ("x.htm", "html"),
        ("x.pdf", "pdf"),
        ("x.docx", "docx"),
        ("x.png", ""),
        ("md", ""),
        (".md", ""),
    ],
)
def test_the_format_is_told_by_the_name(name, kind):
    assert format_of(name) == kind


@pytest.mark.parametrize(
    "data",
    [
        WORDS.encode(),
        codecs.BOM_UTF8 + WORDS.encode(),
        WORDS.encode("utf-16"),
        codecs.BOM_UTF16_BE + WORDS.encode("utf-16-be"),
        WORDS.encode("utf-32"),
    ],
)
def test_encodings_that_are_told_are_read_without_a_word(data):
    text = read_text("a.txt", data)
    assert (text.text, text.notes) == (WORDS, ())


@pytest.mark.parametrize(
    ("data", "guess"),
    [
        (WORDS.encode("windows-1252"), "windows-1252"),
        (b"Gr\xfc\xdfe \x81", "latin-1"),
        (WORDS.encode("utf-16-le"), "utf-16-le"),
        (WORDS.encode("utf-16-be"), "utf-16-be"),
    ],
)
def test_encodings_that_are_not_told_are_guessed_and_that_is_said(data, guess):
    text = read_text("a.md", data)
    assert text.text.startswith("Grüße")
    assert text.notes == (f"is not in UTF-8: it was read as {guess}, which is a guess",)


def test_a_page_is_read_in_the_encoding_that_it_tells():
    page = '<meta charset="koi8-r"><p>Привет всем'
    assert read_text("a.html", page.encode("koi8-r")).text == "Привет всем"


@pytest.mark.parametrize("charset", ["hex", "unicode_escape", "nonsense", "punycode"])
def test_an_encoding_that_is_none_of_text_is_not_believed(charset):
    page = f'<meta charset="{charset}"><p>'.encode() + b"Gr\xfc\xdfe"
    assert read_text("a.html", page).text == "Grüße"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b" \n\t\n", "has no text"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is no text but a PNG picture"),
        (b"PK\x03\x04\x14\0\0\0", "is no text but a ZIP archive or an office document"),
        (bytes(range(256)) * 9, "is no text but binary"),
        (codecs.BOM_UTF16_LE + b"a\0b\0\0\xd8", "says that it is in UTF-16, and byte 6 is not"),
    ],
)
def test_what_is_no_text_is_refused_whatever_it_is_called(data, message):
    with pytest.raises(ReadingError, match=message):
        read_text("notes.md", data)


def test_text_of_another_name_is_read_as_plain_text():
    assert read_text("Makefile", b"all:\n\tbake\n\nclean:").text == "all:\n\tbake\n\nclean:"


def test_markdown_that_is_huge_is_read_as_plain_text_and_that_is_said(monkeypatch):
    monkeypatch.setattr(formats, "LARGEST_MARKDOWN", 1 << 20)
    text = read_text("a.md", b"# Log\n\n" + b"*line*\n" * (1 << 18))
    assert text.text.startswith("# Log\n\n*line*")
    assert text.notes == ("is larger than 1 MB: it was read as plain text",)


def test_a_text_is_called_as_its_file_if_it_has_no_title():
    assert read_text("notes/my-first_file.md", b"Words.").title == "my first file"
    assert read_text("notes/a.md", b"# Bread").title == "Bread"
