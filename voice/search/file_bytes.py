"""The bytes of uploaded files, in a folder beside the database."""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EACCES, EDQUOT, ENOSPC, EPERM, EROFS
from pathlib import Path
from stat import S_ISREG
from tempfile import NamedTemporaryFile
from typing import IO

from voice.search.errors import SearchError

PIECE_BYTES = 1 << 20
ORPHAN_S = 3600
"""Younger ones may be on their way into the records."""

_OURS = re.compile(r"(file-|\.new-).+")
_SAFE_ID = re.compile(r"[A-Za-z0-9][\w-]{0,127}")


class FileBytes:
    """A file is there whole under its id, or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, file_id: str) -> Path:
        if not _SAFE_ID.fullmatch(file_id):
            raise SearchError(f"There is no file '{file_id}'", "not_found", "file_id")
        return self._folder / file_id

    def write(self, file_id: str, content: IO[bytes]) -> tuple[int, str]:
        """Keep what can be read; gives its size and SHA-256. Raises `SearchError`."""
        target = self.path(file_id)
        digest, size = hashlib.sha256(), 0
        with self._explained():
            self._folder.mkdir(parents=True, exist_ok=True)
            with self._temporary() as temporary:
                while piece := content.read(PIECE_BYTES):
                    temporary.write(piece)
                    digest.update(piece)
                    size += len(piece)
                temporary.flush()
                os.fsync(temporary.fileno())
                Path(temporary.name).rename(target)
            self._sync_folder()
        return size, digest.hexdigest()

    @contextmanager
    def _temporary(self) -> Iterator[IO[bytes]]:
        """A file that goes away unless it gets another name."""
        with NamedTemporaryFile(dir=self._folder, prefix=".new-", delete=False) as file:
            try:
                yield file.file
            finally:
                with suppress(FileNotFoundError):
                    Path(file.name).unlink()

    def delete(self, file_id: str) -> None:
        with self._explained():
            self.path(file_id).unlink(missing_ok=True)

    def sweep(self, known: set[str], now: float) -> list[str]:
        """Delete files of ours that nothing is recorded of, and tell the names.

        Nothing that is young. What cannot be deleted stays.
        """
        swept: list[str] = []
        with suppress(OSError):
            for path in self._folder.iterdir():
                if _OURS.fullmatch(path.name) and path.name not in known:
                    swept += self._swept(path, now)
        return swept

    def _swept(self, path: Path, now: float) -> list[str]:
        with suppress(OSError):  # another process may sweep, too
            status = path.lstat()
            if S_ISREG(status.st_mode) and status.st_mtime < now - ORPHAN_S:
                path.unlink()
                return [path.name]
        return []

    def _sync_folder(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in {ENOSPC, EDQUOT}:
                message = f"The disk is full; the file was not kept in {self._folder}"
                raise SearchError(message, "full") from error
            if error.errno in {EACCES, EPERM, EROFS}:
                message = f"Files cannot be written to {self._folder}; give this user the right to"
                raise SearchError(message, "read_only") from error
            message = f"Files cannot be kept in {self._folder}: {error.strerror}"
            raise SearchError(message, "unreachable") from error
