"""The child side of a local engine: `python -m voice.engines.worker MODULE:CLASS JSON`.

One synchronous engine is built from JSON keyword options, and serves frames that come on stdin
with frames on what was stdout. The main thread reads them: audio is applied at once and in order,
everything else becomes a job for the `slots` executor threads. No error of an engine ends the
worker; the end of its input does, at once, whatever the engine is doing.
"""

import argparse
import contextlib
import ctypes
import importlib
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from typing import BinaryIO, cast

import msgspec

from voice.engines.jobs import Job, JobQueue
from voice.engines.protocols import Encoder, EngineError, Generator, Recognizer, Synthesizer
from voice.engines.wire import (
    HEADER,
    NIL,
    Ask,
    Broken,
    Cancel,
    Close,
    Done,
    Embed,
    Facts,
    Feed,
    Frame,
    Generate,
    GetPartial,
    GetTranscript,
    Open,
    Part,
    Ready,
    Refused,
    Speak,
    ToWorker,
    pack,
    raw,
)

Engine = Recognizer | Generator | Synthesizer | Encoder

_PR_SET_PDEATHSIG = 1

NOT_OPEN = EngineError("the utterance is not open")


class Pipe:
    """Frames in and out; whole frames may be sent from any thread."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source = source
        self._sink = sink
        self._sending = threading.Lock()
        self._decoder: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)

    def send(self, frame: Frame) -> None:
        data = pack(frame)
        try:
            with self._sending:
                self._sink.write(data)
                self._sink.flush()
        except BrokenPipeError:
            os._exit(0)  # Nobody is left to work for.

    def frames(self) -> Iterator[ToWorker]:
        """What the host sends, until it closes the pipe or is gone."""
        while len(header := self._source.read(HEADER.size)) == HEADER.size:
            (size,) = HEADER.unpack(header)
            yield self._decoder.decode(self._source.read(size))


class Worker:
    """One engine, its open utterances and its jobs."""

    def __init__(self, engine: Engine, pipe: Pipe) -> None:
        self._engine = engine
        self._pipe = pipe
        self._queue = JobQueue()
        # Audio has no answer of its own, so what went wrong with it is told to the next question.
        self._open: dict[int, EngineError | None] = {}

    def serve(self, slots: int) -> None:
        """Work until the host closes the pipe."""
        for slot in range(slots):
            threading.Thread(target=self._execute, name=f"slot-{slot}", daemon=True).start()
        for frame in self._pipe.frames():
            self._take(frame)

    def _take(self, frame: ToWorker) -> None:
        match frame:
            case Open(utterance) | Feed(utterance):
                self._listen(utterance, frame)
            case Close(utterance):
                self._forget(utterance)
            case Ask(number, priority, request):
                self._queue_job(Job(priority, number, request))
            case Cancel(number):
                self._queue.cancel(number)

    def _listen(self, utterance: int, frame: Open | Feed) -> None:
        recognizer = cast("Recognizer", self._engine)
        try:
            if isinstance(frame, Open):
                self._open[utterance] = None
                recognizer.open(utterance, frame.options)
            elif self._open.get(utterance, NOT_OPEN) is None:
                recognizer.feed(utterance, frame.pcm)
        except Exception as error:  # noqa: BLE001 - an engine may raise anything, and the worker lives on
            self._open[utterance] = told(error)

    def _forget(self, utterance: int) -> None:
        for job in self._queue.drop_utterance(utterance):
            self._pipe.send(Refused(job.number, "the utterance was closed"))
        if utterance in self._open:
            del self._open[utterance]
            with contextlib.suppress(Exception):
                cast("Recognizer", self._engine).close(utterance)

    def _queue_job(self, job: Job) -> None:
        if job.utterance is not None:
            trouble = self._open.get(job.utterance, NOT_OPEN)
            if trouble is not None:
                self._pipe.send(refused(job.number, trouble))
                return
        for overtaken in self._queue.put(job):
            self._pipe.send(Done(overtaken.number, NIL))

    def _execute(self) -> None:
        while True:
            job = self._queue.take()
            try:
                value = self._answer(job)
                self._pipe.send(Done(job.number, raw(value)))
            except BaseException as error:  # noqa: BLE001 - not even SystemExit ends the worker
                self._pipe.send(refused(job.number, error))
            finally:
                self._queue.finished(job)

    def _answer(self, job: Job) -> object:
        """Do a job: parts go out as they come, what is returned is the answer that ends it."""
        match job.request:
            case GetPartial(utterance):
                return cast("Recognizer", self._engine).partial(utterance)
            case GetTranscript(utterance):
                return cast("Recognizer", self._engine).transcript(utterance)
            case Embed(inputs):
                return cast("Encoder", self._engine).embed(inputs)
            case Generate() | Speak():
                self._stream(job, job.request)
        return None

    def _stream(self, job: Job, request: Generate | Speak) -> None:
        parts: Iterator[object]
        if isinstance(request, Generate):
            generator = cast("Generator", self._engine)
            parts = generator.generate(request.prompt, job.is_cancelled)
        else:
            synthesizer = cast("Synthesizer", self._engine)
            parts = synthesizer.speak(request.text, request.options, job.is_cancelled)
        try:
            for part in parts:
                if job.cancelled:
                    return
                self._pipe.send(Part(job.number, raw(part)))
        finally:
            # The engine's clean-up runs now and on this thread, not whenever garbage is collected.
            if close := getattr(parts, "close", None):
                close()


def refused(job: int, error: BaseException) -> Refused:
    said = told(error)
    return Refused(job, str(said), said.code, said.param)


def told(error: BaseException) -> EngineError:
    """What to tell the host: an engine's own words, or the type of what nobody expected."""
    if isinstance(error, EngineError):
        return error
    traceback.print_exception(error)
    kind = type(error).__name__
    return EngineError(f"{kind}: {error}" if str(error) else kind)


