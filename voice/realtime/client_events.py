"""The events a client may send, and how a frame becomes one."""

from typing import Annotated, get_args

import msgspec
from msgspec import Meta

from voice.realtime.config import ResponseParams
from voice.realtime.errors import WireError, invalid_value
from voice.realtime.items import ClientItem
from voice.realtime.validation import explain, quoted

MAX_APPEND_BYTES = 15 * 2**20


class _Base(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    event_id: str | None = None


class SessionUpdate(_Base, frozen=True, tag="session.update"):
    session: dict[str, object]


class InputAudioBufferAppend(_Base, frozen=True, tag="input_audio_buffer.append"):
    audio: Annotated[bytes, Meta(max_length=MAX_APPEND_BYTES)]


class InputAudioBufferCommit(_Base, frozen=True, tag="input_audio_buffer.commit"):
    pass


class InputAudioBufferClear(_Base, frozen=True, tag="input_audio_buffer.clear"):
    pass


class ConversationItemCreate(_Base, frozen=True, tag="conversation.item.create"):
    item: ClientItem
    previous_item_id: str | None = None


class ConversationItemRetrieve(_Base, frozen=True, tag="conversation.item.retrieve"):
    item_id: str


class ConversationItemTruncate(_Base, frozen=True, tag="conversation.item.truncate"):
    item_id: str
    content_index: int
    audio_end_ms: int


class ConversationItemDelete(_Base, frozen=True, tag="conversation.item.delete"):
    item_id: str


class ResponseCreate(_Base, frozen=True, tag="response.create"):
    response: ResponseParams | None = None


class ResponseCancel(_Base, frozen=True, tag="response.cancel"):
    response_id: str | None = None


class OutputAudioBufferClear(_Base, frozen=True, tag="output_audio_buffer.clear"):
    pass


ClientEvent = (
    SessionUpdate
    | InputAudioBufferAppend
    | InputAudioBufferCommit
    | InputAudioBufferClear
    | ConversationItemCreate
    | ConversationItemRetrieve
    | ConversationItemTruncate
    | ConversationItemDelete
    | ResponseCreate
    | ResponseCancel
    | OutputAudioBufferClear
)

SUPPORTED_TYPES = [str(kind.__struct_config__.tag) for kind in get_args(ClientEvent)]

_decoder: msgspec.json.Decoder[ClientEvent] = msgspec.json.Decoder(ClientEvent)


def parse(frame: str | bytes) -> ClientEvent:
    """The event in a text frame; raises `WireError`, with the event's own id where it has one."""
    if isinstance(frame, bytes):
        raise _not_json("expected a text frame, got a binary one")
    try:
        return _decoder.decode(frame)
    except msgspec.ValidationError as error:
        raise _invalid_event(frame, error) from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise _not_json(str(error)) from None
    except RecursionError:
        raise _not_json("it is nested too deeply") from None


def _not_json(reason: str) -> WireError:
    return WireError(f"The frame is not a valid JSON event: {reason}.", code="invalid_json")


def _invalid_event(frame: str, error: msgspec.ValidationError) -> WireError:
    """What is wrong with a frame that the typed decoder refused."""
    try:
        event = msgspec.json.decode(frame)
    except (msgspec.DecodeError, RecursionError) as broken:
        return _not_json(str(broken))
    if not isinstance(event, dict):
        return _not_json("expected an object")
    wire_error = _explained(event, error)
    event_id = event.get("event_id")
    wire_error.event_id = event_id if isinstance(event_id, str) else None
    return wire_error


def _explained(event: dict[str, object], error: msgspec.ValidationError) -> WireError:
    kind = event.get("type")
    if kind is None:
        return WireError("The 'type' field is missing.", code="invalid_event", param="type")
    if kind not in SUPPORTED_TYPES:
        return invalid_value(
            f"Invalid value: '{kind}'. Supported values are: {quoted(SUPPORTED_TYPES)}.", "type"
        )
    return explain(error, ClientEvent, "")
