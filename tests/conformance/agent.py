"""A livekit agent without a room: a microphone and a speaker are its input and output."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass

from livekit import rtc
from livekit.agents import Agent, AgentSession
from livekit.agents.voice import io
from livekit.plugins import openai

from tests.conformance.live import KEY
from tests.conformance.person import FRAME_BYTES, Ears, Microphone, working

RATE_HZ = 24_000
AHEAD_S = 0.2
"""How much the speaker takes before it has played it."""


class Mouth(io.AudioInput):
    """What the agent hears."""

    def __init__(self) -> None:
        super().__init__(label="microphone")
        self._frames: asyncio.Queue[bytes] = asyncio.Queue(maxsize=500)
        self.microphone = Microphone(self._frames.put)

    async def __anext__(self) -> rtc.AudioFrame:
        pcm = await self._frames.get()
        return rtc.AudioFrame(pcm, RATE_HZ, 1, FRAME_BYTES // 2)


class Speaker(io.AudioOutput):
    """Plays in real time and tells how far it came."""

    def __init__(self) -> None:
        capabilities = io.AudioOutputCapabilities(pause=False)
        super().__init__(label="speaker", capabilities=capabilities, sample_rate=RATE_HZ)
        self.played_s = 0.0
        self.talking = asyncio.Event()
        """Set once a second of an answer has been taken."""
        self._started_s: float | None = None
        self._taken_s = 0.0
        self._end: asyncio.TimerHandle | None = None

    @property
    def _elapsed_s(self) -> float:
        return asyncio.get_running_loop().time() - (self._started_s or 0.0)

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if self._started_s is None:
            self._started_s, self._taken_s = asyncio.get_running_loop().time(), 0.0
            self.on_playback_started(created_at=self._started_s)
        self._taken_s += frame.duration
        if self._taken_s > 1.0:
            self.talking.set()
        await asyncio.sleep(self._taken_s - self._elapsed_s - AHEAD_S)

    def flush(self) -> None:
        super().flush()
        if self._started_s is not None:
            left_s = self._taken_s - self._elapsed_s
            self._end = asyncio.get_running_loop().call_later(left_s, self._finish, False)

    def clear_buffer(self) -> None:
        if self._end is not None:
            self._end.cancel()
        self._finish(interrupted=True)

    def _finish(self, interrupted: bool) -> None:
        if self._started_s is None:
            return
        position_s = min(self._taken_s, self._elapsed_s)
        self.played_s += position_s
        self._started_s = self._end = None
        self.on_playback_finished(playback_position=position_s, interrupted=interrupted)


@dataclass(frozen=True)
class Call:
    """A conversation with the agent; `ears` hears what it notes, which `said` shows."""

    session: AgentSession
    microphone: Microphone
    speaker: Speaker
    ears: Ears
    reconnected: asyncio.Event
    errors: list

    @property
    def said(self) -> list[tuple[str, str]]:
        return [(item.role, item.text_content) for item in self.ears.heard]

    async def until_said(self, role: str, text: str) -> None:
        await self.ears.until(lambda item: (item.role, item.text_content) == (role, text))


@asynccontextmanager
async def calling(live, *, tools=(), **options):
    """An agent on the line."""
    model = openai.realtime.RealtimeModel(base_url=live.http_url, api_key=KEY, **options)
    session, mouth, speaker, ears, errors = AgentSession(llm=model), Mouth(), Speaker(), Ears(), []
    session.input.audio, session.output.audio = mouth, speaker
    noted: asyncio.Queue = asyncio.Queue(maxsize=100)
    session.on("error", lambda event: errors.append(event.error))
    session.on(
        "conversation_item_added",
        lambda event: noted.put_nowait(event.item) if event.item.type == "message" else None,
    )
    agent = Agent(instructions="Answer about the library.", tools=list(tools))
    await session.start(agent)
    reconnected = asyncio.Event()
    agent.realtime_llm_session.on("session_reconnected", lambda _: reconnected.set())
    try:
        async with working(mouth.microphone.run(), _tell(noted, ears)):
            yield Call(session, mouth.microphone, speaker, ears, reconnected, errors)
    finally:
        await session.aclose()
        await model.aclose()


async def _tell(noted: asyncio.Queue, ears: Ears) -> None:
    while True:
        await ears.take(await noted.get())