def build(target: str, options: dict[str, object]) -> Engine:
    """Import and construct the engine, and warm it up if it can be."""
    module, _, name = target.partition(":")
    engine: Engine = getattr(importlib.import_module(module), name)(**options)
    if warm := getattr(engine, "warm", None):
        warm()
    return engine


def facts_of(engine: Engine) -> Facts:
    return Facts(
        rate_hz=getattr(engine, "rate_hz", 0),
        voices=tuple(getattr(engine, "voices", ())),
        context_tokens=getattr(engine, "context_tokens", 0),
        incremental=getattr(engine, "incremental", False),
        accepts=getattr(engine, "accepts", frozenset()),
        dimensions=getattr(engine, "dimensions", 0),
        max_tokens=getattr(engine, "max_tokens", 0),
    )


def claim_pipe() -> Pipe:
    """Take stdin and stdout for frames; prints of native libraries go to stderr from here on."""
    source = os.fdopen(os.dup(0), "rb")
    sink = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return Pipe(source, sink)


def leave_signals_to_parent() -> None:
    """Ctrl-C, and the end of a service, are told to a whole group of processes."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def die_with_parent() -> None:
    """Ask Linux to kill this process when its parent dies; elsewhere the closed pipe has to do."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve one engine on stdin and stdout.")
    parser.add_argument("engine", help="module:Class")
    parser.add_argument("options", type=json.loads, help="keyword options, a JSON object")
    parser.add_argument("--slots", type=int, default=1, help="how many jobs run at a time")
    arguments = parser.parse_args()
    leave_signals_to_parent()
    die_with_parent()
    pipe = claim_pipe()
    status = 0
    try:
        worker = Worker(built := build(arguments.engine, arguments.options), pipe)
    except BaseException as error:  # noqa: BLE001 - whatever it is, the host must hear of it
        pipe.send(Broken(str(told(error))))
        status = 1
    else:
        pipe.send(Ready(facts_of(built)))
        worker.serve(arguments.slots)
    sys.stderr.flush()
    # Native libraries hang or crash in their exit handlers, and a running job cannot be joined.
    os._exit(status)


if __name__ == "__main__":
    main()
