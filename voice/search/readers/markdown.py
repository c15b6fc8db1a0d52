"""Markdown, as CommonMark with tables, front matter and the links of wikis."""

import re
from collections.abc import Iterator, Sequence
from itertools import chain

from markdown_it import MarkdownIt
from markdown_it.token import Token

from voice.search.readers.front_matter import split_front_matter
from voice.search.readers.html import html_text
from voice.search.readers.text import Text, TextBuilder, cleaned

_PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
_WIKI_LINK = re.compile(r"!?\[\[(?:[^\[\]|\n]*\|)?([^\[\]|\n]+)\]\]")
_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)


def read_markdown(text: str) -> Text:
    attributes, body = split_front_matter(cleaned(text))
    builder = TextBuilder()
    _Walk(builder).through(_PARSER.parse(body))
    title = attributes.pop("title", "")
    return builder.built(f"{title:.15g}" if isinstance(title, float) else str(title), attributes)


class _Walk:
    """Goes through the tokens of a parser, and tells a builder of what they hold."""

    def __init__(self, builder: TextBuilder) -> None:
        self._builder = builder
        self._lists: list[int | None] = []
        """For each open list its next number, or None where it has bullets."""
        self._marker = ""
        self._row: list[str] | None = None

    def through(self, tokens: Sequence[Token]) -> None:
        levels = chain((0,), (int(t.tag[1]) if t.type == "heading_open" else 0 for t in tokens))
        for token, level in zip(tokens, levels, strict=False):
            if token.type == "inline":
                self._say(_plain(token.children or ()), level)
            else:
                self._structure(token)

    def _structure(self, token: Token) -> None:
        match token.type:
            case "bullet_list_open":
                self._lists.append(None)
            case "ordered_list_open":
                self._lists.append(int(token.attrGet("start") or 1))
            case "bullet_list_close" | "ordered_list_close":
                self._lists.pop()
            case "list_item_open":
                self._marker = self._next_marker()
            case "tr_open":
                self._row = []
            case "tr_close":
                self._builder.line(" | ".join(self._row or ()))
                self._row = None
            case "fence" | "code_block":
                self._builder.code(token.content)
            case "html_block":
                self._builder.paragraph(html_text(token.content))

    def _say(self, text: str, level: int) -> None:
        if level:
            self._builder.heading(level, text)
        elif self._row is not None:
            self._row.append(text.strip())
        elif self._lists and self._marker:
            self._builder.line(self._marker + text.strip())
            self._marker = ""
        else:
            self._builder.paragraph(text)

    def _next_marker(self) -> str:
        number = self._lists[-1]
        if number is not None:
            self._lists[-1] = number + 1
        return "  " * (len(self._lists) - 1) + ("- " if number is None else f"{number}. ")


def _plain(tokens: Sequence[Token]) -> str:
    return _WIKI_LINK.sub(r"\1", "".join(_pieces(tokens)))


def _pieces(tokens: Sequence[Token]) -> Iterator[str]:
    for token in tokens:
        match token.type:
            case "text" | "code_inline":
                yield token.content
            case "softbreak":
                yield " "
            case "hardbreak":
                yield "\n"
            case "image":
                yield _plain(token.children or ())
            case "html_inline" if _BREAK.fullmatch(token.content):
                yield "\n"
