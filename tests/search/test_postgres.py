import socket
import sys
from contextlib import closing
from threading import Event, Thread

import pytest

pytest.importorskip("psycopg", reason="the extra postgres is not installed")

from tests.search.libraries import EMBEDDER, STORE, chunks, document, store, vectors
from tests.search.postgres_cluster import UNPRIVILEGED
from voice.search import postgres as module
from voice.search.errors import SearchError
from voice.search.library import open_library
from voice.search.opening import open_records
from voice.search.postgres import open_postgres
from voice.search.postgres_schema import MIGRATIONS
from voice.search.records import FileBatch


@pytest.fixture
def url(postgres):
    postgres.run("DROP SCHEMA IF EXISTS inferno_voice CASCADE", "plain")
    return postgres.url("plain", UNPRIVILEGED)


@pytest.fixture
def records(url):
    with closing(open_postgres(url)) as opened:
        opened.put_store(store())
        opened.put(document(), chunks("volcano"), vectors([1, 0]), EMBEDDER)
        yield opened


def refused(url):
    with pytest.raises(SearchError) as error:
        open_records(url)
    return error.value


async def test_without_pgvector_vectors_are_searched_in_memory_and_that_is_said(url, capsys):
    async with open_library(url) as library:
        assert library.describe().vectors == "exact, in memory"
    assert "pgvector is not there: vectors are searched in memory" in capsys.readouterr().out


def test_a_server_that_is_not_there_is_named(tmp_path):
    error = refused(f"postgresql:///x?host={tmp_path}")
    assert error.code == "unreachable"
    assert str(tmp_path) in str(error)


def test_a_database_that_is_not_there_is_named(postgres):
    error = refused(postgres.url("nowhere"))
    assert error.code == "unreachable"
    assert '"nowhere" does not exist' in str(error)


def test_an_url_that_is_none_is_refused():
    assert refused("postgresql://host:port:port/").code == "unreachable"


def test_a_password_is_not_told(postgres):
    url = postgres.url("nowhere") + "&password=hunter2"
    assert "hunter2" not in str(refused(url))


def test_without_its_driver_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "voice.search.postgres", None)
    assert "pip install 'inferno-voice[postgres]'" in str(refused("postgresql://host/x"))


def test_what_others_keep_in_the_database_is_left_alone(postgres, url):
    postgres.run("CREATE TABLE IF NOT EXISTS public.documents (x INT)", "plain")
    with closing(open_postgres(url)) as opened:
        opened.put_store(store())
        opened.put(document(), chunks("volcano"), None, "")
    assert postgres.run("SELECT count(*) FROM public.documents", "plain") == [(0,)]


def test_a_database_is_brought_to_the_newest_version_in_steps(url, records, monkeypatch):
    newer = (*MIGRATIONS, "CREATE TABLE later (x TEXT); INSERT INTO later VALUES ('two')")
    monkeypatch.setattr(module, "MIGRATIONS", newer)
    for _ in range(2):
        with closing(open_postgres(url)) as opened:
            assert list(opened._db.rows("SELECT x FROM later")) == [("two",)]
    monkeypatch.setattr(module, "MIGRATIONS", MIGRATIONS)
    assert "newer version" in str(refused(url))


def test_words_from_before_the_index_knew_stores_are_found(url, records):
    records.put_store(store("vs_2"))
    records.put(document(), chunks(*["volcano"] * 3), None, "")
    records.put(document(store_id="vs_2"), chunks("volcano"), None, "")
    records._db.run("UPDATE chunks SET terms = to_tsvector('words', text)")
    assert records.keywords(["vs_2"], ["volcano"], None, 10).ranked == []
    records._db.run("DELETE FROM migrations WHERE version = ?", (len(MIGRATIONS),))
    with closing(open_postgres(url)) as opened:
        assert len(opened.keywords(["vs_2"], ["volcano"], None, 10).ranked) == 1
        assert len(opened.keywords([STORE], ["volcano"], None, 10).ranked) == 3


def test_a_connection_that_was_lost_is_made_anew(postgres, records):
    before = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'plain'"
    postgres.run(before)
    assert records.document(STORE, "a") is not None
    postgres.run(before)
    assert records.put(document("b"), chunks("sea"), None, "").chunk_count == 1
    postgres.run(before)
    with records.snapshot():
        assert len(list(records.changes(STORE, 0))) == 2


def test_what_was_begun_before_a_connection_was_lost_is_not_gone_on_with(postgres, records):
    def lose_it_halfway():
        with records.snapshot():
            postgres.run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'plain'"
            )
            records.document(STORE, "a")

    with pytest.raises(SearchError, match="cannot be reached") as error:
        lose_it_halfway()
    assert error.value.code == "unreachable"


