"""A language model's place taken by reading: answers are sentences of the user's documents.

It says which document it reads from, never makes anything up, and says so when it found nothing.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import groupby, pairwise, takewhile
from pathlib import Path
from uuid import uuid4

from voice.engines.bridge import beyond, is_doubtful
from voice.engines.documents import documents_of
from voice.engines.passages import FolderIndex, Hit, PassageIndex, reading
from voice.engines.protocols import (
    CallDelta,
    CallStarted,
    EngineError,
    Finished,
    Message,
    Piece,
    Prompt,
    TextDelta,
)
from voice.engines.questions import Extent, alternatives, extent_of, named_in, parts_of
from voice.engines.readable import readable
from voice.engines.smalltalk import simplified, small_talk, what_i_read
from voice.engines.toolcalls import arguments, chosen_tool, spoken_result
from voice.engines.wordforms import STOP_WORDS, content_words, word_set

SURE, UNSURE = 0.55, 0.4
"""The share of a question's weight that a sentence must cover to be read, or read with a doubt."""
MOST_PARTS = 3
"""Of a question that asks for several things, so many are answered."""
SHORT = 2
"""A question of so few words is taken to lean on the one before it."""

_FOLLOW_UP = re.compile(r"(?:and|but|or|also|then|what about|how about|why)\b")
_PRONOUN = re.compile(
    r"\b(?:it|its|they|them|their|there|that|those|this|these|one)\b", re.IGNORECASE
)
_FULL_NAME = re.compile(r"[A-Z]\w+ (?:(?:von|van|de|der|di|da|la|le) )*[A-Z]")
_THERE_IS = re.compile(r"\b(?:is|are|was|were) there\b", re.IGNORECASE)
_WHAT_TIME = re.compile(r"\bwhat time\b", re.IGNORECASE)
_MORE = re.compile(
    r"(?:tell me|say|read|anything|what|and)? ?(?:more|else|go on|continue|next)(?: about (?:it|that))?"
)
_AGAIN = re.compile(
    r"(?:say|repeat|tell me|what was)? ?(?:that|it|again|repeat|pardon|what did you say)(?: again| please)?"
)
_BRIEF = re.compile(
    r"\b(?:one|single|1) (?:short )?sentence\b|\bbrief|\bconcise|\bshort answer", re.IGNORECASE
)


class Reader:
    """The `Generator` that reads from a folder of Markdown and text documents.

    Raises `EngineError` when `documents` names a folder that does not exist; without a folder it
    knows greetings and the clock only. `now` is the local time, asked for at every answer.
    """

    context_tokens = 8192
    # It has one answer to everything, so there is nothing for a sampler to choose from.
    accepts = frozenset(
        {"sources", "tools", "tool_choice", "temperature", "top_p", "top_k", "min_p", "seed"}
    )

    def __init__(
        self, documents: str | None = None, now: Callable[[], datetime] | None = None
    ) -> None:
        self._index = FolderIndex(Path(documents).expanduser()) if documents else None
        self._now = now or (lambda: datetime.now().astimezone())

    def generate(self, prompt: Prompt, cancelled: Callable[[], bool]) -> Iterator[Piece]:
        """Stream the answer word by word; a token is a word."""
        read = sum(len(message.content.split()) for message in prompt.messages)
        if read > self.context_tokens:
            raise EngineError(
                f"the messages have {read} words, and the reader takes {self.context_tokens}",
                "context_length_exceeded",
                "messages",
            )
        question = _last_question(prompt)
        answered = prompt.messages and prompt.messages[-1].role == "tool"
        tool = None if answered else chosen_tool(prompt, question)
        if tool:
            given = json.dumps(arguments(tool, question), ensure_ascii=False)
            call_id = f"call_{uuid4().hex[:24]}"
            yield CallStarted(call_id=call_id, name=tool.name)
            yield CallDelta(arguments=given)
            said = len(given.split())
            yield Finished(reason="tool_calls", input_tokens=read, output_tokens=said)
            return
        yield from _words(self._answer(prompt, question), prompt, read, cancelled)

    def _answer(self, prompt: Prompt, question: str) -> str:
        indexes = self._indexes(prompt)
        results = _tool_results(prompt.messages)
        if results:
            return spoken_result(results)
        looked_up = prompt.sources is not None
        topics = None if looked_up else [d.spoken for i in indexes for d in i.documents]
        plain = simplified(question)
        if _AGAIN.fullmatch(plain) and (last := _last_answer(prompt.messages)):
            return last
        if _MORE.fullmatch(plain) and (more := _more(indexes, _last_answer(prompt.messages))):
            return more
        return small_talk(question, self._now(), topics) or _read(prompt, question, indexes, topics)

    def _indexes(self, prompt: Prompt) -> list[PassageIndex]:
        """What was found for a question, or what is here to be read where nobody looked."""
        if prompt.sources is not None:
            return [PassageIndex(documents_of(prompt.sources))]
        if self._index is None:
            return []
        self._index.refresh()
        return [self._index]


