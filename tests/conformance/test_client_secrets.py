"""Checklist: secrets that may be given to a browser, over real sockets (38, 39)."""

import json
import time
from functools import partial

import aiohttp
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.conformance.live import KEY, dial
from voice.gateway.secrets import ClientSecrets

pytestmark = pytest.mark.server

CLOCK = {
    "type": "function",
    "name": "clock",
    "description": "What time it is.",
    "parameters": {"type": "object", "properties": {}},
}
HEADERS = {"Authorization": f"Bearer {KEY}"}


async def mint(live, body: object = None, headers: dict = HEADERS) -> tuple[int, dict]:
    """The status and the JSON of the answer."""
    url = f"{live.http_url}/realtime/client_secrets"
    given = {} if body is None else {"json": body}
    async with (
        aiohttp.ClientSession(headers=headers) as client,
        client.post(url, **given) as answer,
    ):
        return answer.status, await answer.json()


def bearer(secret: str) -> dict:
    return {"additional_headers": {"Authorization": f"Bearer {secret}"}}


@pytest.mark.parametrize("body", [None, {}, {"expires_after": {}}, {"expires_after": None}])
async def test_38_a_secret_lives_for_ten_minutes_unless_asked_otherwise(serve, body):
    async with serve() as live:
        before = int(time.time())
        status, minted = await mint(live, body)
        assert status == 200
        assert set(minted) == {"value", "expires_at", "session"}
        assert minted["value"].startswith("ek_")
        assert 600 <= minted["expires_at"] - before <= 610
        session = minted["session"]
        assert session["id"].startswith("sess_")
        assert (session["type"], session["object"]) == ("realtime", "realtime.session")
        assert session["model"] == "gpt-realtime"
        assert session["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 500


WRONG = [
    ({"expires_after": {"seconds": 9}}, "expires_after.seconds"),
    ({"expires_after": {"seconds": 7201}}, "expires_after.seconds"),
    ({"expires_after": {"seconds": 10.5}}, "expires_after.seconds"),
    ({"expires_after": {"seconds": "60"}}, "expires_after.seconds"),
    ({"expires_after": {"anchor": "last_active_at"}}, "expires_after.anchor"),
    ({"expires_after": {"minutes": 5}}, "expires_after.minutes"),
    ({"expires_after": 60}, "expires_after"),
    ({"session": "mine"}, "session"),
    ({"session": {}}, "session.type"),
    ({"session": {"type": "realtime", "voice": "ash"}}, "session.voice"),
    ({"session": {"type": "realtime", "audio": {"output": {"voice": "nobody"}}}},
     "session.audio.output.voice"),
    ({"session": {"type": "translation"}}, "session.type"),
    ({"seconds": 60}, "seconds"),
]  # fmt: skip


async def test_38_a_value_that_is_wrong_is_named(serve):
    async with serve() as live:
        for body, param in WRONG:
            status, answer = await mint(live, body)
            error = answer["error"]
            assert status == 400
            assert (error["type"], error["param"]) == ("invalid_request_error", param)


async def test_38_a_transcription_secret_opens_a_transcription_session(serve):
    session = {"type": "transcription", "audio": {"input": {"transcription": {"language": "en"}}}}
    async with serve() as live:
        _, minted = await mint(live, {"session": session})
        assert minted["session"]["object"] == "realtime.transcription_session"
        assert minted["session"]["type"] == "transcription"
        assert minted["session"]["audio"]["input"]["transcription"] == {"language": "en"}
        for query in ("", "?intent=transcription"):
            async with dial(live.ws_url + query, **bearer(minted["value"])) as client:
                created = (await client.until("session.created"))["session"]
                assert created["type"] == "transcription"
                assert created["audio"] == minted["session"]["audio"]


async def test_39_a_secret_opens_with_its_configuration_again_and_again(serve):
    session = {
        "type": "realtime",
        "model": "gpt-realtime-mini",
        "instructions": "Speak like a pirate.",
        "audio": {"output": {"voice": "marin", "speed": 1.25}},
    }
    async with serve() as live:
        _, minted = await mint(live, {"session": session})
        for _ in range(2):
            url = f"{live.ws_url}?model=gpt-realtime-2"
            async with dial(url, **bearer(minted["value"])) as client:
                created = (await client.until("session.created"))["session"]
                assert created["id"] != minted["session"]["id"]
                assert created | {"id": ""} == minted["session"] | {"id": ""}
                await client.update(instructions="Speak like a queen.")
                updated = (await client.until("session.updated"))["session"]
                assert updated["instructions"] == "Speak like a queen."
        offered = ["realtime", f"openai-insecure-api-key.{minted['value']}"]
        async with connect(live.ws_url, subprotocols=offered) as socket:
            assert json.loads(await socket.recv())["session"]["audio"]["output"]["speed"] == 1.25


async def test_39_after_its_time_a_secret_opens_nothing_and_what_it_opened_goes_on(
    serve, monkeypatch
):
    find = ClientSecrets.find
    async with serve() as live:
        _, minted = await mint(live, {"expires_after": {"seconds": 10}})
        async with dial(live.ws_url, **bearer(minted["value"])) as client:
            await client.until("session.created")
            later = partial(find, now=time.time() + 11)
            monkeypatch.setattr(ClientSecrets, "find", lambda self, key, _: later(self, key))
            with pytest.raises(InvalidStatus) as refused:
                await connect(live.ws_url, **bearer(minted["value"]))
            assert refused.value.response.status_code == 401
            assert json.loads(refused.value.response.body)["error"]["code"] == "invalid_api_key"
            await client.update(instructions="Still here?")
            await client.until("session.updated")


async def test_39_a_secret_neither_mints_another_nor_opens_other_doors(serve):
    async with serve() as live:
        _, minted = await mint(live)
        shown = {"Authorization": f"Bearer {minted['value']}"}
        status, answer = await mint(live, headers=shown)
        assert (status, answer["error"]["code"]) == (401, "invalid_api_key")
        async with aiohttp.ClientSession(headers=shown) as client:
            assert (await client.get(f"{live.http_url}/models")).status == 401
            assert (await client.post(f"{live.http_url}/chat/completions", json={})).status == 401


async def test_39_an_open_server_judges_secrets_as_well(serve):
    async with serve(keys=()) as live:
        with pytest.raises(InvalidStatus) as refused:
            await connect(live.ws_url, **bearer("ek_0123456789abcdef"))
        assert refused.value.response.status_code == 401
        _, minted = await mint(live, headers={})
        async with dial(live.ws_url, **bearer(minted["value"])) as client:
            await client.until("session.created")


@pytest.mark.conformance
@pytest.mark.parametrize(
    "session",
    [
        {"type": "realtime", "instructions": "Be brief.", "tools": [CLOCK], "tracing": "auto"},
        {"type": "transcription", "audio": {"input": {"noise_reduction": {"type": "near_field"}}}},
    ],
    ids=["realtime", "transcription"],
)
async def test_38_the_official_sdk_mints_a_secret_and_connects_with_it(serve, session):
    openai = pytest.importorskip("openai", reason="the SDK is not installed")
    kinds = pytest.importorskip("openai.types.realtime", reason="the SDK knows no realtime")
    async with serve() as live:
        async with openai.AsyncOpenAI(api_key=KEY, base_url=live.http_url) as client:
            minted = await client.realtime.client_secrets.create(
                expires_after={"anchor": "created_at", "seconds": 60}, session=session
            )
        kinds.ClientSecretCreateResponse.model_validate(minted.to_dict(), strict=True)
        assert minted.session.type == session["type"]
        async with openai.AsyncOpenAI(api_key=minted.value, base_url=live.http_url) as client:
            options = {"extra_query": {"intent": "transcription"}}
            if session["type"] == "realtime":
                options = {"model": "gpt-realtime"}
            async with client.realtime.connect(**options) as connection:
                created = await connection.recv()
                assert created.session.to_dict() | {"id": ""} == (
                    minted.session.to_dict() | {"id": ""}
                )
