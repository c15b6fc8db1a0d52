"""Engines that cost nothing and do what they are told, for tests and benchmarks.

They live on the event loop alone and wait only with `asyncio.sleep`, so they obey a virtual clock.
"""

import asyncio
import functools
import json
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from voice.engines.protocols import (
    STT_RATE_HZ,
    CallDelta,
    CallStarted,
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

SECONDS_PER_WORD = 0.3
PIECE_S = 0.1
TONE_HZ = 220

Script = str | Iterable[Piece | EngineError]
"""An answer: a text, or its pieces; an error among them is raised there."""


class FakeSpeechToText:
    """Hears what it is told: the same text always, one of a list per utterance, or a function's.

    The function gets the audio (int16 mono at `STT_RATE_HZ`) and may raise `EngineError`; after the
    last text of a list nothing more is heard. Partials show the words in the pace of speech.
    """

    name = "fake"
    accepts: frozenset[str] = frozenset()

    def __init__(
        self,
        text: str | Sequence[str] | Callable[[bytes], str] = "",
        *,
        delay_s: float = 0.0,
        partials: bool = True,
        incremental: bool = False,
    ) -> None:
        self._text = text
        self.incremental = incremental
        self.language = "en"
        """What everybody is heard to speak."""
        self.delay_s = delay_s
        self.partials = partials
        self.utterances: list[FakeUtterance] = []

    def listen(self, options: ListenOptions) -> "FakeUtterance":
        utterance = FakeUtterance(self, options, self._hearing(len(self.utterances)))
        self.utterances.append(utterance)
        return utterance

    def _hearing(self, index: int) -> Callable[[bytes], str]:
        if callable(self._text):
            return self._text
        texts = [self._text] * (index + 1) if isinstance(self._text, str) else self._text
        text = texts[index] if index < len(texts) else ""
        return lambda _pcm: text


class FakeUtterance:
    def __init__(
        self, engine: FakeSpeechToText, options: ListenOptions, hear: Callable[[bytes], str]
    ) -> None:
        self.options = options
        self.pcm = bytearray()
        self.transcripts = 0
        """How often its transcript was asked for."""
        self._engine = engine
        self._hear = hear
        self._closed = asyncio.Event()

    @property
    def closed(self) -> bool:
        return self._closed.is_set()

    @property
    def duration_s(self) -> float:
        return len(self.pcm) / 2 / STT_RATE_HZ

    def feed(self, pcm: bytes) -> None:
        if not self.closed:
            self.pcm += pcm

    async def partial(self) -> str | None:
        await self._work()
        if not self._engine.partials:
            return None
        words = self._hear(bytes(self.pcm)).split()
        return " ".join(words[: int(self.duration_s / SECONDS_PER_WORD)])

    async def transcript(self) -> Transcript:
        self.transcripts += 1
        await self._work()
        text, duration_s = self._hear(bytes(self.pcm)), self.duration_s
        return Transcript(
            text=text,
            language=self.options.language or self._engine.language,
            words=spread(text.split(), duration_s),
            duration_s=duration_s,
        )

    def close(self) -> None:
        self._closed.set()

    async def _work(self) -> None:
        """Take the engine's time, or end at once when the utterance is closed."""
        if self._engine.delay_s > 0 and not self.closed:
            try:
                async with asyncio.timeout(self._engine.delay_s):
                    await self._closed.wait()
            except TimeoutError:
                return
        await asyncio.sleep(0)
        if self.closed:
            raise EngineError("the utterance was closed")


class FakeLanguageModel:
    """Answers what it is told, or what a function makes of the prompt.

    A text comes word by word, `delay_s` before the first and `token_interval_s` between them, and
    ends at the prompt's `max_tokens` words.
    """

    name = "fake"
    context_tokens = 4096
    accepts = frozenset({"images", "tools", "tool_choice", "temperature", "top_p", "seed"})

    def __init__(
        self,
        answer: Script | Callable[[Prompt], Script] = "Hello there.",
        *,
        delay_s: float = 0.0,
        token_interval_s: float = 0.0,
    ) -> None:
        self._answer = answer
        self.delay_s = delay_s
        self.token_interval_s = token_interval_s
        self.prompts: list[Prompt] = []
        self.abandoned = 0
        """How many answers were closed before their end."""

    async def generate(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        self.prompts.append(prompt)
        finished = False
        try:
            await asyncio.sleep(self.delay_s)
            for number, piece in enumerate(self._pieces(prompt)):
                if number:
                    await asyncio.sleep(self.token_interval_s)
                if isinstance(piece, EngineError):
                    raise piece
                finished = isinstance(piece, Finished)
                yield piece
        except EngineError:
            finished = True
            raise
        finally:
            self.abandoned += not finished

    def _pieces(self, prompt: Prompt) -> Iterable[Piece | EngineError]:
        script = self._answer(prompt) if callable(self._answer) else self._answer
        return in_words(script, prompt) if isinstance(script, str) else script


def in_words(text: str, prompt: Prompt) -> list[Piece]:
    """A text as the pieces a model would make of it, a word each."""
    words = text.split(" ")
    kept = words[: prompt.max_tokens]
    pieces: list[Piece] = [
        TextDelta(text=word if number == 0 else f" {word}") for number, word in enumerate(kept)
    ]
    finished = Finished(
        reason="stop" if kept == words else "length",
        input_tokens=sum(len(message.content.split()) for message in prompt.messages),
        output_tokens=len(kept),
    )
    return [*pieces, finished]


def calling(name: str, arguments: dict[str, object], call_id: str = "call_1") -> list[Piece]:
    """The pieces of an answer that calls one tool."""
    return [
        CallStarted(call_id=call_id, name=name),
        CallDelta(arguments=json.dumps(arguments)),
        Finished(reason="tool_calls"),
    ]


class FakeTextToSpeech:
    """Says everything as one tone, in pieces of 100 ms with the times of the words.

    It takes `delay_s` for the first piece and `real_time_factor` times its length for each other,
    and refuses texts that contain `fails_on`.
    """

    name = "fake"
    voices: tuple[str, ...] = ("tone",)
    accepts: frozenset[str] = frozenset()

    def __init__(
        self,
        *,
        delay_s: float = 0.0,
        rate_hz: int = 24_000,
        seconds_per_character: float = 0.06,
        real_time_factor: float = 0.0,
        fails_on: str | None = None,
    ) -> None:
        self.delay_s = delay_s
        self.rate_hz = rate_hz
        self.seconds_per_character = seconds_per_character
        self.real_time_factor = real_time_factor
        self.fails_on = fails_on
        self.texts: list[str] = []
        self.firsts: list[bool] = []
        """Whether each text was asked for as the first chunk of a reply."""
        self.languages: list[str | None] = []

    async def speak(
        self, text: str, options: SpeakOptions, *, first: bool
    ) -> AsyncGenerator[Speech, None]:
        self.texts.append(text)
        self.firsts.append(first)
        self.languages.append(options.language)
        await asyncio.sleep(self.delay_s)
        if self.fails_on is not None and self.fails_on in text:
            raise EngineError(f"the voice cannot say {self.fails_on!r}")
        duration_s = len(text) * self.seconds_per_character / options.speed
        words = spread(text.split(), duration_s)
        pcm = tone(round(duration_s * self.rate_hz), self.rate_hz)
        step = 2 * round(PIECE_S * self.rate_hz)  # in bytes
        for start in range(0, len(pcm), step):
            if start:
                await asyncio.sleep(self.real_time_factor * PIECE_S)
            start_s, end_s = (start / 2 / self.rate_hz, (start + step) / 2 / self.rate_hz)
            yield Speech(
                pcm=pcm[start : start + step],
                words=tuple(word for word in words if start_s <= word.start_s < end_s),
            )


def spread(words: Sequence[str], duration_s: float) -> tuple[Word, ...]:
    """Give each word a share of the time by its length."""
    seconds = duration_s / max(sum(len(word) + 1 for word in words), 1)
    spread_words, start_s = [], 0.0
    for word in words:
        end_s = start_s + (len(word) + 1) * seconds
        spread_words.append(Word(text=word, start_s=start_s, end_s=end_s))
        start_s = end_s
    return tuple(spread_words)


def tone(samples: int, rate_hz: int) -> bytes:
    """A quiet sine, int16 mono."""
    return (second_of_tone(rate_hz) * (samples // rate_hz + 1))[: 2 * samples]


@functools.cache
def second_of_tone(rate_hz: int) -> bytes:
    """Whole periods, so that seconds join without a click."""
    wave = 0.2 * np.sin(np.arange(rate_hz) * (2 * np.pi * TONE_HZ / rate_hz))  # in [-0.2, 0.2]
    samples: npt.NDArray[np.int16] = (wave * 32767).astype("<i2")  # (rate_hz,)
    return samples.tobytes()
