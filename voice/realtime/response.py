"""The life of one response on the wire, from `response.created` to `response.done`."""

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from voice.realtime.config import SessionConfig
from voice.realtime.conversation import Conversation
from voice.realtime.events import Event, new_id
from voice.realtime.items import FunctionCallItem, MessageItem, OutputAudio, OutputText, Status

ResponseStatus = Literal["completed", "cancelled", "incomplete", "failed"]

_MAX_DELTA_BYTES = 384 * 1024
"""As base64 this is half of the largest frame that every client takes."""


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """The tokens of one response."""

    input_text_tokens: int = 0
    input_audio_tokens: int = 0
    input_image_tokens: int = 0
    cached_text_tokens: int = 0
    cached_audio_tokens: int = 0
    cached_image_tokens: int = 0
    output_text_tokens: int = 0
    output_audio_tokens: int = 0

    def to_wire(self) -> dict[str, object]:
        cached = (self.cached_text_tokens, self.cached_audio_tokens, self.cached_image_tokens)
        inputs = (self.input_text_tokens, self.input_audio_tokens, self.input_image_tokens)
        outputs = (self.output_text_tokens, self.output_audio_tokens)
        kinds = ("text_tokens", "audio_tokens", "image_tokens")
        return {
            "total_tokens": sum(inputs) + sum(outputs),
            "input_tokens": sum(inputs),
            "output_tokens": sum(outputs),
            "input_token_details": {
                **dict(zip(kinds, inputs, strict=True)),
                "cached_tokens": sum(cached),
                "cached_tokens_details": dict(zip(kinds, cached, strict=True)),
            },
            "output_token_details": dict(zip(kinds[:2], outputs, strict=True)),
        }


@dataclass(slots=True)
class _Output:
    """One item of the response and the text that was sent for it.

    What was sent can differ from the item's own text, which a truncation cuts.
    """

    index: int
    item: MessageItem | FunctionCallItem
    sent: str = ""

    @property
    def part(self) -> OutputAudio | OutputText | None:
        match self.item:
            case MessageItem(content=[OutputAudio() | OutputText() as part]):
                return part
        return None

    def to_wire(self) -> dict[str, object]:
        wire = self.item.to_wire()
        match self.part:
            case OutputAudio():
                wire["content"] = [{"type": "output_audio", "transcript": self.sent}]
            case OutputText():
                wire["content"] = [{"type": "output_text", "text": self.sent}]
        return wire


class Citation(msgspec.Struct, frozen=True):
    """A document that an answer was taken from."""

    file_id: str
    filename: str
    quote: str

    def to_wire(self) -> dict[str, object]:
        return {"file_id": self.file_id, "filename": self.filename, "quote": self.quote}


