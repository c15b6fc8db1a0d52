"""`python -m voice.bench.callers`: all clients of a benchmark, in one process.

Told a `CallPlan`, it gives a `Mark` at each point between which the server's use is to be noted,
waits for a line, and in the end gives `Calls`.
"""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, suppress

from voice.bench.client import LostError, connected
from voice.bench.figures import spread
from voice.bench.messages import IDLE_S, CallPlan, Calls, Mark
from voice.bench.pipes import Peer, PeerEndedError, parent
from voice.bench.script import FRAME_MS, recordings
from voice.bench.speaker import Speaker, session_for

SPREAD_S = 1.0
"""Over how long the callers begin, so that they do not all speak with one voice."""
DROPS_AT_A_TIME = 10
SETTLE_S = 1.0
"""How long a server may take to notice that its clients are gone."""


class Callers:
    """Carries out a plan."""

    def __init__(self, plan: CallPlan, bench: Peer) -> None:
        self._plan = plan
        self._bench = bench
        self._recordings = recordings()
        self._speakers: list[Speaker] = []
        self._spoken_s = 0.0

    async def run(self) -> Calls:
        await self._open_and_drop(1)
        await self._mark("warm")
        if "listen" in self._plan.phases:
            await asyncio.sleep(IDLE_S)
            await self._mark("idle")
        if "soak" in self._plan.phases:
            await self._soak()
        else:
            async with AsyncExitStack() as stack:
                speakers = [await self._speaker(n, stack) for n in range(self._plan.sessions)]
                await self._converse(speakers)
        return self._calls()

    async def _converse(self, speakers: list[Speaker]) -> None:
        plan = self._plan
        if "ask" in plan.phases:
            await self._each(speakers, lambda speaker: speaker.ask(plan.turns))
        if "interrupt" in plan.phases:
            await self._each(speakers, lambda speaker: speaker.interrupt(plan.interruptions))
        if "listen" in plan.phases:
            await self._mark("listen")
            await asyncio.sleep(plan.seconds)
            await self._mark("listened")
        if "speak" in plan.phases:
            await self._speak(speakers)

    async def _speaker(self, number: int, stack: AsyncExitStack) -> Speaker:
        """The caller of this number, on the line; all share 20 ms evenly between their ticks."""
        client = await stack.enter_async_context(
            connected(
                self._plan.url,
                session_for(number, scripted=self._plan.scripted),
                numbered=self._plan.scripted,
                after_s=number / self._plan.sessions * FRAME_MS / 1000,
            )
        )
        speaker = Speaker(number, client, self._recordings, self._plan.scripted)
        self._speakers.append(speaker)
        return speaker

    async def _each(
        self, speakers: list[Speaker], work: Callable[[Speaker], Coroutine[object, object, None]]
    ) -> None:
        async def later(speaker: Speaker) -> None:
            await asyncio.sleep(SPREAD_S * speaker.number / len(speakers))
            await work(speaker)

        async with asyncio.TaskGroup() as group:
            for speaker in speakers:
                group.create_task(later(speaker))

    async def _speak(self, speakers: list[Speaker]) -> None:
        """Have all replies sound at once while the server's use is noted."""
        await self._each(speakers, Speaker.start_speaking)
        async with asyncio.TaskGroup() as group:
            talking = [group.create_task(speaker.keep_speaking()) for speaker in speakers]
            frames = self._frames()
            await self._mark("speak")
            await asyncio.sleep(self._plan.seconds)
            await self._mark("spoken")
            self._spoken_s = (self._frames() - frames) * FRAME_MS / 1000
            for task in talking:
                task.cancel()

    def _frames(self) -> int:
        return sum(speaker.client.playback.frames for speaker in self._speakers)

    # Soaking.

    async def _soak(self) -> None:
        for half in ("middle", "end"):
            left = self._plan.sessions // 2
            while left > 0:
                await self._open_and_drop(min(DROPS_AT_A_TIME, left))
                left -= DROPS_AT_A_TIME
            await asyncio.sleep(SETTLE_S)
            await self._mark(half)

    async def _open_and_drop(self, count: int) -> None:
        """Open sessions, have one turn in each, and leave in the middle of the answer.

        Every other one leaves without closing its connection.
        """
        async with AsyncExitStack() as stack:
            speakers = [await self._speaker(number, stack) for number in range(count)]
            await self._each(speakers, Speaker.ask_at_once)
            for speaker in speakers[1::2]:
                speaker.client.drop()

    # What it comes to.

    async def _mark(self, name: str) -> None:
        await self._bench.tell(Mark(name=name))
        await self._bench.hear()

    def _calls(self) -> Calls:
        speakers = self._speakers
        played = [speaker.client.playback for speaker in speakers]
        return Calls(
            turns=[turn for speaker in speakers for turn in speaker.turns],
            interruptions=[each for speaker in speakers for each in speaker.interruptions],
            replies=sum(speaker.replies for speaker in speakers),
            frames=sum(playback.frames for playback in played),
            late=sum(playback.late for playback in played),
            missing=sum(playback.missing for playback in played),
            spoken_s=self._spoken_s,
            lag_ms=spread(lag for speaker in speakers for lag in speaker.client.lags_ms),
            problems=[problem for speaker in speakers for problem in speaker.problems],
        )


async def main() -> None:
    async with parent() as bench:
        plan = await bench.hear()
        assert isinstance(plan, CallPlan)  # noqa: S101 - the first line is this
        await bench.tell(await Callers(plan, bench).run())
        with suppress(PeerEndedError):
            await bench.hear()  # what was told is only sure to be read once the pipe closes


if __name__ == "__main__":
    with suppress(KeyboardInterrupt, PeerEndedError):  # nobody is left to tell
        try:
            asyncio.run(main())
        except LostError as error:
            sys.exit(str(error))
