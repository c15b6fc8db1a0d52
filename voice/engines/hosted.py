"""Engines in worker processes, as the asynchronous protocols a session talks to."""

from collections.abc import AsyncGenerator

import msgspec

from voice.engines.host import Worker
from voice.engines.protocols import (
    STT_RATE_HZ,
    EngineError,
    ListenOptions,
    Piece,
    Prompt,
    SpeakOptions,
    Speech,
    Transcript,
)
from voice.engines.wire import (
    Close,
    Facts,
    Feed,
    Generate,
    GetPartial,
    GetTranscript,
    Open,
    Priority,
    Speak,
)

PARTIAL: msgspec.msgpack.Decoder[str | None] = msgspec.msgpack.Decoder(str | None)
TRANSCRIPT = msgspec.msgpack.Decoder(Transcript)
PIECE: msgspec.msgpack.Decoder[Piece] = msgspec.msgpack.Decoder(Piece)
SPEECH = msgspec.msgpack.Decoder(Speech)

# What is said while a worker starts is kept for it: a minute, and of more the beginning is lost.
MAX_BACKLOG_BYTES = 60 * STT_RATE_HZ * 2


class HostedSpeechToText:
    """A `Recognizer` in a worker; with `batch` its work lets all others go first."""

    def __init__(self, worker: Worker, facts: Facts, *, batch: bool = False) -> None:
        self.name = worker.spec.name
        self.incremental = facts.incremental
        self.accepts = facts.accepts
        self._worker = worker
        self._facts = facts
        self._batch = batch

    def in_batch(self) -> "HostedSpeechToText":
        """The same engine, for work that lets all others go first."""
        return HostedSpeechToText(self._worker, self._facts, batch=True)

    def listen(self, options: ListenOptions) -> "HostedUtterance":
        return HostedUtterance(self._worker, options, batch=self._batch)


class HostedUtterance:
    """Speech that one process of a worker listens to; it ends with that process."""

    def __init__(self, worker: Worker, options: ListenOptions, *, batch: bool) -> None:
        self._worker = worker
        self._options = options
        self._final = Priority.BATCH if batch else Priority.FINAL
        self._partial = Priority.BATCH if batch else Priority.PARTIAL
        self._number = worker.number()
        self._generation: int | None = None
        self._backlog = bytearray()
        self._closed = False

    def feed(self, pcm: bytes) -> None:
        if self._generation is not None:
            if self._generation == self._worker.generation:
                self._worker.post(Feed(self._number, pcm))
        else:
            self._backlog += pcm
            del self._backlog[:-MAX_BACKLOG_BYTES]
            if self._worker.is_ready and not self._closed:
                self._open()

    async def partial(self) -> str | None:
        await self._connect()
        return await self._worker.call(GetPartial(self._number), self._partial, PARTIAL)

    async def transcript(self) -> Transcript:
        await self._connect()
        return await self._worker.call(GetTranscript(self._number), self._final, TRANSCRIPT)

    def close(self) -> None:
        self._closed = True
        self._backlog.clear()
        if self._generation == self._worker.generation:
            self._worker.post(Close(self._number))

    async def _connect(self) -> None:
        """Make sure that the worker listens to this utterance, and is the one that always has."""
        await self._worker.connected()
        if self._closed:
            raise EngineError("the utterance was closed")
        if self._generation is None:
            self._open()
        elif self._generation != self._worker.generation:
            raise EngineError(f"worker {self._worker.spec.name!r} lost the utterance when it ended")

    def _open(self) -> None:
        self._generation = self._worker.generation
        self._worker.post(Open(self._number, self._options))
        self._worker.post(Feed(self._number, bytes(self._backlog)))
        self._backlog.clear()


class HostedLanguageModel:
    """A `Generator` in a worker that is ready."""

    def __init__(self, worker: Worker, facts: Facts, *, batch: bool = False) -> None:
        self.name = worker.spec.name
        self.context_tokens = facts.context_tokens
        self.accepts = facts.accepts
        self._worker = worker
        self._priority = Priority.BATCH if batch else Priority.NORMAL

    def generate(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        return self._worker.stream(Generate(prompt), self._priority, PIECE)


class HostedTextToSpeech:
    """A `Synthesizer` in a worker that is ready."""

    def __init__(self, worker: Worker, facts: Facts, *, batch: bool = False) -> None:
        self.name = worker.spec.name
        self.rate_hz = facts.rate_hz
        self.voices = facts.voices
        self.accepts = facts.accepts
        self._facts = facts
        self._worker = worker
        self._batch = batch

    def in_batch(self) -> "HostedTextToSpeech":
        """The same engine, for work that lets all others go first."""
        return HostedTextToSpeech(self._worker, self._facts, batch=True)

    def speak(
        self, text: str, options: SpeakOptions, *, first: bool
    ) -> AsyncGenerator[Speech, None]:
        urgency = Priority.FIRST_CHUNK if first else Priority.NORMAL
        priority = Priority.BATCH if self._batch else urgency
        return self._worker.stream(Speak(text, options), priority, SPEECH)
