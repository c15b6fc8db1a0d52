"""What benchmarks are asked for in numbers, and write beside their tables."""

import os
import platform
from typing import BinaryIO

import click
import msgspec
from rich.console import Console

from voice import __version__
from voice.bench.tables import console_for


class Numbers(click.ParamType[tuple[int, ...]]):
    """Whole numbers between commas, each at least `least`."""

    name = "N,N,..."

    def __init__(self, least: int) -> None:
        self._least = least

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        try:
            numbers = tuple(int(part) for part in str(value).split(","))
        except ValueError:
            numbers = ()
        if not numbers or min(numbers) < self._least:
            example = ",".join(str(self._least * times) for times in (1, 4, 16))
            message = f"{value!r} must be numbers from {self._least}, as in {example}"
            self.fail(message, param, ctx)
        return numbers


json_option = click.option(
    "--json", "to", type=click.File("wb"), help="Write the figures there too; - is stdout."
)


def console_beside(to: BinaryIO | None) -> Console:
    """The console for tables: stderr where the figures go to stdout."""
    return console_for(stderr=to is not None and to.name == "<stdout>")


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
