"""An index of a folder's documents that finds the sentence a misheard question asks about."""

import json
import math
import re
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from voice.engines.documents import Document, DocumentFolder, Passage
from voice.engines.wordforms import STOP_WORDS, closeness, sound, synonyms, tokens, word_set

CANDIDATES = 60
LIKE = 0.8
"""From here on a word is the same in another form, below it only sounds alike."""
SECTION, TITLE, NEIGHBOUR = 0.95, 0.7, 0.6
"""What a word counts where it is not in the sentence itself: in a heading, or beside it."""
UNKNOWN = 0.6
"""What a word that is in no document counts, of the rarest word's weight: it may be misheard."""
GUESSED = 0.6
"""What a sentence counts that has no word of the question as it was said, only alike ones."""
RELATED = 0.5
OWN, FITTING, LEAN = 0.05, 0.1, 0.02
CONTEXT = 0.4
WEAK = 0.4
WEAK_WORDS = word_set("bring day happen help need people person place time work")

# What an answer looks like, by the question's first words.
_ANSWERS = (
    (r"when|what (?:time|day|month)|how often|opening hours", r"morning|evening|noon|night|clock|\w+day\b|january|february|march|april|may\b|june|july|august|september|october|november|december|\d|week|minutes|month|spring|summer|autumn|winter|after|before"),
    (r"how (?:much|expensive)|price|cost|fee", r"free|dollar|cent|pound|euro|\$|€|£|\d|cost"),
    (r"how (?:many|much)", r"\d|one|two|three|four|five|six|seven|eight|nine|ten|hundred|dozen|half"),
    (r"how (?:long|far)", r"mile|kilomet|hour|minute|week|month|days?\b|year|until"),
    (r"where", r"\b(?:in|on|at|under|near|beside|to|behind|above|below)\b"),
    (r"why|what (?:does|is wrong)", r"because|means?|so that|for the"),
    (r"how (?:do|can|should|to)", r"^(?:to|first|use|put|mix|fill|take|bring|press|open|clean|set|add|turn|hold|heat|plant|sow|cut|pick|wash|move|choose|push|pour|connect|insert|remove)\b"),
    (r"(?:can|may|are|is) (?:i|we|you|dogs|there)|allowed", r"allowed|forbidden|welcome|can|may\b|not"),
)  # fmt: skip
_ANSWER_SHAPES = tuple(
    (re.compile(q, re.IGNORECASE), re.compile(a, re.IGNORECASE)) for q, a in _ANSWERS
)
_LEANING = re.compile(
    r"(?:it|they|them|he|she|this|these|that|those|then|but|if it)\b", re.IGNORECASE
)


class Hit(NamedTuple):
    """A sentence that may answer, where it stands, and the share of the question it covers, 0-1.

    `related` are the sentences of the passage that speak of the question's words themselves.
    """

    document: Document
    passage: Passage
    sentence: int
    coverage: float = 1.0
    score: float = 1.0
    related: frozenset[int] = frozenset()


class PassageIndex:
    """Documents in an SQLite FTS5 table in memory."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self._lock = threading.Lock()
        self._build(documents)

    def _build(self, documents: Sequence[Document]) -> None:
        self.documents = tuple(documents)
        self._passages = [(d, p) for d in documents for p in d.passages if p.sentences]
        self._database = sqlite3.connect(":memory:", check_same_thread=False)
        self._database.execute("CREATE VIRTUAL TABLE passages USING fts5(body)")
        self._database.execute("CREATE VIRTUAL TABLE words USING fts5vocab(passages, 'row')")
        rows = [
            (row, " ".join(tokens(" ".join((p.title, p.section, *p.sentences)))))
            for row, (_, p) in enumerate(self._passages)
        ]
        self._database.executemany("INSERT INTO passages(rowid, body) VALUES (?, ?)", rows)
        self._vocabulary = _Vocabulary(self._database.execute("SELECT term, doc FROM words"))

    def search(
        self, question: str, about: Sequence[str], context: Sequence[str] = ()
    ) -> Hit | None:
        """The best sentence for the words `about`, of those alike the one nearest to `context`.

        `question` tells what shape the answer should have.
        """
        with self._lock:
            known = {term: self._vocabulary.like(term) for term in (*about, *context)}
            spellings = {word for like in known.values() for word in like}
            if not spellings:
                return None
            match = " OR ".join(json.dumps(word) for word in sorted(spellings))
            rows = self._database.execute(
                "SELECT rowid FROM passages WHERE passages MATCH ? ORDER BY rank LIMIT ?",
                (match, CANDIDATES),
            ).fetchall()
            own = {term: self._weight(term, known[term]) for term in about}
            wider = {term: CONTEXT * self._weight(term, known[term]) for term in context}
            passages = [self._passages[row] for (row,) in rows]
        wanted = _Wanted(question, known, own or wider, wider if own else {})
        hits = (wanted.best_sentence(*passage) for passage in passages)
        return max(hits, key=lambda hit: hit.score, default=None)

    def _weight(self, term: str, like: Mapping[str, float]) -> float:
        """Inverse document frequency, over all spellings of a term."""
        count = len(self._passages)
        seen = max((self._vocabulary.frequency[word] for word in like), default=0)
        rarity = math.log1p(count / seen) if seen else UNKNOWN * math.log1p(count)
        return rarity * (WEAK if term in WEAK_WORDS else 1.0)

    def covered(self, term: str) -> bool:
        """Whether the documents have this word, or one like it."""
        return bool(self._vocabulary.like(term))

    def last_in(self, text: str) -> Hit | None:
        """Where the last sentence stands that `text` quotes; its first letter may differ."""
        hits = [
            (text.rfind(sentence[1:]), Hit(document, passage, index))
            for document, passage in self._passages
            for index, sentence in enumerate(passage.sentences)
        ]
        at, hit = max(hits, key=lambda found: found[0], default=(-1, None))
        return hit if at >= 0 else None


class FolderIndex(PassageIndex):
    """The documents of one folder, read again when a file changes.

    Raises `EngineError` when the folder is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = DocumentFolder(folder)
        super().__init__(self._folder.documents)

    def refresh(self) -> bool:
        """Read the folder again if a file came, went or changed; says whether it did."""
        with self._lock:
            changed = self._folder.refresh()
            if changed:
                self._build(self._folder.documents)
            return changed


