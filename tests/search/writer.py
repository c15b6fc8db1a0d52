"""A process that writes to a library until it has done enough, or is killed.

Takes a location, a folder for files, its own name, and how often to write; says each thing done.
"""

import io
import sys
from pathlib import Path

import numpy as np

from tests.search.libraries import EMBEDDER, chunks, document, store
from voice.search.file_bytes import FileBytes
from voice.search.library import new_id
from voice.search.opening import open_records
from voice.search.records import File

DOCUMENTS = 5
"""Each is written again and again, each time all of it anew."""


def texts_of(name: str, version: int) -> list[str]:
    """Some 3 to 30 long passages, all of which tell the version."""
    passage = f"{name} of version{version} " + "with many other words " * 50
    return [f"{passage} {number}" for number in range(3 + 3 * (version % 10))]


def vectors_of(version: int, count: int) -> np.ndarray:
    rows = np.ones((count, 384), np.float32)
    rows[:, 0] = version
    return rows


def write(location: str, folder: Path, writer: str, times: int) -> None:
    records, files = open_records(location), FileBytes(folder)
    records.put_store(store())
    _say("ready")
    for version in range(times):
        name = f"{writer}{version % DOCUMENTS}"
        texts = texts_of(name, version)
        records.put(
            document(name, {"name": name, "version": version}, path=f"/{name}", title=str(version)),
            chunks(*texts),
            vectors_of(version, len(texts)),
            EMBEDDER,
        )
        content = f"{name} {version} ".encode() * 10_000
        file_id = new_id("file-")
        size, sha256 = files.write(file_id, io.BytesIO(content))
        facts = {"filename": name, "purpose": "user_data", "created_at": version}
        records.put_file(File(id=file_id, bytes=size, sha256=sha256, **facts))
        _say(version)
    records.close()


def _say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    write(sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
