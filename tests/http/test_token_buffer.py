from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.http.token_buffer import BATCH_S, BATCH_TOKENS, CAPACITY_TOKENS, TokenBuffer


def filled(count: int, now_s: float = 0.0) -> TokenBuffer:
    buffer = TokenBuffer()
    for number in range(count):
        buffer.put(str(number), now_s)
    return buffer


def test_nothing_is_due_while_there_is_nothing():
    buffer = TokenBuffer()
    assert buffer.due_s == inf
    assert buffer.take(1e9) == []
    buffer.close()
    assert buffer.take(1e9) == []


def test_three_tokens_leave_at_once():
    buffer = filled(2)
    assert buffer.take(0.0) == []
    buffer.put("2", 0.001)
    assert buffer.due_s == -inf
    assert buffer.take(0.001) == ["0", "1", "2"]
    assert len(buffer) == 0


def test_fewer_leave_when_the_first_of_them_has_waited_50_ms():
    buffer = filled(1, now_s=10.0)
    buffer.put("1", 10.04)
    assert buffer.due_s == 10.05
    assert buffer.take(10.049) == []
    assert buffer.take(10.05) == ["0", "1"]


@pytest.mark.parametrize("tokens", [1, 2, 3, 40])
def test_the_last_ones_leave_together_and_do_not_wait(tokens):
    buffer = filled(tokens)
    buffer.close()
    assert len(buffer.take(0.0)) == tokens


def test_the_wait_begins_anew_with_the_first_token_of_each_message():
    buffer = filled(4)
    assert len(buffer.take(1.0)) == BATCH_TOKENS
    assert buffer.due_s == BATCH_S


@pytest.mark.parametrize(
    ("tokens", "level"),
    [(0, "healthy"), (84, "healthy"), (85, "moderate"), (108, "moderate"), (109, "critical")],
)
def test_levels_begin_above_70_and_90_percent(tokens, level):
    assert CAPACITY_TOKENS == 120
    assert filled(tokens).level == level


@pytest.mark.parametrize("tokens", [85, 109, 500])
def test_what_was_not_taken_becomes_one_message(tokens):
    buffer = filled(tokens)
    assert buffer.take(0.0) == [str(number) for number in range(tokens)]
    assert buffer.level == "healthy"


@given(
    st.lists(st.tuples(st.booleans(), st.floats(0, 0.1)), max_size=300),
    st.integers(1, 40),
)
def test_nothing_is_lost_doubled_or_reordered(steps, capacity):
    buffer = TokenBuffer(capacity)
    now_s, put, taken = 0.0, [], []
    for is_put, later_s in steps:
        now_s += later_s
        if is_put:
            put.append(str(len(put)))
            buffer.put(put[-1], now_s)
        else:
            waited = len(buffer) and now_s >= buffer.due_s
            batch = buffer.take(now_s)
            assert bool(batch) == bool(waited)
            taken += batch
    buffer.close()
    while batch := buffer.take(now_s):
        taken += batch
    assert taken == put
