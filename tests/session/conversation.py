"""A whole session against fake engines, on virtual time, with a client that speaks in tones."""

import asyncio
import base64
from contextlib import asynccontextmanager

from tests.session.wire import Wire
from voice.engines.fakes import FakeLanguageModel, FakeSpeechToText, FakeTextToSpeech, tone
from voice.engines.vad import LevelVad
from voice.realtime.config import SessionConfig
from voice.session.session import Session, SessionEngines, SessionOptions
from voice.transports.memory import MemoryTransport

OPTIONS = SessionOptions(open_detector=lambda _: LevelVad())


def speech(ms: int, rate_hz: int = 24_000) -> bytes:
    """Syllables of 180 ms with dips of 20 ms between them: a tone that stays is taken for noise."""
    frame = tone(rate_hz // 50, rate_hz)
    return b"".join(bytes(len(frame)) if n % 10 == 7 else frame for n in range(ms // 20))


class Conversation:
    """The client's side: speak, be silent, and look at what came back."""

    def __init__(
        self, transport: MemoryTransport, session: Session, running: asyncio.Task, stt, llm, tts
    ) -> None:
        self.transport = transport
        self.session = session
        self.running = running
        self.stt, self.llm, self.tts = stt, llm, tts

    @property
    def events(self) -> list[dict]:
        return self.transport.sent

    def types(self) -> list[str]:
        """The types of all events, runs of deltas as one."""
        seen = []
        for event in self.events:
            if not (seen and seen[-1] == event["type"] and event["type"].endswith("delta")):
                seen.append(event["type"])
        return seen

    def of_type(self, kind: str) -> list[dict]:
        return [event for event in self.events if event["type"] == kind]

    def last(self, kind: str) -> dict:
        return self.of_type(kind)[-1]

    def at_s(self, kind: str, index: int = 0) -> float:
        """When the event of this type was sent."""
        times = [
            at
            for event, at in zip(self.events, self.transport.sent_at_s, strict=True)
            if event["type"] == kind
        ]
        return times[index]

    def heard_pcm(self) -> bytes:
        deltas = self.of_type("response.output_audio.delta")
        return b"".join(base64.b64decode(delta["delta"]) for delta in deltas)

    def audio_sent_after(self, at_s: float) -> int:
        """How many audio deltas left later than this."""
        pairs = zip(self.events, self.transport.sent_at_s, strict=True)
        return sum(
            event["type"] == "response.output_audio.delta" and at > at_s for event, at in pairs
        )

    @staticmethod
    def now_s() -> float:
        return asyncio.get_running_loop().time()

    async def send(self, kind: str, **fields) -> None:
        await self.transport.say({"type": kind, **fields})
        await asyncio.sleep(0)

    async def update(self, **session) -> None:
        await self.send("session.update", session={"type": "realtime", **session})
        await asyncio.sleep(0.001)

    async def append(self, pcm: bytes) -> None:
        await self.send("input_audio_buffer.append", audio=base64.b64encode(pcm).decode())

    async def _stream(self, sound: bytes, ms: int) -> None:
        for start in range(0, ms * 48, 960):
            await asyncio.sleep(0.02)
            await self.append(sound[start : start + 960])

    async def speak(self, ms: int) -> None:
        """Make sound in real time, 20 ms at once."""
        await self._stream(speech(ms), ms)

    async def be_silent(self, ms: int) -> None:
        await self._stream(bytes(ms * 48), ms)

    async def until(self, kind: str, count: int = 1, limit_ms: int = 20_000) -> dict:
        """Be silent until that many events of this type have come, and give the last of them."""
        for _ in range(limit_ms // 20):
            if len(self.of_type(kind)) >= count:
                return self.of_type(kind)[count - 1]
            await self.be_silent(20)
        raise AssertionError(f"no {count} {kind} in {limit_ms} ms, but {self.types()}")


@asynccontextmanager
async def converse(
    hears="what is the time",
    answers="It is noon now. The sun stands high.",
    *,
    stt=None,
    llm=None,
    tts=None,
    config: SessionConfig | None = None,
    options: SessionOptions = OPTIONS,
    transport: MemoryTransport | None = None,
    model_delay_s: float = 0.0,
    live: bool = False,
):
    """Start a session; it ends, with all its tasks, when the block does."""
    transport = transport or MemoryTransport()
    stt = stt or FakeSpeechToText(hears)
    llm = llm or FakeLanguageModel(answers, delay_s=model_delay_s)
    tts = tts or FakeTextToSpeech()
    session = Session(transport, SessionEngines(stt, llm, tts), config or SessionConfig(), options)
    others = asyncio.all_tasks()
    running = asyncio.ensure_future(session.run())
    await asyncio.sleep(0.001)
    try:
        yield Conversation(transport, session, running, stt, llm, tts)
    finally:
        await transport.leave()
        await asyncio.wait([running], timeout=1.0)
        assert running.done()
        assert running.cancelled() or running.exception() is None
        left = asyncio.all_tasks() - others
        assert not left, f"the session left tasks behind: {left}"
        assert not [each for each in getattr(stt, "utterances", []) if not each.closed]
        Wire.check(transport.sent, live=live)
