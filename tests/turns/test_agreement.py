import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.turns.agreement import Agreement

WORDS = st.lists(
    st.sampled_from(["the", "cat", "Cat,", "sat.", "on", "a", "mat", "你好", "世界。"]), max_size=8
)
HYPOTHESES = st.lists(WORDS.map(" ".join), max_size=8)


def deltas(*hypotheses: str) -> list[str]:
    agreement = Agreement()
    return [agreement.push(hypothesis) for hypothesis in hypotheses]


def test_a_word_is_sent_once_two_hypotheses_agree_on_it_and_on_the_next():
    assert deltas("hello", "hello there", "hello there my") == ["", "", "hello"]


def test_deltas_after_the_first_carry_their_space():
    assert deltas("one two three", "one two three", "one two three four five", "one two three four five") == [
        "", "one two", "", " three four",
    ]  # fmt: skip


def test_case_and_punctuation_do_not_disturb_agreement():
    assert deltas("Hello there.", "hello, there my", "hello there my friend")[1:] == [
        "hello,",
        " there",
    ]


def test_a_changed_word_is_not_sent():
    assert deltas("I scream", "ice cream is", "ice cream is good") == ["", "", "ice cream"]


def test_text_without_spaces_is_compared_by_character():
    assert deltas("你好世", "你好世界", "你好世界。") == ["", "你好", "世"]


def test_combining_vowels_tell_words_apart():
    assert deltas("की है", "कि है", "कि है") == ["", "", "कि"]


def test_what_was_sent_is_not_sent_again_when_earlier_words_split():
    agreement = Agreement()
    for tail in ("", "", " and", " and wind", " and wind too"):
        first = "a lot" if tail else "alot"
        agreement.push(f"{first} of rain today{tail}")
    assert agreement.sent == "alot of rain today and"


@pytest.mark.parametrize(
    ("sent", "final", "transcript"),
    [
        ("", "Hello there.", "Hello there."),
        ("Hello", "Hello, there.", "Hello, there."),
        ("hello there", "Hello there.", "hello there."),
        ("hello there", "Hello, there my friend.", "hello there my friend."),
        ("I scream", "Ice cream is good.", "I scream is good."),
        ("the cat", "a cat sat on the mat", "the cat sat on the mat"),
        ("hello there", "", "hello there"),
        ("你好", "你好世界。", "你好世界。"),
        ("你号", "你好世界。", "你号世界。"),
        ("alot of", "a lot of rain", "alot of rain"),
        ("one two three", "one three four", "one two three four"),
    ],
)
def test_finish_completes_what_was_sent(sent: str, final: str, transcript: str):
    agreement = Agreement()
    agreement.sent = sent
    delta = agreement.finish(final)
    assert sent + delta == agreement.sent == transcript


def test_finish_alone_publishes_the_final_text():
    assert Agreement().finish("Yes.") == "Yes."


@given(HYPOTHESES, WORDS.map(" ".join))
def test_sent_text_only_grows_and_is_the_sum_of_the_deltas(hypotheses: list[str], final: str):
    agreement = Agreement()
    total = ""
    for hypothesis in hypotheses:
        total += agreement.push(hypothesis)
        assert agreement.sent == total
    assert total + agreement.finish(final) == agreement.sent


@given(WORDS)
def test_growing_hypotheses_publish_exactly_the_final_text(words: list[str]):
    agreement = Agreement()
    total = "".join(agreement.push(" ".join(words[:count])) for count in range(len(words) + 1))
    assert total + agreement.finish(" ".join(words)) == " ".join(words)


@given(HYPOTHESES, WORDS.map(" ".join))
def test_nothing_is_sent_that_only_one_hypothesis_held(hypotheses: list[str], final: str):
    agreement = Agreement()
    for index, hypothesis in enumerate(hypotheses):
        delta = agreement.push(hypothesis)
        if delta:
            assert delta.strip() in hypothesis
            assert delta.split()[0].strip(".,").lower() in hypotheses[index - 1].lower()
