import asyncio
import io
import os
import shutil
from threading import Event

import pytest

from tests.search.libraries import EMBEDDER, STORE, WordEmbedder, chunks, document, store
from voice.search.errors import SearchError
from voice.search.file_bytes import ORPHAN_S
from voice.search.filters import parse_filter
from voice.search.library import RERANK_DEPTH, TOUCH_S, new_id, open_library
from voice.search.paging import Page
from voice.search.records import SECONDS_PER_DAY, FileBatch
from voice.search.searcher import Ranking

START = 1_800_000_000


class Clock:
    def __init__(self):
        self.now = float(START)

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def library(location, tmp_path, clock):
    embedder = WordEmbedder()
    async with open_library(
        location, files=tmp_path / "files", embedder=embedder, now=clock
    ) as opened:
        await opened.put_store(store(created_at=START))
        yield opened


async def put(library, document_id, *texts, attributes=None, **fields):
    kept = chunks(*texts)
    made = document(document_id, attributes, **fields)
    return await library.put(made, kept, await library.embed(kept))


def texts(passages):
    return [each.chunk.text for each in passages]


async def test_what_was_put_is_found(library):
    await put(library, "a", "Volcanoes of Iceland", "The sea around")
    await put(library, "b", "Running shoes")
    found = await library.search([STORE], ["Where are volcanoes?"])
    assert found[0].chunk.text == "Volcanoes of Iceland"
    assert found[0].document == await library.document(STORE, "a")
    assert (await library.chunks(STORE, "a"))[1].text == "The sea around"


async def test_it_says_what_it_is_made_of(library, location):
    said = library.describe()
    assert said.database.startswith("SQLite at" if location.endswith(".db") else "PostgreSQL at")
    assert said.vectors in {"exact, in memory", "exact, by pgvector"}
    assert said.embedder == EMBEDDER
    library.embedder = None
    assert library.describe().embedder == ""


async def test_without_an_embedder_keywords_are_searched(library):
    library.embedder = None
    assert await library.embed(chunks("one")) is None
    await library.put(document(), chunks("volcano", "sea"))
    assert texts(await library.search([STORE], ["volcanoes"])) == ["volcano"]
    assert (await library.store(STORE)).embedder == ""


async def test_without_an_embedder_meaning_alone_is_refused(library):
    library.embedder = None
    await put(library, "a", "volcano")
    with pytest.raises(SearchError, match="voice pull minilm") as refused:
        await library.search([STORE], ["volcano"], ranking=Ranking(keyword_weight=0.0))
    assert refused.value.code == "invalid"


async def test_an_embedder_that_comes_later_adds_its_vectors(library):
    embedder, library.embedder = library.embedder, None
    kept = await library.put(document(), chunks("volcano", "lava"))
    library.embedder = embedder
    assert texts(await library.search([STORE], ["lava"])) == ["lava"]
    assert embedder.asked == []  # there was nothing to compare with
    (missing,) = await library.without_vectors(STORE)
    assert missing == kept
    vectors = await library.embed(await library.chunks(STORE, missing.id))
    assert await library.add_vectors(missing, vectors)
    assert (await library.totals(STORE)).chunks_with_vectors == 2
    assert len(await library.search([STORE], ["lava"])) == 2


async def test_another_embedder_is_refused_until_the_vectors_are_dropped(library):
    await put(library, "a", "volcano")
    library.embedder = WordEmbedder("other", dimensions=32)
    with pytest.raises(SearchError, match=r"words \(64 dimensions\).*voice index --rebuild"):
        await library.search([STORE], ["volcano"])
    with pytest.raises(SearchError, match="voice index --rebuild"):
        await put(library, "b", "sea")
    await library.drop_vectors(STORE)
    await put(library, "b", "sea")
    assert (await library.store(STORE)).embedder == "other"


async def test_filters_threshold_and_limit_hold(library):
    for number in range(20):
        await put(library, str(number), f"volcano {number}", attributes={"n": number})
    above = parse_filter({"type": "gte", "key": "n", "value": 15})
    assert len(await library.search([STORE], ["volcano"], filters=above)) == 5
    assert len(await library.search([STORE], ["volcano"], limit=3)) == 3
    sure = Ranking(score_threshold=0.9)
    assert texts(await library.search([STORE], ["volcano 7"], ranking=sure)) == ["volcano 7"]


async def test_a_search_for_nothing_in_nothing_is_refused(library):
    for stores, queries, limit in (([], ["x"], 1), ([STORE], [], 1), ([STORE], ["x"], 0)):
        with pytest.raises(SearchError, match="needs a store, a query"):
            await library.search(stores, queries, limit=limit)
    with pytest.raises(SearchError, match="no vector store 'vs_9'"):
        await library.search([STORE, "vs_9"], ["x"])


async def test_a_store_named_twice_is_searched_once(library):
    await put(library, "a", "volcano")
    assert len(await library.search([STORE, STORE], ["volcano"])) == 1


