"""`voice index` reads folders into the library, and says what became of each file."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.engine

NONE = {"ENGINES__EMBED": "none"}


@pytest.fixture
def notes(tmp_path):
    folder = tmp_path / "notes"
    (folder / "sub").mkdir(parents=True)
    (folder / "bread.md").write_text("# Bread\n\nBake it for forty minutes.")
    (folder / "sub" / "soup.txt").write_text("Stir the soup.")
    return folder


def test_a_folder_is_indexed_file_by_file_and_again_only_what_changed(run, notes):
    result = run("index", "notes", **NONE)
    assert result.exit_code == 0
    assert result.stderr == f"added {notes}/bread.md\nadded {notes}/sub/soup.txt\n2 added\n"
    (notes / "bread.md").write_text("# Bread\n\nBake it for an hour.")
    (notes / "sub" / "soup.txt").unlink()
    result = run("index", "notes", **NONE)
    assert result.stderr == (
        f"removed {notes}/sub/soup.txt\nchanged {notes}/bread.md\n1 changed, 1 removed\n"
    )
    assert run("index", **NONE).stderr == "1 unchanged\n"


def test_a_terminal_shows_a_bar_and_only_what_went_wrong_by_name(run, notes):
    (notes / "a.md").write_bytes(b"")
    shown = run("index", "notes", FORCE_COLOR="1", **NONE).stderr
    assert "3 of 3 files" in shown
    assert f"{notes}/a.md is empty" in shown
    assert "bread.md" not in shown
    assert "2 added" in shown


def test_files_that_cannot_be_read_are_named_and_the_status_tells(run, notes):
    (notes / "a.md").write_bytes(b"\x89PNG\0\0\0\0")
    (notes / "b.md").write_bytes(b"Gr\xfc\xdfe")
    result = run("index", "notes", **NONE)
    assert result.exit_code == 1
    assert f"{notes}/b.md is not in UTF-8: it was read as windows-1252" in result.stderr
    assert result.stderr.endswith(
        f"3 added\n1 file could not be indexed:\n  {notes}/a.md is no text but a PNG picture\n"
    )


def test_what_is_indexed_is_listed_and_can_be_removed(run, notes):
    (notes / "a.md").write_bytes(b"")
    run("index", "notes", **NONE)
    result = run("index", "--list")
    assert result.stdout == f"{notes}\t2\t2\t1\n"
    assert f"{notes}/a.md is empty" in result.stderr
    assert "vectors: none" in result.stderr
    forgotten = f"3 documents of {notes} forgotten; the files stay\n"
    assert run("index", "--remove", "notes").output == forgotten
    assert "Nothing is indexed yet" in run("index", "--list").stdout
    assert "nothing of" in run("index", "--remove", "notes").stderr


def test_a_folder_without_documents_says_so(run, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "x.png").write_bytes(b"x")
    result = run("index", "empty", **NONE)
    assert result.exit_code == 0
    assert "There are no documents in" in result.stderr
    assert "(1 file of other kinds)" in result.stderr


def test_a_folder_that_lost_its_documents_keeps_them_and_says_how_to_forget_them(run, notes):
    run("index", "notes", **NONE)
    (notes / "bread.md").unlink()
    (notes / "sub" / "soup.txt").unlink()
    result = run("index", "notes", **NONE)
    assert f"To forget them: voice index --remove {notes}" in result.stderr
    assert run("index", "--list").stdout == f"{notes}\t2\t2\t0\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "nothing is indexed yet: name a folder"),
        (("missing",), "does not exist"),
        (("notes/bread.md",), "is a file"),
    ],
)
def test_what_is_wrong_is_said(run, notes, arguments, message):
    result = run("index", *arguments, **NONE)
    assert result.exit_code == 2
    assert message in result.output


def test_without_a_model_it_is_said_that_words_alone_count(run, notes):
    result = run("index", "notes", ENGINES__EMBED="auto")
    assert "There is no embedding model here" in result.stderr
    assert result.exit_code == 0


def test_vectors_are_made_by_the_embedder(run, notes):
    run("index", "notes", **NONE)
    result = run("index", "notes", ENGINES__EMBED="fake")
    assert result.stderr.endswith("2 unchanged, 2 given vectors\n")
    assert "vectors: fake" in run("index", "--list").stderr


def start(tmp_path, *arguments):
    """`voice index` as a process of its own."""
    environment = os.environ | NONE | {"XDG_DATA_HOME": str(tmp_path / "data")}
    return subprocess.Popen(
        [sys.executable, "-m", "voice", "index", *arguments],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(Path(__file__).parents[2])},
        stderr=subprocess.PIPE,
        text=True,
    )


def lines_until(process, end):
    """What a process says, to the line that ends so."""
    lines = []
    while not lines or not lines[-1].endswith(f"{end}\n"):
        line = process.stderr.readline()
        assert line, f"it ended after {lines}"
        lines.append(line)
    return lines


def test_ctrl_c_leaves_what_is_done_and_says_what_is_left(run, tmp_path):
    # What is said of so many is more than fits the pipe: the work waits for the test to go on.
    folder = tmp_path / ("many" * 60)
    folder.mkdir()
    for number in range(400):
        (folder / f"n{number:03}.md").write_text(f"Number {number}.")
    process = start(tmp_path, folder.name)
    lines_until(process, "n020.md")
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "What is done is kept; run it again to go on." in rest
    assert run("index", folder.name, **NONE).exit_code == 0
    assert run("index", "--list").stdout == f"{folder}\t400\t400\t0\n"


@pytest.mark.slow
def test_after_a_kill_every_document_is_whole_or_absent_and_the_next_run_goes_on(run, tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(300):
        (folder / f"n{number:03}.md").write_text(f"# Number {number}\n\nOne.\n\n# More\n\nTwo.")
    for stop in ("n003.md", "n120.md"):
        process = start(tmp_path, "many")
        lines_until(process, stop)
        process.kill()
        process.communicate(timeout=30)
        documents, chunks = map(int, run("index", "--list").stdout.split("\t")[1:3])
        assert documents > 0
        assert chunks == 2 * documents
    result = run("index", "many", **NONE)
    assert "unchanged" in result.stderr
    assert run("index", "--list").stdout == f"{folder}\t300\t600\t0\n"


def test_a_watched_folder_is_followed_until_ctrl_c(tmp_path, notes):
    process = start(tmp_path, "notes", "--watch")
    lines_until(process, "Ctrl-C ends.")
    (notes / "new.md").write_text("New.")
    assert lines_until(process, "new.md") == [f"added {notes}/new.md\n"]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 0
