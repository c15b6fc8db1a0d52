"""The library of a server opens beside it, and nothing of it is left when the server ends."""

import asyncio
import threading
from contextlib import suppress

import pytest

from tests.search.libraries import STORE, WordEmbedder, document, store
from voice.search import knowledge, library
from voice.search.errors import SearchError
from voice.search.knowledge import Knowledge
from voice.search.library import open_library
from voice.search.opening import open_records


class Engines:
    """Has an embedder once it is let."""

    def __init__(self) -> None:
        self.ready = asyncio.Event()

    async def embedder(self) -> WordEmbedder:
        await self.ready.wait()
        return WordEmbedder()


@pytest.fixture
def location(tmp_path):
    return str(tmp_path / "search.db")


@pytest.fixture
async def _alone():
    """The test ends with the tasks that it began with."""
    before = asyncio.all_tasks()
    yield
    assert asyncio.all_tasks() <= before | {asyncio.current_task()}


pytestmark = pytest.mark.usefixtures("_alone")


async def test_the_library_is_open_before_the_engines_are(location):
    engines = Engines()
    known = Knowledge(location, engines.embedder)
    async with known.running():
        opened = await known.library()
        assert opened.embedder is None
        assert await opened.store(STORE) is None


async def test_uploads_are_taken_in_once_there_is_an_embedder(location):
    engines = Engines()
    known = Knowledge(location, engines.embedder)
    async with known.running():
        opened, intake = await known.library(), await known.intake()
        await opened.put_store(store())
        file = await opened.add_file("a.md", "assistants", b"A volcano.")
        await intake.add(document(file.id, status="in_progress"))
        taken, finish = asyncio.Event(), opened.finish

        async def finish_and_tell(*arguments):
            finished = await finish(*arguments)
            taken.set()
            return finished

        opened.finish = finish_and_tell
        assert not taken.is_set()
        engines.ready.set()
        await asyncio.wait_for(taken.wait(), 20)
        assert (await opened.totals(STORE)).chunks_with_vectors == 1


async def test_a_database_that_cannot_be_opened_is_told_and_the_server_goes_on(tmp_path):
    (tmp_path / "search.db").mkdir()
    known = Knowledge(str(tmp_path / "search.db"), Engines().embedder)
    async with known.running():
        for ask in (known.library, known.intake):
            with pytest.raises(SearchError, match=r"Documents cannot be searched: .*search\.db"):
                await ask()


async def test_who_asks_when_the_server_has_ended_is_told(location):
    known = Knowledge(location, Engines().embedder)
    async with known.running():
        await known.library()
    with pytest.raises(SearchError, match="shutting down"):
        await known.library()


async def test_a_server_that_ends_while_the_library_opens_closes_it(location, monkeypatch):
    loop, opening = asyncio.get_running_loop(), asyncio.Event()
    may_open, closed = threading.Event(), threading.Event()

    def open_when_let(location):
        loop.call_soon_threadsafe(opening.set)
        assert may_open.wait(20)
        records = open_records(location)
        close = records.close
        records.close = lambda: (close(), closed.set())
        return records

    monkeypatch.setattr(library, "open_records", open_when_let)
    known = Knowledge(location, Engines().embedder)
    async with known.running():
        asking = asyncio.ensure_future(known.library())
        await opening.wait()
        assert not asking.done()
        loop.call_later(0.01, may_open.set)
    assert closed.is_set()
    with pytest.raises(SearchError, match="shutting down"):
        await asking


async def test_what_has_expired_goes_while_a_server_runs(location):
    async with open_library(location, now=lambda: 0.0) as opened:
        file = await opened.add_file("a.md", "assistants", b"Old.", expires_after_s=60)
    known = Knowledge(location, Engines().embedder)
    async with known.running():
        expiring = await known.library()
        async with asyncio.timeout(20):
            while await expiring.file(file.id):
                pass  # Each look takes its turn in the library's thread.


async def test_a_library_that_could_not_be_opened_is_opened_once_that_is_possible(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(knowledge, "REOPEN_EVERY_S", 0)
    (tmp_path / "search.db").mkdir()
    known = Knowledge(str(tmp_path / "search.db"), Engines().embedder)
    async with known.running():
        with pytest.raises(SearchError):
            await known.library()
        (tmp_path / "search.db").rmdir()
        async with asyncio.timeout(20):
            while True:
                with suppress(SearchError):
                    await known.library()
                    break
                await asyncio.sleep(0)


async def test_an_error_of_the_program_in_the_library_does_not_end_the_server(
    location, monkeypatch
):
    def open_wrongly(location):
        raise IsADirectoryError(21, "Is a directory")

    monkeypatch.setattr(library, "open_records", open_wrongly)
    known = Knowledge(location, Engines().embedder)
    async with known.running():
        with pytest.raises(SearchError, match=r"Documents cannot be searched: .*Is a directory"):
            await known.library()


async def test_who_asks_while_a_library_takes_long_to_open_is_told(location, monkeypatch):
    monkeypatch.setattr(knowledge, "OPENING_S", 0)
    known = Knowledge(location, Engines().embedder)
    async with known.running():
        with pytest.raises(SearchError, match="still being opened"):
            await known.library()
