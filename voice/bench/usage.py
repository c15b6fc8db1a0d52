"""What this process uses: CPU, memory, sockets; and what its children use. Linux tells all of it."""

import asyncio
import os
import time
from pathlib import Path

from voice.bench.messages import Usage

PROC = Path("/proc")


class Meter:
    """Measures this process, and leaves out what the measuring itself costs."""

    def __init__(self) -> None:
        self._own_cpu_s = 0.0

    def read(self) -> Usage:
        """The use until now; call it on the event loop whose tasks are to be counted."""
        start_s = time.process_time()
        found = usage(start_s - self._own_cpu_s)
        self._own_cpu_s += time.process_time() - start_s
        return found


def usage(cpu_s: float) -> Usage:
    """The use of this process until now, of CPU as it is given."""
    there = PROC.joinpath("self", "statm").exists()
    return Usage(
        cpu_s=cpu_s,
        workers_cpu_s=sum(map(_cpu_s, _descendants(os.getpid()))) if there else None,
        memory_bytes=_memory_bytes() if there else None,
        tasks=len(asyncio.all_tasks()),
        sockets=_sockets() if there else None,
        peak_bytes=_peak_bytes() if there else None,
    )


def _memory_bytes() -> int:
    pages = PROC.joinpath("self", "statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _peak_bytes() -> int | None:
    lines = PROC.joinpath("self", "status").read_text().splitlines()
    peaks = (line.split()[1] for line in lines if line.startswith("VmHWM:"))
    kilobytes = next(peaks, None)  # Some sandboxes do not tell.
    return None if kilobytes is None else int(kilobytes) * 1024


def _sockets() -> int:
    return sum(
        _points_at(entry).startswith("socket:") for entry in PROC.joinpath("self/fd").iterdir()
    )


def _points_at(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""  # the descriptor that the listing itself used


def _descendants(pid: int) -> list[int]:
    parents = {int(entry.name): _parent(entry) for entry in PROC.glob("[0-9]*")}
    found = [pid]
    for known in found:
        found += [child for child, parent in parents.items() if parent == known]
    return found[1:]


def _fields(process: Path) -> list[str]:
    """The fields of `stat` from the third on: the second is a name that may hold anything."""
    try:
        return process.joinpath("stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []  # it has just ended


def _parent(process: Path) -> int | None:
    fields = _fields(process)
    return int(fields[1]) if fields else None


def _cpu_s(pid: int) -> float:
    fields = _fields(PROC / str(pid))
    ticks = sum(map(int, fields[11:13])) if fields else 0
    return ticks / os.sysconf("SC_CLK_TCK")
