"""One conversation, from the first event to the last.

    client ─▶ transport ─▶ parse ─▶ RealtimeState ─▶ commands ─▶ Floor ─▶ Replies ─▶ Outbox ─▶ client

The session owns one task group. Everything it starts runs in there and is gone when it ends,
whether the client left, stopped reading, or talked for too long.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import structlog

from voice.engines.protocols import LanguageModel, Prompt, SpeechToText, TextToSpeech
from voice.engines.vad import VoiceDetector, WebRtcVad
from voice.groups import first_error
from voice.realtime.client_events import parse
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
from voice.realtime.config import SessionConfig
from voice.realtime.errors import WireError
from voice.realtime.events import new_id
from voice.realtime.state import RealtimeState
from voice.session.floor import Floor
from voice.session.listener import Listener
from voice.session.outbox import BUSY_BYTES, ClientStalledError, Outbox
from voice.session.outlet import LINE_FORMAT, LineOutlet
from voice.session.replies import Replies
from voice.session.reply import ReplyParts
from voice.session.resume import Hold, remains_of
from voice.session.scribe import Scribe, WaitRule
from voice.session.shelf import AudioShelf
from voice.session.voices import known_voices
from voice.transports.transport import Sound, Transport
from voice.turns.endpoint import semantic_wait_ms

log = structlog.get_logger()

APPEND_BYTES = 32_000
"""A large append is heard in pieces of this size, so that other sessions get their turn."""

GOING_AWAY, POLICY_VIOLATION, INTERNAL_ERROR = 1001, 1008, 1011
SUPERSEDED = 4409


@dataclass(frozen=True, slots=True)
class SessionEngines:
    """The engines of a conversation; `busy` says that they have no time for speculation."""

    stt: SpeechToText
    llm: LanguageModel
    tts: TextToSpeech
    busy: Callable[[], bool] = lambda: False
    wait_ms: WaitRule = semantic_wait_ms
    """How long `semantic_vad` waits after words; the place for a model that judges them better."""


@dataclass(frozen=True, slots=True)
class SessionOptions:
    open_detector: Callable[[float], VoiceDetector] = WebRtcVad
    """Makes a voice detector for a threshold."""
    lead_ms: int = 160
    """How far ahead of its time audio is sent."""
    speculate: bool = True
    max_minutes: float = 0.0
    """How long a session may last; 0 for as long as it likes."""
    defaults: Prompt = field(default_factory=lambda: Prompt(messages=()))
    """The sampling parameters that no client sets over this wire."""


class _GoneError(Exception):
    """The client has left."""


class _SupersededError(Exception):
    """Another connection goes on with the conversation."""


class Session:
    """A conversation over one transport; `run` it once.

    With a `hold` it goes on with what that has, and leaves in it what there is to go on with.
    """

    def __init__(
        self,
        transport: Transport,
        engines: SessionEngines,
        config: SessionConfig,
        options: SessionOptions,
        hold: Hold | None = None,
    ) -> None:
        self.id = new_id("sess_")
        self._hold = hold
        self._transport = transport
        self._engines = engines
        self._options = options
        self._outbox = Outbox(transport)
        limit_s = options.max_minutes * 60
        kept = hold.remains if hold else None
        self.state = RealtimeState(
            self.id,
            config,
            known_voices(engines.tts.voices),
            kept.conversation_id if kept else new_id("conv_"),
            items=kept.items if kept else (),
            expires_at=int(time.time() + limit_s) if limit_s else None,
            max_frame_bytes=transport.max_frame_bytes,
        )

    async def run(self) -> None:
        """Converse until the client leaves, stalls, or its time is over."""
        with structlog.contextvars.bound_contextvars(session=self.id):
            log.info("session started", type=self.state.config.type)
            lifetime = asyncio.timeout(self._options.max_minutes * 60 or None)
            try:
                async with lifetime:
                    await self._converse()
            except* _GoneError:
                log.info("session ended", reason="client left")
            except* _SupersededError:
                log.info("session ended", reason="resumed over another connection")
                reason = "The conversation goes on over another connection."
                await self._transport.close(SUPERSEDED, reason)
            except* ClientStalledError as stalled:
                reason = str(first_error(stalled))
                log.warning("session ended", reason=reason)
                await self._transport.close(POLICY_VIOLATION, reason)
            except* Exception as errors:  # noqa: BLE001 - the client is told and the log says all
                await (self._expire() if lifetime.expired() else self._break(first_error(errors)))
            finally:
                if self._hold is not None:
                    self._hold.remains = remains_of(self.state)

    async def _converse(self) -> None:
        async with asyncio.TaskGroup() as group:
            floor, replies = self._assemble(group)
            group.create_task(self._outbox.run())
            group.create_task(floor.watch_the_clock())
            if self._hold is not None:
                self._hold.talks = True
                group.create_task(_give_way(self._hold))
            try:
                await self._open()
                while (frame := await self._transport.receive()) is not None:
                    if isinstance(frame, Sound):
                        floor.append(frame.pcm)
                    else:
                        await self._handle(frame, floor, replies)
                    await self._outbox.room(BUSY_BYTES)
            finally:
                floor.close()
                replies.close()
            raise _GoneError

    async def _open(self) -> None:
        """Say how the session begins, and what has been said in the conversation before."""
        if self._hold is not None and self._hold.resumed:
            log.info("session resumed", items=len(self.state.conversation))
        self._outbox.emit(self.state.opening(self._hold.to_wire() if self._hold else None))
        for events in self.state.retold():
            self._outbox.emit(events)
            await self._outbox.room(BUSY_BYTES)

    def _assemble(self, group: asyncio.TaskGroup) -> tuple[Floor, Replies]:
        now = asyncio.get_running_loop().time
        options, engines, line = self._options, self._engines, self._transport.line
        parts = ReplyParts(
            engines.llm,
            engines.tts,
            self._outbox,
            AudioShelf(),
            now,
            options.lead_ms,
            partial(LineOutlet, self._outbox, self.state, line) if line else None,
        )
        replies = Replies(
            self.state,
            parts,
            group,
            options.defaults,
            lambda: options.speculate and not engines.busy(),
        )
        line_format = LINE_FORMAT if line else None
        listener = Listener(options.open_detector, self.state.config, line_format)
        scribe = Scribe(engines.stt, engines.wait_ms, self.state, self._outbox.emit)
        floor = Floor(listener, scribe, self.state, replies, parts, group)
        return floor, replies

    async def _handle(self, frame: str | bytes, floor: Floor, replies: Replies) -> None:
        event_id = None
        try:
            event = parse(frame)
            event_id = event.event_id
            for output in self.state.receive(event):
                if isinstance(output, dict):
                    self._outbox.emit([output])
                else:
                    await self._perform(output, floor, replies)
        except WireError as error:
            self._outbox.emit([error.to_event(event_id)])

    async def _perform(self, command: Command, floor: Floor, replies: Replies) -> None:
        match command:
            case AppendAudio(pcm=data):
                for start in range(0, len(data), APPEND_BYTES):
                    if start:
                        await asyncio.sleep(0)
                    floor.append(data[start : start + APPEND_BYTES])
            case CommitAudio():
                floor.commit()
            case ClearAudio():
                floor.clear()
            case CreateResponse(params=params):
                replies.create(params, floor.settled)
            case CancelResponse(response_id=response_id):
                replies.cancel(response_id)
            case ClearOutput():
                replies.interrupt()
            case Reconfigured():
                floor.reconfigure()

    async def _expire(self) -> None:
        minutes = self._options.max_minutes
        log.info("session ended", reason="expired")
        error = WireError(
            f"Your session hit the maximum duration of {minutes:g} minutes.",
            code="session_expired",
        )
        last = Outbox(self._transport)
        last.emit([error.to_event()])
        with suppress(ClientStalledError):
            await last.drain()
        await self._transport.close(GOING_AWAY, "session expired")

    async def _break(self, error: BaseException) -> None:
        log.error("session ended", reason="internal error", exc_info=error)
        await self._transport.close(INTERNAL_ERROR, "internal error")


async def _give_way(hold: Hold) -> None:
    await hold.superseded.wait()
    raise _SupersededError
