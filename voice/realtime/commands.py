"""What the wire asks of the session that it cannot do by itself."""

from dataclasses import dataclass

from voice.realtime.config import ResponseParams, SessionConfig


@dataclass(frozen=True, slots=True)
class AppendAudio:
    """Hear these bytes, in the session's input format."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class CommitAudio:
    """Make an item of the buffered audio."""


@dataclass(frozen=True, slots=True)
class ClearAudio:
    """Forget the buffered audio."""


@dataclass(frozen=True, slots=True)
class CreateResponse:
    params: ResponseParams
    event_id: str | None


@dataclass(frozen=True, slots=True)
class CancelResponse:
    """Stop the response, which is running."""

    response_id: str


@dataclass(frozen=True, slots=True)
class Reconfigured:
    """The configuration has changed; `old` is what it was."""

    old: SessionConfig


@dataclass(frozen=True, slots=True)
class ClearOutput:
    """Silence what is playing."""


Command = (
    AppendAudio
    | CommitAudio
    | ClearAudio
    | CreateResponse
    | CancelResponse
    | Reconfigured
    | ClearOutput
)
