import asyncio

import msgspec
import pytest

from voice.bench.connection import ExchangeError, door
from voice.bench.orders import Order, check_stream, check_whole, request_body
from voice.bench.upstream import MODEL, serving, writes

PATH = "/chat/completions"


@pytest.fixture
async def upstream():
    async with serving() as url, door(url) as opened:
        yield opened


def asking(upstream, order, *, stream=False):
    return upstream.request(PATH, request_body(MODEL, order, stream=stream))


async def test_one_connection_is_answered_again_and_again(upstream):
    for words in (0, 1, 50):
        order = Order(caller=1, words=words)
        check_whole((await upstream.send(asking(upstream, order))).body, order)
        reply = await upstream.send(asking(upstream, order, stream=True))
        assert check_stream(reply.body, order) == words + 3


@pytest.mark.parametrize("per_write", [1, 7, 10_000])
async def test_a_long_stream_is_whole_however_it_is_written(upstream, per_write):
    order = Order(caller=2, words=3000, per_write=per_write)
    reply = await upstream.send(asking(upstream, order, stream=True))
    assert check_stream(reply.body, order) == 3003


async def test_streams_at_the_same_time_are_kept_apart(upstream):
    orders = [Order(caller=number, words=200, per_write=3) for number in range(20)]
    requests = [asking(upstream, order, stream=True) for order in orders]
    replies = await asyncio.gather(*map(upstream.send, requests))
    for order, reply in zip(orders, replies, strict=True):
        check_stream(reply.body, order)


async def test_a_stream_can_tick_and_end_its_connection(upstream):
    order = Order(caller=3, words=3, every_ms=1, last=True)
    reply = await upstream.send(asking(upstream, order, stream=True))
    check_stream(reply.body, order)
    assert reply.began_s < reply.first_s < reply.end_s


async def test_a_client_that_leaves_in_the_middle_harms_nobody(upstream):
    begun = asyncio.Event()
    endless = Order(caller=4, words=10_000_000)
    async with asyncio.TaskGroup() as group:
        request = asking(upstream, endless, stream=True)
        leaving = group.create_task(upstream.send(request, begun=begun))
        await begun.wait()
        leaving.cancel()
    order = Order(caller=5, words=5)
    check_whole((await upstream.send(asking(upstream, order))).body, order)


@pytest.mark.parametrize(
    "body", [b"{", b"{}", b'{"messages": []}', b'{"messages": [{"content": "Hello"}]}']
)
async def test_a_request_without_an_order_is_refused(upstream, body):
    with pytest.raises(ExchangeError, match="status 400"):
        await upstream.send(upstream.request(PATH, body))


def test_writes_hold_as_many_events_as_were_ordered():
    blocks = list(writes(Order(caller=6, words=5, per_write=3)))
    assert [block.count(b"data: ") for block in blocks] == [3, 3, 2, 0]
    assert blocks[-1] == b"0\r\n\r\n"


def test_the_system_message_leaves_the_order_last():
    fields = msgspec.json.decode(request_body("m", Order(caller=1, words=2), stream=True))
    assert [message["role"] for message in fields["messages"]] == ["system", "user"]
    assert fields["stream"] is True
