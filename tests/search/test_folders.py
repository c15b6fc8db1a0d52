"""A folder is looked through by its ignore files, with links that may form loops."""

import os

import pytest

from voice.search import folders
from voice.search.folders import scan


def make(top, files):
    for name, content in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return top


def names(top):
    return [file.name for file in scan(top).files]


def test_documents_are_found_in_all_folders_and_other_files_are_counted(tmp_path):
    make(tmp_path, {"b.md": "b", "a/c.TXT": "cc", "a/d/e.pdf": "", "x.py": "", "a/y.png": ""})
    found = scan(tmp_path)
    assert [file.name for file in found.files] == ["a/c.TXT", "a/d/e.pdf", "b.md"]
    assert found.left_out == 2
    file = found.files[0]
    assert file.path == str(tmp_path / "a" / "c.TXT")
    assert (file.size_bytes, file.modified_ns) == (2, (tmp_path / "a" / "c.TXT").stat().st_mtime_ns)


def test_hidden_files_and_those_of_machines_are_left_out(tmp_path):
    make(tmp_path, {".a.md": "", ".b/c.md": "", "node_modules/d/README.md": "", "~$e.docx": ""})
    assert names(tmp_path) == []


def test_ignore_files_hold_for_what_is_below_them(tmp_path):
    make(
        tmp_path,
        {
            ".gitignore": "*.txt\n/build/\n!keep.txt\n",
            "a.txt": "",
            "keep.txt": "",
            "build/b.md": "",
            "sub/build/c.md": "",
            "sub/.ignore": "d*.md\n",
            "sub/d1.md": "",
            "d2.md": "",
        },
    )
    assert names(tmp_path) == ["d2.md", "keep.txt", "sub/build/c.md"]


def test_inner_rules_and_our_own_have_the_say(tmp_path):
    make(
        tmp_path,
        {
            ".gitignore": "*.md\n",
            ".voiceignore": "!notes.md\n",
            "notes.md": "",
            "other.md": "",
            "sub/.gitignore": "!other.md\n",
            "sub/other.md": "",
        },
    )
    assert names(tmp_path) == ["notes.md", "sub/other.md"]


def test_broken_patterns_are_passed_over(tmp_path):
    make(tmp_path, {".gitignore": "!\n\ufeff\nb.md\n", "a.md": "", "b.md": ""})
    assert names(tmp_path) == ["a.md"]


def test_links_are_followed_once_and_loops_end(tmp_path):
    outside = make(tmp_path / "outside", {"o.md": ""})
    top = make(tmp_path / "top", {"z/a.md": "", "b.md": ""})
    (top / "loop").symlink_to(top)
    (top / "z" / "up").symlink_to("..")
    (top / "a-link.md").symlink_to(top / "b.md")
    (top / "more").symlink_to(outside)
    (top / "again").symlink_to(outside)
    (top / "nowhere.md").symlink_to("missing.md")
    assert names(top) == ["again/o.md", "b.md", "z/a.md"]


def test_what_is_no_file_is_left_out(tmp_path):
    os.mkfifo(tmp_path / "pipe.md")
    assert names(tmp_path) == []


def test_a_name_that_is_no_utf8_is_told(tmp_path):
    (tmp_path / os.fsdecode(b"caf\xe9.md")).write_text("x")
    found = scan(tmp_path)
    assert not found.files
    assert list(found.troubles.values()) == ["its path is not in UTF-8; give it another name"]


def test_a_folder_that_cannot_be_opened_is_told_and_the_rest_is_found(tmp_path, monkeypatch):
    make(tmp_path, {"a/b.md": "", "c.md": ""})
    real = os.scandir

    def scandir(path):
        if str(path).endswith("a"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(folders.os, "scandir", scandir)
    found = scan(tmp_path)
    assert [file.name for file in found.files] == ["c.md"]
    assert found.troubles == {str(tmp_path / "a"): "cannot be opened: Permission denied"}


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        scan(tmp_path / "missing")
