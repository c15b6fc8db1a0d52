"""How uploads end: completed, failed or cancelled, also those of a server that ended before."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tests.search.libraries import EMBEDDER, STORE, WordEmbedder, chunks, document, store, vectors
from voice.config import SearchSettings
from voice.engines.protocols import EngineError
from voice.search import intake
from voice.search.errors import SearchError
from voice.search.intake import Intake
from voice.search.library import open_library
from voice.search.paging import Page
from voice.search.prepared import Gone
from voice.search.reading import ReadingProcess
from voice.search.records import FOLDERS_STORE, Document, FileBatch


class BrokenEmbedder(WordEmbedder):
    async def embed(self, inputs):
        raise EngineError("The worker has died")


class World:
    def __init__(self, library):
        self.library = library
        self.intake = Intake(library)
        self.was_put = asyncio.Event()
        for name in ("finish", "add_vectors"):
            self._tell_of(name)

    def _tell_of(self, name: str) -> None:
        work = getattr(self.library, name)

        async def work_and_tell(*arguments):
            done = await work(*arguments)
            self.was_put.set()
            return done

        setattr(self.library, name, work_and_tell)

    async def upload(self, content: bytes, name: str = "notes.md", **fields: object) -> str:
        """Put a file in the store, and give its id."""
        file = await self.library.add_file(name, "assistants", content)
        await self.intake.add(
            Document(**{"id": file.id, "store_id": STORE, "name": name, "created_at": 0, **fields})
        )
        return file.id

    @asynccontextmanager
    async def working(self):
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.intake.run())
            yield
            task.cancel()

    async def work(self) -> None:
        """Until nothing of the store is in progress."""
        async with self.working():
            await self.settle()

    async def settle(self) -> None:
        await self.until(self._nothing_in_progress)

    async def _nothing_in_progress(self) -> bool:
        return not (await self.library.documents(STORE, Page(), "in_progress")).items

    async def until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        """Look again whenever something was put in the store."""
        async with asyncio.timeout(20):
            while True:
                self.was_put.clear()
                if await holds():
                    return
                await self.was_put.wait()

    async def document(self, document_id: str) -> Document:
        return await self.library.document(STORE, document_id)

    async def embedded(self) -> tuple[int, int]:
        """How many chunks there are, and how many have vectors."""
        totals = await self.library.totals(STORE)
        return totals.chunks, totals.chunks_with_vectors

    async def is_done(self, document_id: str) -> bool:
        return (await self.document(document_id)).status == "completed"

    async def all_embedded(self) -> bool:
        chunks, with_vectors = await self.embedded()
        return chunks == with_vectors


@pytest.fixture
async def world(tmp_path):
    async with open_library(str(tmp_path / "search.db"), embedder=WordEmbedder()) as library:
        await library.put_store(store())
        yield World(library)


async def test_an_upload_is_read_cut_and_embedded(world):
    content = b"# Volcanoes\n\nThey erupt."
    file_id = await world.upload(content, attributes={"year": 2024.0})
    await world.work()
    done = await world.document(file_id)
    assert (done.status, done.title, done.bytes) == ("completed", "Volcanoes", len(content))
    assert done.attributes == {"year": 2024.0}
    assert await world.embedded() == (1, 1)
    (found,) = await world.library.search([STORE], ["volcanoes erupt"])
    assert found.document == done


async def test_a_file_that_is_no_text_fails_and_the_next_is_taken(world):
    picture = await world.upload(b"\x89PNG\0\0\0\0", "picture.md")
    after = await world.upload(b"Some text.")
    await world.work()
    failed = await world.document(picture)
    assert (failed.status, failed.failure.code) == ("failed", "unsupported_file")
    assert failed.failure.message == "picture.md is no text but a PNG picture"
    assert (await world.document(after)).status == "completed"


async def test_a_file_whose_bytes_are_gone_fails(world):
    file_id = await world.upload(b"Some text.")
    world.library.file_path(file_id).unlink()
    await world.work()
    failed = await world.document(file_id)
    assert (failed.status, failed.failure.code) == ("failed", "server_error")
    assert failed.failure.message == "The bytes of the file are not on this server"


async def test_a_file_that_cannot_be_embedded_fails(world):
    world.library.embedder = BrokenEmbedder()
    file_id = await world.upload(b"Some text.")
    await world.work()
    failed = await world.document(file_id)
    assert (failed.status, failed.failure.code) == ("failed", "server_error")
    assert failed.failure.message == "The worker has died"


async def test_an_embedder_that_is_another_than_the_stores_fails_the_file_and_says_so(world):
    await world.library.put(document(), chunks("old"), vectors([1, 0]), EMBEDDER)
    world.library.embedder = WordEmbedder("other")
    file_id = await world.upload(b"Some text.")
    await world.work()
    failed = await world.document(file_id)
    assert failed.status == "failed"
    assert "made by words (2 dimensions)" in failed.failure.message


@pytest.mark.parametrize("way", ["cancelled", "removed"])
async def test_what_is_unwanted_while_it_is_read_is_not_kept(world, monkeypatch, way):
    await world.library.attach([], batch=FileBatch(id="b", store_id=STORE, created_at=0))
    reading, read_on = asyncio.Event(), asyncio.Event()
    read = ReadingProcess.read

    async def read_when_let(self, job):
        reading.set()
        await read_on.wait()
        return await read(self, job)

    monkeypatch.setattr(ReadingProcess, "read", read_when_let)
    first = await world.upload(b"Some text.", batch_id="b")
    async with world.working():
        await reading.wait()
        if way == "cancelled":
            assert await world.library.cancel_batch(STORE, "b")
        else:
            assert await world.library.delete_document(STORE, first)
        second = await world.upload(b"Other text.")
        read_on.set()
        await world.settle()
    assert (await world.document(second)).status == "completed"
    unwanted = await world.document(first)
    assert unwanted is None if way == "removed" else unwanted.status == "cancelled"
    assert await world.embedded() == (1, 1)


async def test_what_was_in_progress_when_a_server_ended_is_gone_on_with(world):
    file_ids = [await world.upload(f"Text {n}.".encode()) for n in range(3)]
    world.intake = Intake(world.library)
    await world.work()
    assert {(await world.document(each)).status for each in file_ids} == {"completed"}
    assert await world.embedded() == (3, 3)


async def test_a_server_that_ends_while_it_reads_leaves_the_file_in_progress(world, monkeypatch):
    reading = asyncio.Event()

    async def never(self, job):
        reading.set()
        await asyncio.Event().wait()
        return Gone()

    with monkeypatch.context() as patched:
        patched.setattr(ReadingProcess, "read", never)
        file_id = await world.upload(b"Some text.")
        async with world.working():
            await reading.wait()
    assert (await world.document(file_id)).status == "in_progress"
    world.intake = Intake(world.library)
    await world.work()
    assert (await world.document(file_id)).status == "completed"


async def test_what_was_kept_without_an_embedder_gets_its_vectors_from_the_next_server(world):
    embedder, world.library.embedder = world.library.embedder, None
    file_id = await world.upload(b"Some text.")
    await world.work()
    assert (await world.document(file_id)).status == "completed"
    assert await world.embedded() == (1, 0)
    world.library.embedder = embedder
    world.intake = Intake(world.library)
    await world.upload(b"Other text.")
    async with world.working():
        await world.until(world.all_embedded)


@pytest.mark.parametrize("embedder", [WordEmbedder("other"), BrokenEmbedder()])
async def test_missing_vectors_that_cannot_be_made_keep_no_upload_waiting(world, embedder):
    await world.library.put(document("a"), chunks("one"), vectors([1] * 64), EMBEDDER)
    for name in "bcdef":
        await world.library.put(document(name), chunks("two"))
    world.library.embedder = embedder
    file_id = await world.upload(b"Some text.")
    await world.work()
    assert (await world.document(file_id)).status == "failed"
    assert await world.embedded() == (6, 1)


async def test_a_file_deleted_by_another_server_at_the_last_moment_is_not_found(world, tmp_path):
    finish = world.library.finish

    async with open_library(str(tmp_path / "search.db")) as other:

        async def finish_too_late(*arguments):
            assert await other.delete_file(file_id)
            return await finish(*arguments)

        world.library.finish = finish_too_late
        file_id = await world.upload(b"A secret.")
        await world.work()
    assert await world.document(file_id) is None
    assert await world.library.search([STORE], ["secret"]) == []


class WrongEmbedder(WordEmbedder):
    async def embed(self, inputs):
        raise ValueError("boom")


async def test_a_file_that_meets_an_error_of_the_program_fails_and_the_next_is_taken(world):
    embedder, world.library.embedder = world.library.embedder, WrongEmbedder()
    first = await world.upload(b"Some text.")
    async with world.working():
        await world.settle()
        world.library.embedder = embedder
        second = await world.upload(b"Other text.")
        await world.settle()
    failed = await world.document(first)
    assert (failed.status, failed.failure.message) == ("failed", "ValueError: boom")
    assert (await world.document(second)).status == "completed"


@pytest.mark.parametrize("asked", ["stores", "document", "finish"])
async def test_a_database_that_fails_keeps_uploads_waiting_until_it_is_back(
    world, monkeypatch, asked
):
    monkeypatch.setattr(intake, "RETRY_S", 0)
    work, failures = getattr(world.library, asked), iter(("unreachable", "busy"))

    async def work_later(*arguments):
        for code in failures:
            raise SearchError("The database cannot be reached", code)
        return await work(*arguments)

    file_id = await world.upload(b"Some text.")
    setattr(world.library, asked, work_later)
    await world.work()
    assert (await world.document(file_id)).status == "completed"
    assert list(failures) == []


async def test_uploads_to_another_server_are_left_to_it_unless_they_are_old(world):
    now = intake.LOST_S + 100.0
    theirs = await world.upload(b"Theirs.", created_at=100)
    lost = await world.upload(b"Lost.", created_at=99)
    for file_id in (theirs, lost):
        world.library.file_path(file_id).unlink()
    world.intake = Intake(world.library, lambda: now)
    async with world.working():
        ours = await world.upload(b"Ours.")
        await world.until(lambda: world.is_done(ours))
    assert (await world.document(theirs)).status == "in_progress"
    assert (await world.document(lost)).status == "failed"


async def test_uploads_do_not_wait_for_the_vectors_of_older_documents(world, monkeypatch):
    embedder = world.library.embedder
    world.library.embedder = None
    old = [await world.upload(f"Old text {n}.".encode()) for n in range(3)]
    await world.work()
    world.library.embedder = embedder
    world.intake = Intake(world.library)
    add_vectors, new = world.library.add_vectors, []

    async def add_vectors_while_something_is_uploaded(*arguments):
        new.append(await world.upload(f"New text {len(new)}.".encode()))
        return await add_vectors(*arguments)

    world.library.add_vectors = add_vectors_while_something_is_uploaded
    async with world.working():
        await world.until(world.all_embedded)
        await world.settle()
    texts = [text.splitlines()[-1].removesuffix(".") for text in embedder.asked]
    assert texts == [f"{age} text {n}" for n in range(len(old)) for age in ("Old", "New")]


async def test_indexed_folders_get_their_vectors_from_who_indexes_them(world):
    await world.library.put_store(store(FOLDERS_STORE))
    await world.library.put(document("a", store_id=FOLDERS_STORE), chunks("one"))
    await world.library.put(document("b"), chunks("two"))
    async with world.working():
        await world.until(world.all_embedded)
    assert world.library.embedder.asked == ["two"]


def test_what_a_setting_lets_in_is_read():
    assert SearchSettings(max_file_mb=1024).max_file_mb * 2**20 <= intake.MOST_BYTES
