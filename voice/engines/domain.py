"""The language model of a folder of documents: what people are likely to ask about them."""

import re
from collections.abc import Iterator
from pathlib import Path

from voice.engines.documents import document_files, read_document
from voice.engines.ngram import NgramModel

PHRASES = (
    "stop", "wait", "wait stop", "no", "yes", "yes please", "no thank you", "okay", "hello", "hi",
    "hello there", "good morning", "good evening", "goodbye", "bye", "thank you", "thanks",
    "thank you very much", "that's all", "never mind", "mm hmm", "uh huh", "right", "i see",
    "what time is it", "what is the time", "what day is it", "what is the date today",
    "what can you do", "who are you", "how are you", "help", "can you help me", "say that again",
    "please repeat that", "can you repeat that", "tell me more", "go on", "be quiet", "excuse me",
)  # fmt: skip
OPENINGS = (
    "what is the", "what is a", "what are the", "what does the", "what about", "and what about",
    "and what about in", "when does the", "when is the", "when do", "when should i", "when can i",
    "where is the", "where can i", "where do i", "who is the", "why is the", "why does the",
    "how do i", "how does the", "how long is the", "how long does the", "how long should i",
    "how many", "how much is the", "how much does", "how far is the", "how often should i",
    "how can i", "how old is the", "can i", "could you tell me", "may i", "should i", "is the",
    "is there a", "are there", "are", "do i need a", "does the", "tell me about the", "i want to",
    "i would like to", "please tell me", "wait stop what", "no i meant", "which",
)  # fmt: skip

_WORD = re.compile(r"[a-z]+(?:'[a-z]+)*")
_DIGITS = re.compile(r"\d")


def words_of(text: str) -> list[str]:
    """The words of a text as a recognizer writes them; passages with digits break there."""
    return _WORD.findall(text.lower().replace("’", "'"))


def sentences(folder: Path) -> Iterator[list[str]]:
    """What the documents say, with their titles and headings, word by word."""
    for path in document_files(folder):
        document = read_document(path)
        yield words_of(document.title)
        yield words_of(document.spoken)
        for passage in document.passages:
            yield words_of(passage.section)
            for sentence in passage.sentences:
                for part in _DIGITS.split(sentence):
                    yield words_of(part)


def domain_model(said: list[list[str]]) -> NgramModel:
    """Likely questions about what was said, and the small talk around them."""
    return NgramModel(
        [
            *((words, 1.0) for words in said if words),
            *((words_of(phrase), 2.0) for phrase in PHRASES),
        ],
        openings=[(words_of(opening), 3.0) for opening in OPENINGS],
    )