def test_a_server_that_accepts_and_says_nothing_is_waited_for_only_so_long(monkeypatch):
    monkeypatch.setitem(module.CONNECTING, "connect_timeout", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        error = refused(f"postgresql://u@127.0.0.1:{silent.getsockname()[1]}/x")
    assert error.code == "unreachable"


def test_what_a_database_does_for_too_long_is_given_up(url, monkeypatch):
    monkeypatch.setattr(module, "STATEMENT_TIMEOUT", "20ms")
    with closing(open_postgres(url)) as opened:
        with pytest.raises(SearchError, match="takes too long") as error:
            opened._db.run("SELECT pg_sleep(60)")
        assert error.value.code == "busy"
        assert opened.store(STORE) is None


def test_each_database_has_a_folder_of_its_own_for_files(postgres, records, url, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    postgres.run("DROP SCHEMA IF EXISTS inferno_voice CASCADE", "vectors")
    with (
        closing(open_postgres(url)) as one,
        closing(open_postgres(url)) as again,
        closing(open_postgres(postgres.url("vectors"))) as other,
    ):
        assert one.usual_files.is_relative_to("/data/inferno-voice/files")
        assert one.usual_files == again.usual_files != other.usual_files


def test_a_database_that_may_only_be_read_says_so(records):
    records._db.run("SET default_transaction_read_only = on")
    with pytest.raises(SearchError, match="may only be read") as error:
        records.put(document(), chunks("sea"), None, "")
    assert error.value.code == "read_only"
    assert [each.text for each in records.chunks(STORE, "a")] == ["volcano"]


def test_a_database_that_others_keep_busy_says_so(url, records):
    with closing(open_postgres(url)) as other, records._db.transaction():
        records._db.run("UPDATE clock SET revision = revision + 1")
        other._db.run("SET lock_timeout = '1ms'")
        with pytest.raises(SearchError, match="try again") as error:
            other.put(document(), chunks("sea"), None, "")
        assert error.value.code == "busy"
        assert [each.text for each in other.chunks(STORE, "a")] == ["volcano"]


def test_batches_of_the_first_version_keep_their_files(records):
    records.attach([], 0, batch=FileBatch(id="b", store_id=STORE, created_at=0))
    records.put(document("x", batch_id="b"), [], None, "")
    records._db.run("DROP TABLE batch_files")
    records._db._connection.execute(MIGRATIONS[1])
    assert records.batch_counts(STORE, "b") == {"completed": 1}


def test_what_a_writer_reads_nobody_changes_meanwhile(url, records):
    with closing(open_postgres(url)) as other, records._db.transaction():
        other._db.run("SET lock_timeout = '1ms'")
        with pytest.raises(SearchError, match="try again"):
            other.delete_file("file-1", now=0)
        other.touch(STORE, 5)
    for _ in range(20):  # as often as the driver needs to prepare what is asked again and again
        records.change_store(STORE, {}, 9)
    assert records.store(STORE).last_active_at == 9


def test_writers_wait_for_each_other(url, records):
    written = Event()

    def write():
        with closing(open_postgres(url)) as other:
            other.put(document("b"), chunks("sea"), None, "")
        written.set()

    with records._db.transaction():
        before = records._advance()
        thread = Thread(target=write)
        thread.start()
    thread.join()
    assert written.is_set()
    with records.snapshot():
        (change,) = records.changes(STORE, before)
    assert change.document_id == "b"


class TestPgvector:
    @pytest.fixture
    def vectors_url(self, postgres):
        if not postgres.run("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'"):
            pytest.skip("PostgreSQL is without pgvector here")
        postgres.run("DROP SCHEMA IF EXISTS inferno_voice CASCADE", "vectors")
        postgres.run("DROP EXTENSION IF EXISTS vector CASCADE", "vectors")
        return postgres.url("vectors")

    def test_vectors_from_before_it_came_are_found(self, vectors_url, monkeypatch):
        monkeypatch.setattr(module.PgVector, "opened", lambda database: None)
        with closing(open_postgres(vectors_url)) as opened:
            assert opened.vector_index is None
            opened.put_store(store())
            opened.put(document("a"), chunks("x", "y"), vectors([0, 1], [1, 0]), EMBEDDER)
            opened.put(document("b"), chunks("z"), None, "")
        monkeypatch.undo()
        for _ in range(2):
            with closing(open_postgres(vectors_url)) as opened:
                (found,) = opened.vector_index.nearest(STORE, vectors([1, 0]), None, 5)
                assert [each.relevance for each in found] == [1.0, 0.0]

    def test_stores_of_different_dimensions_live_together(self, vectors_url):
        with closing(open_postgres(vectors_url)) as opened:
            for number, row in enumerate(([1, 0], [1, 0, 0])):
                name = f"vs_{number}"
                opened.put_store(store(name))
                opened.put(document(store_id=name), chunks("x"), vectors(row), f"e{number}")
            for number, row in enumerate(([1, 0], [1, 0, 0])):
                (found,) = opened.vector_index.nearest(f"vs_{number}", vectors(row), None, 5)
                assert len(found) == 1
