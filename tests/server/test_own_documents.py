"""A server is pointed at a folder, and answers from what is in it and from nothing else."""

import asyncio

import aiohttp
import pytest

from voice.cli.hosting import hosting
from voice.config import EngineSettings, SearchSettings, Settings

pytestmark = [pytest.mark.server, pytest.mark.engine]

EMBEDDED = EngineSettings(stt="sphinx", llm="reader", tts="espeak", embed="none")


async def test_a_folder_is_answered_from_by_the_rules_of_the_index(tmp_path):
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "boat.html").write_text("<h1>The boat</h1><p>The mooring fee is fourteen pounds.</p>")
    (folder / "diary.md").write_text("The password of the safe is pineapple.")
    (folder / ".voiceignore").write_text("diary.md")
    settings = Settings(
        engines=EMBEDDED,
        documents=folder,
        search=SearchSettings(database=str(tmp_path / "search.db")),
    )
    async with hosting(settings, warm=True) as hosted, aiohttp.ClientSession(hosted.url) as http:

        async def answer(question: str) -> str:
            body = {"model": "reader", "messages": [{"role": "user", "content": question}]}
            async with http.post("/v1/chat/completions", json=body) as response:
                return (await response.json())["choices"][0]["message"]["content"]

        fee = "What is the mooring fee?"
        async with asyncio.timeout(30):
            while "fourteen pounds" not in await answer(fee):
                continue
        assert await answer("What is the password of the safe?") == "I found nothing about that."
        assert await answer("How long should I bake the bread?") == "I found nothing about that."
        body = {
            "query": fee,
            "filters": {"type": "eq", "key": "format", "value": "pdf"},
            "answer": True,
        }
        async with http.post("/v1/search", json=body) as response:
            found = await response.json()
        assert found["data"] == []
        assert found["answer"]["text"] == "I found nothing about that."