async def test_searches_and_changes_at_the_same_time_get_on(library):
    await put(library, "a", "volcano")

    async def change(number):
        await put(library, f"d{number}", f"volcano {number}")
        return await library.search([STORE], ["volcano"], limit=50)

    found = await asyncio.gather(*(change(number) for number in range(10)))
    assert all(len(each) >= 2 for each in found)
    assert len(await library.search([STORE], ["volcano"], limit=50)) == 11


class LongestFirst:
    name = "longest"

    async def rerank(self, query, texts):
        return [min(1.0, len(text) / 100) for text in texts]


async def test_a_reranker_has_the_last_word(library):
    library.reranker = LongestFirst()
    await put(library, "a", "volcano", "volcano erupts", "the volcano erupts again")
    found = await library.search([STORE], ["volcano"], limit=2)
    assert texts(found) == ["the volcano erupts again", "volcano erupts"]
    assert [each.score for each in found] == [0.24, 0.14]
    plain = await library.search([STORE], ["volcano"], limit=2, ranking=Ranking(rerank=False))
    assert texts(plain)[0] == "volcano"
    assert library.describe().reranker == "longest"


async def test_a_reranker_sees_more_than_is_asked_for(library):
    library.reranker = LongestFirst()
    await put(library, "a", *(f"volcano{' x' * n}" for n in range(RERANK_DEPTH)))
    (best,) = await library.search([STORE], ["volcano"], limit=1)
    assert best.chunk.text == "volcano" + " x" * (RERANK_DEPTH - 1)


# ---------------------------------------------------------------- documents


async def test_documents_are_listed_changed_and_deleted(library):
    await put(library, "a", "volcano", path="/a.md")
    await put(library, "b", "sea", status="failed", batch_id="vsfb_1")
    assert [each.id for each in (await library.documents(STORE)).items] == ["b", "a"]
    assert [each.id for each in (await library.documents(STORE, Page(), "failed")).items] == ["b"]
    assert [each.id for each in await library.paths(STORE)] == ["a"]
    assert (await library.document_at(STORE, "/a.md")).id == "a"
    assert await library.set_attributes(STORE, "a", {"x": 1})
    assert (await library.document(STORE, "a")).attributes == {"x": 1.0}
    assert await library.delete_document(STORE, "a")
    assert not await library.delete_document(STORE, "a")
    assert (await library.documents(STORE, Page(after="a"))).items == []


async def test_a_batch_is_followed_and_cancelled(library):
    file = await library.add_file("a.txt", "assistants", b"hello")
    waiting = document(file.id, status="in_progress")
    batch = FileBatch(id="vsfb_1", store_id=STORE, created_at=START)
    (kept,) = await library.attach([waiting], batch=batch)
    assert kept == await library.document(STORE, file.id)
    assert await library.batch_counts(STORE, "vsfb_1") == {"in_progress": 1}
    assert await library.cancel_batch(STORE, "vsfb_1")
    assert (await library.batch(STORE, "vsfb_1")).cancelled


# ---------------------------------------------------------------- files


@pytest.mark.parametrize("wrap", [bytes, io.BytesIO])
async def test_an_uploaded_file_is_kept(library, wrap):
    kept = await library.add_file("a.txt", "assistants", wrap(b"hello"), expires_after_s=3600)
    assert kept == await library.file(kept.id)
    assert (kept.bytes, kept.created_at, kept.expires_at) == (5, START, START + 3600)
    assert kept.sha256.startswith("2cf24dba")
    assert library.file_path(kept.id).read_bytes() == b"hello"
    assert (await library.files()).items == [kept]


async def test_a_deleted_file_leaves_nothing(library):
    kept = await library.add_file("a.txt", "assistants", b"hello")
    await put(library, kept.id, "volcano")
    assert await library.delete_file(kept.id)
    assert not library.file_path(kept.id).exists()
    assert await library.search([STORE], ["volcano"]) == []
    assert not await library.delete_file(kept.id)


async def test_what_has_outlived_its_time_is_deleted(library, clock):
    kept = await library.add_file("a.txt", "assistants", b"hello", expires_after_s=3600)
    await library.put_store(store("vs_2", START, expires_after_days=1))
    await put(library, "a", "volcano", store_id="vs_2")
    clock.now += SECONDS_PER_DAY
    with pytest.raises(SearchError, match="has expired") as refused:
        await library.search(["vs_2"], ["volcano"])
    assert refused.value.code == "expired"
    expired = await library.expire()
    assert (expired.files, expired.stores) == ([kept.id], ["vs_2"])
    assert not library.file_path(kept.id).exists()
    assert (await library.totals("vs_2")).chunks == 0


