"""The engines of a benchmarked server: fakes of a known delay, which do what a caller orders."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import numpy as np

from voice.bench.script import FRAME_MS, ORDER
from voice.config import Settings
from voice.engines.fakes import (
    FakeLanguageModel,
    FakeSpeechToText,
    FakeTextToSpeech,
    FakeUtterance,
)
from voice.engines.protocols import ListenOptions, Prompt, SpeakOptions, Speech
from voice.engines.registry import EngineSet

HEARD = "how long"


class ForgetfulEar(FakeSpeechToText):
    """Keeps no utterance: a benchmark would take that for the server's memory."""

    def listen(self, options: ListenOptions) -> FakeUtterance:
        utterance = super().listen(options)
        self.utterances.clear()
        return utterance


class NumberedVoice(FakeTextToSpeech):
    """A tone whose frames bear their number in the first sample, counted within each text."""

    async def speak(
        self, text: str, options: SpeakOptions, *, first: bool
    ) -> AsyncGenerator[Speech, None]:
        size = self.rate_hz * FRAME_MS // 1000
        number = 0
        async for speech in super().speak(text, options, first=first):
            x = np.frombuffer(speech.pcm, "<i2").copy()  # (n_samples,)
            marks = x[::size]
            marks[:] = np.arange(number, number + len(marks))
            number += len(marks)
            yield Speech(pcm=x.tobytes(), words=speech.words)


def ordered(prompt: Prompt) -> str:
    """The answer that the session's instructions demand."""
    return prompt.messages[0].content.removeprefix(ORDER)


class FakeEngines:
    """Opens engines that each take `delay_ms` before they give anything."""

    def __init__(self, delay_ms: int) -> None:
        self._delay_s = delay_ms / 1000

    @asynccontextmanager
    async def open(self, _settings: Settings) -> AsyncIterator[EngineSet]:
        yield EngineSet(
            ForgetfulEar(HEARD, delay_s=self._delay_s, incremental=True),
            FakeLanguageModel(ordered, delay_s=self._delay_s),
            NumberedVoice(delay_s=self._delay_s),
            choices=(),
            workers=(),
        )
