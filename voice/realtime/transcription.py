"""The events that carry the words of the user."""

from collections.abc import Sequence
from typing import Literal, Protocol

from voice.realtime.config import SessionConfig
from voice.realtime.events import Event

LOGPROBS = "item.input_audio_transcription.logprobs"


class Logprob(Protocol):
    """A piece of a transcript and the natural logarithm of its probability."""

    @property
    def token(self) -> str: ...

    @property
    def logprob(self) -> float: ...


def transcription_events(
    happening: Literal["delta", "completed", "failed"],
    config: SessionConfig,
    item_id: str,
    logprobs: Sequence[Logprob] | None = None,
    **fields: object,
) -> list[Event]:
    """The event, or nothing in a session that has not asked for transcription."""
    if config.audio.input.transcription is None:
        return []
    event: Event = {
        "type": f"conversation.item.input_audio_transcription.{happening}",
        "item_id": item_id,
        "content_index": 0,
        **fields,
    }
    if logprobs is not None and LOGPROBS in (config.include or ()):
        event["logprobs"] = [_to_wire(each) for each in logprobs]
    return [event]


def _to_wire(each: Logprob) -> dict[str, object]:
    return {"token": each.token, "bytes": list(each.token.encode()), "logprob": each.logprob}
