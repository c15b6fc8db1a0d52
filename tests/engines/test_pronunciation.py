"""eSpeak's phonemes become the phones that PocketSphinx knows."""

import pytest

from voice.engines.pronunciation import pronounce, to_arpabet
from voice.engines.wordforms import word_set

PHONES = word_set(
    """AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W
    Y Z ZH"""
)


@pytest.mark.parametrize(
    ("phonemes", "phones"),
    [
        ("k_'a_t", "K AE T"),
        ("tS_'A@_m", "CH AA R M"),
        ("w_'O:_t_3", "W AO T ER"),
        ("f_'aI3_m_@_n", "F AY ER M AH N"),
        ("h_@_l_'oU w_'3:_l_d", "HH AH L OW W ER L D"),
        ("n_'i:_d_@-_n_t", "N IY D AH N T"),
        ("tS'aInaz", "CH AY N AE Z"),
        ("", None),
        ("k_ß", None),
    ],
)
def test_phonemes_are_mapped(phonemes: str, phones: str | None) -> None:
    assert to_arpabet(phonemes) == phones


@pytest.mark.engine
@pytest.mark.parametrize(
    ("word", "phones"),
    [
        ("inferno", "IH N F ER N OW"),
        ("library", "L AY B R EH R IY"),
        ("whistle", "W IH S AH L"),
        ("branch", "B R AE N CH"),
    ],
)
def test_words_are_said_as_in_the_dictionary(word: str, phones: str) -> None:
    pytest.importorskip("espeakng_loader", reason="eSpeak NG is not installed")
    from voice.engines.espeak_library import library  # noqa: PLC0415 - loads the voices

    assert pronounce(library(), word) == phones


@pytest.mark.engine
def test_invented_words_get_only_known_phones() -> None:
    pytest.importorskip("espeakng_loader", reason="eSpeak NG is not installed")
    from voice.engines.espeak_library import library  # noqa: PLC0415 - loads the voices

    for word in ("kubernetes", "thermomix", "wittgenstein", "zwiebel", "café", "ngo", "grrl"):
        phones = pronounce(library(), word)
        assert phones
        assert set(phones.split()) <= PHONES
