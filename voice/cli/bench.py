"""`voice bench`: measure latency, CPU and memory."""

import asyncio
import sys
from collections.abc import Iterator
from typing import BinaryIO

import click
from rich.console import Console

from voice.bench.bench import Scenario, measure
from voice.bench.messages import HostPlan, Phase
from voice.bench.pipes import PeerEndedError
from voice.bench.report import DEFINITIONS, result
from voice.bench.soak import soak_scenario, soaked
from voice.bench.tables import show, show_soak
from voice.cli.bench_http import http
from voice.cli.bench_output import Numbers, console_beside, json_option, machine, write_json
from voice.cli.bench_rtc import rtc
from voice.cli.bench_search import search

MOST_TURNS = 4


@click.group()
def bench() -> None:
    """Measure latency, CPU and memory."""


bench.add_command(http)
bench.add_command(rtc)
bench.add_command(search)


@bench.command()
@click.option(
    "--sessions",
    type=Numbers(1),
    default="1,4,16",
    show_default=True,
    help="How many clients at a time; one run each.",
)
@click.option(
    "--engines",
    type=click.Choice(["fake", "installed", "both"]),
    default="fake",
    show_default=True,
    help="Fake ones show what the server itself costs.",
)
@click.option(
    "--delay-ms",
    type=Numbers(0),
    default="0,200",
    show_default=True,
    help="What each fake engine takes; one run each.",
)
@click.option("--turns", type=click.IntRange(1), help="Questions per client.  [default: 4 to 2]")
@click.option("--soak", is_flag=True, help="Open and drop 200 sessions instead.")
@json_option
def turn(
    sessions: tuple[int, ...],
    engines: str,
    delay_ms: tuple[int, ...],
    turns: int | None,
    soak: bool,
    to: BinaryIO | None,
) -> None:
    """Measure spoken turns, as clients in another process see them.

    Clients speak recorded questions in real time, interrupt, listen, and let the server speak. Ends
    with 1 when an answer is missing or wrong; slowness is reported and never an error.
    """
    console = console_beside(to)
    try:
        problems = (
            _soak(console, to)
            if soak
            else _measure(console, to, _scenarios(sessions, engines, delay_ms, turns))
        )
    except PeerEndedError as error:
        raise click.ClickException(str(error)) from error
    sys.exit(1 if problems else 0)


def _soak(console: Console, to: BinaryIO | None) -> list[str]:
    soak = soaked(asyncio.run(measure(soak_scenario())))
    show_soak(console, soak)
    write_json(to, {"machine": machine(), "soak": soak})
    return soak.problems


def _measure(console: Console, to: BinaryIO | None, scenarios: Iterator[Scenario]) -> list[str]:
    results = []
    for scenario in scenarios:
        engines = scenario.host.engines
        delay = f" of {scenario.host.delay_ms} ms" if engines == "fake" else ""
        console.print(f"{scenario.sessions} sessions on {engines} engines{delay} ...", style="dim")
        results.append(result(asyncio.run(measure(scenario))))
    console.print()
    show(console, results)
    write_json(to, {"machine": machine(), "definitions": DEFINITIONS, "runs": results})
    return [problem for each in results for problem in each.problems]


def _scenarios(
    sessions: tuple[int, ...], engines: str, delay_ms: tuple[int, ...], turns: int | None
) -> Iterator[Scenario]:
    """The runs, those that cost the server most of its own time first."""
    hosts = [HostPlan(engines="fake", delay_ms=ms) for ms in delay_ms if engines != "installed"]
    if engines != "fake":
        hosts.append(HostPlan(engines="installed"))
    for number, host in enumerate(hosts):
        for count in sessions:
            asked = turns or max(2, round(MOST_TURNS / count**0.25))
            # Only the first audio depends on how long the fakes take.
            whole = number == 0 or host.engines == "installed"
            phases: tuple[Phase, ...] = ("ask", "interrupt", "listen", "speak")
            yield Scenario(host, count, asked, (asked + 1) // 2, phases if whole else phases[:1])
