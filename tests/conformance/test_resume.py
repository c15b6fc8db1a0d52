"""Conversations that go on after their connection broke, over real sockets."""

import asyncio

import pytest
import structlog
from websockets.exceptions import InvalidStatus

from tests.conformance.live import KEY, dial
from tests.conformance.person import patiently
from tests.conformance.stage import text_item

pytestmark = pytest.mark.server


async def created(client) -> dict:
    return await client.until("session.created", limit_ms=2000)


async def test_a_conversation_goes_on_over_another_socket_and_another_model(serve):
    async with serve() as live:
        async with dial(f"{live.ws_url}?model=m&resume=") as first:
            token = (await created(first))["resume"]["token"]
            await first.update(instructions="Be brief.")
            await first.send("conversation.item.create", item=text_item("Hello", id="item_1"))
            await first.until("conversation.item.done")
        async with dial(f"{live.ws_url}?model=other&resume={token}") as second:
            event = await created(second)
            assert event["resume"] == {"token": token, "expires_after_s": 120, "resumed": True}
            assert event["session"]["model"] == "other"
            assert event["session"]["instructions"] == "Be brief."
            await second.until("conversation.item.done")
            assert second.types()[1:] == ["conversation.item.added", "conversation.item.done"]
            assert second.last("conversation.item.done")["item"]["id"] == "item_1"
        async with dial(f"{live.ws_url}?resume={token}") as third:
            assert (await created(third))["session"]["model"] == "other"


async def test_a_socket_that_is_still_there_gives_way_and_its_seat(serve):
    async with serve(max_sessions=1) as live, dial(f"{live.ws_url}?resume=new") as first:
        token = (await created(first))["resume"]["token"]
        async with dial(f"{live.ws_url}?resume={token}") as second:
            assert (await created(second))["resume"]["resumed"] is True
            await patiently(first.transport.socket.wait_closed())
            assert first.transport.socket.close_code == 4409
            with pytest.raises(InvalidStatus) as full:
                async with dial(f"{live.ws_url}?resume="):
                    pass
            assert full.value.response.status_code == 503


async def test_a_refused_return_does_not_cost_the_conversation(serve):
    async with serve() as live:
        url = f"{live.ws_url}?resume="
        async with dial(url) as first:
            token = (await created(first))["resume"]["token"]
            await first.send("conversation.item.create", item=text_item("Hello"))
            await first.until("conversation.item.done")
        with pytest.raises(InvalidStatus) as refused:
            async with dial(url + token, additional_headers={"Authorization": "Bearer wrong"}):
                pass
        assert refused.value.response.status_code == 401
        async with dial(url + token) as second:
            assert (await created(second))["resume"]["resumed"] is True


async def test_a_token_is_in_no_line_of_the_log(serve):
    with structlog.testing.capture_logs() as lines:
        async with serve() as live:
            tokens = []
            for _ in range(2):
                known = tokens[-1] if tokens else ""
                async with dial(f"{live.ws_url}?model=m&resume={known}") as client:
                    tokens.append((await created(client))["resume"]["token"])
            assert tokens[0] == tokens[1]
            await asyncio.sleep(0)
    assert any(line["event"] == "session resumed" for line in lines)
    assert not [line for line in lines if tokens[0] in str(line) or KEY in str(line)]
