import msgspec
import pytest

from tests.search.libraries import EMBEDDER, STORE, chunks, document, store, vectors
from voice.search.errors import SearchError
from voice.search.filters import compile_filter, parse_filter
from voice.search.paging import Page
from voice.search.records import (
    SECONDS_PER_DAY,
    Chunk,
    ChunkingRules,
    Failure,
    File,
    FileBatch,
)
from voice.search.store import Found


def file(file_id="file-1", **fields):
    usual = {"filename": "a.txt", "purpose": "assistants", "bytes": 5, "sha256": "x"}
    return File(**{"id": file_id, "created_at": 0, **usual, **fields})


def texts_found(records, *words, wanted=None, stores=(STORE,)):
    compiled = compile_filter(parse_filter(wanted)) if wanted else None
    found = records.keywords(stores, words, compiled, 10)
    passages = records.passages([Found(each, 1.0) for each in found.ranked])
    return [passage.chunk.text for passage in passages]


# ---------------------------------------------------------------- stores


def test_a_store_is_kept_with_all_it_has(records):
    kept = store("vs_2", 5, name="Name", description="For", metadata={"a": "b"})
    records.put_store(kept)
    assert records.store("vs_2") == kept


def test_a_store_is_changed_but_for_its_beginning_and_its_embedder(records):
    records.put(document(), chunks("one"), vectors([1, 0]), EMBEDDER)
    records.change_store(STORE, {"metadata": {"a": "b"}}, 5)
    changed = records.change_store(STORE, {"name": "New", "expires_after_days": 2}, 9)
    assert changed == records.store(STORE)
    assert (changed.name, changed.expires_after_days, changed.last_active_at) == ("New", 2, 9)
    assert (changed.metadata, changed.created_at) == ({"a": "b"}, 0)
    assert (changed.embedder, changed.dimensions) == (EMBEDDER, 2)


def test_a_store_that_has_gone_is_not_changed_back_into_being(records):
    assert records.delete_store(STORE, now=0)
    assert records.change_store(STORE, {"name": "New"}, 9) is None
    assert records.store(STORE) is None


def test_a_store_that_is_there_is_not_made_again(records):
    records.put_store(store(name="Other"))
    assert records.store(STORE) == store()


def test_a_store_goes_with_all_that_is_in_it(records):
    records.put(document(attributes={"a": 1}), chunks("volcano"), vectors([1, 0]), EMBEDDER)
    records.attach([], 0, batch=FileBatch(id="b", store_id=STORE, created_at=0))
    assert records.delete_store(STORE, now=0)
    assert records.store(STORE) is None
    assert records.document(STORE, "a") is None
    assert records.batch(STORE, "b") is None
    records.put_store(store())
    assert texts_found(records, "volcano") == []


def test_what_is_not_there_is_not_deleted(records):
    assert not records.delete_store("vs_other", now=0)
    assert not records.delete_document(STORE, "other", now=0)
    assert not records.delete_file("file-other", now=0)
    assert not records.cancel_batch(STORE, "other")
    assert not records.set_attributes(STORE, "other", {})


def test_the_use_of_a_store_is_noted(records):
    records.touch(STORE, 77)
    assert records.store(STORE).last_active_at == 77


def test_a_store_tells_what_it_holds(records):
    records.put(document("a", bytes=10), chunks("one", "two"), vectors([1, 0], [0, 1]), EMBEDDER)
    records.put(document("b", bytes=5), chunks("three"), None, "")
    records.put(document("c", status="failed"), [], None, "")
    totals = records.totals(STORE)
    assert totals.documents == {"completed": 2, "failed": 1}
    assert (totals.chunks, totals.chunks_with_vectors, totals.bytes) == (3, 2, 15)


# ---------------------------------------------------------------- documents


def test_a_document_is_kept_with_all_it_has(records):
    kept = document(
        path="/notes/a.md",
        title="Title",
        sha256="5a",
        bytes=3_000_000_000,
        modified_ns=1_700_000_000_123_456_789,
        attributes={"text": "é", "number": 0.1, "flag": True},
        rules=ChunkingRules(max_tokens=100, overlap_tokens=20),
        status="failed",
        failure=Failure(code="invalid_file", message="It is broken."),
        created_at=7,
        batch_id="vsfb_1",
    )
    assert records.put(kept, [], None, "") == kept
    assert records.document(STORE, "a") == kept
    assert records.document_at(STORE, "/notes/a.md") == kept


