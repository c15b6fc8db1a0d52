"""HTML: what people read of a page, without scripts, menus and other furniture."""

import re
from html.parser import HTMLParser

from voice.search.readers.text import ReadingError, Text, TextBuilder, one_line

Attributes = list[tuple[str, str | None]]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SILENT = _names(
    "script style noscript template svg math iframe object canvas select datalist audio video"
)
_FURNITURE = _names("nav footer aside dialog button menu")
_FURNITURE_ROLES = _names("navigation banner contentinfo search complementary")
_MAIN = frozenset({"main", "article"})
_VOID = _names("area base br col embed hr img input link meta param source track wbr")
_BLOCKS = _names(
    "p div section article main header blockquote figure figcaption address details summary form "
    "fieldset body caption dl dt dd center hgroup legend hr"
)
_PARAGRAPH_ENDS = _BLOCKS | {"ul", "ol", "table", "pre"}
_HEADING = re.compile(r"h[1-6]")
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
_HIDING = re.compile(r"\b(?:display\s*:\s*none|visibility\s*:\s*hidden)\b", re.IGNORECASE)
_SPACES = re.compile(r"[^\S\u2028]+")
_BREAK = "\u2028"
"""Stands for a line break while white space is being joined."""
CHARSET_WITHIN = 4096


def declared_charset(data: bytes) -> str:
    """What a page says that it is encoded in; empty when it does not."""
    found = _CHARSET.search(data[:CHARSET_WITHIN])
    return found[1].decode("ascii", "replace") if found else ""


def read_html(text: str) -> Text:
    """The text of a page: of its main part, if it marks one; of all, if nothing else is left."""
    page = _Page(text, only_main=True)
    if not page.builder.length:
        page = _Page(text)
    if not page.builder.length:
        page = _Page(text, furniture=True)
    return page.builder.built(page.title)


def html_text(fragment: str) -> str:
    """The text of a piece of HTML."""
    return _Page(fragment, furniture=True).builder.built().text


class _Page(HTMLParser):
    """Tells a builder what a page says. Raises `ReadingError`."""

    def __init__(self, text: str, *, only_main: bool = False, furniture: bool = False) -> None:
        super().__init__(convert_charrefs=True)
        self.builder = TextBuilder()
        self.title = ""
        self._only_main = only_main
        self._furniture = furniture
        self._silenced_by, self._silences = "", 0
        self._mains = 0
        self._in_title = self._in_pre = False
        self._heading = 0
        self._said: list[str] = []
        self._row: list[str] | None = None
        self._lists: list[int | None] = []
        """For each open list its next number, or None where it has bullets."""
        self._marker = ""
        try:
            self.feed(text)
            self.close()
        except AssertionError as error:  # The parser raises it for a few broken declarations.
            raise ReadingError(f"is no HTML that can be read: {error}") from error
        self._end_block()

    # ------------------------------------------------------------ called by the parser

    def handle_starttag(self, tag: str, attrs: Attributes) -> None:
        self._end_paragraph(tag)
        if self._silenced_by:
            self._silences += tag == self._silenced_by
        elif tag == "title" and not self.title:
            self._in_title = True
        elif self._is_silent(tag, dict(attrs)):
            self._silenced_by, self._silences = tag, 1
        else:
            self._mains += tag in _MAIN
            self._start(tag, dict(attrs))

    def handle_startendtag(self, tag: str, attrs: Attributes) -> None:
        # "<div/>" opens a division in HTML, but "<svg ... />" is closed.
        if tag not in _SILENT:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        self._end_paragraph(tag)
        if self._silenced_by:
            self._silences -= tag == self._silenced_by
            self._silenced_by = self._silenced_by if self._silences else ""
        elif tag == "title":
            self._in_title = False
        else:
            self._end(tag)
            self._mains -= tag in _MAIN and self._mains > 0

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
        elif not self._silenced_by and (self._mains or not self._only_main):
            self._said.append(data)

    # ------------------------------------------------------------ what it means

    def _end_paragraph(self, tag: str) -> None:
        """A silent paragraph that was left unclosed ends where another block begins or ends."""
        if self._silenced_by == "p" and (tag in _PARAGRAPH_ENDS or _HEADING.fullmatch(tag)):
            self._silenced_by = ""

    def _is_silent(self, tag: str, attributes: dict[str, str | None]) -> bool:
        if tag in _SILENT:
            return True
        # An item that is left unclosed would silence the rest.
        if self._furniture or tag in _VOID or tag in {"li", "html", "body"}:
            return False
        hidden = "hidden" in attributes or attributes.get("aria-hidden") == "true"
        hidden = hidden or bool(_HIDING.search(attributes.get("style") or ""))
        return hidden or tag in _FURNITURE or attributes.get("role") in _FURNITURE_ROLES

    def _start(self, tag: str, attributes: dict[str, str | None]) -> None:
        if tag == "br":
            self._said.append("\n" if self._in_pre else _BREAK)
        elif tag == "img":
            self._said.append(f" {attributes.get('alt') or ''} ")
        elif tag in {"td", "th"}:
            self._end_cell()
        elif tag in _BLOCKS or tag in {"ul", "ol", "li", "table", "tr", "pre"}:
            self._end_block()
            self._start_block(tag)
        elif _HEADING.fullmatch(tag):
            self._end_block()
            self._row = None
            self._heading = int(tag[1])

    def _start_block(self, tag: str) -> None:
        match tag:
            case "ul" | "ol":
                self._lists.append(1 if tag == "ol" else None)
            case "li":
                self._marker = self._next_marker()
            case "table":
                self._end_row()  # A table in a table: the outer one is for the looks.
            case "tr":
                self._end_row()
                self._row = []
            case "pre":
                self._in_pre = True

    def _end(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self._end_cell()
        elif tag in _BLOCKS or _HEADING.fullmatch(tag) or tag in {"li", "pre"}:
            self._end_block()
        elif tag in {"tr", "table"}:
            self._end_cell()
            self._end_row()
        elif tag in {"ul", "ol"}:
            self._end_block()
            if self._lists:
                self._lists.pop()

    def _end_block(self) -> None:
        """Tell the builder what was said since the last one."""
        if self._row is not None and not self._in_pre:
            self._said.append(" ")  # Paragraphs of a cell belong together.
            return
        said, self._said = "".join(self._said), []
        heading, self._heading = self._heading, 0
        in_pre, self._in_pre = self._in_pre, False
        if in_pre:
            self.builder.code(said)
            return
        said = _SPACES.sub(" ", said).replace(_BREAK, "\n").strip()
        if heading:
            self.builder.heading(heading, said)
        elif self._marker and said:
            self.builder.line(self._marker + said)
            self._marker = ""
        else:
            self.builder.paragraph(said)

    def _end_cell(self) -> None:
        if self._row is not None and (said := one_line("".join(self._said))):
            self._row.append(said)
            self._said = []

    def _end_row(self) -> None:
        if self._row is not None:
            self._end_cell()
            self.builder.line(" | ".join(self._row))
            self._row, self._said = None, []

    def _next_marker(self) -> str:
        if not self._lists:
            return "- "
        number = self._lists[-1]
        if number is not None:
            self._lists[-1] = number + 1
        return "  " * (len(self._lists) - 1) + ("- " if number is None else f"{number}. ")
