"""A library follows its folders, whatever happens on the way."""

import asyncio
import os
import shutil

import pytest

from voice.engines.fake_embedder import FakeEmbedder
from voice.engines.protocols import EngineError
from voice.search import keeping, lease
from voice.search.errors import SearchError
from voice.search.indexer import LEASE, Indexer
from voice.search.library import open_library
from voice.search.outcome import Advanced, Finished, Planned
from voice.search.prepared import Unreadable
from voice.search.reading_child import prepare
from voice.search.records import (
    FOLDERS_STORE,
    Chunk,
    ChunkingRules,
    Document,
    VectorStore,
)

RULES = ChunkingRules(max_tokens=100, overlap_tokens=20)


class ReadingHere:
    """Reads in this process; `before` is called with each job."""

    def __init__(self):
        self.names = []
        self.before = lambda job: None

    async def read(self, job):
        self.names.append(job.name)
        return self.before(job) or prepare(job)


class World:
    """A folder, a library, and what is needed to bring them together."""

    def __init__(self, top, library):
        self.top = top
        self.library = library
        self.reading = ReadingHere()
        self.events = []
        self.rules = RULES

    def write(self, **files):
        for name, text in files.items():
            path = self.top / f"{name.replace('__', '/')}.md"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    async def index(self, *folders, **options):
        self.reading.names.clear()
        self.events.clear()
        self.indexer = Indexer(
            self.library, self.reading, self.rules, 1 << 20, self.events.append, lambda: 1000.0
        )
        return await self.indexer.index(folders or (self.top,), **options)

    async def documents(self):
        return {each.name: each for each in await self.library.paths(FOLDERS_STORE)}

    async def texts(self):
        found = {}
        for name, document in (await self.documents()).items():
            chunks = await self.library.chunks(FOLDERS_STORE, document.id)
            found[name] = "|".join(chunk.text for chunk in chunks)
        return found


@pytest.fixture
async def world(tmp_path):
    top = tmp_path / "notes"
    top.mkdir()
    async with open_library(str(tmp_path / "search.db"), embedder=FakeEmbedder()) as library:
        yield World(top, library)


async def test_a_folder_is_indexed_with_all_that_is_known_of_its_documents(world):
    world.write(bread="---\nmood: calm\n---\n# Rye bread\n\nBake it.", sub__my_notes="Plain.")
    summary = await world.index()
    assert (summary.added, summary.left, summary.failures) == (2, 0, {})
    bread = (await world.documents())["bread.md"]
    assert (bread.title, bread.status, bread.chunk_count) == ("Rye bread", "completed", 1)
    assert bread.path == str(world.top / "bread.md")
    assert bread.attributes == {
        "mood": "calm",
        "folder": str(world.top),
        "path": "bread.md",
        "format": "markdown",
    }
    assert (await world.documents())["sub/my_notes.md"].title == "my notes"
    totals = await world.library.totals(FOLDERS_STORE)
    assert (totals.chunks, totals.chunks_with_vectors) == (2, 2)
    passages = await world.library.search([FOLDERS_STORE], ["bake rye bread"])
    assert passages[0].document.name == "bread.md"


async def test_nothing_is_read_twice(world):
    world.write(a="One.", b="Two.")
    await world.index()
    summary = await world.index()
    assert (world.reading.names, summary.unchanged, summary.added) == ([], 2, 0)


async def test_a_file_that_was_only_touched_is_not_embedded_again(world):
    world.write(a="One.")
    await world.index()
    world.library.embedder.requests.clear()
    os.utime(world.top / "a.md", (1, 1))
    summary = await world.index()
    assert (world.reading.names, summary.unchanged) == (["a.md"], 1)
    assert world.library.embedder.requests == []
    assert (await world.index()).unchanged == 1
    assert world.reading.names == []


async def test_changes_additions_and_deletions_are_followed(world):
    world.write(a="One.", b="Two.", c="Three.")
    await world.index()
    before = await world.documents()
    world.write(b="Two and a half.", d="Four, and longer.")
    (world.top / "c.md").unlink()
    summary = await world.index()
    assert (summary.added, summary.changed, summary.removed, summary.unchanged) == (1, 1, 1, 1)
    assert await world.texts() == {
        "a.md": "One.",
        "b.md": "Two and a half.",
        "d.md": "Four, and longer.",
    }
    assert (await world.documents())["b.md"].id == before["b.md"].id