def test_chunks_are_kept_in_order_with_their_headings(records):
    kept = [
        Chunk(text="first", headings=("Top", "Below"), start=0, end=5),
        Chunk(text="", start=5, end=5),
        Chunk(text="third\nline", headings=("Top",), start=6, end=16),
    ]
    assert records.put(document(), kept, None, "").chunk_count == 3
    assert records.chunks(STORE, "a") == kept


def test_a_document_takes_the_place_of_itself(records):
    records.put(document(attributes={"a": 1, "b": 2}), chunks("old", "older"), None, "")
    records.put(document(attributes={"b": 3}), chunks("new"), None, "")
    assert [each.text for each in records.chunks(STORE, "a")] == ["new"]
    assert texts_found(records, "older", "old", "new") == ["new"]
    assert texts_found(records, "new", wanted={"type": "eq", "key": "a", "value": 1}) == []


def test_a_document_takes_the_place_of_another_from_its_path(records):
    records.put(document("a", path="/x"), chunks("old"), None, "")
    records.put(document("b", path="/x"), chunks("new"), None, "")
    assert records.document(STORE, "a") is None
    assert records.document_at(STORE, "/x").id == "b"


def test_a_path_may_be_long(records):
    path = "/" + "/".join(f"{number:09}" * 20 for number in range(23))
    for name in "ab":
        records.put(document(name, path=path), [], None, "")
    assert records.document_at(STORE, path).id == "b"
    assert [each.id for each in records.paths(STORE)] == ["b"]


def test_documents_without_a_path_are_no_twins(records):
    records.put(document("a"), [], None, "")
    records.put(document("b"), [], None, "")
    assert len(records.documents(STORE, Page()).items) == 2
    assert records.document_at(STORE, "") is None


def test_documents_of_this_machine_are_told_by_their_paths(records):
    for document_id, path in (("a", "/z"), ("b", ""), ("c", "/Z"), ("d", "/é")):
        records.put(document(document_id, path=path), [], None, "")
    assert [each.path for each in records.paths(STORE)] == ["/Z", "/z", "/é"]


def test_a_document_in_two_stores_is_two_documents(records):
    records.put_store(store("vs_2"))
    records.put(document(), chunks("here"), None, "")
    records.put(document(store_id="vs_2"), chunks("there"), None, "")
    assert records.delete_document(STORE, "a", now=0)
    assert [each.text for each in records.chunks("vs_2", "a")] == ["there"]


def test_a_document_of_no_store_is_refused(records):
    with pytest.raises(SearchError, match="no vector store 'vs_other'") as refused:
        records.put(document(store_id="vs_other"), chunks("x"), None, "")
    assert refused.value.code == "not_found"


def test_characters_that_no_database_keeps_are_marked(records):
    kept = records.put(document(name="a\0b"), chunks("one\0two \ud800 three"), None, "")
    assert kept.name == records.document(STORE, "a").name == "a\ufffdb"
    assert records.chunks(STORE, "a")[0].text == "one\ufffdtwo \ufffd three"
    assert records.document(STORE, "\0\ud800") is None


def test_attributes_that_cannot_be_kept_are_refused(records):
    with pytest.raises(SearchError, match="finite") as refused:
        records.put(document(attributes={"a": float("inf")}), [], None, "")
    assert refused.value.param == "attributes.a"
    assert records.document(STORE, "a") is None


def test_attributes_are_replaced(records):
    records.put(document(attributes={"a": 1, "b": "x"}), chunks("text"), None, "")
    assert records.set_attributes(STORE, "a", {"b": "y"})
    assert records.document(STORE, "a").attributes == {"b": "y"}
    assert texts_found(records, "text", wanted={"type": "eq", "key": "b", "value": "y"})
    assert not texts_found(records, "text", wanted={"type": "eq", "key": "b", "value": "x"})
    assert not texts_found(records, "text", wanted={"type": "eq", "key": "a", "value": 1})


def test_a_document_is_amended_and_keeps_its_chunks_and_vectors(records):
    kept = records.put(
        document(path="/old.md", sha256="1", attributes={"a": 1}),
        chunks("text"),
        vectors([1, 0]),
        EMBEDDER,
    )
    moved = msgspec.structs.replace(
        kept,
        name="new.md",
        path="/new.md",
        title="New",
        modified_ns=9,
        attributes={"b": "x"},
        status="failed",
        failure=Failure(code="server_error", message="is old"),
    )
    before = records.revision()
    assert records.amend(moved)
    assert records.document(STORE, "a") == records.document_at(STORE, "/new.md") == moved
    assert records.document_at(STORE, "/old.md") is None
    assert texts_found(records, "text", wanted={"type": "eq", "key": "b", "value": "x"})
    assert not texts_found(records, "text", wanted={"type": "eq", "key": "a", "value": 1})
    with records.snapshot():
        (change,) = records.changes(STORE, before)
    assert (change.attributes, change.vectors) == ({"b": "x"}, vectors([1, 0]).tobytes())


