"""`voice bench http`: measure the HTTP endpoints."""

import asyncio
import sys
from typing import BinaryIO
from urllib.parse import urlsplit

import click

from voice.bench.http_bench import HttpScenario, measure
from voice.bench.http_messages import PARTS, HttpPart, Way
from voice.bench.http_report import HTTP_DEFINITIONS, http_result
from voice.bench.http_tables import show_http
from voice.bench.pipes import PeerEndedError
from voice.bench.upstream import MODEL
from voice.cli.bench_output import console_beside, json_option, machine, write_json


class _Parts(click.ParamType[tuple[HttpPart, ...]]):
    """Names of parts between commas."""

    name = "PART,..."

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[HttpPart, ...]:
        wanted = {name.strip() for name in str(value).split(",")}
        if unknown := sorted(wanted.difference(PARTS)):
            self.fail(f"{unknown[0]!r} is none of {', '.join(PARTS)}", param, ctx)
        return tuple(part for part in PARTS if part in wanted)


class _Url(click.ParamType[str]):
    """The base URL of a server."""

    name = "URL"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        parts = urlsplit(str(value))
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            self.fail(f"{value!r} must be like http://127.0.0.1:4000/v1", param, ctx)
        return str(value)


@click.command()
@click.option(
    "--seconds",
    type=click.FloatRange(0.1, 300),
    default=10.0,
    show_default=True,
    help="How long each load lasts.",
)
@click.option(
    "--rate",
    type=click.FloatRange(1, 1000),
    default=100.0,
    show_default=True,
    help="Chats per second, each way.",
)
@click.option(
    "--streams",
    type=click.IntRange(1, 1000),
    default=500,
    show_default=True,
    help="Streams to hold at once.",
)
@click.option("--only", type=_Parts(), default=",".join(PARTS), help="Some of " + ", ".join(PARTS))
@click.option("--against", type=_Url(), help="Send the same chats to this base URL too.")
@click.option("--against-key", default="", help="The key that it wants.")
@click.option("--against-model", default=MODEL, show_default=True, help="The model to ask it for.")
@click.option(
    "--upstream-port",
    type=click.IntRange(0, 65535),
    default=0,
    help="Port of the fake upstream, for the other server to be set before it.  [default: any]",
)
@json_option
def http(
    seconds: float,
    rate: float,
    streams: int,
    only: tuple[HttpPart, ...],
    against: str | None,
    against_key: str,
    against_model: str,
    upstream_port: int,
    to: BinaryIO | None,
) -> None:
    """Measure the HTTP endpoints, as clients in another process see them.

    Chats go through the router to a fake upstream, and beside that directly to it; speech and
    transcription are done by the installed engines. Ends with 1 when an answer is missing or wrong;
    slowness is reported and never an error.
    """
    console = console_beside(to)
    other = None
    if against:
        # What is behind it is not known, unless it was set before the fake upstream.
        other = Way(
            name="against",
            base_url=against,
            model=against_model,
            key=against_key,
            scripted=upstream_port != 0,
        )
    scenario = HttpScenario(only, seconds, rate, streams, other, upstream_port)
    console.print(f"{', '.join(only)} ...", style="dim")
    try:
        result = http_result(asyncio.run(measure(scenario)))
    except PeerEndedError as error:
        raise click.ClickException(str(error)) from error
    show_http(console, result)
    write_json(to, {"machine": machine(), "definitions": HTTP_DEFINITIONS, "result": result})
    sys.exit(1 if result.problems else 0)
