"""An engine's process dies under a request: another target answers, and the engine comes back."""

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from tests.eventually import eventually
from tests.fake_settings import FAKES
from tests.providers.fake_upstream import FakeUpstream
from voice.config import load_settings
from voice.server import Server

pytestmark = [pytest.mark.server, pytest.mark.engine]

FILE = """
[providers.spare]
kind = "openai"
base_url = "{url}"

[models.assistant]
targets = ["reader", {{ model = "spare:x", order = 2 }}]
"""


def chat(model: str) -> dict:
    question = {"role": "user", "content": "When does the library close on Saturday?"}
    return {"model": model, "messages": [question]}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGABRT])
async def test_an_engine_that_dies_is_stepped_in_for_and_restarted(tmp_path, number):
    async with FakeUpstream("openai") as spare:
        path = tmp_path / "models.toml"
        path.write_text(FILE.format(url=spare.url))
        settings = load_settings(
            environment=FAKES | {"ENGINES__LLM": "reader", "MODELS_FILE": str(path)},
            env_file=Path("/nowhere"),
        )
        server = Server(settings)
        async with server.running():
            engines = await server.warm()
            (worker,) = (each for each in engines.workers if each.spec.name == "reader")

            async def ask() -> tuple[str, bytes]:
                found = await server.router.answer(
                    "assistant", "chat/completions", chat("assistant")
                )
                return found.headers["x-voice-provider"], found.value

            assert (await ask())[0] == "local"
            os.kill(worker.statistics().pid, signal.SIGSTOP)
            asking = asyncio.create_task(ask())
            await eventually(lambda: worker.statistics().jobs)
            pid = worker.statistics().pid
            os.kill(pid, number)
            # SIGKILL ends a stopped process too, which may be gone by now.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
            provider, answer = await asking
            assert provider == "spare"
            assert b"Hello there." in answer
            await worker.connected()
            assert worker.statistics().restarts == 1
            alone = await server.router.answer("reader", "chat/completions", chat("reader"))
            assert b"one o'clock" in alone.value
