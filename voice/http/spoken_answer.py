"""Chat answers aloud: a text model's words, spoken by this server as a chat's `audio`."""

import base64
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator
from contextlib import aclosing
from typing import Any
from uuid import uuid4

import msgspec

from voice.audio.encoding import Encoder, SpeechFormat, encoder
from voice.engines.protocols import SpeakOptions, TextToSpeech
from voice.engines.sse import EventStream
from voice.http.chat_types import AudioFormat
from voice.narration import BUFFERED_S, Narration, SilentTextError, spoken_chunks
from voice.providers.completion_wire import DONE, event
from voice.streams import ahead, closing
from voice.turns.chunker import Chunk, TextChunker

Json = dict[str, Any]

REMEMBERED_S = 3600
MOST_REMEMBERED = 1000
BLOCKS_AHEAD = 64
"""How far the model may be ahead of its voice."""

FORMATS: dict[AudioFormat, SpeechFormat] = {
    "pcm16": "pcm",
    "wav": "wav",
    "aac": "aac",
    "mp3": "mp3",
    "flac": "flac",
    "opus": "opus",
}


class SpokenAnswers:
    """What was said in recent answers, so that a chat can refer to them by their ids."""

    def __init__(self) -> None:
        self._said: OrderedDict[str, tuple[float, str]] = OrderedDict()

    def remember(self, answer_id: str, text: str, now_s: float) -> None:
        self._said[answer_id] = now_s + REMEMBERED_S, text
        while len(self._said) > MOST_REMEMBERED:
            self._said.popitem(last=False)

    def at(self, now_s: float) -> dict[str, str]:
        """The texts that are not forgotten, by id."""
        return {key: text for key, (until_s, text) in self._said.items() if until_s > now_s}


class Speaker:
    """Speaks the answers to one request."""

    def __init__(
        self,
        tts: TextToSpeech,
        options: SpeakOptions,
        audio_format: AudioFormat,
        answers: SpokenAnswers,
    ) -> None:
        self._tts = tts
        self._options = options
        self._format = FORMATS[audio_format]
        self._answers = answers

    async def whole(self, body: bytes) -> bytes:
        """A whole answer, each choice with its words as audio."""
        answer = msgspec.json.decode(body)
        for choice in answer["choices"]:
            message = choice["message"]
            if message.get("content"):
                message["audio"] = await self._spoken(message["content"])
                message["content"] = None
        return msgspec.json.encode(answer)

    async def _spoken(self, text: str) -> Json:
        data = b"".join([block async for block in self._say(text)])
        identity = self._remembered(f"audio_{uuid4().hex}", text)
        return {**identity, "data": base64.b64encode(data).decode(), "transcript": text}

    async def _say(self, text: str) -> AsyncGenerator[bytes, None]:
        chunks = list(spoken_chunks(text))
        if chunks:
            narration = self._narration(iter(chunks))
            try:
                async with aclosing(narration.blocks()) as blocks:
                    async for block in blocks:
                        yield block
            except SilentTextError:
                return  # the transcript says it

    def _narration(self, chunks: Iterator[str]) -> Narration:
        return Narration(chunks, self._tts, self._options, encoder(self._format, self._tts.rate_hz))

    def _remembered(self, answer_id: str, text: str) -> Json:
        now_s = time.time()
        self._answers.remember(answer_id, text, now_s)
        return {"id": answer_id, "expires_at": int(now_s) + REMEMBERED_S}

    async def stream(self, blocks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        """A streamed answer: its words as transcript, and their sound as soon as it is made."""
        voice = _Voice(self._tts, self._options, encoder(self._format, self._tts.rate_hz))
        answer_id = f"audio_{uuid4().hex}"
        said: Json | None = None
        """A chunk that had words, while there may be more to be said."""
        async with aclosing(ahead(blocks, BLOCKS_AHEAD)) as coming:
            async for chunk in chunks_of(coming):
                choice = (chunk["choices"] or [{}])[0]
                delta = choice.get("delta") or {}
                text, reason = delta.pop("content", None), choice.get("finish_reason")
                if text:
                    said = chunk
                    yield event(_with_audio(chunk, {"id": answer_id, "transcript": text}))
                    async for data in voice.push(text):
                        yield event(_with_audio(chunk, {"id": answer_id, "data": data}))
                if reason and said:
                    async for each in self._last(voice, said, answer_id):
                        yield each
                    said = None
                if reason or delta or not text:
                    yield event(chunk)
        if said:
            async for each in self._last(voice, said, answer_id):
                yield each
        yield DONE

    async def _last(
        self, voice: "_Voice", chunk: Json, answer_id: str
    ) -> AsyncGenerator[bytes, None]:
        """What is left to be said, and how the answer can be referred to."""
        async for data in voice.finish():
            yield event(_with_audio(chunk, {"id": answer_id, "data": data}))
        yield event(_with_audio(chunk, self._remembered(answer_id, voice.text)))


class _Voice:
    """Speaks a text while it grows."""

    def __init__(self, tts: TextToSpeech, options: SpeakOptions, encoder: Encoder) -> None:
        self._tts = tts
        self._options = options
        self._encoder = encoder
        self._chunker = TextChunker()
        self.text = ""

    async def push(self, text: str) -> AsyncGenerator[str, None]:
        """The audio of what can be said now, in base64."""
        self.text += text
        async for data in self._say(self._chunker.push(text, BUFFERED_S)):
            yield data

    async def finish(self) -> AsyncGenerator[str, None]:
        """The audio of all the rest; once."""
        async for data in self._say(self._chunker.flush()):
            yield data
        if data_left := self._encoder.finish():
            yield base64.b64encode(data_left).decode()

    async def _say(self, chunks: Iterable[Chunk]) -> AsyncGenerator[str, None]:
        for chunk in chunks:
            if chunk.spoken:
                speech = self._tts.speak(chunk.spoken, self._options, first=False)
                async with closing(speech) as pieces:
                    async for piece in pieces:
                        if data := self._encoder.push(piece.pcm):
                            yield base64.b64encode(data).decode()


async def chunks_of(blocks: AsyncIterator[bytes]) -> AsyncGenerator[Json, None]:
    """The chunks of a chat completion in the blocks of its event stream."""
    stream = EventStream()
    async for block in blocks:
        for each in stream.feed(block):
            if each.data != "[DONE]":
                yield msgspec.json.decode(each.data)


def _with_audio(chunk: Json, audio: Json) -> Json:
    """A chunk like another that says nothing but `audio`."""
    index = chunk["choices"][0]["index"]
    choice = {"index": index, "delta": {"audio": audio}, "finish_reason": None}
    return chunk | {"choices": [choice]}