def test_a_document_that_is_moved_takes_the_place_of_another(records):
    kept = records.put(document("a", path="/a"), chunks("one"), None, "")
    records.put(document("b", path="/b"), chunks("two"), vectors([1, 0]), EMBEDDER)
    assert records.amend(msgspec.structs.replace(kept, path="/b"))
    assert [each.id for each in records.paths(STORE)] == ["a"]
    assert records.store(STORE).embedder == ""


def test_what_has_changed_meanwhile_is_not_amended(records):
    before = records.put(document(sha256="1", path="/a"), chunks("one"), None, "")
    records.put(document("b", path="/b"), [], None, "")
    records.put(document(sha256="2", path="/a"), chunks("two"), None, "")
    assert not records.amend(msgspec.structs.replace(before, path="/b", name="other"))
    assert records.document(STORE, "a").name == "a.md"
    assert records.document_at(STORE, "/b").id == "b"


# ---------------------------------------------------------------- vectors


def test_a_store_takes_the_vectors_of_one_embedder_only(records):
    records.put(document(), chunks("one"), vectors([1, 0]), EMBEDDER)
    for embedder, row in (("other", [1, 0]), (EMBEDDER, [1, 0, 0])):
        with pytest.raises(SearchError, match="voice index --rebuild") as refused:
            records.put(document("b"), chunks("two"), vectors(row), embedder)
        assert refused.value.code == "embedder_mismatch"
    assert records.document(STORE, "b") is None


def test_a_store_that_lost_its_vectors_takes_those_of_another(records):
    records.put(document(), chunks("one"), vectors([1, 0]), EMBEDDER)
    records.delete_document(STORE, "a", now=0)
    assert records.store(STORE).embedder == ""
    records.put(document(), chunks("one"), vectors([1, 0, 0]), "other")
    records.put(document(), chunks("one"), vectors([1, 0]), "third")
    assert records.store(STORE).embedder == "third"


def test_vectors_are_added_later(records):
    kept = records.put(document(sha256="1"), chunks("one"), None, "")
    records.put(document("b"), [], None, "")
    assert records.without_vectors(STORE, 10) == [kept]
    assert records.add_vectors(kept, vectors([1, 0]), EMBEDDER)
    assert records.without_vectors(STORE, 10) == []
    assert records.store(STORE).embedder == EMBEDDER


def test_vectors_of_what_has_changed_meanwhile_are_not_added(records):
    before = records.put(document(sha256="1"), chunks("one"), None, "")
    records.put(document(sha256="2"), chunks("two"), None, "")
    assert not records.add_vectors(before, vectors([1, 0]), EMBEDDER)
    records.delete_document(STORE, "a", now=0)
    assert not records.add_vectors(before, vectors([1, 0]), EMBEDDER)
    assert records.store(STORE).embedder == ""


def test_vectors_are_dropped_for_those_of_another_embedder(records):
    kept = records.put(document(), chunks("one"), vectors([1, 0]), EMBEDDER)
    records.drop_vectors(STORE)
    assert records.without_vectors(STORE, 10) == [kept]
    assert records.add_vectors(kept, vectors([1, 0, 0]), "other")
    with records.snapshot():
        (change,) = records.changes(STORE, 0)
    assert change.vectors == vectors([1, 0, 0]).tobytes()


@pytest.mark.parametrize("rows", [[[1.0, 0.0]], [[1.0, 0.0]] * 3])
def test_there_is_a_vector_for_each_chunk_or_nothing_is_kept(records, rows):
    with pytest.raises(SearchError, match="each of the 2 chunks"):
        records.put(document(), chunks("one", "two"), vectors(*rows), EMBEDDER)
    assert records.document(STORE, "a") is None


# ---------------------------------------------------------------- changes


def test_only_what_has_changed_is_told(records):
    records.put(document("a"), chunks("one"), vectors([1, 0]), EMBEDDER)
    before = records.revision()
    records.put(document("b", {"n": 1}), chunks("two", "three"), None, "")
    with records.snapshot():
        (change,) = records.changes(STORE, before)
    assert (change.document_id, change.attributes, change.vectors) == ("b", {"n": 1.0}, None)
    assert [
        each.chunk.text for each in records.passages([Found(i, 1) for i in change.chunk_ids])
    ] == [
        "two",
        "three",
    ]


