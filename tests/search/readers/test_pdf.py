"""PDFs are read as paragraphs, with the pages and chapters they stand on."""

import io

import pypdf
import pytest

from tests.search.readers.made import pdf
from voice.search.readers.pdf import read_pdf
from voice.search.readers.text import ReadingError

LONG = "The mill was built beside the river in the year of the flood, and"


def test_lines_become_paragraphs_over_the_ends_of_lines_and_pages():
    text = read_pdf(
        pdf([LONG, "it stood.", "A second para-", "graph goes on, and so"], ["it ends."])
    )
    assert text.text == f"{LONG} it stood.\n\nA second paragraph goes on, and so it ends."
    assert [block.headings for block in text.blocks] == [("page 1",), ("page 1",)]


def test_the_outline_gives_the_headings():
    pages = [["1. The mill", LONG, "it stood."], ["2. The river", "Water."]]
    text = read_pdf(pdf(*pages, title="History", outline=((0, "The mill"), (1, "The river"))))
    assert text.text == f"The mill\n\n{LONG} it stood.\n\nThe river\n\nWater."
    assert text.title == "History"
    assert text.blocks[0].is_heading
    assert [block.headings for block in text.blocks[1::2]] == [
        ("The mill", "page 1"),
        ("The river", "page 2"),
    ]


def test_an_entry_of_the_outline_that_is_not_printed_heads_its_page():
    text = read_pdf(pdf(["It heats."], ["It breaks."], outline=((0, "Pump"), (1, "Warranty"))))
    assert text.text == "Pump\n\nIt heats.\n\nWarranty\n\nIt breaks."
    assert text.blocks[3].headings == ("Warranty", "page 2")


def test_full_lines_tell_on_which_page_they_begin():
    line = "Each line of these pages is as wide as the page, and none of them is short at all"
    pages = [[line, line, f"{line}. The page {number} begins", line] for number in range(3)]
    text = read_pdf(pdf(*pages))
    assert [block.headings for block in text.blocks] == [("page 1",), ("page 2",), ("page 3",)]
    assert [text.text[block.start : block.end].startswith("The page") for block in text.blocks] == [
        False,
        True,
        True,
    ]


def test_a_page_that_ends_with_a_sentence_ends_a_paragraph():
    line = "Each line of these pages is as wide as the page, and none of them is short."
    text = read_pdf(pdf([line, line], [line, line]))
    assert [block.headings for block in text.blocks] == [("page 1",), ("page 2",)]


def test_running_heads_and_page_numbers_are_left_out():
    words = ("years", "ages", "days", "weeks")
    pages = [
        [
            "The History of the Mill",
            f"{word} passed, {LONG}",
            f"it stood for {word}.",
            f"- {page} -",
        ]
        for page, word in enumerate(words, 1)
    ]
    paragraphs = [f"{word} passed, {LONG} it stood for {word}." for word in words]
    assert read_pdf(pdf(*pages)).text == "\n\n".join(paragraphs)


@pytest.mark.parametrize("title", ["Microsoft Word - draft.doc", "untitled", "a.tex", ""])
def test_the_title_that_a_program_gave_is_none(title):
    assert read_pdf(pdf(["Words."], title=title)).title == ""


def test_a_short_line_before_a_capital_stands_alone():
    assert read_pdf(pdf(["The mill", LONG.title()])).text == f"The mill\n\n{LONG.title()}"


def test_items_of_lists_begin_paragraphs():
    text = read_pdf(pdf(["Take", "- flour from the mill and", "water", "- salt", "1. Mix"]))
    assert text.text == "Take\n\n- flour from the mill and water\n\n- salt\n\n1. Mix"


def test_pages_without_text_are_refused_with_a_remedy():
    with pytest.raises(ReadingError, match="has no text, only pictures") as caught:
        read_pdf(pdf([]))
    assert caught.value.code == "unsupported_file"


def test_a_password_is_asked_for():
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf(["Secret."])))
    writer.encrypt("word", algorithm="RC4-128")
    writer.write(encrypted := io.BytesIO())
    with pytest.raises(ReadingError, match="is protected by a password"):
        read_pdf(encrypted.getvalue())


@pytest.mark.parametrize("data", [b"%PDF-1.4\n", b"hello", pdf(["Words."])[:300], b"%PDF-" * 99])
def test_broken_files_are_refused(data):
    with pytest.raises(ReadingError, match="is a broken PDF"):
        read_pdf(data)
