"""Cuts a text into chunks: at headings, else between paragraphs, else sentences, else words."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from voice.search.readers.text import Block, Text
from voice.search.records import Chunk, ChunkingRules
from voice.search.tokens import token_spans

FEWEST_TOKENS, MOST_TOKENS = 100, 4096

_SENTENCE_END = re.compile(r"[.!?…][\"')\]”’»]*(?=\s)|[。！？]")
_LINE_END = re.compile(r"\n")


def cut(text: Text, rules: ChunkingRules) -> list[Chunk]:
    """The chunks of a text, in its order, none longer than `rules.max_tokens`.

    Together they hold all of it but the space between them. One never reaches into the next
    section; those of a section may overlap, by whole sentences where there are such. A title of
    the text that its headings do not tell stands before them.
    """
    cutter = _Cutter(text, rules)
    return [chunk for section in _sections(text.blocks) for chunk in cutter.chunks(section)]


def _outermost(text: Text) -> tuple[str, ...]:
    """The title, if it says more than one of the outermost headings, or something else."""
    title = text.title.casefold()
    tops = {block.headings[0].casefold() for block in text.blocks if block.is_heading}
    return () if not title or any(top in title or title in top for top in tops) else (text.title,)


def _sections(blocks: Sequence[Block]) -> Iterator[Sequence[Block]]:
    """A heading and what stands under it; headings that follow one another begin one section."""
    start = 0
    for index in range(1, len(blocks)):
        if blocks[index].is_heading and not blocks[index - 1].is_heading:
            yield blocks[start:index]
            start = index
    if blocks:
        yield blocks[start:]


class _Cutter:
    """Works in numbers of tokens: a chunk is from one token up to before another."""

    def __init__(self, text: Text, rules: ChunkingRules) -> None:
        self._text = text.text
        self._outermost = _outermost(text)
        self._most = rules.max_tokens
        self._overlap = rules.overlap_tokens
        self._starts, self._ends = token_spans(text.text)

    def chunks(self, section: Sequence[Block]) -> Iterator[Chunk]:
        first = bisect_left(self._starts, section[0].start)
        last = bisect_left(self._starts, section[-1].end)
        blocks = [bisect_left(self._starts, block.start) for block in section]
        parts = [token for block in section for token in self._parts(block)]
        while last - first > self._most:
            end = self._cut(first, blocks, parts)
            yield self._chunk(first, end, self._headings(first, end, section, blocks))
            first = self._next(first, end, parts)
        yield self._chunk(first, last, self._headings(first, last, section, blocks))

    def _parts(self, block: Block) -> list[int]:
        """Where its sentences begin; where its lines do, if it is code or has no sentences."""
        ends = [] if block.is_code else self._matches(_SENTENCE_END, block)
        ends = ends or self._matches(_LINE_END, block)
        return [bisect_left(self._starts, place) for place in (block.start, *ends)]

    def _matches(self, pattern: re.Pattern[str], block: Block) -> list[int]:
        return [match.end() for match in pattern.finditer(self._text, block.start, block.end)]

    def _cut(self, first: int, blocks: Sequence[int], parts: Sequence[int]) -> int:
        """The last good place to end a chunk that begins at `first` and fills at least half."""
        least, most = first + self._most // 2, first + self._most
        for places in (blocks, parts):
            place = places[bisect_right(places, most) - 1]
            if place > least:
                return place
        return next((place for place in range(most, least, -1) if self._is_word(place)), most)

    def _next(self, first: int, end: int, parts: Sequence[int]) -> int:
        """Where the next chunk begins: as early as the overlap allows."""
        earliest = max(end - self._overlap, first + 1)
        place = parts[bisect_left(parts, earliest)] if earliest <= parts[-1] else end
        if place <= end:
            return place
        return next((place for place in range(earliest, end) if self._is_word(place)), end)

    def _is_word(self, token: int) -> bool:
        """Whether there is space before a token."""
        return self._ends[token - 1] < self._starts[token]

    def _headings(
        self, first: int, end: int, section: Sequence[Block], blocks: Sequence[int]
    ) -> tuple[str, ...]:
        """Those of the first block that says more than a heading."""
        index = bisect_right(blocks, first) - 1
        while section[index].is_heading and section[index].end < self._ends[end - 1]:
            index += 1
        return self._outermost + section[index].headings

    def _chunk(self, first: int, end: int, headings: tuple[str, ...]) -> Chunk:
        start, stop = self._starts[first], self._ends[end - 1]
        return Chunk(text=self._text[start:stop], headings=headings, start=start, end=stop)