async def test_a_file_that_was_renamed_keeps_its_document_and_its_vectors(world):
    world.write(a="# One\n\nIt is.", b="Two.")
    await world.index()
    before = await world.documents()
    world.library.embedder.requests.clear()
    (world.top / "sub").mkdir()
    (world.top / "a.md").rename(world.top / "sub" / "c.md")
    summary = await world.index()
    assert (summary.moved, summary.added, summary.removed) == (1, 0, 0)
    after = await world.documents()
    assert set(after) == {"b.md", "sub/c.md"}
    moved = after["sub/c.md"]
    assert (moved.id, moved.title) == (before["a.md"].id, "One")
    assert moved.attributes["path"] == "sub/c.md"
    assert world.library.embedder.requests == []
    assert (await world.library.totals(FOLDERS_STORE)).chunks_with_vectors == 2
    assert ((await world.index()).unchanged, world.reading.names) == (2, [])


@pytest.mark.parametrize(
    ("text", "name", "rebuild"),
    [
        ("# One\n\nTwo.", "b.md", True),
        ("# One\n\nTwo.", "b.txt", False),
        ("Its title is its name.", "b.md", False),
    ],
)
async def test_a_renamed_file_that_is_read_otherwise_is_embedded_again(world, text, name, rebuild):
    world.write(a=text)
    await world.index()
    before = await world.documents()
    world.library.embedder.requests.clear()
    (world.top / "a.md").rename(world.top / name)
    assert (await world.index(rebuild=rebuild)).moved == 1
    assert len(world.library.embedder.requests) == 1
    assert [each.id for each in (await world.documents()).values()] == [before["a.md"].id]


async def test_a_file_in_place_of_a_renamed_one_is_a_document_of_its_own(world):
    world.write(a="One.")
    await world.index()
    (world.top / "a.md").rename(world.top / "b.md")
    world.write(a="Two.")
    await world.index()
    assert await world.texts() == {"a.md": "Two.", "b.md": "One."}
    assert len({document.id for document in (await world.documents()).values()}) == 2


async def test_what_cannot_be_read_is_recorded_and_the_rest_is_indexed(world):
    world.write(a="One.", b="", d="Two.")
    (world.top / "c.md").write_bytes(b"\x89PNG\0\0\0\0")
    summary = await world.index()
    assert summary.added == 2
    assert summary.failures == {
        str(world.top / "b.md"): "is empty",
        str(world.top / "c.md"): "is no text but a PNG picture",
    }
    failed = (await world.documents())["c.md"]
    assert (failed.status, failed.failure.code) == ("failed", "unsupported_file")
    again = await world.index()
    assert (world.reading.names, again.failures) == ([], summary.failures)


async def test_what_could_not_be_opened_is_tried_again(world):
    world.write(a="One.")
    world.reading.before = lambda job: Unreadable("server_error", "cannot be opened: not allowed")
    assert (await world.index()).failures == {
        str(world.top / "a.md"): "cannot be opened: not allowed"
    }
    world.reading.before = lambda job: None
    summary = await world.index()
    assert (summary.changed, summary.failures) == (1, {})


@pytest.mark.parametrize("left", [".voiceignore", "picture.png", ".git/config"])
async def test_a_folder_in_which_anything_stands_has_lost_its_documents_for_good(world, left):
    world.write(a="One.")
    await world.index()
    (world.top / left).parent.mkdir(exist_ok=True)
    (world.top / left).write_text("*.md")
    (world.top / "a.md").unlink()
    assert (await world.index()).removed == 1


async def test_documents_that_an_ignore_file_names_are_forgotten(world):
    world.write(a="One.")
    await world.index()
    (world.top / ".voiceignore").write_text("*")
    assert (await world.index()).removed == 1


async def test_a_file_that_vanishes_while_it_is_indexed_is_no_failure(world):
    world.write(a="One.", b="Two.")
    await world.index()
    world.write(b="Three.", c="Four.")

    def vanish(job):
        (world.top / job.name).unlink()

    world.reading.before = vanish
    summary = await world.index()
    assert (summary.failures, summary.left, set(await world.documents())) == ({}, 0, {"a.md"})


async def test_an_empty_folder_has_nothing_and_a_folder_that_became_empty_keeps_all(world):
    assert (await world.index()).spared == {}
    world.write(a="One.")
    await world.index()
    (world.top / "a.md").rename(world.top.parent / "a.md")
    (world.top / "sub").mkdir()
    assert (await world.index()).spared == {str(world.top): 1}
    (world.top / "sub").rmdir()
    world.top.rmdir()
    summary = await world.index()
    assert summary.spared == {str(world.top): 1}
    assert summary.failures == {str(world.top): "cannot be opened: No such file or directory"}
    assert await world.texts() == {"a.md": "One."}
    assert (await world.indexer.forget(world.top)).removed == 1
    assert await world.documents() == {}


