"""`python -m voice.bench.http_callers`: all clients of `voice bench http`, in one process.

Told an `HttpPlan`, it gives a `Mark` at each point at which the server's use is to be noted, waits
for a line, and in the end gives `HttpSeen`.
"""

import asyncio
import gc
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, suppress

from voice.bench.connection import door
from voice.bench.figures import spread
from voice.bench.http_audio import speak, transcribe
from voice.bench.http_chat import ask_at_once, ask_at_rate, warm_up
from voice.bench.http_messages import HttpPart, HttpPlan, HttpSeen
from voice.bench.http_streams import hold, relay
from voice.bench.http_ways import Load, OpenWay
from voice.bench.messages import Mark
from voice.bench.pipes import Peer, PeerEndedError, parent
from voice.cli.open_files import allow_many

Work = Callable[[Load], Coroutine[object, object, None]]


async def _chat(load: Load) -> None:
    await warm_up(load)
    for streamed in (False, True):
        await ask_at_rate(load, streamed=streamed)
    await ask_at_once(load)


WORK: dict[HttpPart, Work] = {
    "chat": _chat,
    "relay": relay,
    "held": hold,
    "speech": speak,
    "transcription": transcribe,
}


async def carry_out(
    plan: HttpPlan, mark: Callable[[str], Coroutine[object, object, None]]
) -> HttpSeen:
    """Do all parts of a plan, one after the other."""
    async with AsyncExitStack() as stack:
        ways = [
            OpenWay(way, await stack.enter_async_context(door(way.base_url, way.key)))
            for way in plan.ways
        ]
        load = Load(plan, ways, mark)
        # The pauses of a client that collects its garbage would be taken for the server's.
        gc.collect()
        gc.freeze()
        for part in plan.parts:
            await WORK[part](load)
    return HttpSeen(
        latencies=load.latencies,
        throughputs=load.throughputs,
        relayed=load.relayed,
        held=load.held,
        spoken=load.spoken,
        transcribed=load.transcribed,
        lag_ms=spread(load.lags_ms),
        problems=counted(load.problems),
    )


def counted(problems: Counter[str]) -> list[str]:
    """Each problem once, with how often it came."""
    return [text if times == 1 else f"{text} ({times} times)" for text, times in problems.items()]


async def main() -> None:
    allow_many()
    async with parent() as bench:
        plan = await bench.hear()
        assert isinstance(plan, HttpPlan)  # noqa: S101 - the first line is this
        await bench.tell(await carry_out(plan, lambda name: _mark(bench, name)))
        with suppress(PeerEndedError):
            await bench.hear()  # what was told is only sure to be read once the pipe closes


async def _mark(bench: Peer, name: str) -> None:
    await bench.tell(Mark(name=name))
    await bench.hear()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt, PeerEndedError):  # nobody is left to tell
        asyncio.run(main())
