"""What becomes of uploads that are changed, cancelled or deleted while they are taken in."""

import asyncio
from contextlib import asynccontextmanager

import msgspec
import pytest

from tests.search.libraries import STORE, WordEmbedder, store
from voice.search.intake import Intake
from voice.search.keeping import CHUNKS_AT_ONCE
from voice.search.library import open_library
from voice.search.records import ChunkingRules, Document, FileBatch

SMALL = ChunkingRules(max_tokens=100, overlap_tokens=0)
LONG = b"one two three four five. " * 2000
"""Far more chunks than are embedded at once."""


class GatedEmbedder(WordEmbedder):
    """Embeds when it is let."""

    def __init__(self) -> None:
        super().__init__(max_tokens=1000)
        self.asked_for = asyncio.Event()
        self.gate = asyncio.Event()

    async def embed(self, inputs):
        self.asked_for.set()
        await self.gate.wait()
        return await super().embed(inputs)


@asynccontextmanager
async def taking_in(folder):
    """A library with one long file that is being embedded, and what takes it in."""
    embedder = GatedEmbedder()
    async with open_library(str(folder / "search.db"), embedder=embedder) as library:
        await library.put_store(store())
        intake = Intake(library)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(intake.run())
            document = await attached(library, intake, "long.txt", LONG)
            await embedder.asked_for.wait()
            yield library, intake, embedder, document
            running.cancel()


async def attached(library, intake, name: str, content: bytes, **fields: object) -> Document:
    file = await library.add_file(name, "assistants", content)
    fields = {"created_at": 0, "rules": SMALL, **fields}
    (document,) = await intake.add(Document(id=file.id, store_id=STORE, name=name, **fields))
    return document


async def settled(library, document: Document) -> Document:
    """The document, when it is no longer in progress."""
    async with asyncio.timeout(20):
        found = document
        while found.status == "in_progress":
            found = await library.document(STORE, document.id)
    return found


@pytest.mark.parametrize("way", ["removed", "deleted", "cancelled"])
async def test_what_is_wanted_no_more_is_not_embedded_to_its_end(tmp_path, way):
    async with taking_in(tmp_path) as (library, intake, embedder, document):
        match way:
            case "removed":
                await library.delete_document(STORE, document.id)
            case "deleted":
                await library.delete_file(document.id)
            case "cancelled":
                batch = FileBatch(id="b", store_id=STORE, created_at=0)
                await intake.add(document, batch=batch)
                await library.cancel_batch(STORE, "b")
        embedder.gate.set()
        after = await attached(library, intake, "short.txt", b"a word")
        assert (await settled(library, after)).status == "completed"
        assert len(embedder.asked) == CHUNKS_AT_ONCE + 1


async def test_attributes_that_change_meanwhile_stay_changed(tmp_path):
    async with taking_in(tmp_path) as (library, _intake, embedder, document):
        await library.set_attributes(STORE, document.id, {"year": 2024.0})
        embedder.gate.set()
        done = await settled(library, document)
        assert (done.status, done.attributes) == ("completed", {"year": 2024.0})


async def test_a_file_put_in_again_is_cut_and_described_as_the_second_time(tmp_path):
    async with taking_in(tmp_path) as (library, intake, embedder, document):
        wanted = ChunkingRules(max_tokens=200, overlap_tokens=0)
        again = msgspec.structs.replace(document, rules=wanted, attributes={"a": True})
        await intake.add(again)
        embedder.gate.set()
        done = await settled(library, document)
        assert (done.status, done.rules, done.attributes) == ("completed", wanted, {"a": True})
        assert done.chunk_count == len(await library.chunks(STORE, document.id)) > 1
