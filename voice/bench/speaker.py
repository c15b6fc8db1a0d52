"""What one caller does: ask, interrupt, keep the server speaking, and check every reply."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field

from voice.bench.client import Client, Event
from voice.bench.messages import BargeIn, Turn
from voice.bench.script import ORDER, Recording, Said, long_answer, nearest, short_answer

SILENCE_MS = 500
PATIENCE_S = 60.0
"""A reply that is not there by then is missing; engines that share two cores may need long."""
HEARD_FRAMES = 20
"""How much of a reply is heard before it is spoken over."""
OVERDUE_S = 0.1
"""No audio of a reply may come later than this after its interruption was announced."""

UNDERSTOOD = "conversation.item.input_audio_transcription.completed"


class ReplyError(Exception):
    """A reply is missing or wrong."""


def session_for(caller: int, *, scripted: bool) -> dict[str, object]:
    """The session that this caller asks for."""
    turn_detection = {"type": "server_vad", "silence_duration_ms": SILENCE_MS}
    session: dict[str, object] = {
        "include": ["response.timings"],
        "audio": {
            "input": {"transcription": {"model": "whisper-1"}, "turn_detection": turn_detection}
        },
    }
    return session | ({"instructions": ORDER + short_answer(caller)} if scripted else {})


@dataclass(slots=True)
class Speaker:
    """A caller who asks the questions in turn, beginning with that of its number."""

    number: int
    client: Client
    questions: list[Recording]
    scripted: bool
    asked: int = 0
    turns: list[Turn] = field(default_factory=list)
    interruptions: list[BargeIn] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    replies: int = 0

    async def ask(self, times: int) -> None:
        """Speak the question, hear the whole answer, and again."""
        for _ in range(times):
            await self._patiently(self._ask())

    async def interrupt(self, times: int) -> None:
        """Have the server speak, and ask over it."""
        for _ in range(times):
            await self._patiently(self._interrupt())

    async def start_speaking(self) -> None:
        """Have the server begin a long reply."""
        await self._patiently(self._begin_reply())

    async def keep_speaking(self) -> None:
        """Have the server begin another whenever one has ended, until cancelled."""
        while True:
            since = len(self.client.events)
            await self.client.event("response.done", since)
            await self._begin_reply()

    async def ask_at_once(self) -> None:
        """Send the question faster than anybody can speak, and wait until the answer sounds."""
        await self._patiently(self._ask_at_once())

    async def _patiently(self, work: Coroutine[object, object, object]) -> None:
        self.replies += 1
        try:
            async with asyncio.timeout(PATIENCE_S):
                await work
        except TimeoutError:
            self._complain(f"no answer within {PATIENCE_S:.0f} s")
        except ReplyError as error:
            self._complain(str(error))

    def _complain(self, problem: str) -> None:
        self.problems.append(f"caller {self.number}: {problem}")

    def _question(self) -> Recording:
        """The next one to ask."""
        self.asked += 1
        return self.questions[(self.number + self.asked - 1) % len(self.questions)]

    async def _ask(self) -> None:
        since = len(self.client.events)
        said = self.client.say(self._question())
        await self._answered(said, since)

    async def _ask_at_once(self) -> None:
        since = len(self.client.events)
        await self.client.say_at_once(self._question().pcm)
        _, created = await self.client.event("response.created", since)
        await self.client.until(lambda: bool(self._audio_s(created["response"])))

    async def _interrupt(self) -> None:
        old = await self._begin_reply()
        await self.client.until(lambda: len(self._audio_s(old)) >= HEARD_FRAMES)
        since = len(self.client.events)
        said = self.client.say(self._question())
        _, done = await self.client.event("response.done", since)
        if done["response"]["id"] != old["id"] or done["response"]["status"] != "cancelled":
            raise ReplyError("a reply was spoken over and not cancelled")
        confirmed_s, _ = await self.client.event("input_audio_buffer.speech_started", since)
        await self._answered(said, len(self.client.events))
        last_s = self._audio_s(old)[-1]
        self.interruptions.append(
            BargeIn(
                after_onset_ms=(last_s - said.at_s(said.recording.start_ms)) * 1000,
                after_confirmed_ms=(last_s - confirmed_s) * 1000,
                late_frames=sum(at > confirmed_s + OVERDUE_S for at in self._audio_s(old)),
            )
        )

    async def _begin_reply(self) -> Event:
        """Ask in writing for a long reply; gives the response when it begins to sound."""
        since = len(self.client.events)
        item = {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": self._question().words}],
        }
        await self.client.send("conversation.item.create", item=item)
        wish = {"instructions": ORDER + long_answer(self.number)} if self.scripted else {}
        await self.client.send("response.create", response=wish)
        _, created = await self.client.event("response.created", since)
        response: Event = created["response"]
        await self.client.until(lambda: bool(self._audio_s(response)))
        return response

    async def _answered(self, said: Said, since: int) -> None:
        """Hear the answer to what was said, and note how long it took."""
        _, done = await self.client.event("response.done", since)
        response = done["response"]
        self._check(response, said.recording, since)
        first_s = self._audio_s(response)[0]
        total_ms = (first_s - said.at_s(said.recording.end_ms)) * 1000
        self.turns.append(Turn(total_ms=total_ms, timings=response.get("timings", {})))

    def _check(self, response: Event, asked: Recording, since: int) -> None:
        """Raises `ReplyError` unless this is a whole answer to what this caller asked."""
        if response["status"] != "completed":
            raise ReplyError(f"the answer is {response['status']}: {response['status_details']}")
        if not self._audio_s(response):
            raise ReplyError("the answer has no audio")
        answer = response["output"][0]["content"][0]["transcript"]
        if self.scripted and answer != short_answer(self.number):
            raise ReplyError(f"the answer is another's: {answer!r}")
        heard = " ".join(event["transcript"] for _, event in self.client.seen(UNDERSTOOD, since))
        if not self.scripted and nearest(heard, self.questions) is not asked:
            raise ReplyError(f"{asked.words!r} was understood as {heard!r}")

    def _audio_s(self, response: Event) -> list[float]:
        """When the audio of a response came."""
        return self.client.audio_s.get(response["id"], [])
