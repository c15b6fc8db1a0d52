"""HTML comes out as people read it, without the furniture of the page."""

import pytest

from voice.search.readers.html import declared_charset, html_text, read_html

PAGE = """<!DOCTYPE html><html><head><title>Opening hours &ndash; Library</title>
<style>p { color: red }</style><script>alert("<p>no</p>")</script></head>
<body><header><nav><ul><li><a href="/">Home</a></ul></nav></header>
<main><h1>Opening <em>hours</em></h1>
<p>The library opens at   <b>nine</b>.<br>It closes at <a href="x">five</a>.
<p>Unclosed.
<ul><li>Monday<li>Tuesday<ol><li>morning</li><li><p>evening</p></li></ol></ul>
<table><tr><th>Day<th>Hours</tr><tr><td>Sunday</td><td><p>closed</p><p>always</p></td></tr></table>
<pre>keep   this
  <b>as it</b> is</pre>
<div hidden>secret</div><div>Shown<img src="x" alt="a map"></div>
<aside>Advertisement</aside>
<h2>Fees</h2><dl><dt>Late</dt><dd>Ten cents</dd></dl></main>
<footer>Imprint</footer></body></html>"""


@pytest.mark.parametrize(
    "hidden",
    [
        "<p hidden>secret</p>",
        '<p aria-hidden="true">secret <b>more</b></p>',
        '<div style="color: red; DISPLAY : none"><p>secret</p></div>',
        '<p style="visibility:hidden">secret',
        "<div><p hidden>secret</div>",
    ],
)
def test_what_is_hidden_is_not_read(hidden):
    assert read_html(f"<p>Shown.</p>{hidden}<p>Shown, too.</p>").text == "Shown.\n\nShown, too."


def test_a_page_is_read_with_its_structure():
    text = read_html(PAGE)
    assert text.text == (
        "Opening hours\n\n"
        "The library opens at nine.\nIt closes at five.\n\n"
        "Unclosed.\n"
        "- Monday\n- Tuesday\n  1. morning\n  2. evening\n"
        "Day | Hours\nSunday | closed always\n\n"
        "keep   this\n  as it is\n\n"
        "Shown a map\n\n"
        "Fees\n\nLate\n\nTen cents"
    )
    assert text.title == "Opening hours – Library"
    assert text.blocks[-1].headings == ("Opening hours", "Fees")


def test_a_page_without_a_main_part_loses_its_furniture_only():
    assert read_html("<nav>Menu</nav><p>Words.<footer>Imprint</footer>").text == "Words."


def test_a_page_of_nothing_but_furniture_keeps_it():
    assert read_html("<nav>Never closed <p>Words.").text == "Never closed\n\nWords."


def test_a_main_part_without_words_does_not_hide_the_rest():
    assert read_html("<main></main><p>Words.").text == "Words."


def test_tables_for_the_looks_are_read_as_paragraphs():
    page = "<table><tr><td><h1>Title</h1><p>One.</p><p>Two.</p></td></tr></table>"
    assert read_html(page).text == "Title\n\nOne.\n\nTwo."
    nested = "<table><tr><td>Menu<td><table><tr><td>a<td>b</table><p>Words.</table>"
    assert read_html(nested).text == "Menu\na | b\n\nWords."


@pytest.mark.parametrize(
    "page",
    ["<", "<p", "</p>", "<!-- never closed <p>x", "<![CDATA[ x", "<!x", "</li></ul></td></table>x"],
)
def test_broken_pages_are_read_as_far_as_they_go(page):
    assert isinstance(read_html(page).text, str)


def test_a_fragment_is_read_as_text():
    assert html_text("<details><summary>More</summary>x &lt; y</details>") == "More\n\nx < y"


@pytest.mark.parametrize(
    ("page", "charset"),
    [
        (b'<meta charset="ISO-8859-2">', "ISO-8859-2"),
        (b'<META http-equiv="x" content="text/html; charset=koi8-r">', "koi8-r"),
        (b"<p>charset=koi8-r", ""),
    ],
)
def test_a_page_says_what_it_is_encoded_in(page, charset):
    assert declared_charset(page) == charset
