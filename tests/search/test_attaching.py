"""Files are put in stores together or not at all, and batches tell how far they are."""

import msgspec
import pytest

from tests.search.libraries import STORE, document, store
from voice.search.errors import SearchError
from voice.search.paging import Page
from voice.search.records import SECONDS_PER_DAY, File, FileBatch


@pytest.fixture
def filled(records):
    """Records with an empty store and the files `a` to `d`."""
    for file_id in "abcd":
        facts = {"filename": f"{file_id}.md", "purpose": "assistants", "bytes": 5, "sha256": "x"}
        records.put_file(File(id=file_id, created_at=0, **facts))
    return records


def waiting(document_id, **fields):
    return document(document_id, status="in_progress", **fields)


def batch(batch_id="b", **fields):
    return FileBatch(**{"id": batch_id, "store_id": STORE, "created_at": 3, **fields})


def listed(records, **wanted):
    found = records.documents(STORE, Page(order="asc"), **wanted)
    return "".join(each.id for each in found.items)


def test_files_are_put_in_a_store_as_a_batch(filled):
    kept = filled.attach([waiting("a"), waiting("b")], 9, batch=batch())
    assert kept == [waiting("a", batch_id="b"), waiting("b", batch_id="b")]
    assert [filled.document(STORE, each.id) for each in kept] == kept
    assert filled.batch(STORE, "b") == batch()
    assert filled.batch_counts(STORE, "b") == {"in_progress": 2}


def test_a_store_is_made_with_its_files(filled):
    new = store("vs_2", 9, name="New")
    filled.attach([waiting("a", store_id="vs_2")], 9, store=new)
    assert filled.store("vs_2") == new
    assert filled.totals("vs_2").documents == {"in_progress": 1}


@pytest.mark.parametrize("gone", [waiting("gone"), waiting("c", store_id="vs_gone")])
def test_where_one_file_has_gone_none_is_put_in(filled, gone):
    with pytest.raises(SearchError, match="There is no") as refused:
        filled.attach([waiting("a"), gone], 9, store=store("vs_2"), batch=batch())
    assert refused.value.code == "not_found"
    assert listed(filled) == ""
    assert filled.store("vs_2") is None
    assert filled.batch(STORE, "b") is None


def test_a_batch_of_no_store_is_refused(filled):
    with pytest.raises(SearchError, match="no vector store"):
        filled.attach([], 0, batch=batch(store_id="vs_other"))


def test_files_that_come_are_a_use_of_the_store(filled):
    filled.change_store(STORE, {"expires_after_days": 1}, 0)
    filled.attach([waiting("a")], 50)
    assert filled.store(STORE).last_active_at == 50
    assert filled.expire(SECONDS_PER_DAY).stores == []


def test_a_batch_tells_how_far_it_is(filled):
    kept = filled.attach([waiting(each) for each in "abc"], 0, batch=batch())
    assert filled.finish(msgspec.structs.replace(kept[0], status="completed"), [], None, "")
    assert filled.batch_counts(STORE, "b") == {"completed": 1, "in_progress": 2}
    assert filled.cancel_batch(STORE, "b")
    assert filled.batch(STORE, "b").cancelled
    assert filled.batch_counts(STORE, "b") == {"completed": 1, "cancelled": 2}


def test_a_file_put_in_again_belongs_to_both_batches(filled):
    filled.attach([waiting("a"), waiting("b")], 0, batch=batch())
    filled.attach([waiting("b"), waiting("c")], 0, batch=batch("other"))
    assert filled.batch_counts(STORE, "b") == {"in_progress": 2}
    assert filled.batch_counts(STORE, "other") == {"in_progress": 2}
    assert listed(filled, batch_id="b") == "ab"
    assert listed(filled, batch_id="other") == "bc"


def test_only_the_last_batch_of_a_file_cancels_it(filled):
    filled.attach([waiting("a"), waiting("b")], 0, batch=batch())
    filled.attach([waiting("b")], 0, batch=batch("other"))
    filled.cancel_batch(STORE, "b")
    assert listed(filled, status="cancelled") == "a"
    assert listed(filled, status="in_progress") == "b"


def test_documents_are_listed_by_status_and_batch(filled):
    filled.attach([waiting("a"), waiting("b"), waiting("d")], 0, batch=batch())
    filled.attach([waiting("c")], 0, batch=batch("other"))
    filled.put(document("b", status="failed"), [], None, "")
    assert listed(filled, status="in_progress", batch_id="b") == "ad"


def test_a_file_put_in_again_keeps_its_place_in_the_list(filled):
    for number, file_id in enumerate("abcd"):
        filled.attach([waiting(file_id, created_at=number)], number)
    (again,) = filled.attach([waiting("b", created_at=9)], 9)
    assert again.created_at == 1
    after = filled.documents(STORE, Page(after="b", order="asc"))
    assert [each.id for each in after.items] == ["c", "d"]


def test_what_expired_is_still_a_cursor(filled):
    filled.change_store(STORE, {"expires_after_days": 1}, 0)
    filled.attach([waiting("a")], 0)
    assert filled.expire(SECONDS_PER_DAY).stores == [STORE]
    assert filled.documents(STORE, Page(after="a")).items == []
