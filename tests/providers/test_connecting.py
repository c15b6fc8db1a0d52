"""What goes wrong before a server has had to do with it; the servers are real."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest

from tests.providers.fake_upstream import FakeUpstream, Script
from tests.routing.worlds import chat, router
from voice.providers.openai import OpenAIProvider
from voice.providers.protocol import Call, ProviderError
from voice.routing.candidates import RetryPolicy

CALL = Call("chat/completions", "tiny", chat())
ENOUGH_S = 5.0


@asynccontextmanager
async def serving(*scripts: Script, **options) -> AsyncIterator[tuple]:
    async with FakeUpstream("openai", *scripts) as upstream:
        provider = OpenAIProvider("chat", upstream.url, None, **options)
        async with aclosing(provider):
            yield provider, upstream


async def test_a_request_is_sent_once_even_over_a_connection_that_was_closed_while_idle():
    async with serving(Script(), Script(fault="die")) as (provider, upstream):
        await provider.answer(CALL)
        with pytest.raises(ProviderError, match="had closed the connection") as lost:
            await provider.answer(CALL)
    assert (lost.value.trouble, lost.value.blameless) == ("unavailable", True)
    assert len(upstream.received) == 2


@pytest.mark.parametrize("stream", [True, False])
async def test_the_router_asks_again_at_once_and_counts_it(stream):
    """A pause would be the longest there is, and one failure would be one too many."""
    patient = RetryPolicy(first_wait_s=9.0)
    async with serving(Script(), Script(fault="die"), Script()) as (provider, upstream):
        models = router(provider, policy=patient)
        async with aclosing(models), asyncio.timeout(ENOUGH_S):
            await models.answer("chat:tiny", "chat/completions", chat())
            if stream:
                again = await models.stream("chat:tiny", "chat/completions", chat(stream=True))
                async with aclosing(again.value) as blocks:
                    said = b"".join([block async for block in blocks])
            else:
                again = await models.answer("chat:tiny", "chat/completions", chat())
                said = again.value
    assert again.headers["x-voice-attempts"] == "2"
    assert b"Hello" in said
    assert len(upstream.received) == 3


async def test_connections_lost_while_idle_do_not_cool_a_provider():
    dying = [script for _ in range(6) for script in (Script(fault="die"), Script())]
    async with serving(Script(), *dying) as (provider, upstream):
        models = router(provider)
        async with aclosing(models), asyncio.timeout(ENOUGH_S):
            for number in range(7):
                routed = await models.answer("chat:tiny", "chat/completions", chat())
                assert routed.headers["x-voice-attempts"] == ("2" if number else "1")
    assert len(upstream.received) == 13


async def test_who_waits_for_a_connection_in_vain_is_told_so():
    async with serving(Script(fault="hang"), timeout_s=0.2, connections=1) as (provider, upstream):
        async with asyncio.TaskGroup() as group:
            first = group.create_task(outcome(provider))
            await upstream.asked()
            second = group.create_task(outcome(provider))
        assert "sent nothing" in first.result().message
        error = second.result()
    assert "all 1 connections are in use, and none came free within 0.2 s" in error.message
    assert (error.status, error.trouble, error.blameless) == (503, "unavailable", True)


async def outcome(provider: OpenAIProvider) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await provider.answer(CALL)
    return caught.value
