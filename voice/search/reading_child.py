"""The process that reads files: `python -m voice.search.reading_child`, jobs in, answers out.

Jobs come on stdin, and answers go to what was stdout, after an empty one.
"""

import hashlib
import os
import sys
from typing import BinaryIO

import msgspec

from voice.engines.worker import die_with_parent, leave_signals_to_parent
from voice.search.chunking import cut
from voice.search.formats import read_text
from voice.search.prepared import HEADER, Answer, Gone, Job, Prepared, Same, Unreadable
from voice.search.readers.text import ReadingError
from voice.search.records import FailureCode

MOST_MEMORY = 3 << 30
"""Of addresses, on Linux: a file that needs more is refused, and the machine stays usable."""
POLITENESS = 10
PIECE = 1 << 20
ATTEMPTS = 3

_JOB = msgspec.msgpack.Decoder(Job)


def prepare(job: Job) -> Answer:
    """Read and cut a file; whatever goes wrong is an answer, too."""
    sha256 = ""
    try:
        data, modified_ns = _content(job)
        sha256 = hashlib.sha256(data).hexdigest()
        if sha256 == job.known_sha256:
            return Same()
        text = read_text(job.name, data)
        return Prepared(
            sha256=sha256,
            bytes=len(data),
            modified_ns=modified_ns,
            title=text.title,
            attributes=text.attributes,
            notes=text.notes,
            chunks=cut(text, job.rules),
        )
    except FileNotFoundError:
        return Gone()
    except Exception as error:  # noqa: BLE001 - one file must not keep others from being read
        return Unreadable(*_reason(error), sha256)


def _reason(error: Exception) -> tuple[FailureCode, str]:
    match error:
        case ReadingError():
            return error.code, str(error)
        case OSError():
            return "server_error", f"cannot be opened: {error.strerror or error}"
        case MemoryError():
            return "invalid_file", "needs more memory to be read than it may take"
        case RecursionError():
            return "invalid_file", "is nested too deeply to be read"
        case _:
            return "invalid_file", f"cannot be read: {type(error).__name__}: {error}"


def _content(job: Job) -> tuple[bytes, int]:
    """All bytes of a file, and when they were written. Raises `OSError` and `ReadingError`."""
    for _ in range(ATTEMPTS):
        with open(job.path, "rb") as file:  # noqa: PTH123 - a path as it came, in any encoding
            before = os.fstat(file.fileno())
            data = b"" if before.st_size > job.most_bytes else file.read(job.most_bytes + 1)
            after = os.fstat(file.fileno())
        if before.st_size > job.most_bytes or len(data) > job.most_bytes:
            raise ReadingError(
                f"has {before.st_size / 2**20:.0f} MB; files of up to {job.most_bytes / 2**20:g} MB"
                " are read (SEARCH__MAX_FILE_MB)"
            )
        if (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, len(data)):
            return data, before.st_mtime_ns
    raise ReadingError("was being written while it was read; it is read next time", "server_error")


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    sink.write(HEADER.pack(0))  # It is ready.
    sink.flush()
    while len(header := source.read(HEADER.size)) == HEADER.size:
        (size,) = HEADER.unpack(header)
        answer = msgspec.msgpack.encode(prepare(_JOB.decode(source.read(size))))
        sink.write(HEADER.pack(len(answer)) + answer)
        sink.flush()


def main() -> None:
    leave_signals_to_parent()
    die_with_parent()
    _take_little()
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # What a library prints must not come between the answers.
    serve(sys.stdin.buffer, sink)


def _take_little() -> None:
    """Leave processor and memory to those who speak, where the system lets us say so."""
    if sys.platform == "win32":
        return
    os.nice(POLITENESS)
    if sys.platform == "linux":
        import resource  # noqa: PLC0415 - Windows has none

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))


if __name__ == "__main__":
    main()
