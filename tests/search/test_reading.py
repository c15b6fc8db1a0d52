"""Files are read in another process, whose troubles are answers."""

import asyncio
import os
import signal
import sys

import pytest

from voice.search import reading_child
from voice.search.errors import SearchError
from voice.search.prepared import Gone, Job, Prepared, Same, Unreadable
from voice.search.reading import ReadingProcess
from voice.search.reading_child import prepare
from voice.search.records import ChunkingRules


def job(path, **changes):
    fields = {"path": str(path), "name": path.name, "rules": ChunkingRules(), "most_bytes": 1 << 20}
    return Job(**(fields | changes))


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "bread.md"
    path.write_text("---\ntags: slow\n---\n# Bread\n\nBake it.\n")
    return path


def test_a_file_is_read_cut_and_hashed(page):
    answer = prepare(job(page))
    assert isinstance(answer, Prepared)
    assert (answer.title, answer.attributes, answer.bytes) == ("Bread", {"tags": "slow"}, 37)
    assert [(chunk.text, chunk.headings) for chunk in answer.chunks] == [
        ("Bread\n\nBake it.", ("Bread",))
    ]
    assert answer.modified_ns == page.stat().st_mtime_ns
    assert prepare(job(page, known_sha256=answer.sha256)) == Same()


def test_a_file_that_has_gone_is_no_trouble(tmp_path):
    assert prepare(job(tmp_path / "gone.md")) == Gone()


@pytest.mark.parametrize(
    ("name", "content", "code", "message"),
    [
        ("a.md", b"", "invalid_file", "is empty"),
        ("a.md", b"\x89PNG\0", "unsupported_file", "is no text but a PNG picture"),
        ("a.txt", b"x" * (3 << 20), "invalid_file", "has 3 MB; files of up to 1 MB are read"),
    ],
)
def test_what_cannot_be_read_is_told(tmp_path, name, content, code, message):
    (tmp_path / name).write_bytes(content)
    answer = prepare(job(tmp_path / name))
    assert isinstance(answer, Unreadable)
    assert answer.code == code
    assert answer.message.startswith(message)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (RecursionError(), "is nested too deeply to be read"),
        (MemoryError(), "needs more memory to be read than it may take"),
        (ValueError("odd"), "cannot be read: ValueError: odd"),
        (PermissionError(13, "Permission denied"), "cannot be opened: Permission denied"),
    ],
)
def test_every_error_of_a_reader_is_told(page, monkeypatch, error, message):
    def read_text(name, data):
        raise error

    monkeypatch.setattr(reading_child, "read_text", read_text)
    answer = prepare(job(page))
    assert isinstance(answer, Unreadable)
    assert answer.message == message


def test_a_file_that_never_keeps_still_is_left_for_the_next_time(page, monkeypatch):
    real = os.fstat
    sizes = iter(range(100))

    class Growing:
        def __init__(self, status):
            self.st_size = next(sizes)
            self.st_mtime_ns = status.st_mtime_ns

    monkeypatch.setattr(reading_child.os, "fstat", lambda number: Growing(real(number)))
    answer = prepare(job(page))
    assert isinstance(answer, Unreadable)
    assert (answer.code, answer.message[:29]) == ("server_error", "was being written while it wa")


@pytest.mark.engine
async def test_the_process_reads_one_file_after_another(page, tmp_path):
    async with ReadingProcess() as reading:
        answers = [await reading.read(job(page)), await reading.read(job(tmp_path / "gone.md"))]
        both = await asyncio.gather(reading.read(job(page)), reading.read(job(page)))
    assert isinstance(answers[0], Prepared)
    assert answers[1] == Gone()
    assert both == [answers[0]] * 2


@pytest.mark.engine
async def test_a_file_that_takes_too_long_is_given_up_and_the_next_is_read(page, tmp_path):
    os.mkfifo(tmp_path / "slow.md")  # Nobody ever writes to it.
    async with ReadingProcess(limit_s=0.2) as reading:
        slow = await reading.read(job(tmp_path / "slow.md"))
        assert slow == Unreadable("invalid_file", "took longer than 0.2 s to read")
        reading._limit_s = 60
        assert isinstance(await reading.read(job(page)), Prepared)


@pytest.mark.engine
async def test_a_process_that_cannot_start_says_so(page, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    async with ReadingProcess() as reading:
        with pytest.raises(SearchError, match="does not start"):
            await reading.read(job(page))


@pytest.mark.engine
async def test_a_process_that_dies_is_replaced(page):
    async with ReadingProcess() as reading:
        await reading.read(job(page))
        os.kill(reading._process.pid, signal.SIGKILL)
        answer = await reading.read(job(page))
        assert answer == Unreadable("invalid_file", "ended the process that read it, with signal 9")
        assert isinstance(await reading.read(job(page)), Prepared)


@pytest.mark.engine
async def test_who_stops_waiting_leaves_no_process_behind(page, tmp_path):
    os.mkfifo(tmp_path / "slow.md")
    async with ReadingProcess() as reading:
        await reading.read(job(page))
        process = reading._process
        waiting = asyncio.ensure_future(reading.read(job(tmp_path / "slow.md")))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert process.returncode == -signal.SIGKILL
        assert isinstance(await reading.read(job(page)), Prepared)
