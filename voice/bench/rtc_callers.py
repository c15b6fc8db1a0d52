"""`python -m voice.bench.rtc_callers`: the clients of `voice bench rtc`, in one process.

Told an `RtcPlan`, it gives a `Mark` at each point between which the server's use is to be noted,
waits for a line, and in the end gives `RtcSeen`.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress

from voice.bench.client import Client, connected
from voice.bench.figures import spread
from voice.bench.messages import Mark
from voice.bench.pipes import Peer, PeerEndedError, parent
from voice.bench.rtc_messages import Frames, Heard, RtcPlan, RtcSeen, Silenced
from voice.bench.rtc_phone import LostError, Phone, Spoken, called, spoken
from voice.bench.script import ORDER, long_answer, recordings
from voice.bench.speaker import session_for

PATIENCE_S = 30.0
SETTLE_S = 1.0
HEARD_S = 0.6
"""How much of a reply is heard before it is spoken over."""
TAIL_S = 0.3
"""After this nothing of a reply is underway any more."""


class RtcCallers:
    """Carries out a plan."""

    def __init__(self, plan: RtcPlan, bench: Peer) -> None:
        self._plan = plan
        self._bench = bench
        self._questions = [spoken(recording) for recording in recordings()]
        self._websocket_ms: list[float] = []
        self._calls_ms: list[Heard] = []
        self._silenced: list[Silenced] = []
        self._problems: list[str] = []
        self._lags_ms: list[float] = []

    async def run(self) -> RtcSeen:
        if self._plan.turns:
            await self._compare()
        listening = speaking = None
        try:
            listening, speaking = await self._hold()
        except LostError as error:
            self._problems.append(str(error))
        except TimeoutError:
            self._problems.append("a call did not open, or did not begin to speak")
        return RtcSeen(
            websocket_ms=self._websocket_ms,
            calls_ms=self._calls_ms,
            silenced=self._silenced,
            listening=listening,
            speaking=speaking,
            lag_ms=spread(self._lags_ms),
            problems=self._problems,
        )

    # One caller over each transport, by turns.

    async def _compare(self) -> None:
        url = self._plan.url
        async with (
            connected(url, session_for(0, scripted=True)) as client,
            called(url, session_for(0, scripted=True)) as phone,
        ):
            for number in range(self._plan.turns):
                words = self._questions[number % len(self._questions)]
                await self._patiently("a turn over WebSocket", self._ask_socket(client, words))
                await self._patiently("a turn over a call", self._ask_phone(phone, words))
            for number in range(self._plan.turns):
                words = self._questions[number % len(self._questions)]
                await self._patiently("an interruption", self._interrupt(phone, words))
            self._lags_ms += phone.microphone.lags_ms

    async def _patiently(self, what: str, work: Coroutine[object, object, None]) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await work
        except TimeoutError:
            self._problems.append(f"{what} did not come to its end within {PATIENCE_S:.0f} s")

    async def _ask_socket(self, client: Client, words: Spoken) -> None:
        since = len(client.events)
        said = client.say(words.recording)
        _, done = await client.event("response.done", since)
        first_s = client.audio_s[done["response"]["id"]][0]
        self._websocket_ms.append((first_s - said.at_s(words.recording.end_ms)) * 1000)

    async def _ask_phone(self, phone: Phone, words: Spoken) -> None:
        since, arrived, heard = self._state(phone)
        said = phone.microphone.say(words)
        await phone.event("output_audio_buffer.stopped", since)
        await asyncio.sleep(TAIL_S)
        if len(phone.heard_s) == heard:
            self._problems.append("no sound of an answer was heard over a call")
            return
        end_s = said.at_s(words.recording.end_ms)
        self._calls_ms.append(
            Heard(
                arrived_ms=(phone.arrivals.sounds_s[arrived] - end_s) * 1000,
                heard_ms=(phone.heard_s[heard] - end_s) * 1000,
            )
        )

    async def _interrupt(self, phone: Phone, words: Spoken) -> None:
        since, _, _ = self._state(phone)
        phone.send("response.create", response={"instructions": ORDER + long_answer(0)})
        await phone.event("output_audio_buffer.started", since)
        await asyncio.sleep(HEARD_S)
        since, _, heard = self._state(phone)
        said = phone.microphone.say(words)
        confirmed_s, _ = await phone.event("input_audio_buffer.speech_started", since)
        await phone.event("output_audio_buffer.cleared", since)
        await phone.event("output_audio_buffer.started", since)  # the answer to what was said
        started = next(s for s, e in phone.events[since:] if e["type"].endswith("buffer.started"))
        before = [at_s for at_s in phone.heard_s[heard:] if at_s < started]
        onset_s = said.at_s(words.recording.start_ms)
        if before:
            self._silenced.append(
                Silenced(
                    after_onset_ms=(before[-1] - onset_s) * 1000,
                    after_confirmed_ms=(before[-1] - confirmed_s) * 1000,
                )
            )
        await phone.event("output_audio_buffer.stopped", since)
        await asyncio.sleep(TAIL_S)

    def _state(self, phone: Phone) -> tuple[int, int, int]:
        return len(phone.events), len(phone.arrivals.sounds_s), len(phone.heard_s)

    # Many calls at a time.

    async def _hold(self) -> tuple[Frames, Frames]:
        session = session_for(0, scripted=True) | {"instructions": ORDER + long_answer(0)}
        await self._mark("before")
        async with AsyncExitStack() as stack:
            phones = [
                await stack.enter_async_context(called(self._plan.url, session, deaf=True))
                for _ in range(self._plan.calls)
            ]
            await asyncio.sleep(SETTLE_S)
            listening = await self._watch(phones, "listen", "listened")
            for phone in phones:
                phone.send("response.create")
            async with asyncio.timeout(PATIENCE_S):
                for phone in phones:
                    await phone.event("output_audio_buffer.started")
            speaking = await self._watch(phones, "speak", "spoken")
            for phone in phones:
                self._lags_ms += phone.microphone.lags_ms
        return listening, speaking

    async def _watch(self, phones: list[Phone], begin: str, end: str) -> Frames:
        """The frames that came to all in the time of the plan."""
        for phone in phones:
            phone.arrivals.take()
        await self._mark(begin)
        await asyncio.sleep(self._plan.seconds)
        await self._mark(end)
        frames = [phone.arrivals.take() for phone in phones]
        return Frames(
            count=sum(each.count for each in frames),
            late=sum(each.late for each in frames),
            missing=sum(each.missing for each in frames),
            worst_ms=max(each.worst_ms for each in frames),
        )

    async def _mark(self, name: str) -> None:
        await self._bench.tell(Mark(name=name))
        await self._bench.hear()


async def main() -> None:
    async with parent() as bench:
        plan = await bench.hear()
        assert isinstance(plan, RtcPlan)  # noqa: S101 - the first line is this
        await bench.tell(await RtcCallers(plan, bench).run())
        with suppress(PeerEndedError):
            await bench.hear()  # what was told is only sure to be read once the pipe closes


if __name__ == "__main__":
    with suppress(KeyboardInterrupt, PeerEndedError):  # nobody is left to tell
        asyncio.run(main())
