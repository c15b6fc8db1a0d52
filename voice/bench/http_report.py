"""From what was seen of the HTTP endpoints to what is reported, with the meaning of every figure."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from voice.bench.figures import Percentiles, Spread
from voice.bench.http_bench import HttpOutcome
from voice.bench.http_messages import (
    Held,
    Latencies,
    Relayed,
    Spoken,
    Throughput,
    Transcribed,
)
from voice.bench.messages import Usage

HTTP_DEFINITIONS = {
    "direct": "the same client and the same fake upstream with nothing between: the floor of all "
    "figures here",
    "router": "through this server, which runs alone in its process and relays to the upstream",
    "at a rate": "requests are sent at the rate in any case, each way in its own moments of the "
    "same run; from the moment one is sent, or waits for a connection, to the end of its answer, "
    "or to the first bytes of its stream",
    "overhead": "a percentile through the router less the same percentile direct",
    "without pause": "32 clients that each ask again when answered; the ways by turns",
    "relay": "8 streams at once; all their events, [DONE] included, from the first request to the "
    "last byte; an upstream that writes one event at a time, or many (the router passes on at once "
    "what it has read at once)",
    "held": "streams that tick four times a second, all open at the same time; memory, tasks and "
    "sockets are those of the server process; it is done twice, and growth is what the second "
    "time left behind beyond the first",
    "speech": "POST /v1/audio/speech over a socket: the first bytes of the body, and the last",
    "real-time factor": "time to transcribe, upload included, divided by the length of the audio",
    "recall": "the share of the spoken words that were understood, each counted once",
    "client lag": "how late the clients sent their own requests: the noise of this machine",
}

HELD_POINTS = (
    "idle",
    "during the first",
    "after the first",
    "during the second",
    "after the second",
)


class Overhead(msgspec.Struct, frozen=True, kw_only=True):
    """What the router adds, in milliseconds."""

    streamed: bool
    p50_ms: float
    p95_ms: float
    p99_ms: float


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """The server's memory around a load; what this system does not tell is absent."""

    grown_bytes: int | None
    peak_bytes: int | None
    """The most that it was above where it began."""


class HttpResult(msgspec.Struct, frozen=True, kw_only=True):
    """All figures; what was not measured is empty."""

    engines: tuple[str, ...]
    latencies: list[Latencies]
    overheads: list[Overhead]
    throughputs: list[Throughput]
    relayed: list[Relayed]
    held: list[Held]
    held_usage: dict[str, Usage]
    held_memory: Memory | None
    spoken: list[Spoken]
    transcribed: list[Transcribed]
    transcription_memory: Memory | None
    client_lag_ms: Spread | None
    problems: list[str]


def http_result(outcomes: Sequence[HttpOutcome]) -> HttpResult:
    """The figures of all servers that were measured."""
    seen = [outcome.seen for outcome in outcomes]
    usage = {name: used for outcome in outcomes for name, used in outcome.usage.items()}
    latencies = [each for one in seen for each in one.latencies]
    held_usage = {point: usage[point] for point in HELD_POINTS if point in usage}
    return HttpResult(
        engines=tuple(name for outcome in outcomes for name in outcome.engines),
        latencies=latencies,
        overheads=list(overheads(latencies)),
        throughputs=[each for one in seen for each in one.throughputs],
        relayed=[each for one in seen for each in one.relayed],
        held=[each for one in seen for each in one.held],
        held_usage=held_usage,
        held_memory=_memory(held_usage, "after the first", "after the second"),
        spoken=[each for one in seen for each in one.spoken],
        transcribed=[each for one in seen for each in one.transcribed],
        transcription_memory=_memory(usage, "before transcription", "streamed transcription"),
        client_lag_ms=next((one.lag_ms for one in seen if one.lag_ms), None),
        problems=[each for one in seen for each in one.problems] + list(_left_behind(held_usage)),
    )


def overheads(latencies: Sequence[Latencies]) -> Iterator[Overhead]:
    """The router's, for whole answers and for the first events of streams."""
    known = {(each.way, each.streamed): each.ms for each in latencies}
    for streamed in (False, True):
        direct, router = known.get(("direct", streamed)), known.get(("router", streamed))
        if direct is not None and router is not None:
            yield _overhead(direct, router, streamed=streamed)


def _overhead(direct: Percentiles, router: Percentiles, *, streamed: bool) -> Overhead:
    return Overhead(
        streamed=streamed,
        p50_ms=round(router.p50 - direct.p50, 3),
        p95_ms=round(router.p95 - direct.p95, 3),
        p99_ms=round(router.p99 - direct.p99, 3),
    )


def _memory(usage: Mapping[str, Usage], before: str, after: str) -> Memory | None:
    if not {before, after} <= usage.keys():
        return None
    start, end = usage[before], usage[after]
    return Memory(
        grown_bytes=_less(end.memory_bytes, start.memory_bytes),
        peak_bytes=_less(end.peak_bytes, start.memory_bytes),
    )


def _less(end: int | None, start: int | None) -> int | None:
    return None if end is None or start is None else end - start


def _left_behind(held: Mapping[str, Usage]) -> Iterator[str]:
    """Tasks and sockets that ended streams have left."""
    if "after the second" not in held:
        return
    before, after = (held["idle"], held["after the first"]), held["after the second"]
    if (tasks := after.tasks - min(each.tasks for each in before)) > 0:
        yield f"held: {tasks} tasks were left behind"
    # Idle, the server may still keep connections to the upstream, which the streams then use up.
    open_then = min((each.sockets for each in before if each.sockets is not None), default=None)
    sockets = _less(after.sockets, open_then)
    if sockets is not None and sockets > 0:
        yield f"held: {sockets} sockets were left open"