@pytest.mark.parametrize(
    "change",
    [
        lambda records: records.put(document(), chunks("new"), None, ""),
        lambda records: records.set_attributes(STORE, "a", {"n": 1}),
        lambda records: records.add_vectors(document(), vectors([1, 0]), EMBEDDER),
        lambda records: records.delete_document(STORE, "a", 0),
        lambda records: records.delete_file("a", 0),
        lambda records: records.delete_store(STORE, 0),
    ],
)
def test_each_change_of_documents_makes_a_revision(records, change):
    records.put(document(), chunks("old"), None, "")
    before = records.revision()
    change(records)
    assert records.revision() > before


def test_the_id_of_a_chunk_is_never_given_again(records):
    records.put(document(), chunks("old"), None, "")
    (old,) = records.keywords([STORE], ["old"], None, 10).ranked
    records.put(document(), chunks("old"), None, "")
    (new,) = records.keywords([STORE], ["old"], None, 10).ranked
    assert new != old
    assert records.passages([Found(old, 1.0)]) == []


# ---------------------------------------------------------------- files


def test_a_file_is_kept(records):
    kept = file(bytes=3_000_000_000, expires_at=9, filename="ü.txt")
    records.put_file(kept)
    assert records.file("file-1") == kept
    assert records.file_ids() == {"file-1"}
    assert records.file("file-2") is None


def test_files_are_listed_by_purpose(records):
    records.put_file(file("file-1"))
    records.put_file(file("file-2", purpose="user_data"))
    assert [each.id for each in records.files(Page(), "user_data").items] == ["file-2"]


def test_a_file_takes_its_documents_along(records):
    records.put_store(store("vs_2"))
    records.put_file(file())
    for store_id in (STORE, "vs_2"):
        records.put(document("file-1", store_id=store_id), chunks("text"), None, "")
    assert records.delete_file("file-1", now=0)
    assert records.file("file-1") is None
    assert texts_found(records, "text", stores=(STORE, "vs_2")) == []


# ---------------------------------------------------------------- upkeep


def test_files_expire_with_their_documents(records):
    records.put_file(file("file-1", expires_at=100))
    records.put_file(file("file-2"))
    records.put(document("file-1"), chunks("text"), None, "")
    assert records.expire(99).files == []
    assert records.expire(100).files == ["file-1"]
    assert records.file_ids() == {"file-2"}
    assert records.document(STORE, "file-1") is None


def test_an_expired_store_stays_without_its_documents(records):
    records.put_store(store("vs_2", 0, expires_after_days=1))
    records.put(document(store_id="vs_2"), chunks("text"), vectors([1, 0]), EMBEDDER)
    assert records.expire(SECONDS_PER_DAY - 1).stores == []
    records.touch("vs_2", 10)
    assert records.expire(SECONDS_PER_DAY).stores == []
    assert records.expire(SECONDS_PER_DAY + 10).stores == ["vs_2"]
    assert records.expire(SECONDS_PER_DAY + 10).stores == []
    assert records.store("vs_2").expires_at == SECONDS_PER_DAY + 10
    assert records.documents("vs_2", Page()).items == []


def test_a_lease_is_held_by_one_until_it_ends_or_is_dropped(records):
    assert records.take_lease("index", "me", now=0, seconds=10) == "me"
    assert records.take_lease("index", "you", now=9, seconds=10) == "me"
    assert records.take_lease("index", "me", now=9, seconds=10) == "me"
    assert records.take_lease("index", "you", now=18, seconds=10) == "me"
    assert records.take_lease("index", "you", now=19, seconds=10) == "you"
    records.drop_lease("index", "me")
    assert records.take_lease("index", "me", now=20, seconds=10) == "you"
    records.drop_lease("index", "you")
    assert records.take_lease("index", "me", now=20, seconds=10) == "me"


def test_what_one_process_writes_another_sees(opened, records):
    other = opened()
    before = other.revision()
    records.put(document(), chunks("volcano"), None, "")
    assert other.revision() > before
    assert texts_found(other, "volcano") == ["volcano"]


def test_a_snapshot_is_of_one_moment(opened, records):
    other = opened()
    records.put(document("a"), [], None, "")
    with other.snapshot():
        before = other.revision()
        records.put(document("b"), [], None, "")
        assert other.document_ids(STORE) == {"a"}
        assert other.revision() == before
    assert other.document_ids(STORE) == {"a", "b"}


def test_a_database_that_is_opened_again_has_it_all(opened, records):
    records.put(document(), chunks("volcano"), vectors([1, 0]), EMBEDDER)
    records.close()
    again = opened()
    assert texts_found(again, "volcano") == ["volcano"]
    assert again.store(STORE).embedder == EMBEDDER
