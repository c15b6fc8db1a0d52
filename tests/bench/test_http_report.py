import pytest
from rich.console import Console

from voice.bench.figures import Percentiles, Spread
from voice.bench.http_bench import HttpOutcome
from voice.bench.http_messages import (
    Held,
    HttpSeen,
    Latencies,
    Relayed,
    Spoken,
    Throughput,
    Transcribed,
)
from voice.bench.http_report import HELD_POINTS, http_result
from voice.bench.http_tables import show_http
from voice.bench.messages import Usage


def latencies(way, p50, p95, p99, *, streamed=False):
    ms = Percentiles(p50=p50, p95=p95, p99=p99, count=10)
    return Latencies(way=way, streamed=streamed, ms=ms)


def usage(*, memory=100, tasks=5, sockets=3, peak=None):
    return Usage(
        cpu_s=0, workers_cpu_s=0, memory_bytes=memory, tasks=tasks, sockets=sockets, peak_bytes=peak
    )


def held(*used, problems=()):
    """The result when these were the server's use at the points."""
    points = dict(zip(HELD_POINTS, used, strict=True))
    return http_result([HttpOutcome((), HttpSeen(problems=list(problems)), points)])


def test_the_overhead_is_the_difference_of_the_percentiles():
    seen = HttpSeen(
        latencies=[
            latencies("direct", 1, 2, 3),
            latencies("router", 1.5, 4, 9),
            latencies("against", 50, 60, 70),
            latencies("direct", 1, 1, 1, streamed=True),
        ]
    )
    (overhead,) = http_result([HttpOutcome((), seen, {})]).overheads
    assert (overhead.p50_ms, overhead.p95_ms, overhead.p99_ms) == (0.5, 2, 6)


@pytest.mark.parametrize(
    ("end", "problems"),
    [
        (usage(), []),
        (usage(tasks=7), ["held: 2 tasks were left behind"]),
        (usage(sockets=5), ["held: 2 sockets were left open"]),
        (usage(sockets=None), []),
    ],
)
def test_what_ended_streams_leave_behind_is_a_problem(end, problems):
    during = usage(tasks=900, sockets=900)
    connected = usage(sockets=40)  # to the upstream, before there were streams
    assert held(connected, during, usage(), during, end).problems == problems


def test_growth_counts_from_the_first_time_to_the_second():
    used = (usage(memory=at) for at in (100, 300, 250, 320))
    memory = held(*used, usage(memory=260, peak=320)).held_memory
    assert (memory.grown_bytes, memory.peak_bytes) == (10, 70)


def test_what_the_system_does_not_tell_is_absent():
    memory = held(*[usage(memory=None)] * 5).held_memory
    assert (memory.grown_bytes, memory.peak_bytes) == (None, None)


def test_problems_of_all_servers_are_told():
    outcomes = [HttpOutcome((), HttpSeen(problems=[text]), {}) for text in ("one", "two")]
    assert http_result(outcomes).problems == ["one", "two"]


def test_what_was_not_measured_is_empty():
    result = http_result([HttpOutcome((), HttpSeen(), {})])
    assert (result.overheads, result.held_usage, result.held_memory) == ([], {}, None)
    assert result.problems == []


def test_all_figures_are_shown():
    spread = Percentiles(p50=1, p95=2, p99=3, count=4)
    seen = HttpSeen(
        latencies=[latencies("direct", 1, 2, 3), latencies("router", 2, 3, 14.25)],
        throughputs=[Throughput(way="router", clients=32, requests_per_s=1234.5)],
        relayed=[Relayed(way="router", per_write=1, events=100, events_per_s=45_678)],
        held=[Held(streams=500, right=499, events=9)] * 2,
        spoken=[
            Spoken(format="opus", characters=2000, audio_s=80, first_ms=spread, whole_ms=spread)
        ],
        transcribed=[Transcribed(streamed=True, audio_s=120, first_ms=3000, took_s=30, recall=0.5)],
        lag_ms=Spread(p50=0.5, p95=7.5, count=9),
        problems=["router: it was wrong"],
    )
    console = Console(record=True, width=200)
    show_http(console, http_result([HttpOutcome(("espeak",), seen, {"idle": usage()})]))
    shown = console.export_text()
    for words in (
        "+11.25",
        "1,234",
        "45,678",
        "998 of 1000",
        "opus",
        "0.250",
        "lag 0.5 / 7.5 ms",
        "it was wrong",
    ):
        assert words in shown
