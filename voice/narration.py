"""Reading a text aloud: sentence after sentence from an engine, encoded while it is made."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing

from voice.audio.encoding import Encoder
from voice.audio.pcm import SAMPLE_BYTES
from voice.engines.hosted import HostedTextToSpeech
from voice.engines.protocols import EngineError, SpeakOptions, TextToSpeech
from voice.streams import ahead, closing
from voice.turns.chunker import TextChunker

BUFFERED_S = 1.0
"""What the chunker is told to be left to play: enough for whole sentences, not for several."""
STEP_CHARS = 200
"""A long text is read in steps, so that the first clause does not wait for the last."""
BLOCK_MS = 100
BLOCKS_AHEAD = 50
"""Five seconds are made before they can be sent, and of a sentence begun the rest."""


class SilentTextError(EngineError):
    """There was text, and nothing of it can be heard."""


def spoken_chunks(text: str, language: str = "en") -> Iterator[str]:
    """What is said for a text, in sentences; the first may be a clause. None for mere marks."""
    chunker = TextChunker(language)
    for start in range(0, len(text), STEP_CHARS):
        ready = chunker.push(text[start : start + STEP_CHARS], BUFFERED_S)
        yield from (chunk.spoken for chunk in ready if chunk.spoken)
    yield from (chunk.spoken for chunk in chunker.flush() if chunk.spoken)


async def next_chunk(chunks: Iterator[str]) -> str | None:
    """The next of `spoken_chunks`; None after the last.

    A text that is all brackets takes a tenth of a millisecond a character to make sense of, so it
    is done beside the event loop.
    """
    return await asyncio.to_thread(next, chunks, None)


def unhurried(tts: TextToSpeech) -> TextToSpeech:
    """The engine for reading aloud: those who talk with it at the time go first."""
    return tts.in_batch() if isinstance(tts, HostedTextToSpeech) else tts


class Narration:
    """Chunks of text on their way to encoded audio."""

    def __init__(
        self, chunks: Iterable[str], tts: TextToSpeech, options: SpeakOptions, encoder: Encoder
    ) -> None:
        self._chunks = iter(chunks)
        self._tts = tts
        self._options = options
        self._encoder = encoder
        self._samples = 0

    @property
    def duration_s(self) -> float:
        """Of the audio that was encoded until now."""
        return self._samples / self._tts.rate_hz

    async def blocks(self) -> AsyncGenerator[bytes, None]:
        """The audio as it is made; closing it stops the engine. Raises `EngineError`."""
        async with aclosing(ahead(self._spoken(), BLOCKS_AHEAD)) as spoken:
            async for pcm in spoken:
                self._samples += len(pcm) // SAMPLE_BYTES
                if data := self._encoder.push(pcm):
                    yield data
                # An engine may be far ahead; what else the server does comes between.
                await asyncio.sleep(0)
        if not self._samples:
            raise SilentTextError(
                "the voice has no sounds for this text; is it in the voice's language?",
                "invalid_value",
                "input",
            )
        yield self._encoder.finish()

    async def _spoken(self) -> AsyncGenerator[bytes, None]:
        """PCM at the engine's rate, in blocks that are quickly encoded."""
        step = SAMPLE_BYTES * (self._tts.rate_hz * BLOCK_MS // 1000)
        while (chunk := await next_chunk(self._chunks)) is not None:
            async with closing(self._tts.speak(chunk, self._options, first=False)) as pieces:
                async for piece in pieces:
                    for start in range(0, len(piece.pcm), step):
                        yield piece.pcm[start : start + step]
