"""A target cools down when it fails, is probed once, and is never punished for what others did."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.routing.health import Cooling, Health, Trial, sane_retry_after

FIRST_S, LONGEST_S = 5.0, 120.0


def failing(health: Health, now_s: float, times: int = 1, trouble="unavailable", **options) -> None:
    for _ in range(times):
        health.failed(health.start(now_s), now_s, trouble, **options)


def test_a_target_is_well_until_failures_in_a_row_are_enough():
    health = Health()
    failing(health, 0.0, times=2)
    assert health.is_free(0.0)
    health.succeeded(health.start(0.0))
    failing(health, 0.0, times=2)
    assert health.is_free(0.0)
    failing(health, 0.0)
    assert not health.is_free(0.0)
    assert health.recovers_at_s == FIRST_S


@pytest.mark.parametrize("trouble", ["rate_limit", "quota", "auth"])
def test_a_trouble_that_the_next_request_would_meet_cools_at_once(trouble):
    health = Health()
    failing(health, 0.0, trouble=trouble)
    assert not health.is_free(FIRST_S - 0.1)
    assert health.is_free(FIRST_S)


@pytest.mark.parametrize("trouble", ["request", "context", "content"])
def test_what_the_request_is_to_blame_for_never_counts(trouble):
    health = Health()
    failing(health, 0.0, times=10, trouble=trouble)
    assert health.is_free(0.0)


def test_what_was_dropped_counts_neither_way():
    health = Health()
    failing(health, 0.0, times=2)
    health.dropped(health.start(0.0))
    assert health.is_free(0.0)
    failing(health, 0.0)
    assert not health.is_free(0.0)


def test_after_a_cooldown_one_probe_goes_at_a_time():
    health = Health()
    failing(health, 0.0, times=3)
    probe = health.start(FIRST_S)
    assert not health.is_free(FIRST_S)
    health.dropped(probe)
    assert health.is_free(FIRST_S)
    probe = health.start(FIRST_S)
    health.succeeded(probe)
    assert health.is_free(FIRST_S)


def test_a_failed_probe_doubles_the_cooldown_up_to_the_longest():
    health, now_s, waits = Health(), 0.0, []
    failing(health, now_s, times=3)
    for _ in range(8):
        waits.append(health.recovers_at_s - now_s)
        now_s = health.recovers_at_s
        failing(health, now_s)
    assert waits == [5, 10, 20, 40, 80, 120, 120, 120]


def test_thousands_of_failed_probes_are_no_trouble():
    health, now_s = Health(), 0.0
    failing(health, now_s, times=3)
    for _ in range(3000):
        now_s = health.recovers_at_s
        failing(health, now_s)
    assert health.recovers_at_s - now_s == LONGEST_S


def test_an_answer_that_begins_ends_the_probe_and_one_that_breaks_off_is_one_too_many():
    health = Health()
    failing(health, 0.0, times=3)
    probe = health.start(FIRST_S)
    health.answering(probe)
    assert health.is_free(FIRST_S)
    health.failed(probe, FIRST_S, "unavailable")
    assert not health.is_free(FIRST_S)
    assert health.recovers_at_s == FIRST_S + 2 * FIRST_S


def test_streams_that_always_break_off_cool_their_target():
    health = Health()
    for _ in range(3):
        trial = health.start(0.0)
        health.answering(trial)
        health.failed(trial, 0.0, "unavailable")
    assert not health.is_free(0.0)


def test_what_a_server_asks_for_is_what_it_gets():
    health = Health()
    failing(health, 10.0, trouble="rate_limit", retry_after_s=33.0)
    assert health.recovers_at_s == 43.0
    loading = Health()
    failing(loading, 10.0, retry_after_s=2.0)
    assert loading.recovers_at_s == 12.0


@pytest.mark.parametrize("mad", [math.nan, math.inf, -1.0, 0.0, 1.8e9, None])
def test_what_cannot_be_meant_is_not_obeyed(mad):
    assert sane_retry_after(mad) is None
    health = Health()
    failing(health, 0.0, trouble="rate_limit", retry_after_s=mad)
    assert health.recovers_at_s == FIRST_S


def test_a_later_word_of_the_server_does_not_shorten_what_it_said_before():
    health = Health()
    failing(health, 0.0, trouble="rate_limit", retry_after_s=100.0)
    failing(health, 1.0, trouble="rate_limit", retry_after_s=2.0)
    assert health.recovers_at_s == 100.0


def test_requests_that_fail_together_cool_once():
    health = Health()
    trials = [health.start(0.0) for _ in range(20)]
    for trial in trials:
        health.failed(trial, 1.0, "unavailable")
    assert health.recovers_at_s == 1.0 + FIRST_S


def test_an_answer_to_an_older_request_does_not_end_a_cooldown():
    health = Health()
    older = health.start(0.0)
    failing(health, 0.0, trouble="rate_limit", retry_after_s=60.0)
    health.succeeded(older)
    assert not health.is_free(1.0)


def test_an_answer_got_while_all_cool_ends_the_cooldown():
    health = Health()
    failing(health, 0.0, times=3)
    health.succeeded(health.start(1.0))
    assert health.is_free(1.0)


def test_only_the_first_end_of_a_request_counts():
    health = Health()
    trial = health.start(0.0)
    health.succeeded(trial)
    for _ in range(5):
        health.failed(trial, 0.0, "unavailable")
    assert health.is_free(0.0)


events = st.lists(
    st.tuples(
        st.sampled_from(["start", "answering", "succeeded", "failed", "dropped"]),
        st.floats(0, 30),
        st.integers(0, 5),
        st.sampled_from(
            ["unavailable", "timeout", "rate_limit", "quota", "auth", "context", "request"]
        ),
        st.sampled_from([None, 0.5, 3.0, 90.0]) | st.floats(allow_nan=True, allow_infinity=True),
    ),
    max_size=60,
)


@given(events, st.integers(1, 4))
def test_whatever_happens_cooldowns_are_bounded_never_shortened_and_probes_single(events, failures):
    health = Health(Cooling(failures=failures))
    now_s, running = 0.0, []
    for what, later_s, index, trouble, asked_s in events:
        now_s += later_s
        was_free, recovery_s = health.is_free(now_s), health.recovers_at_s
        if what == "start":
            cooled = recovery_s > -math.inf
            running.append(health.start(now_s))
            # Where it has cooled down, the one request that came is all that may come.
            assert health.is_free(now_s) == (was_free and not cooled)
            continue
        if not running:
            continue
        trial: Trial = running.pop(index % len(running))
        if what == "failed":
            health.failed(trial, now_s, trouble, asked_s)
        else:
            getattr(health, what)(trial)
        if what == "answering":
            running.append(trial)
        if health.recovers_at_s != -math.inf:
            assert health.recovers_at_s >= recovery_s
            assert health.recovers_at_s <= max(recovery_s, now_s + 3600)
    for trial in running:
        health.dropped(trial)
    assert health.is_free(max(now_s, health.recovers_at_s))


@given(events)
def test_a_target_that_answers_is_trusted_again_whatever_was_before(events):
    health, now_s = Health(), 0.0
    for what, later_s, _, trouble, asked_s in events:
        now_s += later_s
        if what == "failed":
            health.failed(health.start(now_s), now_s, trouble, asked_s)
    now_s = max(now_s, health.recovers_at_s)
    health.succeeded(health.start(now_s))
    failing(health, now_s, times=2)
    assert health.is_free(now_s)
    failing(health, now_s)
    assert health.recovers_at_s == now_s + FIRST_S
