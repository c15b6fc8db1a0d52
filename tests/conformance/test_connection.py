"""Checklist: who gets in, how, and for how long, over real sockets (1-3, 31, 34, 35, 50, 67, 73)."""

import asyncio
import base64
import json
import time

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.conformance.live import KEY, dial
from tests.conformance.person import patiently
from tests.conformance.stage import HEARD, TRANSCRIBED, ask, text_item
from tests.session.conversation import converse
from tests.virtual_time import run
from voice.session.session import SessionOptions

pytestmark = pytest.mark.server

SHORT = {"audio": {"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 200}}}}


@pytest.mark.parametrize("path", ["/v1/realtime", "/realtime", "/openai/v1/realtime"])
async def test_01_the_first_frame_is_the_session_that_was_created(serve, path):
    async with serve() as live, dial(f"ws://{live.address}{path}?model=gpt-realtime-2") as client:
        await client.until("session.created", limit_ms=2000)
        assert [event["type"] for event in client.events] == ["session.created"]
        session = client.events[0]["session"]
        assert session["id"].startswith("sess_")
        assert (session["type"], session["object"]) == ("realtime", "realtime.session")
        assert session["model"] == "gpt-realtime-2"
        assert session["output_modalities"] == ["audio"]
        assert set(session["audio"]) == {"input", "output"}
        assert set(session["audio"]["input"]) == {
            "format",
            "transcription",
            "noise_reduction",
            "turn_detection",
        }
        assert session["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24000}
        assert set(session["audio"]["output"]) == {"format", "voice", "speed"}


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer sk-wrong"}, {"Authorization": KEY}, {"api-key": ""}],
    ids=["none", "wrong", "no-scheme", "empty"],
)
async def test_02_without_the_key_the_handshake_ends_with_401(serve, headers):
    async with serve() as live:
        with pytest.raises(InvalidStatus) as refused:
            async with dial(f"{live.ws_url}?model=m", additional_headers=headers):
                pass
        response = refused.value.response
        assert response.status_code == 401
        error = json.loads(response.body)["error"]
        assert (error["type"], error["code"]) == ("authentication_error", "invalid_api_key")
        assert "sk-wrong" not in response.body.decode()
        async with dial(f"{live.ws_url}?model=m", additional_headers={"api-key": KEY}) as client:
            await client.until("session.created", limit_ms=2000)


async def test_03_31_34_a_spoken_turn_and_its_errors_leave_the_socket_open(serve):
    """Over a real socket in real time; `dial` checks ids, types, integers and nulls of it all."""
    async with serve(HEARD) as live, dial(f"{live.ws_url}?model=m") as client:
        await client.update(**TRANSCRIBED)
        await client.update(**SHORT)
        assert (await ask(client))["status"] == "completed"
        started = client.last("input_audio_buffer.speech_started")
        stopped = client.last("input_audio_buffer.speech_stopped")
        # The recording begins 50 ms after silence and lasts 1.4 s, before which nobody spoke.
        assert 0 <= started["audio_start_ms"] <= 300
        assert 1200 <= stopped["audio_end_ms"] <= 2000
        for number, frame in enumerate(['{"type":"nothing"}', "{", "[]"]):
            await client.transport.say(frame)
            await client.until("error", number + 1, limit_ms=1000)
        await client.send("conversation.item.create", event_id="mine", item={"type": "sound"})
        error = (await client.until("error", 4, limit_ms=1000))["error"]
        assert (error["event_id"], error["code"]) == ("mine", "invalid_value")
        second = await ask(client)
        assert second["status"] == "completed"
        later = client.last("input_audio_buffer.speech_started")
        assert later["audio_start_ms"] > stopped["audio_end_ms"]
        ids = [event["event_id"] for event in client.events]
        assert len(ids) == len(set(ids))


async def test_35_a_browser_shows_its_key_as_a_subprotocol(serve):
    async with serve() as live:
        offered = ["realtime", f"openai-insecure-api-key.{KEY}", "openai-agents-sdk.0.20.0"]
        async with connect(f"{live.ws_url}?model=m", subprotocols=offered) as socket:
            assert socket.subprotocol == "realtime"
            assert socket.response.headers.get_all("sec-websocket-protocol") == ["realtime"]
            assert json.loads(await socket.recv())["type"] == "session.created"
        wrong = ["realtime", "openai-insecure-api-key.sk-wrong"]
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"{live.ws_url}?model=m", subprotocols=wrong)
        assert refused.value.response.status_code == 401


async def test_50_a_hundred_items_of_history_are_acknowledged_in_order(serve):
    """Some clients give up after five seconds."""
    async with serve() as live, dial(f"{live.ws_url}?model=m") as client:
        async with asyncio.timeout(5):
            for number in range(100):
                item = text_item(f"item {number}", id=f"item_{number}")
                await client.send("conversation.item.create", item=item)
            await client.until("conversation.item.done", 100)
        added = client.of_type("conversation.item.added")
        assert [event["item"]["id"] for event in added] == [f"item_{n}" for n in range(100)]
        before = [None, *(f"item_{n}" for n in range(99))]
        assert [event["previous_item_id"] for event in added] == before


async def test_67_a_session_past_its_limit_is_closed_with_1001(serve):
    async with serve(max_minutes=0.01) as live, dial(f"{live.ws_url}?model=m") as client:
        await patiently(client.transport.socket.wait_closed())
        assert client.types() == ["session.created", "error"]
        error = client.last("error")["error"]
        assert (error["code"], error["type"]) == ("session_expired", "invalid_request_error")
        assert client.transport.socket.close_code == 1001


def test_67_sixty_minutes_are_announced_and_named():
    async def main():
        before = int(time.time())
        async with converse(options=SessionOptions(max_minutes=60)) as client:
            expires_at = client.events[0]["session"]["expires_at"]
            assert 3600 <= expires_at - before <= 3660
            await asyncio.sleep(3599)
            assert client.types() == ["session.created"]
            await asyncio.sleep(2)
            error = client.last("error")["error"]
            assert error["message"] == "Your session hit the maximum duration of 60 minutes."
            assert client.transport.closed is not None
            assert client.transport.closed[0] == 1001

    run(main())


async def test_73_an_append_of_15_mib_is_accepted(serve):
    async with serve() as live, dial(f"{live.ws_url}?model=m") as client:
        await client.update(audio={"input": {"turn_detection": None}})
        await client.until("session.updated")
        audio = base64.b64encode(bytes(15 * 2**20)).decode()
        async with asyncio.timeout(30):
            await client.send("input_audio_buffer.append", audio=audio)
            await client.send("input_audio_buffer.commit")
            await client.until("input_audio_buffer.committed")
            too_much = base64.b64encode(bytes(15 * 2**20 + 2)).decode()
            await client.send("input_audio_buffer.append", audio=too_much, event_id="big")
            error = (await client.until("error"))["error"]
        assert (error["code"], error["event_id"]) == ("invalid_value", "big")
        assert error["param"] == "audio"
