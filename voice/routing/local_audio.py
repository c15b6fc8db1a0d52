"""The engines of this server that listen and speak, as targets."""

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from voice.engines.protocols import SpeechToText, TextToSpeech
from voice.providers.protocol import AudioProvider, Operation
from voice.routing.kinds import kind_of
from voice.routing.local import EngineSource

E_co = TypeVar("E_co", covariant=True)


class Others(Protocol[E_co]):
    """Engines beside those of the conversations, started when first asked for."""

    def names(self) -> list[str]:
        """What could be started now."""

    async def get(self, name: str) -> E_co:
        """Raises `EngineError`."""


class ServerAudio:
    """The engines of conversations, those beside them, and those that models of the file name."""

    def __init__(
        self,
        source: EngineSource,
        ears: Others[SpeechToText],
        voices: Others[TextToSpeech],
        listening: Callable[[SpeechToText], AudioProvider],
        speaking: Callable[[TextToSpeech], AudioProvider],
        *,
        named: Iterable[str] = (),
    ) -> None:
        self._source = source
        self._ears = ears
        self._voices = voices
        self._listening = listening
        self._speaking = speaking
        self._named = frozenset(named)

    def names(self) -> list[str]:
        engines = self._source.engines
        mine = [engines.stt.name, engines.tts.name] if engines else []
        return [*mine, *self._ears.names(), *self._voices.names()]

    async def usual(self, operation: Operation) -> str:
        engines = await self._source.warm()
        return engines.tts.name if kind_of(operation) == "speech" else engines.stt.name

    async def find(self, name: str, operation: Operation) -> AudioProvider | None:
        engines = await self._source.warm()
        if kind_of(operation) == "speech":
            voice = await _found(name, engines.tts, self._voices, self._named)
            return self._speaking(voice) if voice else None
        ears = await _found(name, engines.stt, self._ears, self._named)
        return self._listening(ears) if ears else None


class _Named(Protocol):
    name: str


E = TypeVar("E", bound=_Named)


async def _found(name: str, usual: E, others: Others[E], named: frozenset[str]) -> E | None:
    if name == usual.name:
        return usual
    return await others.get(name) if name in named or name in others.names() else None
