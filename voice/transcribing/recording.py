"""A recording on its way to text: decoded and cut in a thread, while it is asked for."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import BinaryIO, TypeVar

from voice.audio.decoding import Decoder
from voice.engines.protocols import STT_RATE_HZ
from voice.engines.vad import VoiceDetector
from voice.transcribing.stretches import Cutter, Cutting, Stretch

T = TypeVar("T")

Progress = Callable[[float, float | None], None]
"""Told how many seconds of a recording are done, and of how many if that is known."""


class Recording:
    """A media file that is heard once, from its beginning to its end.

    `duration_s` and `trouble` are those of what was decoded until now. Raises `DecodingError` from
    `opened`, and from `stretches` when there is no sound.
    """

    def __init__(self, decoder: Decoder, detector: VoiceDetector, cutting: Cutting) -> None:
        self._decoder = decoder
        self._cutter = Cutter(detector, cutting)

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, file: BinaryIO, detector: VoiceDetector, cutting: Cutting
    ) -> AsyncIterator["Recording"]:
        """A recording of this file, which stays open."""
        decoder = await in_thread(lambda: Decoder(file, STT_RATE_HZ))
        try:
            yield cls(decoder, detector, cutting)
        finally:
            decoder.close()

    @property
    def declared_s(self) -> float | None:
        return self._decoder.declared_s

    @property
    def duration_s(self) -> float:
        return self._decoder.decoded_s

    @property
    def trouble(self) -> str:
        """What is wrong with the file, once it was heard to its end; empty when nothing is."""
        return self._decoder.trouble

    async def stretches(self) -> AsyncGenerator[list[Stretch], None]:
        """The speech of the recording, a second of it after the other: often no stretch has ended."""
        steps = self._steps()
        while (found := await in_thread(lambda: next(steps, None))) is not None:
            yield found

    def _steps(self) -> Iterator[list[Stretch]]:
        for block in self._decoder.blocks():
            yield list(self._cutter.feed(block))
        yield list(self._cutter.finish())


async def in_thread(work: Callable[[], T]) -> T:
    """Run a short piece of work in a thread; when it is cancelled it ends first.

    A library that reads a file cannot be interrupted, and the file must not be closed under it.
    """
    running = asyncio.get_running_loop().run_in_executor(None, work)
    cancelled: asyncio.CancelledError | None = None
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        running.exception()
        raise cancelled
    return running.result()
