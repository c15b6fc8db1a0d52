"""Tiny synchronous engines that misbehave on request, for tests of the worker."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from voice.engines.protocols import (
    EngineError,
    Finished,
    ListenOptions,
    Piece,
    Prompt,
    SpeakOptions,
    Speech,
    TextDelta,
    Transcript,
    Word,
)


class Counter:
    """A recognizer that hears how many bytes it was fed, in the language asked for."""

    def __init__(self) -> None:
        self._fed: dict[int, int] = {}
        self._options: dict[int, ListenOptions] = {}

    def open(self, utterance: int, options: ListenOptions) -> None:
        if options.language == "xx":
            raise EngineError("no such language: xx", "unsupported_language", "language")
        self._fed[utterance] = 0
        self._options[utterance] = options

    def feed(self, utterance: int, pcm: bytes) -> None:
        self._fed[utterance] += len(pcm)

    def partial(self, utterance: int) -> str:
        return str(self._fed[utterance])

    def transcript(self, utterance: int) -> Transcript:
        text = str(self._fed[utterance])
        word = Word(text=text, start_s=0.0, end_s=0.5)
        return Transcript(text=text, language=self._options[utterance].language, words=(word,))

    def close(self, utterance: int) -> None:
        del self._fed[utterance]


class Gated:
    """A recognizer that rings a bell before each step and waits for a byte to do it."""

    def __init__(self, bell: str, gate: str) -> None:
        self._bell = os.open(bell, os.O_RDWR)
        self._gate = os.open(gate, os.O_RDWR)
        self._done: list[str] = []

    def open(self, utterance: int, options: ListenOptions) -> None:
        pass

    def feed(self, utterance: int, pcm: bytes) -> None:
        pass

    def partial(self, utterance: int) -> str:
        return self._step(f"partial {utterance}")

    def transcript(self, utterance: int) -> Transcript:
        return Transcript(text=self._step(f"transcript {utterance}"))

    def close(self, utterance: int) -> None:
        pass

    def _step(self, what: str) -> str:
        os.write(self._bell, b"!")
        os.read(self._gate, 1)
        self._done.append(what)
        return ", ".join(self._done)


class Obedient:
    """A generator that does what the last message says: a word to repeat, or a way to die."""

    context_tokens = 512

    def __init__(self, log: str = "") -> None:
        self._log = log

    def generate(self, prompt: Prompt, cancelled: Callable[[], bool]) -> Iterator[Piece]:
        order = prompt.messages[-1].content
        yield TextDelta(text="yes")
        match order:
            case "abort":
                os.abort()
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "exit":
                sys.exit("leaving")
            case "error":
                raise EngineError("the prompt is too long", "context_length_exceeded", "messages")
            case "bug":
                raise ZeroDivisionError("division by zero")
            case "print":
                os.write(1, b"stray output of a native library\n")
            case "flood":
                os.write(2, b"x" * 100_000 + b"\n" + b"line\n" * 1000)
            case "hang":
                threading.Event().wait()
            case "endless":
                yield from self._endless(cancelled)
        yield Finished(reason="stop", output_tokens=1)

    def _endless(self, cancelled: Callable[[], bool]) -> Iterator[Piece]:
        try:
            while not cancelled():
                yield TextDelta(text="and on")
        finally:
            Path(self._log).write_text("closed", encoding="utf-8")


class Beep:
    """A synthesizer that warms up first and then says each word as one piece."""

    rate_hz = 8000
    voices = ("high", "low")

    def __init__(self) -> None:
        self._warm = False

    def warm(self) -> None:
        self._warm = True

    def speak(
        self, text: str, options: SpeakOptions, cancelled: Callable[[], bool]
    ) -> Iterator[Speech]:
        if not self._warm:
            raise EngineError("cold")
        for number, word in enumerate(text.split()):
            time = Word(text=word, start_s=number, end_s=number + 1.0)
            yield Speech(pcm=options.voice.encode() + b"\0" * 8, words=(time,))


class Unbuildable:
    def __init__(self, *, path: str) -> None:
        raise EngineError(f"no model at {path}")


class DiesWhenBuilt:
    def __init__(self) -> None:
        sys.stderr.write("out of memory\n")
        sys.stderr.flush()
        os.abort()


class Flaky:
    """Cannot be built while a file is there; says its process number."""

    context_tokens = 1

    def __init__(self, obstacle: str) -> None:
        if Path(obstacle).exists():
            raise EngineError("there is an obstacle")

    def generate(self, prompt: Prompt, cancelled: Callable[[], bool]) -> Iterator[Piece]:
        yield TextDelta(text=str(os.getpid()))
