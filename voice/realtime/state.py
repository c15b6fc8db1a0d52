"""The state of one session on the wire: client events and happenings in, server events out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal

import msgspec

from voice.realtime import client_events as client
from voice.realtime.commands import (
    AppendAudio,
    CancelResponse,
    ClearAudio,
    ClearOutput,
    Command,
    CommitAudio,
    CreateResponse,
    Reconfigured,
)
from voice.realtime.config import ResponseParams, SessionConfig
from voice.realtime.conversation import Conversation, duplicate_item
from voice.realtime.errors import WireError, invalid_value
from voice.realtime.events import Event, new_id
from voice.realtime.items import (
    FunctionCallItem,
    InputAudio,
    Item,
    ItemReference,
    MessageItem,
    from_client,
)
from voice.realtime.response import ResponseStream
from voice.realtime.transcription import Logprob, transcription_events
from voice.realtime.validation import check_voice

MAX_FRAME_BYTES = 2**20
"""Some clients drop the connection at a larger frame."""

_ENVELOPE_BYTES = 256


class RealtimeState:
    """One session: its configuration, conversation and running responses.

    `receive` takes what the client sends; the other methods take what happens in the session.
    All give the events to send, in order; `receive` gives commands among them too.
    """

    def __init__(
        self,
        session_id: str,
        config: SessionConfig,
        voices: frozenset[str],
        conversation_id: str,
        *,
        items: Iterable[Item] = (),
        expires_at: int | None = None,
        max_frame_bytes: int = MAX_FRAME_BYTES,
    ) -> None:
        """`items` are those of a conversation that goes on."""
        self.session_id = session_id
        self.config = config
        self.voices = voices
        self.conversation = Conversation(conversation_id)
        for item in items:
            self.conversation.add(item)
        self.active: ResponseStream | None = None
        self.out_of_band: dict[str, ResponseStream] = {}
        self._expires_at = expires_at
        self._max_frame_bytes = max_frame_bytes
        self._voice_used = False
        self._announced: set[str] = set()
        """Ids of user items that were named to the client and are not in the conversation yet."""

    @property
    def voice_locked(self) -> bool:
        """Whether the client has audio of the assistant, whose voice then stays the same."""
        return self._voice_used or any(stream.audio_sent for stream in self._running())

    def opening(self, resume: Event | None = None) -> list[Event]:
        """The first event; `resume` tells who asked for it how the conversation can go on."""
        created: Event = {"type": "session.created", "session": self._session()}
        return [created | ({"resume": resume} if resume else {})]

    def retold(self) -> Iterator[list[Event]]:
        """The events of all items, for a client that has come back."""
        for item in list(self.conversation):
            yield self._item_events(item)

    # ------------------------------------------------------------ what the client sends

    def receive(self, event: client.ClientEvent) -> list[Event | Command]:
        """Obey the event as far as the wire can; raises `WireError` with the event's id."""
        try:
            return _OBEY[type(event)](self, event)
        except WireError as error:
            error.event_id = event.event_id
            raise

    def _append(self, event: client.InputAudioBufferAppend) -> list[Event | Command]:
        return [AppendAudio(event.audio)]

    def _commit(self, _: client.InputAudioBufferCommit) -> list[Event | Command]:
        return [CommitAudio()]

    def _clear(self, _: client.InputAudioBufferClear) -> list[Event | Command]:
        return [ClearAudio()]

    def _clear_output(self, _: client.OutputAudioBufferClear) -> list[Event | Command]:
        return [ClearOutput()]

    def _update_session(self, event: client.SessionUpdate) -> list[Event | Command]:
        old, new = self.config, self.config.updated(event.session)
        self._check_voice(new.audio.output.voice, "session.audio.output.voice")
        self.config = new
        return [Reconfigured(old), {"type": "session.updated", "session": self._session()}]

    def _create_item(self, event: client.ConversationItemCreate) -> list[Event | Command]:
        item = from_client(event.item)
        if item.id in self._announced:
            raise duplicate_item(item.id)
        self.conversation.add(item, event.previous_item_id)
        return [*self._item_events(item)]

    def _retrieve_item(self, event: client.ConversationItemRetrieve) -> list[Event | Command]:
        item = self.conversation.retrieve(event.item_id)
        return [{"type": "conversation.item.retrieved", "item": self._fitting(item)}]

    def _truncate_item(self, event: client.ConversationItemTruncate) -> list[Event | Command]:
        return [*self.truncated(event.item_id, event.content_index, event.audio_end_ms)]

    def _delete_item(self, event: client.ConversationItemDelete) -> list[Event | Command]:
        self.conversation.delete(event.item_id)
        return [{"type": "conversation.item.deleted", "item_id": event.item_id}]

    def _create_response(self, event: client.ResponseCreate) -> list[Event | Command]:
        params = event.response or ResponseParams()
        self._check_response(params)
        self.context(params)
        return [CreateResponse(params, event.event_id)]

    def _cancel_response(self, event: client.ResponseCancel) -> list[Event | Command]:
        running = {stream.id for stream in self._running()}
        wanted = event.response_id or (self.active.id if self.active else None)
        if wanted is None or wanted not in running:
            raise WireError(
                "Cancellation failed: no active response found", code="response_cancel_not_active"
            )
        return [CancelResponse(wanted)]

    # ------------------------------------------------------------ responses

    def start_response(
        self, params: ResponseParams | None = None, response_id: str | None = None
    ) -> ResponseStream:
        """A new response, active or out of band until it finishes; raises `WireError`."""
        params = params or ResponseParams()
        config = self._check_response(params)
        stream = ResponseStream(
            response_id or new_id("resp_"),
            config,
            None if params.out_of_band else self.conversation,
            params.metadata,
            self._finished,
        )
        if params.out_of_band:
            self.out_of_band[stream.id] = stream
        else:
            self.active = stream
        return stream

    def context(self, params: ResponseParams | None = None) -> list[Item]:
        """The items the model should see: the conversation, or what the response brings itself.

        A function call that was broken off is left out. Raises `WireError` on unknown references.
        """
        if params is None or params.input is None:
            return [item for item in self.conversation if not _broken_off(item)]
        return [
            self._referenced(item, f"response.input[{index}]")
            if isinstance(item, ItemReference)
            else from_client(item, f"response.input[{index}]")
            for index, item in enumerate(params.input)
        ]

    # ------------------------------------------------------------ what happens in the session

    def speech_started(self, item_id: str, audio_start_ms: int) -> list[Event]:
        self._announced.add(item_id)
        return [
            {
                "type": "input_audio_buffer.speech_started",
                "item_id": item_id,
                "audio_start_ms": audio_start_ms,
            }
        ]

    def speech_stopped(self, item_id: str, audio_end_ms: int) -> list[Event]:
        return [
            {
                "type": "input_audio_buffer.speech_stopped",
                "item_id": item_id,
                "audio_end_ms": audio_end_ms,
            }
        ]

    def timeout_triggered(self, item_id: str, start_ms: int, end_ms: int) -> list[Event]:
        self._announced.add(item_id)
        return [
            {
                "type": "input_audio_buffer.timeout_triggered",
                "item_id": item_id,
                "audio_start_ms": start_ms,
                "audio_end_ms": end_ms,
            }
        ]

    def committed(self, item_id: str, audio: bytes | None) -> list[Event]:
        """The buffered audio, in the input format, becomes an item of the user's."""
        self._announced.discard(item_id)
        item = MessageItem(item_id, "user", [InputAudio(audio)])
        self.conversation.add(item)
        committed: Event = {
            "type": "input_audio_buffer.committed",
            "item_id": item_id,
            "previous_item_id": self.conversation.previous_of(item_id),
        }
        return [committed, *self._item_events(item)]

    def cleared(self) -> list[Event]:
        self._announced.clear()
        return [{"type": "input_audio_buffer.cleared"}]

    def truncated(self, item_id: str, content_index: int, audio_end_ms: int) -> list[Event]:
        """The user heard no more of the item than this; raises `WireError`."""
        self.conversation.truncate(item_id, content_index, audio_end_ms)
        return [
            {
                "type": "conversation.item.truncated",
                "item_id": item_id,
                "content_index": content_index,
                "audio_end_ms": audio_end_ms,
            }
        ]

    def output_audio_buffer(
        self, happening: Literal["started", "stopped", "cleared"], response_id: str
    ) -> list[Event]:
        """What happens to speech that the server itself plays, as it does over WebRTC."""
        return [{"type": f"output_audio_buffer.{happening}", "response_id": response_id}]

    def set_transcript(self, item_id: str, transcript: str) -> None:
        """Note what the user said, for the model; the client may have deleted the item."""
        item = self.conversation.get(item_id)
        if isinstance(item, MessageItem):
            for part in item.content:
                if isinstance(part, InputAudio):
                    part.transcript = transcript

    def transcription_delta(
        self, item_id: str, delta: str, logprobs: Sequence[Logprob] | None = None
    ) -> list[Event]:
        if not delta:
            return []
        return transcription_events("delta", self.config, item_id, logprobs, delta=delta)

    def transcription_completed(
        self,
        item_id: str,
        transcript: str,
        seconds: float,
        logprobs: Sequence[Logprob] | None = None,
    ) -> list[Event]:
        self.set_transcript(item_id, transcript)
        usage = {"type": "duration", "seconds": seconds}
        return transcription_events(
            "completed", self.config, item_id, logprobs, transcript=transcript, usage=usage
        )

    def transcription_failed(
        self, item_id: str, message: str, code: str | None = None
    ) -> list[Event]:
        error = {"type": "transcription_error", "message": message}
        if code is not None:
            error["code"] = code  # a null here makes some clients drop the event
        return transcription_events("failed", self.config, item_id, error=error)

    # ------------------------------------------------------------ inside

    def _running(self) -> list[ResponseStream]:
        active = [self.active] if self.active else []
        return [*active, *self.out_of_band.values()]

    def _finished(self, stream: ResponseStream) -> None:
        self._voice_used |= stream.audio_sent
        self.out_of_band.pop(stream.id, None)
        if self.active is stream:
            self.active = None

    def _session(self) -> dict[str, object]:
        return self.config.to_wire(self.session_id, self._expires_at)

    def _item_events(self, item: Item) -> list[Event]:
        place = {"previous_item_id": self.conversation.previous_of(item.id), "item": item.to_wire()}
        return [
            {"type": "conversation.item.added", **place},
            {"type": "conversation.item.done", **place},
        ]

    def _fitting(self, item: Item) -> dict[str, object]:
        """The item with its audio, or without when the frame would grow too large."""
        if isinstance(item, MessageItem):
            whole = item.with_media()
            if len(msgspec.json.encode(whole)) + _ENVELOPE_BYTES < self._max_frame_bytes:
                return whole
        return item.to_wire()

    def _check_voice(self, voice: str, param: str) -> None:
        current = self.config.audio.output.voice
        if voice == current:
            return
        check_voice(voice, self.voices, param)
        if self.voice_locked:
            raise WireError(
                "Cannot update a conversation's voice if assistant audio is present.",
                code="cannot_update_voice",
                param=param,
            )

    def _check_response(self, params: ResponseParams) -> SessionConfig:
        """The configuration of a response that may start now."""
        if self.config.type == "transcription":
            raise invalid_value("A transcription session cannot create responses.", "type")
        if self.active is not None and not params.out_of_band:
            raise WireError(
                "Conversation already has an active response in progress: "
                f"{self.active.id}. Wait until the response is finished before creating a new one.",
                code="conversation_already_has_active_response",
            )
        config = self.config.for_response(params)
        self._check_voice(config.audio.output.voice, "response.audio.output.voice")
        return config

    def _referenced(self, reference: ItemReference, param: str) -> Item:
        item = self.conversation.get(reference.id)
        if item is None:
            raise invalid_value(
                f"Invalid value for '{param}.id': the item with id '{reference.id}' "
                "does not exist.",
                f"{param}.id",
            )
        return item


def _broken_off(item: Item) -> bool:
    return isinstance(item, FunctionCallItem) and item.status != "completed"


_OBEY: dict[type, Callable[[RealtimeState, Any], list[Event | Command]]] = {
    client.InputAudioBufferAppend: RealtimeState._append,  # noqa: SLF001
    client.InputAudioBufferCommit: RealtimeState._commit,  # noqa: SLF001
    client.InputAudioBufferClear: RealtimeState._clear,  # noqa: SLF001
    client.OutputAudioBufferClear: RealtimeState._clear_output,  # noqa: SLF001
    client.SessionUpdate: RealtimeState._update_session,  # noqa: SLF001
    client.ConversationItemCreate: RealtimeState._create_item,  # noqa: SLF001
    client.ConversationItemRetrieve: RealtimeState._retrieve_item,  # noqa: SLF001
    client.ConversationItemTruncate: RealtimeState._truncate_item,  # noqa: SLF001
    client.ConversationItemDelete: RealtimeState._delete_item,  # noqa: SLF001
    client.ResponseCreate: RealtimeState._create_response,  # noqa: SLF001
    client.ResponseCancel: RealtimeState._cancel_response,  # noqa: SLF001
}
