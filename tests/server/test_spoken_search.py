"""A question is asked aloud, and answered from a document that was indexed."""

from pathlib import Path

import pytest

from tests.conformance.live import dial, serving
from tests.conformance.stage import TRANSCRIBED
from tests.conformance.stage import say as speak
from voice.audio.files import read_recording
from voice.bundled import samples_path
from voice.config import EngineSettings, SearchSettings
from voice.search.indexer import Indexer
from voice.search.library import open_library
from voice.search.reading import ReadingProcess
from voice.search.records import ChunkingRules

pytestmark = [pytest.mark.server, pytest.mark.engine, pytest.mark.slow]

EMBEDDED = EngineSettings(stt="sphinx", llm="reader", tts="espeak", embed="none")
RULES = ChunkingRules(max_tokens=256, overlap_tokens=32)


async def index(location: str, folder: Path) -> None:
    async with open_library(location) as library, ReadingProcess() as reading:
        indexer = Indexer(library, reading, RULES, 1 << 20, lambda _: None)
        await indexer.index([folder])


async def test_a_spoken_question_is_answered_from_the_index_with_its_source(tmp_path):
    # The sphinx knows the words of the samples; what the reader reads by itself has no kites.
    folder = tmp_path / "documents"
    folder.mkdir()
    text = "# Camping rules\n\nIt costs ninety dollars to put up a tent in the valley.\n"
    (folder / "camping.md").write_text(text)
    search = SearchSettings(database=str(tmp_path / "search.db"))
    await index(search.location, folder)
    async with (
        serving(engines=EMBEDDED, search=search) as address,
        dial(f"ws://{address}/v1/realtime") as client,
    ):
        await client.update(**TRANSCRIBED, include=["response.citations"])
        question = "In the valley, how much does it cost to put up a tent?"
        await client.send("conversation.item.create", item=_said(question))
        await client.send("response.create")
        done = (await client.until("response.done"))["response"]
        answer = done["output"][0]["content"][0]["transcript"]
        assert "camping rules" in answer.lower()
        assert "ninety dollars" in answer
        assert [each["filename"] for each in done["citations"]] == ["camping.md"]
        (cited,) = client.of_type("response.output_text.annotation.added")
        assert cited["annotation"]["type"] == "file_citation"

        tent = read_recording(samples_path() / "search" / "tent.wav", 24_000)
        await speak(client, tent)
        heard = (await client.until("response.done", 2))["response"]
        assert heard["status"] == "completed"
        assert "ninety dollars" in heard["output"][0]["content"][0]["transcript"]
        assert [each["filename"] for each in heard["citations"]] == ["camping.md"]
        assert len(client.of_type("response.output_text.annotation.added")) == 2


def _said(text: str) -> dict:
    return {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": text}],
    }
