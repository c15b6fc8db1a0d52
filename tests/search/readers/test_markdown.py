"""Markdown comes out as people read it, with its structure."""

import pytest

from voice.search.readers.markdown import read_markdown

PAGE = """\
---
title: "Sourdough"
tags: [bread, slow]
author:
  - Ada
  - Bert
servings: 4   # loaves
vegan: true
nested:
  key: value
---

# Sour *dough*

Mix the [flour](https://example.org/flour "Flour") with `water`,
**well**. ![A bowl](bowl.png)

Second
title
------

1. Wait
2. Fold
   - gently
   - often

   And again.

```python
def bake():
    # not a heading
    return "bread"
```

| Flour | Water |
|-------|------:|
| 500 g | *350 g* |

> Said the baker.

<div align="center"><b>Bold</b> words<!-- hidden --></div>

See [[Notes/Rye|the rye]] and [[Wheat]].<br>Bye &amp; thanks ~~never~~.
"""


def test_a_page_is_read_with_its_structure():
    text = read_markdown(PAGE)
    assert text.text == (
        "Sour dough\n\n"
        "Mix the flour with water, well. A bowl\n\n"
        "Second title\n"
        "1. Wait\n"
        "2. Fold\n"
        "  - gently\n"
        "  - often\n\n"
        "And again.\n\n"
        'def bake():\n    # not a heading\n    return "bread"\n'
        "Flour | Water\n"
        "500 g | 350 g\n\n"
        "Said the baker.\n\n"
        "Bold words\n\n"
        "See the rye and Wheat.\nBye & thanks never."
    )
    assert text.title == "Sourdough"


def test_front_matter_becomes_attributes():
    assert read_markdown(PAGE).attributes == {
        "tags": "bread, slow",
        "author": "Ada, Bert",
        "servings": 4.0,
        "vegan": True,
    }


def test_front_matter_in_toml_is_known():
    text = read_markdown('+++\ntitle = "Rye"\ntags = ["a", "b"]\n[more]\nx = 1\n+++\nBake.')
    assert (text.title, text.attributes, text.text) == ("Rye", {"tags": "a, b"}, "Bake.")


def test_numbers_that_no_database_keeps_are_texts():
    text = read_markdown("+++\na = nan\nb = inf\nc = 1" + "0" * 400 + "\nd = 2.5\n+++\nBake.")
    assert text.attributes == {"a": "nan", "b": "inf", "c": "1" + "0" * 400, "d": 2.5}


def test_a_title_may_be_a_number():
    assert read_markdown("---\ntitle: 2024\n---\nWords.").title == "2024"


@pytest.mark.parametrize("text", ["---\nOnly a rule and words\n---\nMore.", "---\n", "--- x"])
def test_rules_are_no_front_matter(text):
    assert read_markdown(text).attributes == {}
    assert "words" not in text or "Only a rule and words" in read_markdown(text).text


def test_every_block_is_a_slice_under_its_headings():
    text = read_markdown(PAGE)
    blocks = {text.text[block.start : block.end]: block for block in text.blocks}
    assert blocks["Sour dough"].is_heading
    assert blocks["Sour dough"].headings == ("Sour dough",)
    assert blocks["2. Fold"].headings == ("Sour dough", "Second title")
    assert [name for name, block in blocks.items() if block.is_code] == [
        'def bake():\n    # not a heading\n    return "bread"'
    ]


def test_a_text_is_called_as_its_first_heading():
    assert read_markdown("Hello.\n\n## Then\n\n# Later").title == "Then"
    assert read_markdown("Hello.").title == ""


def test_lines_of_windows_and_characters_that_are_not_seen():
    text = read_markdown("\ufeff# A\r\n\r\nb\x00\x1b[31mc\u00add e\u0301\r\n")
    assert text.text == "A\n\nb[31mcd é"


def test_an_unclosed_fence_reaches_to_the_end():
    text = read_markdown("# A\n\n```\ncode\n# no heading\n")
    assert [block.is_code for block in text.blocks] == [False, True]
