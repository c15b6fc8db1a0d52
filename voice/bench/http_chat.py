"""Chats at a fixed rate and as fast as they are answered, over all ways by turns."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from time import perf_counter

from voice.bench.connection import ExchangeError, Reply
from voice.bench.figures import percentiles
from voice.bench.http_messages import Latencies, Throughput
from voice.bench.http_ways import Load, OpenWay
from voice.bench.orders import Order, WrongAnswerError

WORDS = 20
CLIENTS = 32
"""Who ask again as soon as they are answered."""
ROUNDS = 3
"""How often each way has its turn, so that no way alone has the machine's worst seconds."""
WARM_UP = 50


@dataclass(slots=True)
class _Asked:
    """What one way was asked, and what it answered; checked when nothing is measured any more."""

    way: OpenWay
    answered: list[tuple[Order, Reply]] = field(default_factory=list)

    async def ask(self, load: Load, order: Order, *, streamed: bool) -> None:
        request = self.way.request(order, stream=streamed)
        try:
            self.answered.append((order, await self.way.door.send(request)))
        except ExchangeError as error:
            load.blame(self.way.way.name, error)

    def right(self, load: Load, *, streamed: bool) -> Iterator[Reply]:
        """The right answers; the others are problems."""
        for order, reply in self.answered:
            try:
                self.way.check(reply, order, stream=streamed)
                yield reply
            except WrongAnswerError as error:
                load.blame(self.way.way.name, error)


async def warm_up(load: Load) -> None:
    """Have every way loaded and connected before anything is measured."""
    for streamed in (False, True):
        for way in load.ways:
            asked = _Asked(way)
            for caller in range(WARM_UP):
                await asked.ask(load, Order(caller=caller, words=WORDS), streamed=streamed)
            list(asked.right(load, streamed=streamed))


async def ask_at_rate(load: Load, *, streamed: bool) -> None:
    """Ask every way at the plan's rate, whether or not it has answered; each in its own moment."""
    asked = [_Asked(way) for way in load.ways]
    step_s = 1 / load.plan.rate / len(asked)
    requests = max(1, round(load.plan.rate * load.plan.seconds))
    due_s = perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(requests):
            order = Order(caller=number, words=WORDS)
            for each in asked:
                due_s += step_s
                await asyncio.sleep(max(0.0, due_s - perf_counter()))
                load.lags_ms.append((perf_counter() - due_s) * 1000)
                group.create_task(each.ask(load, order, streamed=streamed))
    for each in asked:
        right = each.right(load, streamed=streamed)
        took = percentiles(reply.first_ms if streamed else reply.whole_ms for reply in right)
        if took is not None:
            load.latencies.append(Latencies(way=each.way.way.name, streamed=streamed, ms=took))


async def ask_at_once(load: Load) -> None:
    """Let a number of clients ask each way without pause, the ways by turns."""
    asked = [_Asked(way) for way in load.ways]
    turn_s = load.plan.seconds / ROUNDS / len(asked)
    took_s = dict.fromkeys(range(len(asked)), 0.0)
    for _ in range(ROUNDS):
        for number, each in enumerate(asked):
            took_s[number] += await _without_pause(load, each, turn_s)
    for number, each in enumerate(asked):
        right = len(list(each.right(load, streamed=False)))
        per_s = round(right / took_s[number], 1)
        load.throughputs.append(
            Throughput(way=each.way.way.name, clients=CLIENTS, requests_per_s=per_s)
        )


async def _without_pause(load: Load, asked: _Asked, seconds: float) -> float:
    """How long it took in truth, to the last answer."""
    start_s = perf_counter()
    callers = count()

    async def client() -> None:
        while perf_counter() < start_s + seconds:
            before = len(load.problems)
            await asked.ask(load, Order(caller=next(callers), words=WORDS), streamed=False)
            if len(load.problems) > before:
                return  # A server that fails at once would be asked without end.

    async with asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(client())
    return perf_counter() - start_s
