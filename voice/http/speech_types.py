"""The request of `/v1/audio/speech`, as OpenAI documents it, and the names others added.

Unset and null mean the same: nothing is asked for.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from voice.audio.encoding import SpeechFormat

Rate = Annotated[int, Meta(ge=8000, le=48_000)]
Speed = Annotated[float, Meta(ge=0.25, le=4)]
Language = Annotated[str, Meta(pattern="^[A-Za-z]{2,3}([-_][A-Za-z0-9]+)*$")]


class VoiceId(msgspec.Struct, frozen=True):
    id: str


class SpeechRequest(msgspec.Struct, kw_only=True, frozen=True):
    input: str
    model: str | None = None
    voice: str | VoiceId | None = None
    instructions: str | None = None
    response_format: SpeechFormat | None = None
    speed: Speed | None = None
    stream_format: Literal["audio", "sse"] | None = None
    sample_rate: Rate | None = None
    """Of WAV and PCM."""
    language: Language | None = None
    """Of the text, where the voice does not tell."""
    stream: bool | None = None
    """Some clients say that they want what they get in any case."""
    user: str | None = None

    @property
    def format(self) -> SpeechFormat:
        return self.response_format or "mp3"

    @property
    def voice_name(self) -> str:
        return self.voice.id if isinstance(self.voice, VoiceId) else self.voice or ""
