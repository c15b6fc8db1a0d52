"""Streams: as fast as they come, and as many as can be held."""

import asyncio
from collections.abc import Sequence
from time import perf_counter

from voice.bench.connection import PATIENCE_S, ExchangeError, Reply
from voice.bench.http_messages import Held, Relayed
from voice.bench.http_ways import Load, OpenWay
from voice.bench.orders import Order, WrongAnswerError

STREAMS = 8
"""At once, when speed is measured."""
WORDS = 4000
PER_WRITE = (32, 1)
ROUNDS = 2

EVERY_MS = 250
OPENING_S = 1.0
"""Over how long the held streams are begun, so that they do not all tick at once."""
SETTLE_S = 1.0
"""How long a server may take to notice that its clients are gone."""


async def relay(load: Load) -> None:
    """Take streams from each way by turns."""
    for per_write in PER_WRITE:
        events = dict.fromkeys((way.way.name for way in load.ways), 0)
        took_s = dict.fromkeys(events, 0.0)
        for way in load.ways * ROUNDS:
            orders = [
                Order(caller=caller, words=WORDS, per_write=per_write) for caller in range(STREAMS)
            ]
            start_s = perf_counter()
            replies = await _streams(load, way, orders)
            took_s[way.way.name] += perf_counter() - start_s
            events[way.way.name] += sum(_right(load, way, orders, replies))
        for name, number in events.items():
            per_s = round(number / took_s[name], 1)
            load.relayed.append(
                Relayed(way=name, per_write=per_write, events=number, events_per_s=per_s)
            )


async def hold(load: Load) -> None:
    """Hold many streams that tick, twice: what the first time took may be kept for the second."""
    await _held(load, 1)
    load.held.clear()
    await asyncio.sleep(SETTLE_S)
    await load.mark("idle")
    for time in ("first", "second"):
        await _held(load, load.plan.streams, name=time)
        await asyncio.sleep(SETTLE_S)
        await load.mark(f"after the {time}")


async def _held(load: Load, streams: int, *, name: str = "") -> None:
    way = load.measured
    words = max(1, round(load.plan.seconds * 1000 / EVERY_MS))
    orders = [
        Order(caller=caller, words=words, every_ms=EVERY_MS, last=True) for caller in range(streams)
    ]
    begun = [asyncio.Event() for _ in orders]
    async with asyncio.TaskGroup() as group:
        if name:
            group.create_task(_mark_when(load, begun, f"during the {name}"))
        replies = await _streams(load, way, orders, begun=begun)
        for event in begun:
            event.set()  # What has failed has not begun, and must not be waited for.
    way.door.close()
    events = _right(load, way, orders, replies)
    load.held.append(Held(streams=streams, right=len(events), events=sum(events)))


async def _mark_when(load: Load, begun: Sequence[asyncio.Event], name: str) -> None:
    for event in begun:
        await event.wait()
    await load.mark(name)


async def _streams(
    load: Load,
    way: OpenWay,
    orders: Sequence[Order],
    *,
    begun: Sequence[asyncio.Event] | None = None,
) -> list[Reply | None]:
    """The answers to all orders, asked for at the same time; with events, over a second."""

    async def one(number: int, order: Order) -> Reply | None:
        if begun is not None:
            await asyncio.sleep(OPENING_S * number / len(orders))
        patience_s = PATIENCE_S + order.words * order.every_ms / 1000
        request = way.request(order, stream=True)
        event = begun[number] if begun is not None else None
        try:
            return await way.door.send(request, begun=event, patience_s=patience_s)
        except ExchangeError as error:
            load.blame(way.way.name, error)
            return None

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(number, order)) for number, order in enumerate(orders)]
    return [task.result() for task in tasks]


def _right(
    load: Load, way: OpenWay, orders: Sequence[Order], replies: Sequence[Reply | None]
) -> list[int]:
    """How many events each of the right answers has."""
    events = []
    for order, reply in zip(orders, replies, strict=True):
        if reply is None:
            continue
        try:
            events.append(way.check(reply, order, stream=True))
        except WrongAnswerError as error:
            load.blame(way.way.name, error)
    return events