async def test_a_store_that_is_searched_lives_on(library, clock):
    await library.put_store(store("vs_2", START, expires_after_days=1))
    clock.now += TOUCH_S - 1
    await library.search(["vs_2"], ["volcano"])
    assert (await library.store("vs_2")).last_active_at == START
    clock.now += 1
    await library.search(["vs_2", STORE], ["volcano"])
    await library.expire()  # What writes, writes in turn.
    assert (await library.store("vs_2")).last_active_at == START + TOUCH_S
    assert (await library.store(STORE)).last_active_at == START


async def test_orphans_are_swept_when_the_library_is_opened(location, tmp_path, clock):
    folder = tmp_path / "files"
    async with open_library(location, files=folder, now=clock) as opened:
        kept = await opened.add_file("a.txt", "assistants", b"hello")
    for name, age in ((kept.id, 2), ("file-lost", 2), (".new-half", 2), ("file-young", 0.5)):
        (folder / name).touch()
        os.utime(folder / name, (START - age * ORPHAN_S,) * 2)
    async with open_library(location, files=folder, now=clock) as opened:
        assert {path.name for path in folder.iterdir()} == {kept.id, "file-young"}
        assert opened.file_path(kept.id).exists()


async def test_files_lie_beside_the_database(tmp_path):
    async with open_library(str(tmp_path / "search.db")) as opened:
        kept = await opened.add_file("a.txt", "assistants", b"hello")
    assert (tmp_path / "search.db.files" / kept.id).read_bytes() == b"hello"


async def test_no_database_sweeps_what_another_beside_it_has_kept(tmp_path, clock):
    async with open_library(str(tmp_path / "search.db"), now=clock) as opened:
        kept = await opened.add_file("a.txt", "assistants", b"hello")
    path = tmp_path / "search.db.files" / kept.id
    os.utime(path, (START - 2 * ORPHAN_S,) * 2)
    for other in ("search.sqlite", "search.bak"):
        shutil.copy(tmp_path / "search.db", tmp_path / other)
        async with open_library(str(tmp_path / other), now=clock) as opened:
            await opened.delete_file(kept.id)
        async with open_library(str(tmp_path / other), now=clock):
            assert path.read_bytes() == b"hello"


async def test_the_bytes_of_a_file_that_is_not_recorded_go(library, tmp_path, monkeypatch):
    def refuse(file):
        raise SearchError("The disk is full", "full")

    monkeypatch.setattr(library._records, "put_file", refuse)
    with pytest.raises(SearchError, match="full"):
        await library.add_file("a.txt", "assistants", b"hello")
    assert list((tmp_path / "files").iterdir()) == []


# ---------------------------------------------------------------- threads


class Stalled(io.BytesIO):
    """An upload of which nothing comes until it may."""

    def __init__(self):
        super().__init__(b"hello")
        self.begun, self.may_go_on = Event(), Event()

    def read(self, size=-1):
        self.begun.set()
        assert self.may_go_on.wait(60)
        return super().read(size)


async def test_an_upload_holds_up_neither_searches_nor_writers(library):
    await put(library, "a", "volcano")
    slow = Stalled()
    adding = asyncio.ensure_future(library.add_file("a.txt", "assistants", slow))
    await asyncio.to_thread(slow.begun.wait, 60)
    await put(library, "b", "volcano")
    assert len(await library.search([STORE], ["volcano"])) == 2
    assert not adding.done()
    slow.may_go_on.set()
    assert (await adding).bytes == 5


async def test_a_writer_that_waits_for_another_holds_up_no_search(library, opened, clock):
    await library.put_store(store("vs_2", START, expires_after_days=1))
    clock.now += TOUCH_S
    await put(library, "a", "volcano", store_id="vs_2")
    other = opened()
    with other._db.transaction():
        other._advance()
        writing = asyncio.ensure_future(put(library, "b", "volcano"))
        assert len(await library.search(["vs_2", STORE], ["volcano"])) == 1
        assert len((await library.documents("vs_2")).items) == 1
        assert not writing.done()
    await writing
    assert len(await library.search(["vs_2", STORE], ["volcano"])) == 2


# ---------------------------------------------------------------- opening


async def test_a_lease_is_held_by_the_clock(library, clock):
    assert await library.take_lease("index", "me", 10) == "me"
    assert await library.take_lease("index", "you", 10) == "me"
    clock.now += 10
    assert await library.take_lease("index", "you", 10) == "you"
    await library.drop_lease("index", "you")
    assert await library.take_lease("index", "me", 10) == "me"


@pytest.mark.parametrize("location", ["mysql://localhost/x", "http://localhost"])
async def test_a_location_of_another_kind_is_refused(location):
    with pytest.raises(SearchError, match="neither a path nor a postgresql:// URL"):
        async with open_library(location):
            pass


def test_ids_are_new_each_time():
    assert len({new_id("file-") for _ in range(100)}) == 100
    assert new_id("vs_").startswith("vs_")
    assert len(new_id("vs_")) == 27
