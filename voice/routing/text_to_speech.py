"""A model of the registry as a voice for conversations."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from voice.engines.protocols import EngineError, SpeakOptions, Speech
from voice.gateway.errors import ApiError
from voice.routing.router import Router
from voice.session.voices import SPEECH_VOICES, installed_voice

RATE_HZ = 24_000
"""Of the PCM that OpenAI sends, and servers after it."""


class RoutedTextToSpeech:
    """Implements `TextToSpeech` over a router; each chunk is a request of its own.

    `voices` are those the model knows, the first its usual one; none means as OpenAI's.
    """

    accepts = frozenset({"instructions"})

    def __init__(
        self, router: Router, name: str, *, voices: Sequence[str] = (), rate_hz: int = RATE_HZ
    ) -> None:
        self.name = name
        self.rate_hz = rate_hz
        self.voices = tuple(voices) or SPEECH_VOICES
        self._router = router

    async def speak(
        self, text: str, options: SpeakOptions, *, first: bool
    ) -> AsyncGenerator[Speech, None]:
        """Synthesize one chunk; closing the iterator drops the request. Raises `EngineError`.

        Whoever speaks decides what goes first, and tells no times of words.
        """
        del first
        rest = b""
        try:
            routed = await self._router.reply(self.name, "audio/speech", self._body(text, options))
            async with aclosing(routed.value.blocks) as blocks:
                async for block in blocks:
                    pcm = rest + block
                    whole = len(pcm) // 2 * 2
                    rest = pcm[whole:]
                    if whole:
                        yield Speech(pcm=pcm[:whole])
        except ApiError as error:
            raise EngineError(error.message) from error

    def _body(self, text: str, options: SpeakOptions) -> dict[str, object]:
        """The request; what nobody asked for is left to the model."""
        body: dict[str, object] = {
            "model": self.name,
            "input": text,
            "voice": self._portable(options.voice),
            "response_format": "pcm",
        }
        if options.speed != 1.0:
            body["speed"] = options.speed
        if options.instructions:
            body["instructions"] = options.instructions
        return body

    def _portable(self, voice: str) -> str:
        """A voice by OpenAI's name for it, which those who step in for the first target know too."""
        names = (name for name in SPEECH_VOICES if installed_voice(name, self.voices) == voice)
        return next(names, voice or self.voices[0])
