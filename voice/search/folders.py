"""The files of a folder that are to be indexed."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from voice.search.formats import format_of
from voice.search.ignore import Ignore


class FoundFile(NamedTuple):
    path: str
    name: str
    """The path below the folder, with "/" on every system."""
    size_bytes: int
    modified_ns: int


@dataclass(slots=True)
class Scan:
    """What a folder holds."""

    files: list[FoundFile] = field(default_factory=list)
    left_out: int = 0
    """Files of formats that are not indexed."""
    is_in_use: bool = False
    """Anything but folders stands in it; where nothing does, a disk may not be mounted."""
    troubles: dict[str, str] = field(default_factory=dict)
    """The paths that could not be looked at, and why."""


class _Folder(NamedTuple):
    path: Path
    name: str
    """From the top: "" or "a/b/"."""
    ignore: Ignore


def scan(top: Path) -> Scan:
    """Look through a folder: hidden files are left out, and what ignore files name.

    Symbolic links are followed, after everything else and to each folder once: so a loop ends, and
    a file that stands in the folder itself has its own name. Raises `OSError` for the top folder.
    """
    return _Scanner(top).scan


class _Scanner:
    def __init__(self, top: Path) -> None:
        self.scan = Scan()
        self._seen: set[tuple[int, int]] = set()
        self._links: list[tuple[os.DirEntry[str], _Folder]] = []
        os.scandir(top).close()  # Only of the folders below a trouble is noted.
        self._descend(_Folder(top, "", Ignore()))
        while self._links:
            self._enter(*self._links.pop(0))
        self.scan.files.sort(key=lambda file: file.name)

    def _descend(self, top: _Folder) -> None:
        waiting = [top]
        while waiting:
            folder = waiting.pop()
            try:
                if self._is_new(folder.path.stat()):
                    waiting += self._folders(folder)
            except OSError as error:
                self._note(str(folder.path), error)

    def _folders(self, folder: _Folder) -> Iterator[_Folder]:
        """Take the files of a folder, and give the folders in it."""
        folder = folder._replace(ignore=folder.ignore.below(folder.path, folder.name))
        with os.scandir(folder.path) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                is_hidden = entry.name.startswith(".")
                if is_hidden or not entry.is_dir():
                    self.scan.is_in_use = True
                if is_hidden:
                    continue
                if entry.is_symlink():
                    self._links.append((entry, folder))
                elif below := self._take(entry, folder):
                    yield below

    def _enter(self, link: "os.DirEntry[str]", folder: _Folder) -> None:
        if below := self._take(link, folder):
            self._descend(below)

    def _take(self, entry: "os.DirEntry[str]", folder: _Folder) -> _Folder | None:
        """Note a file, or give a folder."""
        name = folder.name + entry.name
        try:
            if entry.is_dir():
                left_out = folder.ignore.leaves_out(f"{name}/")
                return None if left_out else _Folder(Path(entry.path), f"{name}/", folder.ignore)
            if entry.is_file() and not folder.ignore.leaves_out(name):
                self._take_file(entry, name)
        except OSError as error:
            self._note(entry.path, error)
        return None

    def _take_file(self, entry: "os.DirEntry[str]", name: str) -> None:
        if not format_of(name):
            self.scan.left_out += 1
            return
        try:
            entry.path.encode()
        except UnicodeEncodeError:
            readable = os.fsencode(entry.path).decode(errors="replace")
            self.scan.troubles[readable] = "its path is not in UTF-8; give it another name"
            return
        status = entry.stat()
        if not entry.is_symlink() or self._is_new(status):
            self._seen.add((status.st_dev, status.st_ino))
            self.scan.files.append(FoundFile(entry.path, name, status.st_size, status.st_mtime_ns))

    def _is_new(self, status: os.stat_result) -> bool:
        key = (status.st_dev, status.st_ino)
        is_new = key not in self._seen
        self._seen.add(key)
        return is_new

    def _note(self, path: str, error: OSError) -> None:
        self.scan.troubles[path] = f"cannot be opened: {error.strerror or error}"
