"""Whatever a file holds, it is read into blocks that fit its text, or refused with a reason."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.search.libraries import count_tokens
from tests.search.readers.made import docx, paragraph, pdf
from voice.search.chunking import cut
from voice.search.formats import read_text
from voice.search.readers.text import ReadingError
from voice.search.records import ChunkingRules

RULES = ChunkingRules(max_tokens=100, overlap_tokens=50)


def texts(pieces):
    """Texts of these pieces, which stand between semicolons."""
    return st.lists(st.sampled_from(pieces.split(";")), max_size=40).map("".join)


MARKDOWN = texts(
    "# ;## ;### ;- ;1. ;> ;```;\n;\n\n;    ;[a](b);![;](;*;_;`;~~;<b>;</b>;<!--;-->;[[x|y]];\\;"
    "---\n;a: b\n;+++\n;| a | b |\n;|-|-|\n;word;é漢;\t;&amp;<script>;:;\x00;\u2028"
)
HTML = texts(
    "<p>;</p>;<h1>;</h1>;<ul>;</ul>;<ol>;<li>;</li>;<table>;</table>;<tr>;</tr>;<td>;</td>;<th>;"
    "<pre>;</pre>;<main>;</main>;<nav>;</nav>;<script>;</script>;<title>;</title>;<br>;<br/>;"
    "<div hidden>;</div>;<img alt=x>;<!--;-->;<![CDATA[;<!x;<?x;<;>;&lt;&#0;&#xd800;word; ;\n;é"
)


def check(name, data):
    try:
        text = read_text(name, data)
    except ReadingError:
        return
    end = 0
    for block in text.blocks:
        assert not text.text[end : block.start].strip()
        assert text.text[block.start : block.end].strip()
        assert not block.is_heading or block.headings[-1] == text.text[block.start : block.end]
        end = block.end
    assert end == len(text.text)
    assert text.title
    assert all(count_tokens(chunk.text) <= RULES.max_tokens for chunk in cut(text, RULES))
    text.text.encode()


@given(st.sampled_from(["a.md", "a.txt", "a.html", "a"]), st.binary(max_size=200))
def test_bytes(name, data):
    check(name, data)


@given(MARKDOWN)
@example("---\na: b\n---\n")
def test_markdown(text):
    check("a.md", text.encode())


@given(HTML)
@example("<table><tr><td><pre>x")
def test_html(text):
    check("a.html", text.encode(errors="replace"))


@pytest.mark.parametrize("name", ["a.docx", "a.pdf"])
@given(st.data())
def test_files_with_bytes_that_changed(name, data):
    content = bytearray(
        docx(paragraph("Words")) if name == "a.docx" else pdf(["Words"], outline=((0, "Words"),))
    )
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    check(name, bytes(content))
