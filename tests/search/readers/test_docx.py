"""Word documents are read with their structure; archives that are bombs are refused."""

import pytest

from tests.search.readers.made import archive, docx, paragraph
from voice.search.readers import docx as reader
from voice.search.readers.docx import read_docx
from voice.search.readers.text import ReadingError

STYLES = """
<w:style w:type="paragraph" w:styleId="Titel"><w:name w:val="Title"/></w:style>
<w:style w:type="paragraph" w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style>
<w:style w:type="paragraph" w:styleId="Kapitel"><w:basedOn w:val="berschrift1"/></w:style>
<w:style w:type="paragraph" w:styleId="Eigen"><w:pPr><w:outlineLvl w:val="1"/></w:pPr></w:style>
<w:style w:type="paragraph" w:styleId="Punkt"><w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr>
</w:style>
<w:style w:type="paragraph" w:styleId="A"><w:basedOn w:val="B"/></w:style>
<w:style w:type="paragraph" w:styleId="B"><w:basedOn w:val="A"/></w:style>
"""


def style(name):
    return f'<w:pStyle w:val="{name}"/>'


def test_a_document_is_read_with_its_structure():
    item = '<w:numPr><w:ilvl w:val="1"/><w:numId w:val="3"/></w:numPr>'
    cells = "".join(f"<w:tc>{paragraph(c)}</w:tc>" for c in ("Day", "Hours"))
    text = read_docx(
        docx(
            paragraph("The Library", style("Titel"))
            + paragraph("Hours", style("Kapitel"))
            + "<w:p><w:r><w:t>Open at </w:t></w:r><w:r><w:t>nine.</w:t><w:br/>"
            "<w:t>Closed at five.</w:t></w:r></w:p>"
            + paragraph("Winter", style("Eigen"))
            + paragraph("short", style("Punkt"))
            + paragraph("shorter", item)
            + paragraph("Plain", style("A"))
            + f"<w:tbl><w:tr>{cells}</w:tr></w:tbl>",
            styles=STYLES,
        )
    )
    assert text.text == (
        "The Library\n\nHours\n\nOpen at nine.\nClosed at five.\n\nWinter\n- short\n  - shorter\n\n"
        "Plain\nDay | Hours"
    )
    assert text.title == "The Library"
    assert text.blocks[-1].headings == ("The Library", "Hours", "Winter")


def test_notes_follow_their_paragraph():
    note = '<w:r><w:footnoteReference w:id="2"/></w:r>'
    data = docx(
        f"<w:p><w:r><w:t>Said.</w:t></w:r>{note}</w:p>" + paragraph("Next."),
        footnotes=f'<w:footnote w:id="2">{paragraph("By whom?")}</w:footnote>',
    )
    assert read_docx(data).text == "Said.\n\nBy whom?\n\nNext."


def test_what_was_deleted_or_moved_away_or_is_there_twice_is_left_out():
    data = docx(
        "<w:p><w:del><w:r><w:delText>gone </w:delText></w:r></w:del>"
        "<w:ins><w:r><w:t>new</w:t></w:r></w:ins>"
        "<w:moveFrom><w:r><w:t> away</w:t></w:r></w:moveFrom>"
        "<w:r><w:instrText> PAGE </w:instrText></w:r></w:p>"
        f"<w:p><w:r><mc:AlternateContent><mc:Choice>{paragraph('Box')}</mc:Choice>"
        f"<mc:Fallback>{paragraph('Box')}</mc:Fallback></mc:AlternateContent>"
        "<w:t>Around</w:t></w:r></w:p>"
    )
    assert read_docx(data).text == "new\n\nBox\n\nAround"


def test_the_title_is_that_of_the_properties():
    core = (
        '<cp xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>Rules</dc:title>'
        "<dc:creator>Ada</dc:creator></cp>"
    )
    document = (
        '<d xmlns="http://purl.oclc.org/ooxml/wordprocessingml/main"><p><r><t>Hi</t></r></p></d>'
    )
    text = read_docx(archive({"word/document2.xml": document, "docProps/core.xml": core}))
    assert (text.title, text.text) == ("Rules", "Hi")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"hello", "is no Word document that can be read: File is not a zip file"),
        (docx(paragraph("x"))[:-30], "is no Word document that can be read"),
        (archive({"a.txt": "x"}), "is no Word document, but another kind of ZIP archive"),
        (archive({"word/document.xml": "<w:p>"}), "is broken: word/document.xml is no XML"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "is protected by a password, or a"),
    ],
)
def test_what_is_no_document_is_refused(data, message):
    with pytest.raises(ReadingError, match=message):
        read_docx(data)


def test_entities_that_would_fill_the_memory_are_refused():
    bomb = '<!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><d>&b;</d>'
    with pytest.raises(ReadingError, match="declares a document type"):
        read_docx(archive({"word/document.xml": bomb}))


def test_an_archive_that_would_fill_the_memory_is_refused(monkeypatch):
    monkeypatch.setattr(reader, "LARGEST_PART", 1 << 20)
    with pytest.raises(ReadingError, match="unpacks to more than 1 MB"):
        read_docx(docx(paragraph("x" * (2 << 20))))
