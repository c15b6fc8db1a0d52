"""The replies of a session: drafts, the one that is heard, and those out of band."""

import asyncio
from collections.abc import Awaitable, Callable

from voice.engines.protocols import Prompt
from voice.realtime.config import ResponseParams, SessionConfig
from voice.realtime.errors import WireError
from voice.realtime.response import ResponseStream
from voice.realtime.state import RealtimeState
from voice.session.history import SILENCE, ContextFullError, build_prompt, same_in_words
from voice.session.record import TurnRecord
from voice.session.reply import Reply, ReplyParts


class Replies:
    """Makes, releases and cancels replies; their tasks run in the session's `group`.

    `on_started` and `on_ended` tell the floor when speech begins and ceases to have a reply to
    interrupt; the latter gets the milliseconds of it that are sent and not heard yet.
    """

    def __init__(
        self,
        state: RealtimeState,
        parts: ReplyParts,
        group: asyncio.TaskGroup,
        defaults: Prompt,
        speculates: Callable[[], bool],
    ) -> None:
        self._state = state
        self._parts = parts
        self._group = group
        self._defaults = defaults
        self._speculates = speculates
        self.active: Reply | None = None
        """The reply of the conversation that is running."""
        self.heard_language: str | None = None
        """What the user was heard to speak, for sessions that do not say it."""
        self._running: dict[str, Reply] = {}
        self._waiting: dict[str, ResponseStream] = {}
        """Responses that the client asked for while the text of its last turn is not there yet."""
        self.on_started: Callable[[], None] = lambda: None
        self.on_ended: Callable[[int], None] = lambda _: None

    # Answers to turns.

    def draft(self, heard: str, record: TurnRecord) -> Reply | None:
        """Begin to answer a turn that is not committed; None when now is not the time."""
        if self._state.active is not None or not self._speculates():
            return None
        try:
            prompt = self._prompt(self._state.config, heard=heard)
        except ContextFullError:
            return None
        return self._new_reply(prompt, self._state.config, record)

    def answer(self, draft: Reply | None, record: TurnRecord, *, silence: bool = False) -> None:
        """Answer the conversation as it is now, with the draft if it still fits."""
        released = None
        if self._state.active is None:
            released = self._answer(draft, record, silence=silence)
        if draft is not None and draft is not released:
            draft.cancel("turn_detected")

    def _answer(self, draft: Reply | None, record: TurnRecord, *, silence: bool) -> Reply | None:
        """The reply that was released, if the conversation fits into the model."""
        stream = self._state.start_response()
        try:
            prompt = self._prompt(stream.config, silence=silence)
        except ContextFullError as error:
            self._fail(stream, str(error), "context_length_exceeded")
            return None
        fits = (
            draft
            and draft.config == stream.config
            and (draft.language or "en") == (self._language(stream.config) or "en")
            and same_in_words(draft.prompt, prompt)
        )
        reply = draft if draft and fits else self._new_reply(prompt, stream.config, record)
        self._release(reply, stream)
        return reply

    def fail(self, message: str) -> None:
        """Answer a turn with the reason why it cannot be answered."""
        if self._state.active is None:
            self._fail(self._state.start_response(), message, "engine_error")

    # Responses the client asks for.

    def create(self, params: ResponseParams, ready: Callable[[], Awaitable[None]]) -> None:
        """Start a response; its prompt is made once `ready` returns. Raises `WireError`."""
        stream = self._state.start_response(params)
        self._waiting[stream.id] = stream
        self._group.create_task(self._create(stream, params, ready))

    async def _create(
        self,
        stream: ResponseStream,
        params: ResponseParams,
        ready: Callable[[], Awaitable[None]],
    ) -> None:
        await ready()
        if self._waiting.pop(stream.id, None) is None:
            return
        try:
            prompt = self._prompt(stream.config, params)
        except ContextFullError as error:
            self._fail(stream, str(error), "context_length_exceeded")
        except WireError as error:
            self._fail(stream, error.message, error.code or "invalid_value")
        else:
            self._release(self._new_reply(prompt, stream.config, TurnRecord()), stream)

    def _fail(self, stream: ResponseStream, message: str, code: str) -> None:
        error = {"type": "server_error", "code": code, "message": message}
        self._parts.outbox.emit(stream.created())
        self._parts.outbox.emit(stream.finish("failed", error=error))

    # What is running.

    def pause(self) -> None:
        if self.active is not None:
            self.active.playout.pause()

    def resume(self) -> None:
        if self.active is not None:
            self.active.playout.resume()

    def interrupt(self) -> None:
        """End the conversation's reply because the user speaks."""
        if self._state.active is not None:
            self.cancel(self._state.active.id, "turn_detected")

    def cancel(self, response_id: str, reason: str = "client_cancelled") -> None:
        waiting = self._waiting.pop(response_id, None)
        if waiting is not None:
            self._parts.outbox.emit(waiting.created())
            self._parts.outbox.emit(waiting.finish("cancelled", reason))
        elif response_id in self._running:
            self._running[response_id].cancel(reason)

    def close(self) -> None:
        """Leave of what is being said what was heard; the client is gone, and is told nothing."""
        for reply in self._running.values():
            reply.abandon()

    def _new_reply(self, prompt: Prompt, config: SessionConfig, record: TurnRecord) -> Reply:
        record.begin_reply()
        reply = Reply(prompt, config, self._parts, record, self._ended, self._language(config))
        reply.start(self._group)
        return reply

    def _language(self, config: SessionConfig) -> str | None:
        transcription = config.audio.input.transcription
        return (transcription and transcription.language) or self.heard_language

    def _release(self, reply: Reply, stream: ResponseStream) -> None:
        self._running[stream.id] = reply
        reply.release(stream)
        if stream is self._state.active:
            self.active = reply
            self.on_started()

    def _ended(self, reply: Reply) -> None:
        """Called in the moment that a reply ends, however it ends."""
        if reply.stream is None:
            return
        del self._running[reply.stream.id]
        if reply is self.active:
            self.active = None
            self.on_ended(reply.unheard_ms)

    def _prompt(
        self,
        config: SessionConfig,
        params: ResponseParams | None = None,
        *,
        heard: str | None = None,
        silence: bool = False,
    ) -> Prompt:
        return build_prompt(
            self._state.context(params),
            config,
            self._parts.llm.context_tokens,
            SILENCE if silence else heard,
            self._defaults,
        )
