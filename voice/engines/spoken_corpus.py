"""What people are likely to say to an assistant that reads from these documents."""

from collections.abc import Callable, Iterator, Sequence

from voice.engines.documents import Document
from voice.engines.ngram import NgramModel
from voice.engines.wordforms import STOP_WORDS, stem, tokens

MOST_WORDS = 100_000
"""Of the documents, so that a large folder does not hold up the start."""

TITLE, SENTENCE, PLAIN_FORM, PHRASE, OPENING = 3.0, 1.0, 0.3, 2.0, 1.0

_PHRASES = (
    "hello", "hi", "hi there", "hello there", "good morning", "good afternoon", "good evening",
    "thank you", "thanks", "thanks a lot", "thank you very much", "no thank you", "goodbye", "bye",
    "stop", "wait", "wait stop", "no stop", "wait a minute", "wait a second", "hold on", "be quiet",
    "no", "yes", "yes please", "yeah", "okay", "okay thank you", "all right", "right", "sure",
    "mm hm", "uh huh", "i see", "go on", "again", "say that again", "repeat that", "tell me more",
    "what time is it", "what is the time", "what day is it", "what is the date today",
    "what can you do", "who are you", "how are you", "help", "help me", "can you help me",
    "never mind", "that is all", "and then", "what else", "anything else", "why", "why not",
    "and in spring", "and in summer", "and in autumn", "and in winter", "and on monday",
    "and on tuesday", "and on wednesday", "and on thursday", "and on friday", "and on saturday",
    "and on sunday", "and today", "and tomorrow", "what about today", "what about tomorrow",
)  # fmt: skip

_OPENINGS = (
    "what is the", "what is a", "what are the", "what does the", "what does", "what do i do",
    "what should i do", "what should i", "what can i", "what about", "what about in",
    "what about the", "and what about", "how about", "what kind of", "what time does the",
    "what time is the", "when does the", "when is the", "when do i", "when should i", "when can i",
    "when are the", "where is the", "where are the", "where can i", "where does the", "where do i",
    "why does the", "why is the", "why does my", "how long", "how long is the",
    "how long does the", "how long should i", "how long do i", "how long can i", "how long does",
    "how often should i", "how often do i", "how many", "how much", "how much does",
    "how much does the", "how much is", "how much is the", "how do i", "how can i",
    "how should i", "how far is the", "how big is the", "how hot should the", "can i", "can we",
    "can you", "could you", "are there", "is there", "is there a", "is the", "is it", "are",
    "do i need", "do i have to", "does the", "do you have", "who is", "which", "tell me about the",
    "tell me about", "i want to", "i would like to", "should i", "may i", "please",
    "wait stop what", "wait stop are", "wait stop how", "stop what", "no i mean",
)  # fmt: skip

_ENDINGS = ("", "e", "s", "es", "d", "ed", "ing", "er", "y", "ies")

Sentence = tuple[Sequence[str], float]


def spoken_model(
    documents: Sequence[Document],
    phrases: Sequence[str],
    pronounceable: Callable[[str], bool],
) -> NgramModel:
    """The language model of talk about `documents`; `phrases` are expected in it too.

    It has only words that are `pronounceable`: documents' words, other forms of them that a
    question may need ("closes" is asked for with "close"), and frequent small talk.
    """
    said: list[Sentence] = [*_sentences(documents)]
    said += [(tokens(phrase), PHRASE) for phrase in (*_PHRASES, *phrases)]
    sentences = [(tuple(filter(pronounceable, words)), weight) for words, weight in said]
    forms = _Forms(pronounceable)
    plain = [(tuple(map(forms.plain, words)), PLAIN_FORM * weight) for words, weight in sentences]
    return NgramModel(
        [*sentences, *plain],
        openings=[(tuple(opening.split()), OPENING) for opening in _OPENINGS],
        vocabulary={form for words, _ in sentences for word in words for form in forms.of(word)},
    )


def document_words(documents: Sequence[Document]) -> set[str]:
    """All words that are said in the documents."""
    return {word for words, _ in _sentences(documents) for word in words}


def _sentences(documents: Sequence[Document]) -> Iterator[Sentence]:
    left = MOST_WORDS
    for document in documents:
        yield tokens(document.title), TITLE
        for passage in document.passages:
            for text in (passage.section, *passage.sentences):
                words = tokens(text)
                left -= len(words)
                if left < 0:
                    return
                yield words, SENTENCE


class _Forms:
    """The inflections of words, as far as they are words."""

    def __init__(self, exists: Callable[[str], bool]) -> None:
        self._exists = exists
        self._known: dict[str, tuple[str, ...]] = {}

    def of(self, word: str) -> tuple[str, ...]:
        """All forms of `word` that exist, the shortest first; none of a stop word."""
        if word in STOP_WORDS:
            return ()
        root = stem(word)
        if root not in self._known:
            doubled = root + root[-1]
            roots = (root, root.removesuffix("y") + "i", doubled)
            forms = {base + ending for base in roots for ending in _ENDINGS}
            self._known[root] = tuple(
                sorted((form for form in forms if len(form) > 2 and self._exists(form)), key=len)
            )
        return self._known[root]

    def plain(self, word: str) -> str:
        """The form that follows "does" or "can": "close" for "closes"."""
        same = (form for form in self.of(word) if len(form) <= len(word))
        return next((form for form in same if stem(form) == stem(word)), word)
