"""Listens to a recording stretch by stretch, so that hours of it take no more memory than minutes.

The stretches go to the engine one after another: a long recording waits its turn like everybody's.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import msgspec

from voice.engines.hosted import HostedSpeechToText
from voice.engines.protocols import ListenOptions, Segment, SpeechToText, Transcript, Value, Word
from voice.transcribing.recording import Progress, Recording
from voice.transcribing.segments import segments_of
from voice.transcribing.stretches import Stretch

CONTEXT_CHARS = 240
"""How much of the text before a stretch its engine is told."""
REPEATING = 2.2
"""Text that compresses better than this repeats itself, and must not be held up as an example."""
SLICE_BYTES = 32_000
"""An engine that keeps up by partials hears a stretch in slices, and others between them."""


class Part(Value, frozen=True):
    """The text of one stretch of a recording; all times count from the start of the recording."""

    start_s: float
    end_s: float
    transcript: Transcript
    segments: tuple[Segment, ...]
    """Never empty where there is text."""


async def listen(
    stt: SpeechToText,
    recording: Recording,
    options: ListenOptions,
    *,
    languages: Sequence[str] = (),
    progress: Progress = lambda _done_s, _of_s: None,
) -> AsyncGenerator[Part, None]:
    """The text of a recording, in parts, as they are heard; stretches without words give none.

    `languages` are those it may be in. Raises `EngineError` and `DecodingError`.
    """
    ear = _Ear(background(stt), options, languages)
    async with aclosing(recording.stretches()) as steps:
        async for stretches in steps:
            for stretch in stretches:
                part = await ear.hear(stretch)
                progress(stretch.end_s, recording.declared_s)
                if part.transcript.text:
                    yield part
    progress(recording.duration_s, recording.duration_s)


def background(stt: SpeechToText) -> SpeechToText:
    """The engine, with the patience to let everybody in a conversation go first."""
    return stt.in_batch() if isinstance(stt, HostedSpeechToText) else stt


class _Ear:
    """What is carried over from one stretch to the next: the language, and the last words."""

    def __init__(self, stt: SpeechToText, options: ListenOptions, languages: Sequence[str]) -> None:
        self._stt = stt
        self._languages = [_code(language) for language in languages]
        only = languages[0] if len(languages) == 1 else None
        self._options = msgspec.structs.replace(options, language=options.language or only)
        self._said = ""

    async def hear(self, stretch: Stretch) -> Part:
        prompt = " ".join(filter(None, [self._options.prompt, self._said]))
        options = msgspec.structs.replace(self._options, prompt=prompt)
        transcript = await self._transcribe(stretch.pcm, options)
        if self._is_elsewhere(transcript):
            options = msgspec.structs.replace(options, language=self._languages[0])
            transcript = await self._transcribe(stretch.pcm, options)
        self._remember(transcript)
        moved = shifted(transcript, stretch.start_s)
        segments = segments_of(moved, stretch.start_s, stretch.end_s)
        return Part(
            start_s=stretch.start_s, end_s=stretch.end_s, transcript=moved, segments=segments
        )

    async def _transcribe(self, pcm: bytes, options: ListenOptions) -> Transcript:
        utterance = self._stt.listen(options)
        try:
            if self._stt.incremental:
                for at in range(0, len(pcm), SLICE_BYTES):
                    utterance.feed(pcm[at : at + SLICE_BYTES])
                    await utterance.partial()
            else:
                utterance.feed(pcm)
            return await utterance.transcript()
        finally:
            utterance.close()

    def _is_elsewhere(self, transcript: Transcript) -> bool:
        """Whether a language was found that the recording cannot be in."""
        if self._options.language or not (self._languages and transcript.language):
            return False
        return _code(transcript.language) not in self._languages

    def _remember(self, transcript: Transcript) -> None:
        if not transcript.text:
            return
        if not self._options.language:
            self._options = msgspec.structs.replace(self._options, language=transcript.language)
        ratios = (segment.compression_ratio or 0.0 for segment in transcript.segments)
        repeats = max(ratios, default=0.0) > REPEATING
        self._said = "" if repeats else _last_words(transcript.text)


def shifted(transcript: Transcript, by_s: float) -> Transcript:
    """A transcript of a part of a recording, in the time of the whole."""
    words = tuple(
        Word(text=word.text, start_s=word.start_s + by_s, end_s=word.end_s + by_s)
        for word in transcript.words
    )
    segments = tuple(
        msgspec.structs.replace(segment, start_s=segment.start_s + by_s, end_s=segment.end_s + by_s)
        for segment in transcript.segments
    )
    return msgspec.structs.replace(transcript, words=words, segments=segments)


def _code(language: str) -> str:
    """`pt` of `pt-BR`."""
    return language.lower().partition("-")[0]


def _last_words(text: str) -> str:
    if len(text) <= CONTEXT_CHARS:
        return text
    return text[-CONTEXT_CHARS:].partition(" ")[2] or text[-CONTEXT_CHARS:]
