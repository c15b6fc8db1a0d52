"""An index of a folder's documents that finds the sentence a misheard question asks about."""

import json
import math
import re
import sqlite3
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from voice.engines.clauses import clauses
from voice.engines.documents import Document, DocumentFolder, Passage
from voice.engines.questions import Extent, looks_like_answer, named_in
from voice.engines.vocabulary import LIKE, SOUNDS, Vocabulary
from voice.engines.wordforms import (
    FORM,
    NUMBER_WORDS,
    STOP_WORDS,
    tokens,
    word_set,
)

CANDIDATES = 60
GUESS = 0.55
"""Up to here a word is only as likely meant as not."""
GUESSED_WORD = 0.4
"""What such a word counts where words are counted."""
TOLERANCE = 1e-6
SECTION, MEANT, TITLE, NEIGHBOUR = 0.95, 0.9, 0.7, 0.6
"""What a word counts where it is not in the sentence itself: in a heading, or beside it."""
UNKNOWN = 0.6
"""What a word that is in no document counts, of the rarest word's weight: it may be misheard."""
GUESSED = 0.6
"""What a sentence counts that has no word of the question as it was said, only alike ones."""
RELATED = 0.5
TOPIC = 0.4
"""The share of a document's passages that have a word which it is about."""
OWN, FITTING, LEAN = 0.05, 0.2, 0.02
NAMED = 1.5
"""What a name that is in no document counts, of the rarest word's weight."""
FEWEST = 2
"""So many of a question's words must be found, unless it has fewer."""
CONTEXT = 0.4
WEAK = 0.4
WEAK_WORDS = word_set(
    "best bring day happen help need next people person place time today tomorrow work year"
)

_LEANING = re.compile(
    r"(?:it|its|they|them|their|he|his|she|her|this|these|that|those|then|but|if it)\b",
    re.IGNORECASE,
)
_PLACE = re.compile(r"\bthere\b(?! (?:is|are|was|were)\b)")


class Hit(NamedTuple):
    """A sentence that may answer, where it stands, and the share of the question it covers, 0-1.

    `related` are the sentences of the passage that speak of the question's words themselves,
    `said` are those words that this one has, and `clause` the part of it that answers.
    """

    document: Document
    passage: Passage
    sentence: int
    coverage: float = 1.0
    score: float = 1.0
    related: frozenset[int] = frozenset()
    said: frozenset[str] = frozenset()
    found: float = 0.0
    """How many of the words that were asked for are here, alike ones counted in part."""
    asked: int = 0
    clause: str = ""

    @property
    def is_supported(self) -> bool:
        """Whether more than a single word coincides."""
        return self.found >= min(FEWEST, self.asked) - TOLERANCE


