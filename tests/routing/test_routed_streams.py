"""Streams pass the router block by block, and fail where they can still be answered by another."""

import asyncio
from contextlib import aclosing

import pytest

from tests.routing.test_router import ANSWER, CHAT, IN_ORDER
from tests.routing.worlds import chat, models, router
from tests.virtual_time import run
from voice.providers.fake import FakeProvider, Reply, failing, saying
from voice.providers.protocol import ProviderError


async def read(routed) -> bytes:
    async with aclosing(routed.value) as blocks:
        return b"".join([block async for block in blocks])


async def test_a_stream_is_passed_on_block_by_block():
    reply = saying("one two three")
    a = FakeProvider("a", reply)
    routing = router(a, file=models(m={"targets": ["a:x"]}))
    routed = await routing.stream("m", CHAT, chat(stream=True))
    assert a.running == 1
    assert await read(routed) == b"".join(reply.blocks)
    assert (a.running, a.abandoned) == (0, 0)
    assert routed.headers["x-voice-attempts"] == "1"


async def test_a_stream_that_fails_before_its_first_block_is_tried_elsewhere():
    a, b = FakeProvider("a", failing()), FakeProvider("b", saying("Hi"))
    routed = await router(a, b, file=models(**IN_ORDER)).stream("m", CHAT, chat(stream=True))
    assert await read(routed) == b"".join(saying("Hi").blocks)
    assert routed.headers["x-voice-attempts"] == "2"


async def test_a_stream_that_breaks_off_is_not_tried_again():
    a, b = FakeProvider("a", failing(after=(b"data: 1\n\n",))), FakeProvider("b")
    routed = await router(a, b, file=models(**IN_ORDER)).stream("m", CHAT, chat(stream=True))
    assert await anext(routed.value) == b"data: 1\n\n"
    with pytest.raises(ProviderError, match="unavailable"):
        await anext(routed.value)
    assert b.calls == []


async def test_an_empty_stream_is_no_answer():
    a, b = FakeProvider("a", Reply(())), FakeProvider("b", saying("Hi"))
    routed = await router(a, b, file=models(**IN_ORDER)).stream("m", CHAT, chat(stream=True))
    assert routed.headers["x-voice-provider"] == "b"
    await routed.value.aclose()


@pytest.mark.parametrize("blocks_read", [0, 1, 2])
async def test_a_stream_that_nobody_reads_to_its_end_is_let_go(blocks_read):
    a = FakeProvider("a", saying("one two three"))
    routed = await router(a).stream("a:x", CHAT, chat(stream=True))
    for _ in range(blocks_read):
        await anext(routed.value)
    await routed.value.aclose()
    assert (a.running, a.abandoned) == (0, 1)
    assert [block async for block in routed.value] == []


async def test_targets_whose_streams_always_break_off_cool_down():
    broken = FakeProvider("a", failing(after=(b"data: 1\n\n",)))
    b = FakeProvider("b", saying("Hi"))
    routing = router(broken, b, file=models(**IN_ORDER))
    for _ in range(3):
        routed = await routing.stream("m", CHAT, chat(stream=True))
        with pytest.raises(ProviderError):
            await read(routed)
    routed = await routing.stream("m", CHAT, chat(stream=True))
    assert routed.headers["x-voice-provider"] == "b"
    await routed.value.aclose()


async def test_streams_that_come_to_their_end_in_between_keep_a_target_trusted():
    broken, whole = failing(after=(b"data: 1\n\n",)), saying("Hi")
    a = FakeProvider("a", broken, broken, whole, broken, broken, whole)
    routing = router(a, FakeProvider("b"), file=models(**IN_ORDER))
    for reply in (broken, broken, whole, broken, broken, whole):
        routed = await routing.stream("m", CHAT, chat(stream=True))
        assert routed.headers["x-voice-provider"] == "a"
        if reply is whole:
            await read(routed)
        else:
            with pytest.raises(ProviderError):
                await read(routed)


def test_a_probe_whose_client_leaves_makes_room_for_the_next():
    async def main():
        a = FakeProvider("a", failing("quota"), Reply((b"{}",), delay_s=50.0), ANSWER)
        routing = router(a, FakeProvider("b", ANSWER), file=models(**IN_ORDER))
        await routing.answer("m", CHAT, chat())
        await asyncio.sleep(10)
        probe = asyncio.create_task(routing.answer("m", CHAT, chat()))
        await asyncio.sleep(1)
        assert (await routing.answer("m", CHAT, chat())).headers["x-voice-provider"] == "b"
        probe.cancel()
        await asyncio.wait([probe])
        assert (await routing.answer("m", CHAT, chat())).headers["x-voice-provider"] == "a"

    run(main())


def test_a_stream_may_go_on_past_the_deadline_once_it_has_begun():
    async def main():
        a = FakeProvider("a", saying("one two three", interval_s=200.0))
        routed = await router(a).stream("a:x", CHAT, chat(stream=True))
        assert await read(routed) == b"".join(saying("one two three").blocks)

    run(main())


@pytest.mark.parametrize("method", ["answer", "stream"])
@pytest.mark.parametrize("after_s", [0.0, 0.2, 1.5])
def test_a_client_that_leaves_ends_the_work(method, after_s):
    """At the start of an attempt, in the wait between two, and in the second one."""

    async def main():
        a = FakeProvider("a", failing(), saying("Hi", delay_s=10.0))
        routing = router(a)
        asking = asyncio.create_task(getattr(routing, method)("a:x", CHAT, chat()))
        await asyncio.sleep(after_s)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert a.running == 0
        assert len(asyncio.all_tasks()) == 1

    run(main())
