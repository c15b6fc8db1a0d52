"""A folder is indexed while a server runs, and its changes with it."""

import asyncio
from contextlib import asynccontextmanager

from tests.eventually import eventually
from voice.config import SearchSettings
from voice.search import following
from voice.search.following import keep_indexed
from voice.search.indexer import LEASE
from voice.search.library import open_library
from voice.search.records import FOLDERS_STORE


@asynccontextmanager
async def kept(location, folder):
    """A library that follows a folder, and what is in it now."""
    async with open_library(location) as library, asyncio.TaskGroup() as group:
        names: set[str] = set()

        async def look():
            while True:
                names.clear()
                names.update(each.name for each in await library.paths(FOLDERS_STORE))
                await asyncio.sleep(0)

        tasks = [
            group.create_task(keep_indexed(library, folder, SearchSettings())),
            group.create_task(look()),
        ]
        yield names
        for task in tasks:
            task.cancel()


async def test_a_folder_is_indexed_at_once_and_followed(tmp_path):
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "a.md").write_text("One.")
    (folder / "secret.md").write_text("The safe.")
    (folder / ".voiceignore").write_text("secret.md")
    async with kept(str(tmp_path / "search.db"), folder) as names:
        await eventually(lambda: names == {"a.md"})
        (folder / "b.html").write_text("<p>Two.</p>")
        await eventually(lambda: names == {"a.md", "b.html"})


async def test_a_folder_that_is_indexed_by_another_process_waits(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(following, "RETRY_S", 0.0)
    folder, location = tmp_path / "notes", str(tmp_path / "search.db")
    folder.mkdir()
    (folder / "a.md").write_text("One.")
    async with open_library(location) as other:
        await other.take_lease(LEASE, "somebody else on another machine", 60)
        async with kept(location, folder) as names:
            said = []
            await eventually(
                lambda: said.append(capsys.readouterr().out) or "wait" in "".join(said)
            )
            assert names == set()
            await other.drop_lease(LEASE, "somebody else on another machine")
            await eventually(lambda: names == {"a.md"})
