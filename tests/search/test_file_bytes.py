import errno
import io
from hashlib import sha256
from pathlib import Path

import pytest

from voice.search.errors import SearchError
from voice.search.file_bytes import ORPHAN_S, PIECE_BYTES, FileBytes


@pytest.fixture
def kept(tmp_path):
    return FileBytes(tmp_path / "files")


def test_bytes_are_kept_whole(kept):
    content = bytes(range(256)) * (PIECE_BYTES // 128)
    assert kept.write("file-1", io.BytesIO(content)) == (len(content), sha256(content).hexdigest())
    assert kept.path("file-1").read_bytes() == content


def test_an_empty_file_is_kept(kept):
    assert kept.write("file-1", io.BytesIO())[0] == 0
    assert kept.path("file-1").read_bytes() == b""


class Breaking(io.BytesIO):
    def __init__(self, error):
        super().__init__()
        self.error = error
        self.pieces = 0

    def read(self, size=-1):
        self.pieces += 1
        if self.pieces > 1:
            raise self.error
        return b"half"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.ENOSPC, "No space"), "full"),
        (OSError(errno.EDQUOT, "Quota"), "full"),
        (OSError(errno.EROFS, "Read-only"), "read_only"),
        (OSError(errno.EIO, "Input/output error"), "unreachable"),
    ],
)
def test_what_cannot_be_written_leaves_nothing_and_says_why(kept, tmp_path, error, code):
    with pytest.raises(SearchError) as refused:
        kept.write("file-1", Breaking(error))
    assert refused.value.code == code
    assert str(tmp_path / "files") in str(refused.value)
    assert list((tmp_path / "files").iterdir()) == []


def test_an_upload_that_breaks_off_leaves_nothing(kept, tmp_path):
    with pytest.raises(ValueError, match="gone"):
        kept.write("file-1", Breaking(ValueError("gone")))
    assert list((tmp_path / "files").iterdir()) == []


@pytest.mark.parametrize("file_id", ["", "..", "../x", "/etc/passwd", "a/b", ".new-x", "a" * 200])
def test_an_id_that_is_none_leads_nowhere(kept, file_id):
    with pytest.raises(SearchError, match="no file"):
        kept.path(file_id)


def test_what_is_not_there_is_deleted_in_peace(kept):
    kept.write("file-1", io.BytesIO(b"x"))
    kept.delete("file-1")
    kept.delete("file-1")
    assert not kept.path("file-1").exists()


def test_only_old_orphans_are_swept(kept):
    assert kept.sweep(set(), now=1e12) == []
    kept.write("file-1", io.BytesIO(b"x"))
    kept.write("file-2", io.BytesIO(b"x"))
    written = kept.path("file-2").stat().st_mtime
    assert kept.sweep({"file-1"}, now=written + ORPHAN_S - 60) == []
    assert kept.sweep({"file-1"}, now=written + ORPHAN_S + 60) == ["file-2"]
    assert kept.path("file-1").exists()


def test_what_is_not_ours_is_not_swept(kept, tmp_path):
    kept.write("file-1", io.BytesIO(b"x"))
    (tmp_path / "files" / "file-folder").mkdir()
    (tmp_path / "files" / "notes.txt").touch()
    (tmp_path / "files" / "file-link").symlink_to(tmp_path)
    assert kept.sweep(set(), now=1e12) == ["file-1"]
    assert len(list((tmp_path / "files").iterdir())) == 3


def test_what_cannot_be_deleted_stays(kept, monkeypatch):
    def refuse(path):
        raise PermissionError(errno.EACCES, "Permission denied")

    kept.write("file-1", io.BytesIO(b"x"))
    monkeypatch.setattr(Path, "unlink", refuse)
    assert kept.sweep(set(), now=1e12) == []
    monkeypatch.setattr(Path, "iterdir", refuse)
    assert kept.sweep(set(), now=1e12) == []
