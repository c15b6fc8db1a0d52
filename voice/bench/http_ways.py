"""The ways to a model that are compared, and what is seen on them."""

from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

from voice.bench.connection import Door, ExchangeError, Reply
from voice.bench.http_messages import (
    Held,
    HttpPlan,
    Latencies,
    Relayed,
    Spoken,
    Throughput,
    Transcribed,
    Way,
)
from voice.bench.orders import Order, WrongAnswerError, check_stream, check_whole, request_body

MANY_PROBLEMS = 20
"""More kinds of them than this help nobody."""


@dataclass(frozen=True, slots=True)
class OpenWay:
    """A way, and the door at its beginning."""

    way: Way
    door: Door

    def request(self, order: Order, *, stream: bool) -> bytes:
        """What asks this way for an answer."""
        body = request_body(self.way.model, order, stream=stream)
        return self.door.request("/chat/completions", body)

    def check(self, reply: Reply, order: Order, *, stream: bool) -> int:
        """How many events a right answer has; 1 for one in a piece. Raises `WrongAnswerError`."""
        expected = order if self.way.scripted else None
        if stream:
            return check_stream(reply.body, expected)
        check_whole(reply.body, expected)
        return 1


@dataclass(slots=True)
class Load:
    """A plan that is being carried out."""

    plan: HttpPlan
    ways: list[OpenWay]
    mark: Callable[[str], Coroutine[object, object, None]]
    """Has the server's use noted under a name."""
    latencies: list[Latencies] = field(default_factory=list)
    throughputs: list[Throughput] = field(default_factory=list)
    relayed: list[Relayed] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    spoken: list[Spoken] = field(default_factory=list)
    transcribed: list[Transcribed] = field(default_factory=list)
    lags_ms: list[float] = field(default_factory=list)
    problems: Counter[str] = field(default_factory=Counter)

    @property
    def measured(self) -> OpenWay:
        """The way through the server whose use is noted."""
        return next(way for way in self.ways if way.way.name == "router")

    def blame(self, name: str, error: ExchangeError | WrongAnswerError) -> None:
        problem = f"{name}: {error}"
        known = problem in self.problems or len(self.problems) < MANY_PROBLEMS
        self.problems[problem if known else "further problems of other kinds"] += 1