def _read(
    prompt: Prompt, question: str, indexes: Sequence[PassageIndex], topics: Sequence[str] | None
) -> str:
    # As the documents are: "Mt." is a mount in both.
    question = readable(question)
    found = _found(question, _questions_before(prompt.messages), indexes)
    hits = [hit for hit in found if hit]
    if not hits:
        nothing = "I found nothing about that."
        return nothing if topics is None else f"{nothing} {what_i_read(topics)}"
    brief = any(m.role == "system" and _BRIEF.search(m.content) for m in prompt.messages)
    most = 1 if brief or len(found) > 1 else 3
    names = named_in(question).union(*(d.names for i in indexes for d in i.documents))
    told = _told(hits[:MOST_PARTS], extent_of(question), most, names)
    return " ".join([*told, *_unknown(found)])


def _more(indexes: Sequence[PassageIndex], answer: str | None) -> str | None:
    """What stands after the sentences of the last answer."""
    hits = (index.last_in(answer) for index in indexes if answer)
    hit = next((hit for hit in hits if hit), None)
    if not hit:
        return None
    if hit.sentence + 1 < len(hit.passage.sentences):
        return " ".join(hit.passage.sentences[hit.sentence + 1 :][:2])
    return f"That is all {hit.document.spoken} says about it."


def _found(question: str, before: list[str], indexes: Sequence[PassageIndex]) -> list[Hit | None]:
    """What answers each part of the question; of several parts only what does for certain."""
    parts = parts_of(question)
    if len(parts) > 1:
        meant = [parts[0], *(_meant(part, before) for before, part in pairwise(parts))]
        return [_sure(_best(indexes, part, before)) for part in meant]
    hit = _best(indexes, question, before)
    if others := _each_named(question, hit, before, indexes):
        return others
    return _joined(question, hit, indexes) if hit else [None]


def _meant(part: str, before: str) -> str:
    """A part of a question, with the one before it if it speaks of "it"."""
    return f"{part} {before}" if _PRONOUN.search(_THERE_IS.sub("", part)) else part


def _each_named(
    question: str, hit: Hit | None, before: list[str], indexes: Sequence[PassageIndex]
) -> list[Hit | None]:
    """Two answers, where two things are asked for that no one sentence speaks of."""
    both = alternatives(question)
    if not both or (hit and hit.said >= set(content_words(question))):
        return []
    hits = [_sure(_best(indexes, each, before)) for each in both]
    said = [hit.passage.sentences[hit.sentence] for hit in hits if hit]
    return hits if len(set(said)) == len(both) else []


def _joined(question: str, hit: Hit, indexes: Sequence[PassageIndex]) -> list[Hit | None]:
    """The hit, and what a sentence about a thing that it names adds to it.

    For certain where the two leave no word of the question open, with a doubt where they do.
    """
    further, whole = beyond(question, hit, indexes) or (None, False)
    if further and whole:
        return [hit._replace(coverage=max(hit.coverage, SURE)), further]
    return [hit, further] if further and is_doubtful(question, hit) else [hit]


def _sure(hit: Hit | None) -> Hit | None:
    return hit if hit and hit.coverage >= SURE else None