async def test_without_an_embedder_words_are_kept_and_vectors_come_later(world):
    embedder, world.library.embedder = world.library.embedder, None
    world.write(a="One.", b="Two.")
    await world.index()
    assert (await world.library.totals(FOLDERS_STORE)).chunks_with_vectors == 0
    world.library.embedder = embedder
    summary = await world.index()
    assert (summary.embedded, summary.unchanged, world.reading.names) == (2, 2, [])
    assert (await world.library.totals(FOLDERS_STORE)).chunks_with_vectors == 2


async def test_vectors_of_another_embedder_are_refused_until_a_rebuild(world):
    world.write(a="One.")
    await world.index()
    other = world.library.embedder = FakeEmbedder(dimensions=8)
    other.name = "other"
    with pytest.raises(SearchError, match=r"made by fake, .* voice index --rebuild") as caught:
        await world.index()
    assert caught.value.code == "embedder_mismatch"
    summary = await world.index(rebuild=True)
    assert (summary.changed, (await world.library.store(FOLDERS_STORE)).embedder) == (1, "other")


async def test_a_rebuild_embeds_uploads_anew_from_what_is_kept_of_them(world):
    chunk = Chunk(text="Rye bread.", start=0, end=10)
    for number in ("1", "2"):
        await world.library.put_store(
            VectorStore(id=f"vs_{number}", created_at=0, last_active_at=0)
        )
        upload = Document(id="file-1", store_id=f"vs_{number}", name="rye.md", created_at=0)
        await world.library.put(upload, [chunk], await world.library.embed([chunk]))
    other = world.library.embedder = FakeEmbedder(dimensions=8)
    other.name = "other"
    with pytest.raises(SearchError, match="voice index --rebuild"):
        await world.library.search(["vs_1"], ["rye"])
    assert (await world.index(rebuild=True)).embedded == 2
    assert world.events[-1] == Finished("rye.md", "embedded")
    (found,) = await world.library.search(["vs_1", "vs_2"], ["rye"], limit=1)
    assert found.chunk.text == "Rye bread."
    assert (await world.index(rebuild=True)).embedded == 0


async def test_a_document_that_cannot_be_embedded_fails_alone(world):
    world.library.embedder.fails_on = "poison"
    world.write(a="One.", b="Some poison here", c="Two.")
    summary = await world.index()
    assert summary.added == 2
    assert summary.failures == {
        str(world.top / "b.md"): "cannot be embedded: 'poison' cannot be embedded"
    }
    assert (await world.documents())["b.md"].failure.code == "server_error"
    world.library.embedder.fails_on = None
    assert (await world.index()).changed == 1


async def test_a_document_that_the_database_refuses_fails_alone(world, monkeypatch):
    put = world.library.put

    async def refuse(document, *others):
        if document.name == "b.md" and document.status == "completed":
            raise SearchError("It is too odd", "invalid")
        return await put(document, *others)

    monkeypatch.setattr(world.library, "put", refuse)
    world.write(a="One.", b="Two.", c="Three.")
    summary = await world.index()
    assert summary.added == 2
    assert summary.failures == {str(world.top / "b.md"): "cannot be kept: It is too odd"}
    assert (await world.documents())["b.md"].failure.message == "cannot be kept: It is too odd"


async def test_a_document_of_which_nothing_can_be_kept_is_told_of(world, monkeypatch):
    put = world.library.put

    async def refuse(document, *others):
        if document.name == "b.md":
            raise SearchError("It is too odd", "invalid")
        return await put(document, *others)

    monkeypatch.setattr(world.library, "put", refuse)
    world.write(a="One.", b="Two.", c="Three.")
    summary = await world.index()
    assert summary.failures == {str(world.top / "b.md"): "cannot be kept: It is too odd"}
    assert sorted(await world.documents()) == ["a.md", "c.md"]


async def test_a_folder_whose_name_is_no_text_is_told_of(world):
    odd = world.top.parent / os.fsdecode(b"od\xffd")
    odd.mkdir()
    (odd / "a.md").write_text("One.")
    world.write(b="Two.")
    summary = await world.index(odd, world.top)
    assert summary.added == 1
    assert list(summary.failures.values()) == ["its path is not in UTF-8; give it another name"]


async def test_front_matter_names_no_characters_that_cannot_be_kept(world):
    world.write(a='+++\nx = "a\\u0000b"\n"k\\u0000" = 1\n+++\nOne.', b="Two.")
    assert (await world.index()).added == 2
    attributes = (await world.documents())["a.md"].attributes
    assert (attributes["x"], attributes["k\ufffd"]) == ("a\ufffdb", 1.0)


