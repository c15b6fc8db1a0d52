"""One reply, from prompt to sound.

A reply is an object with a life. It may start in secret, while the user might still go on: it
thinks and speaks into its own bounded queues and nobody sees it. `release` lets it out: from then on
its events reach the client and its audio leaves at its time. `cancel` ends it at once, whatever it
was doing: the close-out is sent in the same moment, and nothing of it can follow.

    model ─pieces─▶ chunker ─4 chunks─▶ synthesizer ─2 s of frames─▶ playout ─▶ outlet
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import structlog

from voice.audio.formats import WireFormat
from voice.audio.pcm import duration_ms
from voice.audio.resample import Resampler
from voice.engines.protocols import (
    CallDelta,
    CallStarted,
    Cited,
    EngineError,
    Finished,
    LanguageModel,
    Piece,
    Prompt,
    Source,
    SpeakOptions,
    TextDelta,
    TextToSpeech,
)
from voice.groups import first_error
from voice.realtime.config import SessionConfig
from voice.realtime.items import OutputAudio
from voice.realtime.response import Citation, ResponseStatus, ResponseStream, Usage
from voice.session.outbox import ClientStalledError, Outbox
from voice.session.outlet import EventOutlet, Outlet
from voice.session.pace import FRAME_MS, LeadPace
from voice.session.playout import Playout
from voice.session.record import Instant, TurnRecord
from voice.session.shelf import LIMIT_BYTES, AudioShelf
from voice.session.voices import installed_voice
from voice.streams import closing
from voice.turns.chunker import Chunk, TextChunker
from voice.turns.heard import SpokenTimeline

log = structlog.get_logger()

CHUNKS_AHEAD = 4
"""Chunks of text that may wait for the synthesizer; the model is held back beyond that."""


@dataclass(frozen=True, slots=True)
class ReplyParts:
    """What every reply of a session is made with."""

    llm: LanguageModel
    tts: TextToSpeech
    outbox: Outbox
    shelf: AudioShelf
    now: Callable[[], float]
    lead_ms: int
    open_line: Callable[[], Outlet] | None = None
    """Makes the outlet of a reply on a line; without it speech is sent as events."""


@dataclass(slots=True)
class _Call:
    call_id: str
    name: str
    arguments: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SentTimeline:
    """The timeline of an answer as far as it was sent, for the item that holds it."""

    spoken: SpokenTimeline
    playout: Playout

    @property
    def duration_ms(self) -> int:
        return self.playout.sent_ms

    def text_until(self, ms: int) -> str:
        return self.spoken.text_until(ms)


class Reply:
    """An answer to `prompt` under `config`, silent until released; `on_end` hears of its end."""

    def __init__(
        self,
        prompt: Prompt,
        config: SessionConfig,
        parts: ReplyParts,
        record: TurnRecord,
        on_end: "Callable[[Reply], None]",
        language: str | None = None,
    ) -> None:
        self.prompt = prompt
        self.language = language
        """What it is spoken in; None leaves that to the voice."""
        self.config = config
        self.record = record
        self.ended = self.cancelled = False
        self.stream: ResponseStream | None = None
        self.timeline = SpokenTimeline()
        self._outlet = self._open_outlet(parts)
        self.playout = Playout(self._outlet.pace)
        self._on_end = on_end
        self._sent = bytearray()
        self._parts = parts
        self._released = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._chunks: asyncio.Queue[Chunk | None] = asyncio.Queue(maxsize=CHUNKS_AHEAD)
        self._calls: list[_Call] = []
        self._cited: list[Citation] = []
        self._finished: Finished | None = None
        self._wire = self._outlet.wire
        self._unframed = b""

    def _open_outlet(self, parts: ReplyParts) -> Outlet:
        if parts.open_line is not None:
            return parts.open_line()
        pace = LeadPace(parts.now, parts.lead_ms)
        return EventOutlet(parts.outbox, self.config, pace, lambda: self.cancelled)

    @property
    def speaks(self) -> bool:
        return "audio" in self.config.output_modalities

    @property
    def unheard_ms(self) -> int:
        """What was sent and has not sounded yet."""
        return self.playout.sent_ms - self.playout.heard_ms()

    def start(self, group: asyncio.TaskGroup) -> None:
        self._task = group.create_task(self._run())

    def release(self, stream: ResponseStream) -> None:
        """Let the reply be seen and heard, as the response `stream`."""
        self.stream = stream
        self._emit(stream.created())
        self._released.set()

    def cancel(self, reason: str) -> None:
        """End the reply now; nothing of it leaves after this."""
        self.cancelled = True
        self._close("cancelled", reason=reason)
        if self._task is not None:
            self._task.cancel()

    def abandon(self) -> None:
        """Leave in the conversation what was heard, for nobody to be told."""
        if self.stream is not None and not self.ended:
            self.stream.finish("cancelled")
            self._settle(self.stream, self.playout.heard_ms())

    async def _run(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._think())
                if self.speaks:
                    group.create_task(self._voice())
                group.create_task(self._deliver())
        except* ClientStalledError:
            raise
        except* EngineError as errors:
            await self._fail("engine_error", str(first_error(errors)))
        except* Exception as errors:
            log.exception("reply failed", exc_info=first_error(errors))
            await self._fail("internal_error", "The server failed to answer; its log says why.")

    # Thinking: pieces of the model become chunks of text and tool calls.

    async def _think(self) -> None:
        chunker = TextChunker(self.language or "en")
        self._mark("prompt")
        async with closing(self._parts.llm.generate(self.prompt)) as pieces:
            async for piece in pieces:
                self._mark("first_token")
                await self._take(piece, chunker)
        if self.speaks:
            for chunk in chunker.flush():
                await self._chunks.put(chunk)
        await self._chunks.put(None)

    async def _take(self, piece: Piece, chunker: TextChunker) -> None:
        match piece:
            case TextDelta(text=text) if self.speaks:
                for chunk in chunker.push(text, self.playout.buffered_s):
                    await self._chunks.put(chunk)
            case TextDelta(text=text):
                await self._chunks.put(Chunk(text, ""))
            case CallStarted(call_id=call_id, name=name):
                self._calls.append(_Call(call_id, name))
            case CallDelta(arguments=arguments):
                self._calls[-1].arguments.append(arguments)
            case Cited(sources=sources):
                self._cited = [_citation(each) for each in sources]
            case Finished():
                self._finished = piece

    # Speaking: chunks become 20 ms frames at the rate of the wire.

    async def _voice(self) -> None:
        first = True
        while (chunk := await self._chunks.get()) is not None:
            self.timeline.begin_chunk(chunk.text, chunk.spoken)
            if chunk.spoken.strip():
                await self._speak(chunk.spoken, first=first)
                first = False
            self.timeline.end_chunk()
        if self._unframed:
            await self._frame(bytes(self._frame_bytes - len(self._unframed)))
        self.playout.end()

    async def _speak(self, text: str, *, first: bool) -> None:
        tts = self._parts.tts
        output = self.config.audio.output
        options = SpeakOptions(
            voice=installed_voice(output.voice, tts.voices),
            speed=output.speed,
            language=self.language,
        )
        resampler = Resampler(tts.rate_hz, self._wire.rate_hz)
        self._mark("first_chunk")
        async with closing(tts.speak(text, options, first=first)) as pieces:
            async for speech in pieces:
                self._mark("first_speech")
                self.timeline.extend(duration_ms(speech.pcm, tts.rate_hz), speech.words)
                await self._frame(resampler.push(speech.pcm))
        await self._frame(resampler.flush())

    @property
    def _frame_bytes(self) -> int:
        return self._wire.rate_hz * FRAME_MS // 1000 * 2

    async def _frame(self, pcm: bytes) -> None:
        """Cut PCM into whole frames for the playout; the rest waits for what follows."""
        pcm = self._unframed + pcm
        size = self._frame_bytes
        whole = len(pcm) // size * size
        self._unframed = pcm[whole:]
        for start in range(0, whole, size):
            await self.playout.put(pcm[start : start + size])

    # Delivering: what is released reaches the client in order.

    async def _deliver(self) -> None:
        await self._released.wait()
        assert self.stream is not None  # noqa: S101 - released with it
        if not self.speaks:
            await self._write(self.stream)
            self._complete(self.stream)
            return
        async with self._outlet.turn():
            await self._play(self.stream)
            self._complete(self.stream)
            await self._outlet.finish(self.stream)

    def _complete(self, stream: ResponseStream) -> None:
        self._emit(stream.cited(self._cited))
        for call in self._calls:
            self._emit(stream.call_started(call.call_id, call.name))
            self._emit(stream.call_arguments("".join(call.arguments) or "{}"))
            self._emit(stream.call_done())
        if self._finished and self._finished.reason == "length":
            self._close("incomplete", reason="max_output_tokens")
        else:
            self._close("completed")

    async def _play(self, stream: ResponseStream) -> None:
        async with closing(self.playout.frames()) as frames:
            async for frame in frames:
                await self._send(stream, frame)
        if rest := self.timeline.rest():
            self._emit(stream.transcript(rest))
        self._keep(stream, b"")

    async def _send(self, stream: ResponseStream, frame: bytes) -> None:
        """Send a frame, and before it the words that begin to sound in it."""
        end_ms = self.playout.sent_ms
        if due := self.timeline.words_due(end_ms - FRAME_MS, end_ms):
            self._emit(stream.transcript(due))
        self._mark("first_audio")
        self._keep(stream, await self._outlet.send(stream, frame))

    def _keep(self, stream: ResponseStream, encoded: bytes) -> None:
        """Give the item its timeline and audio, so that it can be truncated and retrieved."""
        part = _spoken_part(stream)
        if part is not None and part.timeline is None:
            part.timeline = SentTimeline(self.timeline, self.playout)
            part.audio = partial(_first_ms, self._sent, self._wire)
        if part is not None and len(self._sent) + len(encoded) <= LIMIT_BYTES:
            self._sent += encoded
            self._parts.shelf.keep(part, len(self._sent))

    async def _write(self, stream: ResponseStream) -> None:
        while (chunk := await self._chunks.get()) is not None:
            await self._parts.outbox.room()
            self._emit(stream.text(chunk.text))

    # Ending.

    async def _fail(self, code: str, message: str) -> None:
        """Report a failure; one that happened in secret waits for the release."""
        log.warning("reply failed", code=code, reason=message)
        await self._released.wait()
        error = {"type": "server_error", "code": code, "message": message}
        self._close("failed", error=error)
        if self.stream is not None:
            await self._outlet.finish(self.stream)

    def _close(
        self,
        status: ResponseStatus,
        *,
        reason: str | None = None,
        error: dict[str, str] | None = None,
    ) -> None:
        if self.ended:
            return
        self.ended = True
        if self.stream is not None:
            cut_ms = self._cut_ms(status)
            usage, timings = self._usage(), self.record.timings()
            self._emit(self.stream.finish(status, reason, error, usage, timings))
            gaps = self.playout.starved
            log.info("reply ended", reply=self.stream.id, status=status, gaps=gaps, **timings)
            self._settle(self.stream, cut_ms)
            if status == "cancelled" and cut_ms is not None:
                self._outlet.cut(self.stream, cut_ms)
        self.playout.stop()
        self._on_end(self)

    def _cut_ms(self, status: ResponseStatus) -> int | None:
        """Where the answer breaks off; a client is silent when it cancels, else plays what it has."""
        match status:
            case "cancelled":
                return self.playout.heard_ms()
            case "failed":
                return self.playout.sent_ms
        return None

    def _settle(self, stream: ResponseStream, cut_ms: int | None) -> None:
        """Leave in the conversation what was heard."""
        part = _spoken_part(stream)
        if part is not None and cut_ms is not None:
            part.cut(cut_ms)

    def _usage(self) -> Usage:
        finished = self._finished
        if finished is None:
            return Usage()
        return Usage(
            input_text_tokens=finished.input_tokens, output_text_tokens=finished.output_tokens
        )

    def _emit(self, events: list[dict[str, object]]) -> None:
        self._parts.outbox.emit(events)

    def _mark(self, instant: Instant) -> None:
        self.record.mark(instant, self._parts.now())


def _citation(source: Source) -> Citation:
    return Citation(source.document_id, source.name, source.text)


def _spoken_part(stream: ResponseStream) -> OutputAudio | None:
    item = stream.current_item
    part = item.content[0] if item is not None else None
    return part if isinstance(part, OutputAudio) else None


def _first_ms(sent: bytearray, wire: WireFormat, ms: int | None) -> bytes:
    """The first milliseconds of what was sent, or (None) all of it."""
    if ms is None:
        return bytes(sent)
    return bytes(sent[: ms * wire.rate_hz // 1000 * wire.sample_bytes])
