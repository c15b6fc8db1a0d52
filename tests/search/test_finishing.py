"""A document in progress is finished as it is then, or not at all."""

import msgspec
import pytest

from tests.search.libraries import EMBEDDER, STORE, chunks, document, vectors
from voice.search.records import ChunkingRules, Failure

WAITING = document(status="in_progress", attributes={"year": 2024.0})
DONE = msgspec.structs.replace(WAITING, status="completed", title="A", sha256="aa", bytes=3)


def finish(records, finished=DONE) -> bool:
    return records.finish(finished, chunks("some text"), vectors([1, 0]), EMBEDDER)


def put(records, waiting=WAITING) -> None:
    records.put(waiting, [], None, "")


def test_a_document_in_progress_is_finished_with_its_chunks_and_vectors(records):
    put(records)
    assert finish(records)
    assert records.document(STORE, "a") == msgspec.structs.replace(DONE, chunk_count=1)
    assert records.totals(STORE).chunks_with_vectors == 1


def test_attributes_that_were_changed_meanwhile_stay_changed(records):
    put(records)
    records.set_attributes(STORE, "a", {"year": 2025.0})
    assert finish(records)
    assert records.document(STORE, "a").attributes == {"year": 2025.0}


def test_a_document_that_failed_keeps_its_failure(records):
    put(records)
    failure = Failure(code="server_error", message="Nobody can read it")
    failed = msgspec.structs.replace(WAITING, status="failed", failure=failure)
    assert records.finish(failed, [], None, "")
    assert records.document(STORE, "a").failure == failure


@pytest.mark.parametrize(
    "meanwhile",
    [
        None,
        msgspec.structs.replace(WAITING, status="cancelled"),
        msgspec.structs.replace(WAITING, rules=ChunkingRules(max_tokens=100, overlap_tokens=0)),
    ],
    ids=["deleted", "cancelled", "to be cut otherwise"],
)
def test_a_document_that_is_another_by_now_is_left_as_it_is(records, opened, meanwhile):
    put(records)
    other = opened()
    if meanwhile is None:
        other.delete_document(STORE, "a", 0)
    else:
        put(other, meanwhile)
    assert not finish(records)
    assert records.document(STORE, "a") == meanwhile
    assert records.totals(STORE).chunks == 0
