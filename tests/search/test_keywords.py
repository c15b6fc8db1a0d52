import pytest

from voice.search.keywords import MAX_WORDS, telling_words, weight, words_of


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("What is the capital of Iceland?", ["capital", "iceland"]),
        ("who are you", ["who", "are", "you"]),
        ("Iceland, ICELAND and iceland", ["iceland"]),
        ("cafe\u0301", ["caf\u00e9"]),
        ("snake_case end-of-turn", ["snake", "case", "end", "turn"]),
        ('"(NEAR* AND:^', ["near"]),
        ("...", []),
    ],
)
def test_the_words_a_question_is_about(question, words):
    assert words_of(question) == words


def test_a_long_question_is_cut():
    assert len(words_of(" ".join(f"word{n}" for n in range(1000)))) == MAX_WORDS


def test_the_rarer_a_word_the_more_it_weighs_and_never_nothing():
    assert weight(0, 100) > weight(1, 100) > weight(50, 100) > weight(100, 100) > 0
    assert weight(1, 1) > 0


def test_the_rarest_words_say_where_to_look():
    holders = {"usual": 50, "rare": 2, "nowhere": 0, "seldom": 8}
    assert telling_words(holders, 10) == ["nowhere", "rare", "seldom"]
    assert telling_words(holders, 9) == ["nowhere", "rare"]
    assert telling_words({"usual": 50, "more": 60}, 10) == ["usual"]
