"""What benchmarks write beside their tables."""

import os
import platform
from typing import BinaryIO

import msgspec

from voice import __version__


def machine() -> dict[str, object]:
    """Where the figures come from."""
    return {
        "version": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpus": os.cpu_count(),
        "load_average": os.getloadavg(),
    }


def write_json(to: BinaryIO | None, report: dict[str, object]) -> None:
    """Write a report to a file, if there is one."""
    if to is not None:
        to.write(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
