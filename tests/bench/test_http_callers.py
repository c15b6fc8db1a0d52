"""The clients, between the fake upstream and itself: what they do and what they notice."""

from collections import Counter

import pytest

from voice.bench import http_callers, http_chat, http_streams, upstream
from voice.bench.http_callers import carry_out, counted
from voice.bench.http_messages import HttpPlan, Way
from voice.bench.upstream import serving

HELD_MARKS = [
    "idle",
    "during the first",
    "after the first",
    "during the second",
    "after the second",
]


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    for module, name, value in (
        (http_chat, "WARM_UP", 1),
        (http_streams, "WORDS", 50),
        (http_streams, "OPENING_S", 0.0),
        (http_streams, "SETTLE_S", 0.0),
        (http_streams, "EVERY_MS", 10),
        (http_callers.gc, "freeze", lambda: None),
    ):
        monkeypatch.setattr(module, name, value)


async def carried_out(*parts, router=None, others=()):
    """What the clients saw, and the marks they set; without a router the upstream stands for it."""
    marks = []

    async def mark(name):
        marks.append(name)

    async with serving() as url:
        ways = (
            Way(name="direct", base_url=url, model="bench"),
            Way(name="router", base_url=router or url, model="openai:bench"),
            *(
                Way(name="against", base_url=url, model="x", scripted=scripted)
                for scripted in others
            ),
        )
        plan = HttpPlan(parts=parts, ways=ways, seconds=0.1, rate=100, streams=20)
        return await carry_out(plan, mark), marks


async def test_both_ways_are_asked_alike():
    seen, _ = await carried_out("chat")
    assert seen.problems == []
    counts = {(each.way, each.streamed): each.ms.count for each in seen.latencies}
    assert counts == dict.fromkeys(
        [("direct", False), ("router", False), ("direct", True), ("router", True)], 10
    )
    assert [each.way for each in seen.throughputs] == ["direct", "router"]
    assert all(each.requests_per_s > 0 for each in seen.throughputs)
    assert seen.lag_ms.count == 40


async def test_every_event_of_every_stream_is_counted():
    seen, _ = await carried_out("relay")
    assert seen.problems == []
    streams = http_streams.STREAMS * http_streams.ROUNDS
    assert [(each.way, each.per_write, each.events) for each in seen.relayed] == [
        (way, per_write, streams * 53)
        for per_write in http_streams.PER_WRITE
        for way in ("direct", "router")
    ]


async def test_streams_are_held_twice_and_the_server_is_looked_at_around_them():
    seen, marks = await carried_out("held")
    assert seen.problems == []
    assert marks == HELD_MARKS
    assert [(each.streams, each.right) for each in seen.held] == [(20, 20), (20, 20)]


@pytest.mark.parametrize("part", ["chat", "relay", "held"])
async def test_wrong_answers_are_problems_and_not_counted(part, monkeypatch):
    right = upstream.word
    monkeypatch.setattr(upstream, "word", lambda caller, place: right(caller, place + place // 15))
    monkeypatch.setattr(upstream, "text_of", lambda _: "no such text")
    monkeypatch.setattr(http_streams, "EVERY_MS", 1)
    seen, _ = await carried_out(part)
    assert "not what was ordered" in seen.problems[0]
    assert seen.latencies == []
    assert all(each.requests_per_s == 0 for each in seen.throughputs)
    assert all(each.events == 0 for each in (*seen.relayed, *seen.held))


@pytest.mark.parametrize("part", ["chat", "relay"])
async def test_a_server_whose_model_is_unknown_may_say_anything(part, monkeypatch):
    monkeypatch.setattr(upstream, "word", lambda *_: " well")
    monkeypatch.setattr(upstream, "text_of", lambda _: "Well.")
    seen, _ = await carried_out(part, others=[False])
    assert {problem.partition(":")[0] for problem in seen.problems} == {"direct", "router"}
    assert {each.way for each in seen.latencies} <= {"against"}
    assert {each.way for each in seen.relayed if each.events} <= {"against"}
    assert len(seen.latencies) + len(seen.relayed) > 0


@pytest.mark.parametrize("part", ["chat", "relay", "held"])
async def test_a_server_that_is_gone_is_a_problem_and_the_rest_is_measured(part):
    async with serving() as gone:
        pass
    seen, _ = await carried_out(part, router=gone)
    assert all(problem.startswith("router: no connection") for problem in seen.problems)
    assert seen.problems
    assert {each.way for each in seen.latencies} <= {"direct"}


def test_a_problem_is_told_once_with_how_often_it_came():
    assert counted(Counter({"one": 1, "two": 3})) == ["one", "two (3 times)"]
