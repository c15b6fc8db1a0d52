"""Phonemes as Kokoro was trained to read them, for each of its languages, through misaki."""

import importlib.util
import logging
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import structlog

from voice.engines.protocols import EngineError
from voice.engines.spoken import Spoken, aligned

log = structlog.get_logger()

SPACY_MODEL = "en_core_web_sm"

LANGUAGES = {
    "a": "en-us",
    "b": "en-gb",
    "e": "es",
    "f": "fr-fr",
    "h": "hi",
    "i": "it",
    "j": "ja",
    "p": "pt-br",
    "z": "zh",
}
"""By the first letter of a voice's name."""

Phonemizer = Callable[[str], list[Spoken]]


@cache
def phonemizer(letter: str) -> Phonemizer:
    """What turns text into words with phonemes, for the voices that begin with `letter`.

    Raises `EngineError` when the language is unknown, or needs a package that is not here.
    """
    # It warns of each "42" that is spoken as two words.
    logging.getLogger("phonemizer").setLevel(logging.ERROR)
    if letter in {"a", "b"}:
        return _english(british=letter == "b")
    if letter in {"j", "z"}:
        return _without_words(letter)
    if letter not in LANGUAGES:
        known = ", ".join(f"{key} ({name})" for key, name in LANGUAGES.items())
        raise EngineError(f"no language of Kokoro begins with {letter!r}; it has {known}")
    from misaki.espeak import EspeakG2P  # noqa: PLC0415 - comes with the extra [kokoro]

    g2p = EspeakG2P(language=LANGUAGES[letter])
    return _by_espeak(lambda text: str(g2p(text)[0] or ""))


def _english(*, british: bool) -> Phonemizer:
    from misaki.espeak import EspeakFallback  # noqa: PLC0415

    espeak = EspeakFallback(british=british)
    if importlib.util.find_spec(SPACY_MODEL) is None:
        # misaki would download it, and end the process where it cannot.
        log.info(
            "Kokoro speaks English by eSpeak's phonemes; spaCy's model would choose better ones",
            missing=SPACY_MODEL,
        )
        return _by_espeak(lambda text: str(espeak(SimpleNamespace(text=text))[0] or ""))
    from misaki.en import G2P  # noqa: PLC0415

    g2p = G2P(trf=False, british=british, fallback=espeak, unk="")
    return lambda text: words_of_tokens(g2p(text)[1])


def _by_espeak(spell: Callable[[str], str]) -> Phonemizer:
    return lambda text: aligned(text, spell(text), spell)


def _without_words(letter: str) -> Phonemizer:
    """Japanese and Chinese have no spaces to find words by, so these have no times."""
    try:
        if letter == "j":
            from misaki.ja import JAG2P as G2P  # noqa: PLC0415
        else:
            from misaki.zh import ZHG2P as G2P  # noqa: PLC0415
    except ImportError as error:
        extra = f"misaki[{LANGUAGES[letter]}]"
        raise EngineError(
            f'voices that begin with {letter!r} need pip install "{extra}"'
        ) from error
    g2p = G2P()
    return lambda text: [Spoken("", str(g2p(text)[0] or ""))]


def words_of_tokens(tokens: list[Any]) -> list[Spoken]:
    """The tokens of misaki, joined into words: those up to a space are one."""
    words: list[Spoken] = []
    text = phonemes = ""
    for token in tokens:
        text += token.text
        phonemes += token.phonemes or ""
        if token.whitespace:
            words.append(Spoken(text, f"{phonemes} " if phonemes else ""))
            text = phonemes = ""
    return [*words, Spoken(text, phonemes)] if text else words
