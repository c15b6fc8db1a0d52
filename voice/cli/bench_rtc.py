"""`voice bench rtc`: measure calls over WebRTC."""

import asyncio
import sys
from typing import BinaryIO

import click

from voice.bench.pipes import PeerEndedError
from voice.bench.rtc_report import RTC_DEFINITIONS, measure_rtc, show_rtc
from voice.cli.bench_output import Numbers, console_beside, json_option, machine, write_json


@click.command()
@click.option(
    "--calls",
    type=Numbers(1),
    default="1,4,30",
    show_default=True,
    help="How many calls at a time; one run each.",
)
@click.option(
    "--turns",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    help="Questions over each transport, and interruptions.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0.5, 300),
    default=10.0,
    show_default=True,
    help="How long to hold the calls, silent and speaking.",
)
@json_option
def rtc(calls: tuple[int, ...], turns: int, seconds: float, to: BinaryIO | None) -> None:
    """Measure calls over WebRTC, as stock clients in another process hear them.

    Beside them, in the same run, the same turns go over WebSocket. Ends with 1 when an answer is
    missing; slowness is reported and never an error.
    """
    console = console_beside(to)
    results = []
    try:
        for number, count in enumerate(calls):
            console.print(f"{count} calls ...", style="dim")
            asked = turns if number == 0 else 0
            results.append(asyncio.run(measure_rtc(count, asked, seconds)))
    except PeerEndedError as error:
        raise click.ClickException(str(error)) from error
    console.print()
    show_rtc(console, results)
    write_json(to, {"machine": machine(), "definitions": RTC_DEFINITIONS, "runs": results})
    sys.exit(1 if any(each.problems for each in results) else 0)