class PassageIndex:
    """Documents in an SQLite FTS5 table in memory."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self._lock = threading.Lock()
        self._build(documents)

    def _build(self, documents: Sequence[Document]) -> None:
        self.documents = tuple(documents)
        self._passages = [(d, p) for d in documents for p in d.passages if p.sentences]
        self._topics = {d: f"{d.title} {' '.join(_topics(d))}" for d in documents}
        self._database = sqlite3.connect(":memory:", check_same_thread=False)
        self._database.execute("CREATE VIRTUAL TABLE passages USING fts5(body)")
        self._database.execute("CREATE VIRTUAL TABLE words USING fts5vocab(passages, 'row')")
        rows = [
            (row, " ".join(tokens(" ".join((p.title, p.section, *p.sentences)))))
            for row, (_, p) in enumerate(self._passages)
        ]
        self._database.executemany("INSERT INTO passages(rowid, body) VALUES (?, ?)", rows)
        self._vocabulary = Vocabulary(self._database.execute("SELECT term, doc FROM words"))

    def search(
        self, question: str, about: Sequence[str], context: Sequence[str] = ()
    ) -> Hit | None:
        """The best sentence for the words `about`, of those alike the one nearest to `context`.

        `question` tells what shape the answer should have.
        """
        with self._lock:
            names = frozenset(map(str.lower, named_in(question)))
            known = {term: self._like(term, names) for term in (*about, *context)}
            spellings = {word for like in known.values() for word in like}
            if not spellings:
                return None
            match = " OR ".join(json.dumps(word) for word in sorted(spellings))
            rows = self._database.execute(
                "SELECT rowid FROM passages WHERE passages MATCH ? ORDER BY rank LIMIT ?",
                (match, CANDIDATES),
            ).fetchall()
            own = {term: self._weight(term, known[term], names) for term in about}
            wider = {term: CONTEXT * self._weight(term, known[term]) for term in context}
            passages = [self._passages[row] for (row,) in rows]
        wanted = _Wanted(question, known, own or wider, wider if own else {})
        hits = (wanted.best_sentence(d, p, self._topics[d]) for d, p in passages)
        best = max(hits, key=lambda hit: (hit.is_supported, hit.score), default=None)
        return best._replace(clause=wanted.clause(best)) if best else None

    def _like(self, term: str, names: frozenset[str]) -> Mapping[str, float]:
        """The words that may be meant; a name has no forms: Easter is not what lies east."""
        like = self._vocabulary.like(term)
        if term not in names:
            return like
        own = {term, f"{term}s", term.removesuffix("s")}
        return {
            word: close if word in own else min(close, SOUNDS)
            for word, close in like.items()
            if close != FORM or word in own
        }

    def _weight(
        self, term: str, like: Mapping[str, float], names: frozenset[str] = frozenset()
    ) -> float:
        """Inverse document frequency, over all spellings of a term."""
        count = len(self._passages)
        seen = max((self._vocabulary.frequency[word] for word in like), default=0)
        unknown = NAMED if term in names else UNKNOWN
        rarity = math.log1p(count / seen) if seen else unknown * math.log1p(count)
        return rarity * (WEAK if term in WEAK_WORDS else 1.0)

    def covered(self, term: str) -> bool:
        """Whether the documents have this word, or one like it."""
        return bool(self._vocabulary.like(term))

    def last_in(self, text: str) -> Hit | None:
        """Where the last sentence stands that `text` quotes; its first letter may differ."""
        hits = [
            (_quoted(sentence, text), Hit(document, passage, index))
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


class _Wanted(NamedTuple):
    """A question, its words' spellings, and the weights of its own words and of their context."""

    question: str
    known: Mapping[str, Mapping[str, float]]
    own: Mapping[str, float]
    context: Mapping[str, float]

    def best_sentence(self, document: Document, passage: Passage, topics: str) -> Hit:
        said = [self._closeness(sentence) for sentence in passage.sentences]
        section, title = self._closeness(passage.section), self._closeness(topics)
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
        weak = WEAK_WORDS | NUMBER_WORDS
        strong = [term for term in self.own if term not in weak] or list(self.own)
        hits: list[Hit] = []
        for index, sentence in enumerate(passage.sentences):
            # What "it" is stands in the sentence before.
            leans = index and _LEANING.match(sentence)
            meant_before = index and (leans or _PLACE.search(sentence))
            meaning = said[index - 1] if meant_before else said[index]
            best = {
                term: max(said[index][term], MEANT * meaning[term], around[term])
                for term in self.known
            }
            covered = _share(self.own, best) * (1.0 if meant else GUESSED)
            score = covered + nearby + OWN * shares[index] + self._fit(sentence)
            # Sentences that lean on the one before ("It closes ...") are reached through it.
            score -= LEAN if leans else 0.0
            found = sum(_found(best[term]) for term in strong)
            here = frozenset(term for term in self.own if said[index][term] >= LIKE)
            hits.append(
                Hit(document, passage, index, covered, score, related, here, found, len(strong))
            )
        return max(hits, key=lambda hit: hit.score)

    def clause(self, hit: Hit) -> str:
        """The part of the sentence that has all of it that was asked for, or the sentence."""
        sentence = hit.passage.sentences[hit.sentence]
        least, fit = _share(self.own, self._closeness(sentence)), self._fit(sentence)
        parts = clauses(sentence)
        whole = [
            part
            for part in parts
            if _share(self.own, self._closeness(part)) >= least - TOLERANCE
            and self._fit(part) >= fit
            and (_LEANING.match(sentence) or not _LEANING.match(part))
        ]
        return whole[0] if least and len(whole) == 1 else sentence

    def _closeness(self, text: str) -> dict[str, float]:
        words = set(tokens(text))
        return {
            term: max((value for word, value in like.items() if word in words), default=0.0)
            for term, like in self.known.items()
        }

    def _fit(self, sentence: str) -> float:
        return FITTING if looks_like_answer(self.question, sentence) else 0.0


def _topics(document: Document) -> list[str]:
    """The words that a good part of a document's passages have: it is about them all through."""
    passages = Counter(
        word for p in document.passages for word in set(tokens(" ".join(p.sentences)))
    )
    least = max(2, TOPIC * len(document.passages))
    return [word for word, count in passages.items() if count >= least and word not in STOP_WORDS]


def _share(weights: Mapping[str, float], closeness: Mapping[str, float]) -> float:
    total = sum(weights.values())
    return sum(weights[term] * closeness[term] for term in weights) / total if total else 0.0


def _found(closeness: float) -> float:
    return 1.0 if closeness > GUESS else GUESSED_WORD if closeness else 0.0


def _quoted(sentence: str, text: str) -> int:
    """Where `text` has the sentence or a clause of it, from the second letter on; -1 for nowhere."""
    return max(text.rfind(each[1:]) for each in (sentence, *clauses(sentence)))


def reading(
    hit: Hit, extent: Extent = "answer", *, sentences: int = 3, words: int = 45
) -> list[str]:
    """What of the passage of `hit` answers, with what it leans on, short enough to be heard."""
    said = hit.passage.sentences
    start = hit.sentence
    while start and not hit.said and _LEANING.match(said[start]) and sentences > 1:
        start, sentences = start - 1, sentences - 1
    about = hit.sentence == 0 and not hit.said and len(said) > 1
    if extent == "answer" and not about:
        return [*said[start : hit.sentence], hit.clause or said[hit.sentence]]
    end = hit.sentence + 1
    while end < len(said) and end - start < sentences:
        belongs = extent == "steps" or about or end in hit.related or _LEANING.match(said[end])
        if not belongs or sum(len(s.split()) for s in said[start : end + 1]) > words:
            break
        end += 1
    return list(said[start:end])
