"""Each language's words get the phonemes that Kokoro knows."""

from types import SimpleNamespace

import pytest

pytest.importorskip("misaki", reason="Kokoro is not installed")

from voice.engines.kokoro_phonemes import phonemizer, words_of_tokens
from voice.engines.spoken import Spoken

pytestmark = pytest.mark.engine


def token(text: str, phonemes: str | None, whitespace: str = "") -> SimpleNamespace:
    return SimpleNamespace(text=text, phonemes=phonemes, whitespace=whitespace)


def test_tokens_up_to_a_space_are_one_word():
    """The tokens of misaki split contractions and punctuation off."""
    tokens = [
        token("Do", "d\u02c8u"),
        token("n't", "nt", " "),
        token("\u2603", None, " "),
        token("go", "\u0261\u02c8O"),
        token("!", "!"),
    ]
    assert words_of_tokens(tokens) == [
        Spoken("Don't", "d\u02c8unt "),
        Spoken("\u2603", ""),
        Spoken("go!", "\u0261\u02c8O!"),
    ]
    assert words_of_tokens([]) == []


def test_english_without_spacy_has_espeaks_phonemes():
    """American and British differ."""
    assert phonemizer("a")("Hello there.") == [
        Spoken("Hello", "h\u0259l\u02c8O "),
        Spoken("there.", "\u00f0\u02c8\u025b\u0279."),
    ]
    assert phonemizer("b")("Hello there.")[0] == Spoken("Hello", "h\u0259l\u02c8Q ")


def test_other_languages_have_words_too():
    """French joins words; every one keeps a part."""
    spoken = phonemizer("f")("Comment allez-vous\u202f?")
    assert "".join(word.phonemes for word in spoken).startswith("k\u0254m\u02cc\u0251\u0303")
    assert [word.text for word in spoken][:2] == ["Comment", "allez-vous"]
