"""What a conversation is made of: messages, function calls and their outputs."""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import msgspec

from voice.realtime.errors import invalid_value
from voice.realtime.events import new_id
from voice.realtime.validation import quoted

Status = Literal["in_progress", "completed", "incomplete"]
Role = Literal["user", "assistant", "system"]
Wire = dict[str, object]


class Timeline(Protocol):
    """When each word of an answer sounds."""

    @property
    def duration_ms(self) -> int: ...

    def text_until(self, ms: int) -> str:
        """The words that were heard in the first `ms` milliseconds."""


# ---------------------------------------------------------------- content parts


class InputText(msgspec.Struct, tag_field="type", tag="input_text"):
    text: str

    def to_wire(self) -> Wire:
        return {"type": "input_text", "text": self.text}


class InputAudio(msgspec.Struct, tag_field="type", tag="input_audio"):
    """What the user said; `audio` is in the session's input format."""

    audio: bytes | None = None
    transcript: str | None = None

    def to_wire(self) -> Wire:
        return {"type": "input_audio", "transcript": self.transcript}

    def media(self) -> Wire:
        return {"audio": b64encode(self.audio).decode()} if self.audio else {}


class InputImage(msgspec.Struct, tag_field="type", tag="input_image"):
    """A picture as a `data:` or `https:` URI."""

    image_url: str
    detail: Literal["auto", "low", "high"] | None = None

    def to_wire(self) -> Wire:
        wire: Wire = {"type": "input_image"}
        if self.detail is not None:
            wire["detail"] = self.detail
        if not self.image_url.startswith("data:"):
            wire["image_url"] = self.image_url
        return wire

    def media(self) -> Wire:
        return {"image_url": self.image_url}


class OutputText(msgspec.Struct, tag_field="type", tag="output_text"):
    text: str = ""

    def to_wire(self) -> Wire:
        return {"type": "output_text", "text": self.text}


@dataclass(slots=True)
class OutputAudio:
    """What the assistant says, and after a truncation only what was heard of it."""

    transcript: str = ""
    timeline: Timeline | None = None
    audio: Callable[[int | None], bytes] | None = None
    """Gives the audio in the output format, up to a millisecond or (None) all of it."""
    heard_ms: int | None = None

    def cut(self, audio_end_ms: int) -> None:
        """Keep what was heard in the first milliseconds; without a timeline nothing was."""
        duration_ms = self.timeline.duration_ms if self.timeline else 0
        if self.heard_ms is not None:
            duration_ms = min(duration_ms, self.heard_ms)
        self.heard_ms = min(audio_end_ms, duration_ms)
        self.transcript = self.timeline.text_until(self.heard_ms) if self.timeline else ""

    def to_wire(self) -> Wire:
        return {"type": "output_audio", "transcript": self.transcript}

    def media(self) -> Wire:
        pcm = self.audio(self.heard_ms) if self.audio else b""
        return {"audio": b64encode(pcm).decode()} if pcm else {}


ClientPart = InputText | InputAudio | InputImage | OutputText
Part = ClientPart | OutputAudio

_PARTS: dict[Role, tuple[type[ClientPart], ...]] = {
    "user": (InputText, InputAudio, InputImage),
    "system": (InputText,),
    "assistant": (OutputText,),
}


# ---------------------------------------------------------------- items


@dataclass(slots=True)
class MessageItem:
    id: str
    role: Role
    content: list[Part]
    status: Status = "completed"

    def to_wire(self) -> Wire:
        """The item as clients see it, without its audio and inline images."""
        content = [part.to_wire() for part in self.content]
        return _wire(self, "message", role=self.role, content=content)

    def with_media(self) -> Wire:
        """The item as clients see it, with everything."""
        content = [
            part.to_wire() | part.media()
            if isinstance(part, InputAudio | InputImage | OutputAudio)
            else part.to_wire()
            for part in self.content
        ]
        return _wire(self, "message", role=self.role, content=content)


@dataclass(slots=True)
class FunctionCallItem:
    id: str
    call_id: str
    name: str
    arguments: str = ""
    status: Status = "completed"

    def to_wire(self) -> Wire:
        return _wire(
            self,
            "function_call",
            call_id=self.call_id,
            name=self.name,
            arguments=self.arguments,
        )


@dataclass(slots=True)
class FunctionCallOutputItem:
    id: str
    call_id: str
    output: str
    status: Status = "completed"

    def to_wire(self) -> Wire:
        return _wire(self, "function_call_output", call_id=self.call_id, output=self.output)


Item = MessageItem | FunctionCallItem | FunctionCallOutputItem


def _wire(item: Item, kind: str, **fields: object) -> Wire:
    return {
        "id": item.id,
        "object": "realtime.item",
        "type": kind,
        "status": item.status,
        **fields,
    }


# ---------------------------------------------------------------- what clients send


class ClientMessage(msgspec.Struct, tag_field="type", tag="message"):
    role: Role
    content: list[ClientPart]
    id: str | None = None


class ClientFunctionCall(msgspec.Struct, tag_field="type", tag="function_call"):
    name: str
    arguments: str
    call_id: str | None = None
    id: str | None = None


class ClientFunctionCallOutput(msgspec.Struct, tag_field="type", tag="function_call_output"):
    call_id: str
    output: str
    id: str | None = None


class ItemReference(msgspec.Struct, tag_field="type", tag="item_reference"):
    """Stands for an item that is already in the conversation."""

    id: str


ClientItem = ClientMessage | ClientFunctionCall | ClientFunctionCallOutput
ContextItem = ClientItem | ItemReference


def from_client(item: ClientItem, param: str = "item") -> Item:
    """The item a client describes, with an id; raises `WireError` naming places under `param`."""
    item_id = item.id or new_id("item_")
    match item:
        case ClientMessage():
            content = [
                _accepted(part, item.role, f"{param}.content[{index}]")
                for index, part in enumerate(item.content)
            ]
            return MessageItem(item_id, item.role, content)
        case ClientFunctionCall():
            call_id = item.call_id or new_id("call_")
            return FunctionCallItem(item_id, call_id, item.name, item.arguments)
        case ClientFunctionCallOutput():
            return FunctionCallOutputItem(item_id, item.call_id, item.output)


def _accepted(part: ClientPart, role: Role, param: str) -> Part:
    if role == "assistant" and isinstance(part, InputText):
        return OutputText(part.text)  # some clients replay history in the user's terms
    if not isinstance(part, _PARTS[role]):
        allowed = [_tag(kind) for kind in _PARTS[role]]
        raise invalid_value(
            f"Invalid value: '{_tag(type(part))}'. The content of a message with the role "
            f"'{role}' can be: {quoted(allowed)}.",
            f"{param}.type",
        )
    if isinstance(part, InputImage) and not part.image_url.startswith(("data:image/", "https://")):
        raise invalid_value(
            f"Invalid value for '{param}.image_url': expected a 'data:image/...' or "
            "'https://...' URI.",
            f"{param}.image_url",
        )
    return part


def _tag(kind: type[ClientPart]) -> str:
    return str(kind.__struct_config__.tag)
