"""Chats at a fixed rate and as fast as they are answered, over all ways by turns."""

import asyncio
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
TURN_S = 1.0
"""How long they ask one way: no way alone has the machine's worst seconds."""
WARM_UP = 50


async def warm_up(load: Load) -> None:
    """Have every way loaded and connected before anything is measured."""
    for streamed in (False, True):
        for way in load.ways:
            for caller in range(WARM_UP):
                order = Order(caller=caller, words=WORDS)
                reply = await _answer(load, way, order, streamed=streamed)
                if reply is not None:
                    _is_right(load, way, order, reply, streamed=streamed)


async def ask_at_rate(load: Load, *, streamed: bool) -> None:
    """Ask every way at the plan's rate, whether or not it has answered; each in its own moment."""
    took_ms: list[list[float]] = [[] for _ in load.ways]

    async def ask(number: int, caller: int) -> None:
        way, order = load.ways[number], Order(caller=caller, words=WORDS)
        reply = await _answer(load, way, order, streamed=streamed)
        if reply is not None and _is_right(load, way, order, reply, streamed=streamed):
            took_ms[number].append(reply.first_ms if streamed else reply.whole_ms)

    due_s = perf_counter()
    async with asyncio.TaskGroup() as group:
        for caller in range(max(1, round(load.plan.rate * load.plan.seconds))):
            for number in range(len(load.ways)):
                due_s += 1 / load.plan.rate / len(load.ways)
                await asyncio.sleep(max(0.0, due_s - perf_counter()))
                load.lags_ms.append((perf_counter() - due_s) * 1000)
                group.create_task(ask(number, caller))
    for way, each in zip(load.ways, took_ms, strict=True):
        if (ms := percentiles(each)) is not None:
            load.latencies.append(Latencies(way=way.way.name, streamed=streamed, ms=ms))


async def ask_at_once(load: Load) -> None:
    """Let a number of clients ask each way without pause, the ways by turns."""
    turns = max(1, round(load.plan.seconds / TURN_S / len(load.ways)))
    turn_s = min(TURN_S, load.plan.seconds)
    right = [0] * len(load.ways)
    took_s = [0.0] * len(load.ways)
    for _ in range(turns):
        for number, way in enumerate(load.ways):
            start_s = perf_counter()
            answered = await _without_pause(load, way, turn_s)
            took_s[number] += perf_counter() - start_s
            right[number] += sum(
                _is_right(load, way, order, reply, streamed=False) for order, reply in answered
            )
    for way, number, seconds in zip(load.ways, right, took_s, strict=True):
        per_s = round(number / seconds, 1)
        load.throughputs.append(Throughput(way=way.way.name, clients=CLIENTS, requests_per_s=per_s))


async def _without_pause(load: Load, way: OpenWay, seconds: float) -> list[tuple[Order, Reply]]:
    """What was answered; to be checked when nothing is measured."""
    until_s = perf_counter() + seconds
    callers = count()
    answered: list[tuple[Order, Reply]] = []

    async def client() -> None:
        while perf_counter() < until_s:
            order = Order(caller=next(callers), words=WORDS)
            reply = await _answer(load, way, order, streamed=False)
            if reply is None:
                return  # A server that fails at once would be asked without end.
            answered.append((order, reply))

    async with asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(client())
    return answered


async def _answer(load: Load, way: OpenWay, order: Order, *, streamed: bool) -> Reply | None:
    """The answer of one way; that there is none is a problem."""
    try:
        return await way.door.send(way.request(order, stream=streamed))
    except ExchangeError as error:
        load.blame(way.way.name, error)
        return None


def _is_right(load: Load, way: OpenWay, order: Order, reply: Reply, *, streamed: bool) -> bool:
    """Whether an answer is the one ordered; that it is not is a problem."""
    try:
        way.check(reply, order, stream=streamed)
    except WrongAnswerError as error:
        load.blame(way.way.name, error)
        return False
    return True
