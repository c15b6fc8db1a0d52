"""Processes that write, and are killed at any moment, or write at the same time."""

import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from tests.search.libraries import STORE
from tests.search.writer import DOCUMENTS, texts_of, vectors_of
from voice.search.file_bytes import FileBytes
from voice.search.filters import compile_filter, parse_filter
from voice.search.opening import open_records
from voice.search.paging import Page

pytestmark = pytest.mark.slow

ROUNDS = 6
ENDLESS = 1_000_000


def start(location, folder, writer, times):
    command = [sys.executable, "-m", "tests.search.writer", location, str(folder), writer]
    process = subprocess.Popen(
        [*command, str(times)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert "ready\n" in process.stdout  # lines of its log may come before
    return process


def check_documents(location):
    """All documents are whole, in each of the tables; gives how many there are."""
    with closing(open_records(location)) as records:
        kept = records.documents(STORE, Page(limit=100)).items
        with records.snapshot():
            changes = {each.document_id: each for each in records.changes(STORE, 0)}
        for each in kept:
            version = int(each.title)
            texts = texts_of(each.id, version)
            assert each.attributes == {"name": each.id, "version": version}
            assert [chunk.text for chunk in records.chunks(STORE, each.id)] == texts
            assert each.chunk_count == len(texts)
            vectors = np.frombuffer(changes[each.id].vectors, np.float32).reshape(-1, 384)
            assert (vectors == vectors_of(version, len(texts))).all()
            wanted = compile_filter(parse_filter({"type": "eq", "key": "name", "value": each.id}))
            found = records.keywords([STORE], [each.id, f"version{version}"], wanted, 100)
            assert sorted(found.ranked) == list(changes[each.id].chunk_ids)
        assert changes.keys() == {each.id for each in kept}
        return len(kept)


def check_files(location, folder):
    """All bytes that are recorded are there; what is not recorded is swept."""
    files = FileBytes(folder)
    with closing(open_records(location)) as records:
        known = records.file_ids()
        for file_id in known:
            content = files.path(file_id).read_bytes()
            assert sha256(content).hexdigest() == records.file(file_id).sha256
    files.sweep(known, now=1e12)
    assert {path.name for path in folder.iterdir()} == known


def check_database(location):
    with closing(sqlite3.connect(location)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        connection.execute("INSERT INTO keywords (keywords, rank) VALUES ('integrity-check', 1)")


def test_a_process_killed_at_any_moment_leaves_every_document_whole_or_absent(location, tmp_path):
    chance = random.Random(7)
    folder = tmp_path / "files"
    for _ in range(ROUNDS):
        process = start(location, folder, "a", ENDLESS)
        for _ in range(chance.randrange(12)):
            process.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=chance.random() / 20)
        process.kill()
        process.communicate()
        check_documents(location)
        check_files(location, folder)
    assert check_documents(location) == DOCUMENTS
    if location.endswith(".db"):
        check_database(location)


def test_two_processes_write_at_the_same_time(location, tmp_path):
    with closing(open_records(location)):
        pass
    folder = tmp_path / "files"
    processes = [start(location, folder, name, 30) for name in "ab"]
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    assert check_documents(location) == 2 * DOCUMENTS
    check_files(location, folder)


def test_two_processes_make_the_database_at_the_same_time(location, tmp_path):
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.search.writer", location, str(tmp_path), name, "1"],
            cwd=Path(__file__).parents[2],
            stdout=subprocess.DEVNULL,
        )
        for name in "abc"
    ]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert check_documents(location) == 3
