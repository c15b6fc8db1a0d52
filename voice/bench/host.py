"""`python -m voice.bench.host`: the server that is measured, alone in its process.

Told a `HostPlan`, it says when it serves, and then what it uses as often as it gets a line.
"""

import sys
from contextlib import suppress

import click
from msgspec.structs import replace

from voice.bench.engines import FakeEngines
from voice.bench.messages import HostPlan, Serving
from voice.bench.pipes import Peer, PeerEndedError, parent
from voice.bench.usage import Meter
from voice.cli.hosting import Hosted, hosting
from voice.cli.loop import run
from voice.config import AuthSettings, ServerSettings, Settings, SettingsError, load_settings
from voice.observe.logs import set_up_logs
from voice.server import Server

UPSTREAM_CONNECTIONS = 2048
"""More than any load here has streams, each of which takes one."""


async def main() -> None:
    async with parent() as bench:
        plan = await bench.hear()
        assert isinstance(plan, HostPlan)  # noqa: S101 - the first line is this
        server = _server(plan)
        async with hosting(server.settings, server=server) as hosted:
            with suppress(PeerEndedError):
                await _report(bench, hosted)


def _server(plan: HostPlan) -> Server:
    base = Settings() if plan.engines == "fake" else load_settings()
    changes: dict[str, object] = {"server": ServerSettings(port=0), "auth": AuthSettings()}
    if plan.upstream:
        changes |= {
            "inference_base_url": plan.upstream,
            "inference_max_connections": UPSTREAM_CONNECTIONS,
        }
    settings = base.model_copy(update=changes)
    if plan.engines == "fake":
        return Server(settings, FakeEngines(plan.delay_ms).open)
    return Server(settings)


async def _report(bench: Peer, hosted: Hosted) -> None:
    engines = hosted.server.engines
    names = tuple(choice.name for choice in engines.choices) if engines else ()
    await bench.tell(Serving(url=hosted.url, engines=names))
    meter = Meter()
    while True:
        await bench.hear()
        used = replace(meter.read(), late_frames=hosted.server.calls.late_frames)
        await bench.tell(used)


if __name__ == "__main__":
    set_up_logs("warning", "pretty")
    try:
        run(main())
    except click.ClickException as error:
        sys.exit(error.format_message())
    except SettingsError as error:
        sys.exit(str(error))