async def test_a_changed_document_that_cannot_be_embedded_is_found_as_it_was(world):
    world.write(a="Rye bread.")
    await world.index()
    world.library.embedder.fails_on = "poison"
    world.write(a="Rye bread and poison here")
    reason = "cannot be embedded: 'poison' cannot be embedded"
    assert list((await world.index()).failures.values()) == [reason]
    assert await world.texts() == {"a.md": "Rye bread."}
    kept = (await world.documents())["a.md"]
    assert kept.status == "failed"
    assert kept.failure.message == f"{reason}; {keeping.OUT_OF_DATE}"
    assert await world.library.search([FOLDERS_STORE], ["rye bread"])
    world.library.embedder.fails_on = None
    assert (await world.index()).changed == 1
    assert await world.texts() == {"a.md": "Rye bread and poison here"}
    kept = (await world.documents())["a.md"]
    assert (kept.status, kept.failure) == ("completed", None)


async def test_an_embedder_that_is_broken_ends_the_pass(world):
    world.library.embedder.fails_on = "sick"
    world.write(**{f"n{number:02}": "sick" for number in range(20)})
    with pytest.raises(EngineError, match="'sick' cannot be embedded"):
        await world.index()
    assert world.indexer.summary.left >= 17
    assert len(await world.documents()) <= 3


async def test_long_documents_have_a_vector_for_each_chunk_and_tell_their_progress(
    world, monkeypatch
):
    monkeypatch.setattr(keeping, "CHUNKS_AT_ONCE", 2)
    world.write(a="\n\n".join(f"# Part {n}\n\nIt is number {n}." for n in range(7)), b="Short.")
    await world.index()
    totals = await world.library.totals(FOLDERS_STORE)
    assert (totals.chunks, totals.chunks_with_vectors) == (8, 8)
    planned = next(event for event in world.events if isinstance(event, Planned))
    done = sum(event.bytes for event in world.events if isinstance(event, Advanced))
    assert (planned.files, planned.bytes) == (2, pytest.approx(done))
    assert {
        (event.fate, event.remarks) for event in world.events if isinstance(event, Finished)
    } == {("added", ())}


async def test_how_a_file_was_read_is_told(world):
    (world.top / "a.md").write_bytes(b"Gr\xfc\xdfe")
    await world.index()
    finished = next(event for event in world.events if isinstance(event, Finished))
    assert finished.remarks[0].startswith("is not in UTF-8: it was read as windows-1252")


async def test_other_rules_cut_everything_anew(world):
    world.write(a="word " * 300)
    await world.index()
    first = (await world.documents())["a.md"].chunk_count
    world.rules = ChunkingRules(max_tokens=400, overlap_tokens=0)
    await world.index()
    assert (await world.documents())["a.md"].chunk_count == 1 < first


async def test_a_pass_that_is_ended_is_taken_up_with_nothing_lost_or_doubled(world):
    files = {f"n{number:02}": f"Number {number}." for number in range(60)}
    world.write(**files)
    task = asyncio.ensure_future(world.index())

    def stop(job):
        if job.name == "n40.md":
            task.cancel()

    world.reading.before = stop
    with pytest.raises(asyncio.CancelledError):
        await task
    kept = await world.documents()
    assert 0 < len(kept) < 60
    assert world.indexer.summary.left >= 60 - len(kept)
    world.reading.before = lambda job: None
    summary = await world.index()
    assert (summary.added, summary.unchanged) == (60 - len(kept), len(kept))
    assert await world.texts() == {f"{name}.md": text for name, text in files.items()}


async def test_a_second_indexer_is_told_of_the_first(world):
    await world.library.take_lease(LEASE, "process 1 on elsewhere (ab)", 60)
    with pytest.raises(
        SearchError, match="being indexed by process 1 on elsewhere; wait"
    ) as caught:
        await world.index()
    assert caught.value.code == "busy"


async def test_the_lease_of_a_dead_process_is_taken_over(world, monkeypatch):
    def kill(number, signal):
        raise ProcessLookupError

    monkeypatch.setattr(lease.os, "kill", kill)
    owner = f"process 4711 on {lease.socket.gethostname()} (ab)"
    await world.library.take_lease(LEASE, owner, 60)
    world.write(a="One.")
    assert (await world.index()).added == 1


async def test_the_lease_is_given_back_after_a_failure(world, monkeypatch):
    async def put(*arguments):
        raise SearchError("The disk is full", "full")

    world.write(a="One.", b="Two.")
    with monkeypatch.context() as patched:
        patched.setattr(world.library, "put", put)
        with pytest.raises(SearchError, match="disk is full"):
            await world.index()
    assert world.indexer.summary.left == 2
    assert (await world.index()).added == 2


async def test_a_folder_within_a_folder_shares_its_documents(world):
    world.write(sub__a="One.", b="Two.")
    await world.index()
    summary = await world.index(world.top / "sub")
    assert (summary.unchanged, summary.removed, world.reading.names) == (1, 0, [])
    shutil.rmtree(world.top / "sub")
    assert (await world.index()).removed == 1
