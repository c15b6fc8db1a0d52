import os
import pwd
import shutil
import sqlite3
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.search.libraries import EMBEDDER, STORE, chunks, document, store, vectors
from voice.search import sqlite
from voice.search.database import first_chunk
from voice.search.errors import SearchError
from voice.search.library import open_library
from voice.search.rows import document_values
from voice.search.sqlite import open_sqlite
from voice.search.sqlite_schema import MIGRATIONS


@pytest.fixture
def path(tmp_path):
    return tmp_path / "search.db"


@pytest.fixture
def records(path):
    with closing(open_sqlite(path)) as opened:
        opened.put_store(store())
        opened.put(document(), chunks("volcano"), vectors([1, 0]), EMBEDDER)
        yield opened


def refused(path):
    with pytest.raises(SearchError) as error:
        open_sqlite(path)
    assert str(path) in str(error.value)
    return error.value


def test_a_new_database_is_of_the_newest_version(path):
    open_sqlite(path).close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_database_is_brought_to_the_newest_version_in_steps(path, records, monkeypatch):
    records.close()
    newer = (
        *MIGRATIONS,
        ("CREATE TABLE later (x TEXT)", "INSERT INTO later VALUES ('two')"),
        ("UPDATE later SET x = 'three'",),
    )
    monkeypatch.setattr(sqlite, "MIGRATIONS", newer)
    with closing(open_sqlite(path)) as opened:
        assert list(opened._db.rows("SELECT x FROM later")) == [("three",)]
        assert opened.document(STORE, "a") is not None
    open_sqlite(path).close()


