"""A folder is followed: every change of a document brings a new pass."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from watchfiles import Change

from voice.search import watch
from voice.search.errors import SearchError
from voice.search.watch import _matters, follow

PATIENCE_S = 10


class Passes:
    """Counts the passes of an indexer, and lets tests wait for the next."""

    def __init__(self):
        self.count = 0
        self.troubles = []
        self.told = []
        self._more = asyncio.Event()

    async def index(self):
        self.count += 1
        self._more.set()
        if self.troubles and (trouble := self.troubles.pop(0)):
            raise trouble

    async def reach(self, count):
        async with asyncio.timeout(PATIENCE_S):
            while self.count < count:
                self._more.clear()
                await self._more.wait()


@asynccontextmanager
async def following(passes, *folders, **options):
    async with asyncio.TaskGroup() as group:
        task = group.create_task(follow(folders, passes.index, passes.told.append, **options))
        await passes.reach(1)
        yield
        task.cancel()


async def test_changes_bring_another_pass(tmp_path):
    passes = Passes()
    async with following(passes, tmp_path):
        (tmp_path / "a.md").write_text("One.")
        await passes.reach(2)
        (tmp_path / "a.md").unlink()
        await passes.reach(3)
    assert passes.told == []


async def test_a_trouble_at_first_is_raised(tmp_path):
    passes = Passes()
    passes.troubles = [SearchError("The disk is full", "full")]
    with pytest.raises(SearchError):
        await follow([tmp_path], passes.index, passes.told.append)


async def test_a_trouble_later_is_told_and_tried_again_without_a_change(tmp_path):
    passes = Passes()
    passes.troubles = [None, SearchError("The disk is full", "full")]
    async with following(passes, tmp_path, retry_s=0.01):
        (tmp_path / "a.md").write_text("One.")
        await passes.reach(3)
    assert passes.told == ["The disk is full"]


async def test_where_the_system_tells_nothing_changes_are_looked_for(tmp_path, monkeypatch):
    real = watch.awatch

    def awatch(*folders, force_polling, **options):
        if not force_polling:
            raise OSError("limit reached")
        return real(*folders, force_polling=True, **(options | {"poll_delay_ms": 20}))

    monkeypatch.setattr(watch, "awatch", awatch)
    passes = Passes()
    async with following(passes, tmp_path):
        (tmp_path / "a.md").write_text("One.")
        await passes.reach(2)
    assert passes.told == [
        "The system does not tell of changes (limit reached); looking for them instead"
    ]


@pytest.mark.parametrize(
    ("change", "name", "matters"),
    [
        (Change.modified, "a.md", True),
        (Change.added, "sub/b.pdf", True),
        (Change.modified, "x.py", False),
        (Change.deleted, "some-folder", True),
        (Change.added, "", True),
        (Change.modified, ".git/index", False),
        (Change.added, ".draft.md", False),
        (Change.added, "sub/.gitignore", True),
    ],
)
def test_only_changes_of_documents_and_of_their_rules_matter(tmp_path, change, name, matters):
    assert _matters([tmp_path], change, tmp_path / name) is matters
