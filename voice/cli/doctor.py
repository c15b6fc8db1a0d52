"""`voice doctor`."""

from collections.abc import Iterator

import click
from rich.console import Console
from rich.text import Text

from voice.cli import checks
from voice.cli.checks import Check
from voice.cli.loop import run
from voice.config import SettingsError, load_settings

MARKS = {"ok": ("✓", "green"), "note": ("•", "yellow"), "problem": ("✗", "bold red")}


@click.command()
@click.option(
    "--start",
    is_flag=True,
    help="Start the engines as well, stop them again, and measure recognition.",
)
def doctor(start: bool) -> None:
    """Say what is installed, what is missing, and the command that adds it.

    The exit status is 1 when the server could not run.
    """
    console = Console(highlight=False, soft_wrap=True)
    problems = 0
    for check in _all_checks(start=start):
        _show(check, console)
        problems += check.verdict == "problem"
    if problems:
        console.print(f"\nThe server cannot run: {problems} problem{'s' * (problems > 1)}.")
        raise SystemExit(1)
    console.print("\nThe server can run: voice serve")


def _all_checks(*, start: bool) -> Iterator[Check]:
    yield from checks.installation()
    try:
        settings = load_settings()
    except SettingsError as error:
        for line in str(error).splitlines():
            yield Check("problem", "settings", line)
        return
    yield Check("ok", "settings", "valid")
    yield from checks.models(settings)
    yield from checks.engines(settings)
    yield from checks.documents(settings)
    yield from checks.address(settings)
    if start:
        yield from run(checks.start(settings))
        yield from checks.understanding()


def _show(check: Check, console: Console) -> None:
    if not console.is_terminal:
        remedy = f"  ->  {check.remedy}" if check.remedy else ""
        click.echo(f"{check.verdict:<8} {check.subject}: {check.text}{remedy}")
        return
    mark, style = MARKS[check.verdict]
    line = Text.assemble((f"{mark} ", style), (f"{check.subject:<18}", "bold"), check.text)
    if check.remedy:
        line.append(f"\n    {check.remedy}", "cyan")
    console.print(line)
