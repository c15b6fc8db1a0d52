"""What the elements of WordprocessingML mean: its styles, its notes and its body.

The names of elements and attributes come as "namespace name", as expat gives them.
"""

from contextlib import suppress

from voice.search.readers.text import TextBuilder

# Strict documents have a namespace of their own.
_WORD = (
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main ",
    "http://purl.oclc.org/ooxml/wordprocessingml/main ",
)
_FALLBACK = "http://schemas.openxmlformats.org/markup-compatibility/2006 Fallback"
_BODY_LEVEL = 9
"""The outline level of what is no heading."""


def _word_name(name: str) -> str:
    """The name of an element or attribute of Word's; empty for those of others."""
    return next((name[len(space) :] for space in _WORD if name.startswith(space)), "")


def _value(attributes: dict[str, str], wanted: str = "val") -> str:
    return next((v for name, v in attributes.items() if _word_name(name) == wanted), "")


class Styles:
    """Which styles are of headings: by what Word calls them in every language, or their level."""

    def __init__(self) -> None:
        self._style = ""
        self._levels: dict[str, int] = {}
        self._bases: dict[str, str] = {}
        self.of_lists: set[str] = set()
        """The styles whose paragraphs are items."""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        match _word_name(name):
            case "style":
                self._style = _value(attributes, "styleId")
            case "name":
                called = _value(attributes).lower()
                if called == "title":
                    self._levels[self._style] = -1
                elif called.startswith("heading ") and called[8:].isdecimal():
                    self._levels[self._style] = int(called[8:]) - 1
            case "basedOn":
                self._bases[self._style] = _value(attributes)
            case "numPr":
                self.of_lists.add(self._style)
            case "outlineLvl":
                with suppress(ValueError):
                    self._levels.setdefault(self._style, int(_value(attributes)))

    def levels(self) -> dict[str, int]:
        """Those of styles that build on others too."""
        known = dict(self._levels)
        for style in self._bases:
            seen, base = {style}, style
            while base not in self._levels and (base := self._bases.get(base, "")) not in seen:
                seen.add(base)
            if base in self._levels:
                known[style] = self._levels[base]
        return known


class Notes:
    """The text of each footnote or endnote, by its number."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._number = ""
        self._in_text = False
        self.notes: dict[str, list[str]] = {}

    def start(self, name: str, attributes: dict[str, str]) -> None:
        name = _word_name(name)
        self._in_text = name == "t"
        if name == self._kind:
            self._number = _value(attributes, "id")

    def end(self, name: str) -> None:
        if _word_name(name) == "t":
            self._in_text = False

    def say(self, text: str) -> None:
        if self._in_text:
            self.notes.setdefault(self._number, []).append(text)


class _Paragraph:
    def __init__(self) -> None:
        self.said: list[str] = []
        self.level = _BODY_LEVEL
        self.indent: int | None = None
        """The level of the list that it is an item of."""
        self.notes: list[str] = []


class Body:
    """Tells a builder what a document says."""

    def __init__(self, styles: Styles, notes: dict[str, str]) -> None:
        self.builder = TextBuilder()
        self.title = ""
        self._levels = styles.levels()
        self._of_lists = styles.of_lists
        self._notes = notes
        self._open: list[_Paragraph] = []
        """The paragraph that is being read, within those whose text boxes it stands in."""
        self._in_text = False
        self._left_out = 0
        self._tables = 0
        self._row: list[str] = []
        self._cell: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        # What was moved away, and copies of text boxes for old programs, stand elsewhere as well.
        if self._left_out or name == _FALLBACK or _word_name(name) == "moveFrom":
            self._left_out += 1
            return
        match _word_name(name):
            case "p":
                self._open.append(_Paragraph())
            case "tbl":
                self._tables += 1
            case "t":
                self._in_text = True
            case element if self._open:
                self._describe(self._open[-1], element, attributes)

    def end(self, name: str) -> None:
        if self._left_out:
            self._left_out -= 1
            return
        match _word_name(name):
            case "t":
                self._in_text = False
            case "p":
                self._end_paragraph(self._open.pop())
            case "tc" if self._tables == 1:
                self._row.append(" ".join(self._cell))
                self._cell = []
            case "tr" if self._tables == 1:
                self.builder.line(" | ".join(filter(None, self._row)))
                self._row = []
            case "tbl":
                self._tables -= 1

    def say(self, text: str) -> None:
        if self._in_text and self._open and not self._left_out:
            self._open[-1].said.append(text)

    def _describe(self, paragraph: _Paragraph, element: str, attributes: dict[str, str]) -> None:
        match element:
            case "pStyle":
                style = _value(attributes)
                paragraph.level = self._levels.get(style, paragraph.level)
                paragraph.indent = 0 if style in self._of_lists else paragraph.indent
            case "outlineLvl" | "ilvl":
                with suppress(ValueError):
                    number = int(_value(attributes))
                    if element == "ilvl":
                        paragraph.indent = number
                    else:
                        paragraph.level = number
            case "tab":
                paragraph.said.append("\t" if paragraph.said else "")
            case "br" | "cr":
                paragraph.said.append("\n")
            case "noBreakHyphen":
                paragraph.said.append("-")
            case "footnoteReference" | "endnoteReference":
                kind = element.removesuffix("Reference")
                paragraph.notes.append(self._notes.get(f"{kind} {_value(attributes, 'id')}", ""))

    def _end_paragraph(self, paragraph: _Paragraph) -> None:
        text = "".join(paragraph.said).strip()
        if self._tables:
            self._cell += [text] if text else []
        elif paragraph.level < _BODY_LEVEL:
            self.title = self.title or (text if paragraph.level < 0 else "")
            self.builder.heading(max(paragraph.level + 1, 0), text)
        elif paragraph.indent is not None and text:
            self.builder.line("  " * min(paragraph.indent, _BODY_LEVEL) + "- " + text)
        else:
            self.builder.paragraph(text)
        for note in paragraph.notes:
            self.builder.paragraph(note)
