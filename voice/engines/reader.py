"""A language model's place taken by reading: answers are sentences of the user's documents.

It says which document it reads from, never makes anything up, and says so when it found nothing.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import takewhile
from pathlib import Path
from uuid import uuid4

from voice.engines.documents import parse_document
from voice.engines.passages import FolderIndex, Hit, PassageIndex, reading
from voice.engines.protocols import (
    CallDelta,
    CallStarted,
    EngineError,
    Finished,
    Message,
    Piece,
    Prompt,
    Source,
    TextDelta,
)
from voice.engines.smalltalk import simplified, small_talk, what_i_read
from voice.engines.toolcalls import arguments, chosen_tool, spoken_result
from voice.engines.wordforms import STOP_WORDS, content_words, word_set

SURE, UNSURE = 0.55, 0.4
"""The share of a question's weight that a sentence must cover to be read, or read with a doubt."""
SHORT = 2
"""A question of so few words is taken to lean on the one before it."""

_FOLLOW_UP = re.compile(r"(?:and|but|or|also|then|what about|how about|why)\b")
_PRONOUN = re.compile(
    r"\b(?:it|its|they|them|their|there|that|those|this|these|one)\b", re.IGNORECASE
)
_WHAT_TIME = re.compile(r"\bwhat time\b", re.IGNORECASE)
_STEPS = re.compile(r"\bhow (?:do|can|should|to|would)\b", re.IGNORECASE)
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
        if self._index:
            self._index.refresh()
        results = _tool_results(prompt.messages)
        if results:
            return spoken_result(results)
        topics = [document.spoken for document in self._index.documents] if self._index else []
        plain = simplified(question)
        if _AGAIN.fullmatch(plain) and (last := _last_answer(prompt.messages)):
            return last
        if _MORE.fullmatch(plain) and (more := self._more(_last_answer(prompt.messages))):
            return more
        return small_talk(question, self._now(), topics) or self._read(prompt, question, topics)

    def _read(self, prompt: Prompt, question: str, topics: list[str]) -> str:
        before = _questions_before(prompt.messages)
        found = _index_of(prompt.sources)
        hits = [_best(index, question, before) for index in (found, self._index) if index]
        hit = max((each for each in hits if each), key=lambda each: each.coverage, default=None)
        if not hit or hit.coverage < UNSURE:
            return f"I found nothing about that. {what_i_read(topics)}"
        brief = any(m.role == "system" and _BRIEF.search(m.content) for m in prompt.messages)
        steps = bool(_STEPS.search(question))
        text = " ".join(reading(hit, steps=steps, sentences=1 if brief else 3))
        source = hit.document.spoken
        if hit.coverage < SURE:
            return f"I am not sure that I understood. {source[0].upper()}{source[1:]} says: {text}"
        return f"According to {source}, {_inside(text, hit.document.names)}"

    def _more(self, answer: str | None) -> str | None:
        """What stands after the sentences of the last answer."""
        if not self._index or not answer:
            return None
        hit = self._index.last_in(answer)
        if not hit:
            return None
        if hit.sentence + 1 < len(hit.passage.sentences):
            return " ".join(hit.passage.sentences[hit.sentence + 1 :][:2])
        return f"That is all {hit.document.spoken} says about it."


def _index_of(sources: Sequence[Source]) -> PassageIndex | None:
    """What was looked up, to be read from like documents of the folder."""
    texts = ("\n\n".join((f"# {each.title or each.name}", *_under(each))) for each in sources)
    documents = [parse_document(text, "") for text in texts]
    return PassageIndex(documents) if documents else None


def _under(source: Source) -> Iterator[str]:
    """The heading that a passage stands under, unless it begins with it, and the passage."""
    heading = source.headings[-1] if source.headings else ""
    if heading and heading != source.title and heading not in source.text.partition("\n")[0]:
        yield f"## {heading}"
    yield source.text


def _best(index: PassageIndex, question: str, before: list[str]) -> Hit | None:
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
    first, *rest = text.split(maxsplit=2)
    named = first in names | _CAPITALIZED or (rest and rest[0][0].isupper())
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


_CAPITALIZED = word_set(
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May June"
    " July August September October November December"
)