class _Vocabulary:
    """The words of the index, found by spelling, stem, sound and beginning."""

    def __init__(self, rows: Iterable[tuple[str, int]]) -> None:
        self.frequency = dict(rows)
        self._alike: defaultdict[str, list[str]] = defaultdict(list)
        for word in self.frequency:
            if word not in STOP_WORDS:
                for key in _keys(word):
                    self._alike[key].append(word)
        self._known: dict[str, dict[str, float]] = {}

    def like(self, term: str) -> dict[str, float]:
        """The words that may be meant by `term`, each with its closeness."""
        if term not in self._known:
            others = {word for key in _keys(term) for word in self._alike.get(key, ())}
            close = {word: closeness(term, word) for word in others}
            best = max(close.values(), default=0.0)
            # A word that is there as it was heard leaves no room for guesses.
            least = 0.7 if best == 1.0 else 0.01
            self._known[term] = {word: value for word, value in close.items() if value >= least}
        return self._known[term]


def _keys(word: str) -> set[str]:
    meanings = {f"~{meaning}" for meaning in synonyms(word)}
    return meanings | {f"^{word[:4]}", f"*{sound(word)[:2]}"}


class _Wanted(NamedTuple):
    """A question, its words' spellings, and the weights of its own words and of their context."""

    question: str
    known: Mapping[str, Mapping[str, float]]
    own: Mapping[str, float]
    context: Mapping[str, float]

    def best_sentence(self, document: Document, passage: Passage) -> Hit:
        said = [self._closeness(sentence) for sentence in passage.sentences]
        section, title = self._closeness(passage.section), self._closeness(document.title)
        around = {
            term: max(
                SECTION * section[term],
                TITLE * title[term],
                NEIGHBOUR * max(sentence[term] for sentence in said),
            )
            for term in self.known
        }
        near = [*said, section, title]
        meant = any(words[term] >= LIKE for words in near for term in self.own)
        shares = [_share(self.own, sentence) for sentence in said]
        related = frozenset(i for i, share in enumerate(shares) if share >= RELATED)
        nearby = _share(self.context, around) * CONTEXT
        hits: list[Hit] = []
        for index, sentence in enumerate(passage.sentences):
            best = {term: max(said[index][term], around[term]) for term in self.known}
            covered = _share(self.own, best) * (1.0 if meant else GUESSED)
            score = covered + nearby + OWN * shares[index] + self._fit(sentence)
            # Sentences that lean on the one before ("It closes ...") are reached through it.
            score -= LEAN if index and _LEANING.match(sentence) else 0.0
            hits.append(Hit(document, passage, index, covered, score, related))
        return max(hits, key=lambda hit: hit.score)

    def _closeness(self, text: str) -> dict[str, float]:
        words = set(tokens(text))
        return {
            term: max((value for word, value in like.items() if word in words), default=0.0)
            for term, like in self.known.items()
        }

    def _fit(self, sentence: str) -> float:
        shapes = (answer for asked, answer in _ANSWER_SHAPES if asked.search(self.question))
        return FITTING if any(shape.search(sentence) for shape in shapes) else 0.0


def _share(weights: Mapping[str, float], closeness: Mapping[str, float]) -> float:
    total = sum(weights.values())
    return sum(weights[term] * closeness[term] for term in weights) / total if total else 0.0


def reading(hit: Hit, *, steps: bool = False, sentences: int = 3, words: int = 45) -> list[str]:
    """The sentence of `hit` with what it leans on and what belongs to it, short enough to be heard.

    With `steps` the sentences after it are taken to belong to it, as in instructions.
    """
    said = hit.passage.sentences
    start = hit.sentence
    while start and _LEANING.match(said[start]) and hit.sentence - start < sentences - 1:
        start -= 1
    end = hit.sentence + 1
    while end < len(said) and end - start < sentences:
        belongs = steps or end in hit.related or _LEANING.match(said[end])
        if not belongs or sum(len(s.split()) for s in said[start : end + 1]) > words:
            break
        end += 1
    return list(said[start:end])