@contextmanager
def of_the_first_version(path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(sqlite, "MIGRATIONS", MIGRATIONS[:1])
        with closing(open_sqlite(path)) as opened:
            opened.put_store(store())
            yield opened


def put_as_the_first_version_did(opened, number, kept, *texts):
    values = {**document_values(kept), "chunk_count": len(texts), "embedded": False}
    numbers = dict.fromkeys(("number", "place", "revision"), number)
    opened._insert("documents", {**values, **numbers})
    for chunk_id, text in enumerate(texts, first_chunk(number)):
        chunk = {"id": chunk_id, "document": number, "start_at": 0, "end_at": 1}
        opened._insert("chunks", {**chunk, "headings": "", "text": text})


def test_batches_of_the_first_version_keep_their_files(path, monkeypatch):
    with of_the_first_version(path, monkeypatch) as opened:
        opened._db.run("INSERT INTO batches VALUES ('b', ?, 0, FALSE)", (STORE,))
        put_as_the_first_version_did(opened, 8, document(batch_id="b"))
        put_as_the_first_version_did(opened, 9, document("b"))
    with closing(open_sqlite(path)) as opened:
        assert opened.batch_counts(STORE, "b") == {"completed": 1}


def test_words_of_the_first_version_are_found_and_go_with_their_documents(path, monkeypatch):
    with of_the_first_version(path, monkeypatch) as opened:
        opened.put_store(store("vs_2"))
        put_as_the_first_version_did(opened, 8, document(), "sea", "volcanoes", "volcanoes")
        put_as_the_first_version_did(opened, 9, document(store_id="vs_2"), "volcanoes")
    with closing(open_sqlite(path)) as opened:

        def found(*stores):
            return opened.keywords(stores, ["volcano"], None, 10).ranked

        assert found("vs_2") == [first_chunk(9)]
        assert found(STORE) == [first_chunk(8) + 1, first_chunk(8) + 2]
        assert len(found(STORE, "vs_2")) == 3
        opened.delete_document(STORE, "a", 0)
        assert found(STORE, "vs_2") == [first_chunk(9)]
        opened._db.run("INSERT INTO keywords (keywords, rank) VALUES ('integrity-check', 1)")


def test_a_step_that_fails_leaves_the_database_as_it_was(path, records, monkeypatch):
    records.close()
    broken = (*MIGRATIONS, ("CREATE TABLE later (x TEXT)", "SELECT nonsense"))
    monkeypatch.setattr(sqlite, "MIGRATIONS", broken)
    with pytest.raises(sqlite3.OperationalError, match="nonsense"):
        open_sqlite(path)
    monkeypatch.setattr(sqlite, "MIGRATIONS", MIGRATIONS)
    with closing(open_sqlite(path)) as opened:
        assert opened.document(STORE, "a") is not None
        assert list(opened._db.rows("SELECT 1 FROM sqlite_schema WHERE name = 'later'")) == []


def test_a_database_of_a_newer_version_is_refused(path, records):
    records.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 999")
    error = refused(path)
    assert error.code == "broken"
    assert "newer version" in str(error)


def test_a_database_of_another_program_is_left_alone(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE clock (hands TEXT)")
    assert "another program" in str(refused(path))
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute("SELECT name FROM sqlite_schema").fetchall()
        assert names == [("clock",)]


def test_a_file_that_is_no_database_is_refused(path):
    path.write_text("# Notes\n" * 200)
    assert refused(path).code == "broken"
    assert path.read_text().startswith("# Notes")


def test_a_damaged_database_is_named(path, records):
    records.close()
    content = bytearray(path.read_bytes())
    content[8192:] = b"\x55" * (len(content) - 8192)
    path.write_bytes(content)
    with pytest.raises(SearchError, match="damaged") as error:
        open_sqlite(path).document(STORE, "a")
    assert error.value.code == "broken"


def test_a_folder_is_no_database(tmp_path):
    assert refused(tmp_path).code == "unreachable"


def test_a_path_below_a_file_is_no_place(tmp_path):
    (tmp_path / "file").touch()
    assert refused(tmp_path / "file" / "search.db").code == "unreachable"


def test_a_full_disk_leaves_what_was(records):
    (pages,) = next(records._db.rows("PRAGMA page_count"))
    list(records._db.rows(f"PRAGMA max_page_count = {pages + 20}"))
    many = chunks(*(f"sea {number} " + "long " * 500 for number in range(200)))
    with pytest.raises(SearchError, match="disk is full; nothing was changed") as error:
        records.put(document(), many, None, "")
    assert error.value.code == "full"
    assert [each.text for each in records.chunks(STORE, "a")] == ["volcano"]
    list(records._db.rows("PRAGMA max_page_count = 1000000"))
    assert records.put(document(), many, None, "").chunk_count == 200


def test_a_database_that_others_keep_busy_says_so(path, records, monkeypatch):
    monkeypatch.setattr(sqlite, "BUSY_MS", 1)
    with closing(open_sqlite(path)) as other, records._db.transaction():
        with pytest.raises(SearchError, match="try again") as error:
            other.put(document(), chunks("sea"), None, "")
        assert error.value.code == "busy"
        assert other.document(STORE, "a") is not None
    assert [each.text for each in records.chunks(STORE, "a")] == ["volcano"]


@contextmanager
def as_somebody():
    """As a user who owns nothing: what may only be read, root writes all the same."""
    if os.geteuid() != 0:
        yield
        return
    nobody = pwd.getpwnam("nobody").pw_uid
    os.setresuid(nobody, nobody, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.fixture
def read_only():
    """A database that was closed, in a folder that may only be read."""
    folder = Path(tempfile.mkdtemp())
    path = folder / "search.db"
    with closing(open_sqlite(path)) as opened:
        opened.put_store(store(expires_after_days=1000))
        opened.put(document(), chunks("volcano"), None, "")
    path.chmod(0o444)
    folder.chmod(0o555)
    with as_somebody():
        yield path
    folder.chmod(0o755)
    shutil.rmtree(folder)


async def test_a_database_that_may_only_be_read_is_searched(read_only):
    async with open_library(str(read_only), now=lambda: 5000) as library:
        assert library.describe().database.endswith("which may only be read")
        assert len(await library.search([STORE], ["volcano"])) == 1
        with pytest.raises(SearchError, match="may only be read") as error:
            await library.put(document("b"), chunks("sea"))
        assert error.value.code == "read_only"
        assert (await library.totals(STORE)).chunks == 1
        with pytest.raises(SearchError) as error:
            await library.add_file("a.txt", "assistants", b"hello")
        assert error.value.code == "read_only"


def test_a_database_that_may_only_be_read_cannot_be_migrated(read_only, monkeypatch):
    monkeypatch.setattr(sqlite, "MIGRATIONS", (*MIGRATIONS, ("SELECT 1",)))
    assert refused(read_only).code == "read_only"
