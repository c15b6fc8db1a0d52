import pytest

from voice.bench.orders import Order, WrongAnswerError, check_stream, check_whole, text_of
from voice.bench.upstream import completion, events

ORDER = Order(caller=7, words=3)
RIGHT = list(events(ORDER))


def test_what_the_upstream_makes_of_an_order_is_right():
    check_whole(completion(ORDER), ORDER)
    assert check_stream(b"".join(RIGHT), ORDER) == 6  # role, three words, stop, [DONE]
    assert text_of(ORDER) == " 7.0 7.1 7.2"


def test_comments_in_a_stream_are_no_events():
    assert check_stream(b": ping\n\n" + b"".join(RIGHT), ORDER) == 6


@pytest.mark.parametrize(
    ("stream", "complaint"),
    [
        ([*RIGHT[:2], *RIGHT[3:]], "not what was ordered"),  # one is lost
        ([*RIGHT[:2], *RIGHT[1:]], "not what was ordered"),  # one came twice
        ([*RIGHT[:1], RIGHT[2], RIGHT[1], *RIGHT[3:]], "not what was ordered"),
        (list(events(Order(caller=8, words=3))), "not what was ordered"),
        (RIGHT[:-1], r"without \[DONE\]"),
        ([*RIGHT, RIGHT[1]], r"without \[DONE\]"),
        ([*RIGHT[:-2], RIGHT[-1]], "no finish_reason"),
        ([*RIGHT[:1], b'data: {"error": {}}\n\n', *RIGHT[1:]], "no completion"),
        ([], r"without \[DONE\]"),
    ],
)
def test_a_stream_that_is_not_the_ordered_one_is_wrong(stream, complaint):
    with pytest.raises(WrongAnswerError, match=complaint):
        check_stream(b"".join(stream), ORDER)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"choices": []}', b"<html>"])
def test_a_body_that_is_no_completion_is_wrong(body):
    with pytest.raises(WrongAnswerError, match="no completion"):
        check_whole(body, ORDER)


def test_of_an_unknown_model_any_completion_is_right():
    other = Order(caller=9, words=1)
    check_whole(completion(other), None)
    assert check_stream(b"".join(RIGHT), None) == 6
    with pytest.raises(WrongAnswerError):
        check_whole(completion(other), ORDER)