class ResponseStream:
    """Turns what a reply produces into events, each method giving those that are now due.

    Without a conversation the response is out of band. After `finish` every method gives nothing.
    """

    def __init__(
        self,
        response_id: str,
        config: SessionConfig,
        conversation: Conversation | None,
        metadata: Mapping[str, str] | None = None,
        on_finish: "Callable[[ResponseStream], None]" = lambda _: None,
    ) -> None:
        self.id = response_id
        self.config = config
        self.metadata = metadata
        self.audio_sent = False
        self.current_item: MessageItem | None = None
        """The assistant's message that is open, or was the last to be."""
        self._conversation = conversation
        self._on_finish = on_finish
        self._citations: list[Citation] = []
        self._outputs: list[_Output] = []
        self._open: _Output | None = None
        self._state: Literal["new", "in_progress", "finished"] = "new"

    @property
    def finished(self) -> bool:
        return self._state == "finished"

    def created(self) -> list[Event]:
        if self._state != "new":
            return []
        self._state = "in_progress"
        return [{"type": "response.created", "response": self._to_wire("in_progress")}]

    # ------------------------------------------------------------ messages

    def text(self, delta: str) -> list[Event]:
        """The next piece of a written answer."""
        if self._state != "in_progress" or not delta:
            return []
        events = self._write(OutputText)
        return [*events, self._delta("response.output_text.delta", delta)]

    def transcript(self, delta: str) -> list[Event]:
        """The next piece of the words of a spoken answer."""
        if self._state != "in_progress" or not delta:
            return []
        events = self._write(OutputAudio)
        return [*events, self._delta("response.output_audio_transcript.delta", delta)]

    def audio(self, pcm: bytes) -> list[Event]:
        """The next piece of speech, in the output format."""
        if self._state != "in_progress" or not pcm:
            return []
        events = self._write(OutputAudio)
        self.audio_sent = True
        place = self._place()
        for start in range(0, len(pcm), _MAX_DELTA_BYTES):
            delta = b64encode(pcm[start : start + _MAX_DELTA_BYTES]).decode()
            events.append({"type": "response.output_audio.delta", **place, "delta": delta})
        return events

    def voiced(self) -> list[Event]:
        """Speech that does not go as events is sounding."""
        if self._state != "in_progress":
            return []
        self.audio_sent = True
        return self._write(OutputAudio)

    def _write(self, kind: type[OutputAudio | OutputText]) -> list[Event]:
        """Open a message with a part of this kind unless it is open already."""
        if self._open and isinstance(self._open.part, kind):
            return []
        item = MessageItem(new_id("item_"), "assistant", [], "in_progress")
        events = self._open_item(item)
        item.content.append(kind())
        self.current_item = item
        part = _part_to_wire(item.content[0], "")
        events.append({"type": "response.content_part.added", **self._place(), "part": part})
        return events

    def _delta(self, kind: str, delta: str) -> Event:
        output = self._opened
        output.sent += delta
        match output.part:
            case OutputText() as part:
                part.text += delta
            case OutputAudio(heard_ms=None) as part:
                part.transcript += delta
        return {"type": kind, **self._place(), "delta": delta}

    def cited(self, citations: Sequence[Citation]) -> list[Event]:
        """The documents that the message was taken from, for clients that want to know."""
        if self._state != "in_progress" or self._open is None or not self._open.part:
            return []
        if "response.citations" not in (self.config.include or ()):
            return []
        place, at = self._place(), len(self._opened.sent)
        events: list[Event] = []
        for citation in citations:
            annotation = {"type": "file_citation", **citation.to_wire(), "index": at}
            events.append(
                {
                    "type": "response.output_text.annotation.added",
                    **place,
                    "annotation_index": len(self._citations),
                    "annotation": annotation,
                }
            )
            self._citations.append(citation)
        return events

    # ------------------------------------------------------------ function calls

    def call_started(self, call_id: str, name: str) -> list[Event]:
        if self._state != "in_progress":
            return []
        return self._open_item(FunctionCallItem(new_id("item_"), call_id, name, "", "in_progress"))

    def call_arguments(self, delta: str) -> list[Event]:
        if self._call is None or not delta:
            return []
        self._call.arguments += delta
        return [
            {
                "type": "response.function_call_arguments.delta",
                **self._place(part=False),
                "call_id": self._call.call_id,
                "delta": delta,
            }
        ]

    def call_done(self) -> list[Event]:
        return self._close("completed") if self._call else []

    @property
    def _call(self) -> FunctionCallItem | None:
        item = self._open.item if self._open else None
        return item if isinstance(item, FunctionCallItem) else None

    # ------------------------------------------------------------ the end

    def finish(
        self,
        status: ResponseStatus,
        reason: str | None = None,
        error: Mapping[str, object] | None = None,
        usage: Usage | None = None,
        timings: Mapping[str, object] | None = None,
    ) -> list[Event]:
        """Close what is open and end the response; one that was never shown ends unseen."""
        if self._state == "finished":
            return []
        shown, self._state = self._state == "in_progress", "finished"
        events = self._close("completed" if status == "completed" else "incomplete")
        response = self._to_wire(status, usage or Usage())
        response["status_details"] = _status_details(status, reason, error)
        if timings is not None and "response.timings" in (self.config.include or ()):
            response["timings"] = timings
        if self._citations:
            response["citations"] = [each.to_wire() for each in self._citations]
        self._on_finish(self)
        return [*events, {"type": "response.done", "response": response}] if shown else []

    def _to_wire(self, status: str, usage: Usage | None = None) -> dict[str, object]:
        output = self.config.audio.output
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "status_details": None,
            "output": [each.to_wire() for each in self._outputs],
            "conversation_id": None if self._conversation is None else self._conversation.id,
            "output_modalities": self.config.output_modalities,
            "max_output_tokens": self.config.max_output_tokens,
            "audio": {"output": {"format": output.format, "voice": output.voice}},
            "usage": usage.to_wire() if usage else None,
            "metadata": self.metadata,
        }

    # ------------------------------------------------------------ items

    @property
    def _opened(self) -> _Output:
        if self._open is None:
            raise RuntimeError("no item of the response is open")
        return self._open

    def _place(self, *, part: bool = True) -> dict[str, object]:
        output = self._opened
        place: dict[str, object] = {
            "response_id": self.id,
            "item_id": output.item.id,
            "output_index": output.index,
        }
        return place | {"content_index": 0} if part else place

    def _open_item(self, item: MessageItem | FunctionCallItem) -> list[Event]:
        events = self._close("completed")
        self._open = _Output(len(self._outputs), item)
        self._outputs.append(self._open)
        if self._conversation is not None:
            self._conversation.add(item)
        return [*events, self._output_item("added"), *self._conversation_item("added")]

    def _close(self, status: Status) -> list[Event]:
        if self._open is None:
            return []
        self._open.item.status = status
        events = self._close_call() if self._call else self._close_part()
        events += [self._output_item("done"), *self._conversation_item("done")]
        self._open = None
        return events

    def _close_call(self) -> list[Event]:
        """A call that was broken off is not announced as ready: clients would run it."""
        if self._call is None or self._call.status != "completed":
            return []
        return [
            {
                "type": "response.function_call_arguments.done",
                **self._place(part=False),
                "call_id": self._call.call_id,
                "name": self._call.name,
                "arguments": self._call.arguments,
            }
        ]

    def _close_part(self) -> list[Event]:
        output, place = self._opened, self._place()
        part = _part_to_wire(output.part, output.sent)
        if isinstance(output.part, OutputText):
            events = [{"type": "response.output_text.done", **place, "text": output.sent}]
        else:
            said = {"transcript": output.sent}
            events = [
                {"type": "response.output_audio.done", **place},
                {"type": "response.output_audio_transcript.done", **place, **said},
            ]
        return [*events, {"type": "response.content_part.done", **place, "part": part}]

    def _output_item(self, happening: Literal["added", "done"]) -> Event:
        output = self._opened
        return {
            "type": f"response.output_item.{happening}",
            "response_id": self.id,
            "output_index": output.index,
            "item": output.to_wire(),
        }

    def _conversation_item(self, happening: Literal["added", "done"]) -> list[Event]:
        """Nothing when the response is out of band or the client has deleted the item."""
        output, conversation = self._opened, self._conversation
        if conversation is None or output.item.id not in conversation:
            return []
        return [
            {
                "type": f"conversation.item.{happening}",
                "previous_item_id": conversation.previous_of(output.item.id),
                "item": output.to_wire(),
            }
        ]


def _part_to_wire(part: object, text: str) -> dict[str, object]:
    if isinstance(part, OutputText):
        return {"type": "text", "text": text}
    return {"type": "audio", "transcript": text}


def _status_details(
    status: ResponseStatus, reason: str | None, error: Mapping[str, object] | None
) -> dict[str, object] | None:
    if status == "completed":
        return None
    details: dict[str, object] = {"type": status}
    if reason is not None:
        details["reason"] = reason
    if error is not None:
        details["error"] = error
    return details