def _told(hits: Sequence[Hit], extent: Extent, most: int, names: frozenset[str]) -> Iterator[str]:
    """The sentences that answer, after the name of the document that they are from."""
    said: set[str] = set()
    if hits[0].coverage < SURE:
        yield "I am not sure that I understood."
    for source, each in groupby(hits, key=lambda hit: hit.document.spoken):
        sentences = [text for hit in each for text in reading(hit, extent, sentences=most)]
        fresh = [text for text in dict.fromkeys(sentences) if text not in said]
        said.update(fresh)
        text = " ".join(each if each[-1] in _ENDS else f"{each}." for each in fresh)
        if hits[0].coverage < SURE:
            yield f"{source[0].upper()}{source[1:]} says: {text}"
        elif fresh:
            yield f"According to {source}, {_inside(text, names)}"


def _unknown(found: Sequence[Hit | None]) -> Iterator[str]:
    for place, hit in zip(_PLACES, found, strict=False):
        if not hit:
            yield f"About the {place} part of your question I found nothing."


def _best(indexes: Sequence[PassageIndex], question: str, before: list[str]) -> Hit | None:
    """The sentence of all documents that fits the question best, unless none fits well enough."""
    found = (_best_of(index, question, before) for index in indexes)
    hits = [hit for hit in found if hit and hit.is_supported and hit.coverage >= UNSURE]
    best = max(hits, key=lambda hit: hit.coverage, default=None)
    return best._replace(coverage=UNSURE) if best and is_doubtful(question, best) else best


def _best_of(index: PassageIndex, question: str, before: list[str]) -> Hit | None:
    """The best sentence for the question, with the previous ones where it leans on them."""
    question = _WHAT_TIME.sub("when", question)
    own = content_words(question)
    leaning = _FOLLOW_UP.match(simplified(question)) or _PRONOUN.search(question)
    heard = not own or any(map(index.covered, own))
    if not heard or not (leaning or len(own) <= SHORT):
        return index.search(question, own)
    return index.search(question, own, content_words(" ".join(before)))


def _last_question(prompt: Prompt) -> str:
    users = [message.content for message in prompt.messages if message.role == "user"]
    return users[-1] if users else ""


def _last_answer(messages: tuple[Message, ...]) -> str | None:
    answers = [m.content for m in messages if m.role == "assistant" and m.content]
    return answers[-1] if answers else None


def _tool_results(messages: tuple[Message, ...]) -> list[Message]:
    """The tool results that nobody has spoken about yet."""
    return list(takewhile(lambda message: message.role == "tool", reversed(messages)))[::-1]


def _questions_before(messages: tuple[Message, ...]) -> list[str]:
    """The earlier questions a follow-up may lean on, back to one that stands on its own."""
    users = [message.content for message in messages if message.role == "user"][:-1]
    chain: list[str] = []
    for question in reversed(users[-4:]):
        chain.append(question)
        if content_words(question) and not _FOLLOW_UP.match(simplified(question)):
            break
    return chain


def _inside(text: str, names: frozenset[str]) -> str:
    """`text` as it goes on after a comma: its first word in lower case unless it is a name."""
    first = text.split(maxsplit=1)[0]
    named = first in names | _CAPITALIZED or _FULL_NAME.match(text)
    if first == "I" or (named and first.lower() not in STOP_WORDS):
        return text
    return text[0].lower() + text[1:]


def _words(text: str, prompt: Prompt, read: int, cancelled: Callable[[], bool]) -> Iterator[Piece]:
    stops = [at for stop in prompt.stop if stop and (at := text.find(stop)) >= 0]
    pieces = re.findall(r"\s*\S+", text[: min(stops, default=len(text))])
    limit = len(pieces) if prompt.max_tokens is None else prompt.max_tokens
    for piece in pieces[:limit]:
        if cancelled():
            return
        yield TextDelta(text=piece)
    yield Finished(
        reason="stop" if limit >= len(pieces) else "length",
        input_tokens=read,
        output_tokens=min(limit, len(pieces)),
    )


_ENDS = ".!?…:;\"')”’"
_PLACES = ("first", "second", "third")
_CAPITALIZED = word_set(
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May June"
    " July August September October November December"
)
