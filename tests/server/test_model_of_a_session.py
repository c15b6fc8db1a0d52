"""Who answers in a session that names a model."""

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.conformance.live import dial
from tests.conformance.stage import text_item
from tests.fake_settings import FAKES
from voice.cli.hosting import hosting
from voice.config import load_settings
from voice.http.session_engines import session_engines
from voice.server import Server

pytestmark = pytest.mark.server

FILE = """
[providers.gone]
kind = "vllm"
base_url = "http://127.0.0.1:9/v1"

[models.library]
targets = ["reader"]
aliases = ["gpt-realtime-mini"]

[models.assistant]
targets = ["gone:x"]

[models.hidden]
targets = ["reader"]
"""


@asynccontextmanager
async def running(tmp_path: Path, **variables: str):
    path = tmp_path / "models.toml"
    path.write_text(FILE)
    variables |= {"MODELS_FILE": str(path), "SERVER__PORT": "0"}
    settings = load_settings(environment=FAKES | variables, env_file=Path("/nowhere"))
    server = Server(settings)
    async with hosting(settings, server=server) as hosted:
        yield server, hosted.url.removeprefix("http://")


@pytest.mark.parametrize(
    ("named", "answers"),
    [
        ("library", "reader"),
        ("gpt-realtime-mini", "reader"),
        ("assistant", "assistant"),
        ("gone:y", "gone:y"),
        ("fake", "fake"),
        ("gpt-realtime", "fake"),
        ("gpt-4o", "fake"),
        ("hidden", "fake"),
        ("unheard-of", "fake"),
        ("llama:elsewhere.gguf", "fake"),
        ("minilm", "fake"),
        ("auto", "fake"),
        ("", "fake"),
    ],
)
async def test_a_chat_model_of_the_server_answers_by_its_name_and_any_other_is_the_usual_one(
    tmp_path, named, answers
):
    allowed = "library,gpt-realtime-mini,assistant,gone:*,fake"
    async with running(tmp_path, LLM_ALLOWED_MODELS=allowed) as (server, _):
        chosen = await session_engines(server, await server.warm(), named)
        assert chosen.llm.name == answers
        assert chosen.stt is server.engines.stt


async def said(client, text: str = "When does the library close?") -> dict:
    await client.update(output_modalities=["text"])
    await client.send("conversation.item.create", item=text_item(text))
    await client.send("response.create")
    return (await client.until("response.done"))["response"]


async def test_the_model_of_the_address_or_of_the_secret_talks(tmp_path):
    async with running(tmp_path) as (_, address):
        url = f"ws://{address}/v1/realtime"
        async with dial(f"{url}?model=library", additional_headers={}) as client:
            response = await said(client)
            assert client.events[0]["session"]["model"] == "library"
            answer = response["output"][0]["content"][0]["text"]
            assert answer
            assert answer != "Hello there."
        async with dial(f"{url}?model=unheard-of", additional_headers={}) as client:
            assert (await said(client))["output"][0]["content"][0]["text"] == "Hello there."
        secret = {"session": {"type": "realtime", "model": "library"}}
        async with aiohttp.ClientSession() as http:
            path = f"http://{address}/v1/realtime/client_secrets"
            async with http.post(path, json=secret) as minted:
                key = (await minted.json())["value"]
        headers = {"Authorization": f"Bearer {key}"}
        async with dial(f"{url}?model=gpt-realtime", additional_headers=headers) as client:
            assert (await said(client))["output"][0]["content"][0]["text"] == answer


async def test_a_model_that_cannot_be_reached_fails_its_answers_and_not_the_session(tmp_path):
    limits = {"INFERENCE_MAX_RETRIES": "1", "INFERENCE_DEADLINE": "2"}
    async with running(tmp_path, **limits) as (_, address), asyncio.timeout(20):
        url = f"ws://{address}/v1/realtime?model=assistant"
        async with dial(url, additional_headers={}) as client:
            response = await said(client)
            assert response["status"] == "failed"
            await client.update(instructions="Be brief.")
            await client.until("session.updated", 2)
