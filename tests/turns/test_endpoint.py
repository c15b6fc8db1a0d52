import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.turns.endpoint import completeness, has_words, is_backchannel, semantic_wait_ms

EAGERNESSES = ("low", "medium", "high", "auto")


@pytest.mark.parametrize(
    ("partial", "language"),
    [
        ("What time is it?", "en"),
        ("I would like a coffee.", "en"),
        ('He said "stop."', "en"),
        ("Wie spät ist es?", "de"),
        ("今天天气怎么样？", "zh"),
        ("هل أنت بخير؟", "ar"),
        ("तुम कैसे हो।", "hi"),
    ],
)
def test_a_punctuated_sentence_is_finished(partial: str, language: str):
    assert completeness(partial, language) >= 0.9


@pytest.mark.parametrize(
    ("partial", "language"),
    [
        ("i would like to go to the", "en"),
        ("I want to go to the.", "en"),
        ("so i was thinking uhm", "en"),
        ("it was late and", "en"),
        ("i did it because", "en"),
        ("can you", None),
        ("give me", "en"),
        ("I went home,", "en"),
        ("I thought maybe...", "en"),
        ("the room is in", "en"),
        ("ich habe gestern und", "de"),
        ("ich möchte ein", None),
        ("je voudrais un", "fr"),
        ("quiero ir a la", "es"),
        ("今天下雨所以", "zh"),
        ("行きたいけど", "ja"),
    ],
)
def test_a_hanging_end_is_unfinished(partial: str, language: str | None):
    assert completeness(partial, language) <= 0.3


@pytest.mark.parametrize(
    "partial",
    ["what time is it", "turn the light on", "where are you from", "who are you waiting for", "yes", "no thanks",
     "thank you"],
)  # fmt: skip
def test_a_question_a_command_or_an_answer_needs_no_punctuation(partial: str):
    assert completeness(partial, "en") >= 0.6


@pytest.mark.parametrize("partial", ["my number is five five", "it is 0 4 1", "call double seven"])
def test_dictated_digits_may_go_on(partial: str):
    assert completeness(partial, "en") < 0.5


def test_small_words_of_one_language_do_not_hang_in_another():
    assert completeness("that is the way to die", None) > 0.5
    assert completeness("ich sehe die", None) < 0.2


def test_nothing_said_leaves_it_open():
    assert completeness("") == completeness(" ... ") == completeness("[BLANK_AUDIO]") == 0.5


@pytest.mark.parametrize("eagerness", EAGERNESSES)
def test_a_finished_sentence_waits_little(eagerness):
    assert 300 <= semantic_wait_ms("What time is it?", eagerness, "en") <= 600


def test_an_unfinished_one_waits_close_to_the_maximum():
    waits = {eagerness: semantic_wait_ms("so uhm", eagerness, "en") for eagerness in EAGERNESSES}
    assert 7000 < waits["low"] <= 8000
    assert 3500 < waits["medium"] == waits["auto"] <= 4000
    assert 1700 < waits["high"] <= 2000


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("mm-hm", None), ("Mm-hmm.", "en"), ("Uh-huh", "en"), ("yeah", "en"), ("Yeah, yeah.", "en"),
        ("yeah yeah yeah", "en"), ("Okay.", "en"), ("ok right", "en"), ("Right.", None), ("I see.", "en"),
        ("ja", "de"), ("Ja ja", "de"), ("oui", "fr"), ("D'accord.", "fr"), ("d’accord", None), ("hmm", "xx"),
        ("嗯", "zh"), ("对对对", "zh"), ("はい、はい。", "ja"), ("네", "ko"), ("हाँ", "hi"), ("да", "ru"),
        ("yeah (laughs)", "en"), ("okay", "tr"),
    ],
)  # fmt: skip
def test_what_only_shows_listening_is_a_backchannel(text: str, language: str | None):
    assert is_backchannel(text, language)


@pytest.mark.parametrize(
    "text",
    ["no", "No.", "stop", "wait", "Stop, okay", "nein", "non", "yeah but no", "okay stop", "yeah what about tomorrow",
     "right now", "", "...", "yeah yeah yeah yeah", "ok so", "oh no", "不", "いいえ", "wait yeah", "hmm no"],
)  # fmt: skip
def test_what_says_more_is_no_backchannel(text: str):
    assert not is_backchannel(text)


@pytest.mark.parametrize(
    "text",
    ["", "  ", "...", "…", "-", "[BLANK_AUDIO]", "(music)", "[noise]", "[ Silence ]", "*coughs*", "<sil>", "++NOISE++",
     "♪ la la ♪", "（音乐）", "【咳】", "[noise] (wind) ."],
)  # fmt: skip
def test_noise_is_no_words(text: str):
    assert not has_words(text)


@pytest.mark.parametrize("text", ["a", "yes", "5", "好", "[noise] yes", "(555) 1234", "हाँ", "uh"])
def test_speech_has_words(text: str):
    assert has_words(text)


@given(st.text(), st.sampled_from([None, "en", "de-DE", "xx", "ja"]))
def test_completeness_is_a_fraction_and_waits_stay_within_their_bounds(
    text: str, language: str | None
):
    assert 0.0 <= completeness(text, language) <= 1.0
    assert (
        300
        <= semantic_wait_ms(text, "high", language)
        <= semantic_wait_ms(text, "auto", language)
        <= 4000
    )
    assert (
        semantic_wait_ms(text, "auto", language) <= semantic_wait_ms(text, "low", language) <= 8000
    )


@given(st.text())
def test_a_backchannel_has_words(text: str):
    assert has_words(text) or not is_backchannel(text)
