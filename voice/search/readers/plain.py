"""Plain text: paragraphs between blank lines."""

import re

from voice.search.readers.text import Text, TextBuilder, cleaned

_BETWEEN = re.compile(r"\n[^\S\n]*\n\s*")


def read_plain(text: str) -> Text:
    builder = TextBuilder()
    for paragraph in _BETWEEN.split(cleaned(text).strip("\n")):
        builder.paragraph(paragraph)
    return builder.built()
