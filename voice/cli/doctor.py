"""`voice doctor`."""

from collections.abc import Iterable, Iterator

import click
from rich.console import Console
from rich.text import Text

from voice.cli import checks
from voice.cli.checks import Check
from voice.cli.loop import run
from voice.cli.settings import settings_or_exit
from voice.config import SettingsError, load_settings

MARKS = {"ok": ("✓", "green"), "note": ("•", "yellow"), "problem": ("✗", "bold red")}


@click.command()
@click.option(
    "--start",
    is_flag=True,
    help="Start the engines as well, stop them again, and measure recognition.",
)
@click.option(
    "--network",
    is_flag=True,
    help="Check a server that runs instead: could a conversation be held with it from here?",
)
@click.option("--url", help="Its address.  [default: where the settings say]")
@click.option("--key", envvar="VOICE_API_KEY", help="Its API key.")
@click.option(
    "--accept-self-signed", is_flag=True, help="Do not look at the certificate of the server."
)
def doctor(
    start: bool, network: bool, url: str | None, key: str | None, accept_self_signed: bool
) -> None:
    """Say what is installed, what is missing, and the command that adds it.

    The exit status is 1 when the server could not run; with --network, when a conversation could
    not be held.
    """
    if network:
        _check_network(url, key, accept_self_signed=accept_self_signed)
        return
    if url or accept_self_signed:
        raise click.UsageError("--url and --accept-self-signed go with --network")
    _conclude(map(_shown, _all_checks(start=start)), "The server", "run", ": voice serve")


def _check_network(url: str | None, key: str | None, *, accept_self_signed: bool) -> None:
    # What it takes to make calls is slow to import.
    from voice.cli.network.check import network  # noqa: PLC0415
    from voice.cli.network.target import Target  # noqa: PLC0415

    settings = settings_or_exit()
    if url is None:
        target = Target.of_settings(settings, key, accept_self_signed=accept_self_signed)
    else:
        target = Target.of_url(url, key, accept_self_signed=accept_self_signed)

    async def check() -> list[Check]:
        return [_shown(check) async for check in network(target, None if url else settings.rtc)]

    _conclude(run(check()), "A conversation", "be held", "")


def _conclude(checks: Iterable[Check], subject: str, action: str, next_step: str) -> None:
    """Sum up, and end the command with status 1 if there is a problem."""
    problems = sum(check.verdict == "problem" for check in checks)
    if problems:
        click.echo(f"\n{subject} cannot {action}: {problems} problem{'s' * (problems > 1)}.")
        raise SystemExit(1)
    click.echo(f"\n{subject} can {action}{next_step}")


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


def _shown(check: Check) -> Check:
    """The check, once it has been shown."""
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        remedy = f"  ->  {check.remedy}" if check.remedy else ""
        click.echo(f"{check.verdict:<8} {check.subject}: {check.text}{remedy}")
        return check
    mark, style = MARKS[check.verdict]
    line = Text.assemble((f"{mark} ", style), (f"{check.subject:<18}", "bold"), check.text)
    if check.remedy:
        line.append(f"\n    {check.remedy}", "cyan")
    console.print(line)
    return check
