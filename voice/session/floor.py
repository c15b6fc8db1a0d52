"""Who has the floor: performs what the turn machine decides.

The floor owns the turn in progress. It asks the recognizer, prepares answers in secret while the
user pauses, commits turns as conversation items, and pauses, resumes or cancels the reply.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Literal

import structlog

from voice.engines.protocols import EngineError, ListenOptions, SpeechToText
from voice.realtime.errors import commit_empty
from voice.realtime.items import InputAudio, MessageItem
from voice.realtime.settings import SemanticVad
from voice.realtime.state import RealtimeState
from voice.session.listener import Listener
from voice.session.replies import Replies
from voice.session.reply import ReplyParts
from voice.session.turn import Turn
from voice.turns.endpoint import has_words
from voice.turns.machine import (
    Abandon,
    BotEnded,
    BotStarted,
    CancelReply,
    CommitTurn,
    Discard,
    Final,
    IdleTimeout,
    Listen,
    OpenTurn,
    Output,
    Partial,
    PauseOutput,
    ResumeOutput,
    Speculate,
    State,
)

log = structlog.get_logger()

PARTIAL_EVERY_S = 0.2
STALL_MS = 400
"""A client that sends nothing for this long is taken to be silent; networks jitter less."""
TICK_S = 0.05
MIN_COMMIT_MS = 100
LIVE_MODELS = {"gpt-realtime-whisper", "gpt-live-transcribe"}
"""Transcription models whose users expect deltas before the audio is committed."""


WaitRule = Callable[[str, Literal["low", "medium", "high", "auto"], str | None], int]
"""From the words so far, the eagerness asked for and the language, the wait in milliseconds."""


class Floor:
    """The listening half of a session; tasks run in the session's `group`."""

    def __init__(
        self,
        listener: Listener,
        stt: SpeechToText,
        wait_rule: WaitRule,
        state: RealtimeState,
        replies: Replies,
        parts: ReplyParts,
        group: asyncio.TaskGroup,
    ) -> None:
        self._listener = listener
        self._stt = stt
        self._wait_rule = wait_rule
        self._state = state
        self._replies = replies
        self._emit = parts.outbox.emit
        self._shelf = parts.shelf
        self._group = group
        self._now = parts.now
        self._appended_s = parts.now()
        self._turn: Turn | None = None
        self._concluding: set[asyncio.Task[None]] = set()
        replies.on_started, replies.on_ended = self._bot_started, self._bot_ended

    # Audio in.

    def append(self, data: bytes) -> None:
        self._appended_s = self._now()
        if not self._listener.detects and self._turn is None:
            self._listen(self._listener.framed_ms)
        self.perform(self._listener.append(data))

    def commit(self) -> None:
        """Commit what has come in since the last commit, at the client's wish.

        Raises:
            WireError: there is less than 100 ms of audio.
        """
        if self._listener.tape.length_ms < MIN_COMMIT_MS:
            raise commit_empty(self._listener.tape.length_ms)
        turn = self._turn or self._listen(self._listener.tape.start_ms)
        self._listener.machine.reset()
        self._ensure_understanding(turn, self._listener.framed_ms)
        self._conclude_later(turn, answer=False)

    def clear(self) -> None:
        self.perform(self._listener.forget())
        self._discard()
        self._emit(self._state.cleared())

    def reconfigure(self) -> None:
        self.perform(self._listener.reconfigure(self._state.config))

    async def watch_the_clock(self) -> None:
        """Let time pass for a client that sends no audio; runs until cancelled."""
        while True:
            await asyncio.sleep(TICK_S)
            silent_ms = (self._now() - self._appended_s) * 1000
            if silent_ms > STALL_MS and self._listener.waiting:
                self.perform(self._listener.stalled(self._listener.framed_ms + silent_ms))

    async def settled(self) -> None:
        """Wait until every committed turn has its text."""
        while self._concluding:
            await asyncio.wait(self._concluding)

    # Turn decisions.

    def perform(self, outputs: Iterable[Output]) -> None:  # noqa: C901 - one line a decision
        for output in outputs:
            match output:
                case Listen(at_ms=at_ms):
                    self._listen(at_ms - self._listener.padding_ms)
                case OpenTurn(at_ms=at_ms):
                    self._announce(at_ms)
                case Speculate(at_ms=at_ms):
                    self._prepare(at_ms)
                case CommitTurn():
                    self._commit()
                case Abandon():
                    self._go_on()
                case Discard():
                    self._discard()
                case PauseOutput():
                    self._replies.pause()
                case ResumeOutput():
                    self._replies.resume()
                case CancelReply():
                    self._replies.interrupt()
                case IdleTimeout():
                    self._prompt_the_silent()

    def _listen(self, from_ms: float) -> Turn:
        self._discard()
        turn = Turn(self._stt.listen(self._listen_options()), max(0.0, from_ms))
        self._turn = turn
        self._listener.attach(turn.utterance, from_ms)
        self._group.create_task(self._follow(turn))
        return turn

    def _listen_options(self) -> ListenOptions:
        asked = self._state.config.audio.input.transcription
        if asked is None:
            return ListenOptions()
        return ListenOptions(
            language=asked.language or None,
            prompt=asked.prompt or "",
            keywords=tuple(asked.keywords or ()),
        )

    def _announce(self, at_ms: int) -> None:
        if self._turn is not None:
            start_ms = max(0, at_ms - self._listener.padding_ms)
            self._emit(self._state.speech_started(self._turn.item_id, start_ms))

    def _prepare(self, at_ms: int) -> None:
        if self._turn is not None:
            self._turn.go_on()
            self._ensure_understanding(self._turn, at_ms)

    def _ensure_understanding(self, turn: Turn, speech_end_ms: float) -> None:
        if turn.understanding is None:
            silent_s = (self._listener.received_ms - speech_end_ms) / 1000
            turn.record.at_s.clear()
            turn.record.mark("speech_end", self._appended_s - silent_s)
            turn.understanding = self._group.create_task(self._understand(turn))

    def _go_on(self) -> None:
        if self._turn is not None:
            self._turn.go_on()

    def _discard(self) -> None:
        if self._turn is not None:
            self._turn.close()
            self._turn = None
            self._listener.detach()

    def _commit(self) -> None:
        turn = self._turn
        if turn is None:
            return
        turn.record.mark("commit", self._now())
        self._emit(self._state.speech_stopped(turn.item_id, round(self._listener.framed_ms)))
        detection = self._listener.config.audio.input.turn_detection
        self._conclude_later(turn, answer=detection is not None and detection.create_response)

    def _conclude_later(self, turn: Turn, *, answer: bool) -> None:
        """Make the turn an item now, and answer it once its text is there."""
        audio = self._listener.tape.cut(turn.started_ms, self._listener.received_ms)
        self._listener.tape.trim(self._listener.received_ms)
        self._listener.detach()
        self._turn = None
        self._emit(self._state.committed(turn.item_id, audio))
        self._keep_audio(turn.item_id)
        task = self._group.create_task(self._conclude(turn, answer=answer))
        self._concluding.add(task)
        task.add_done_callback(self._concluding.discard)

    def _keep_audio(self, item_id: str) -> None:
        item = self._state.conversation.get(item_id)
        part = item.content[0] if isinstance(item, MessageItem) else None
        if isinstance(part, InputAudio) and part.audio:
            self._shelf.keep(part, len(part.audio))

    # Understanding.

    async def _follow(self, turn: Turn) -> None:
        """Ask for partial texts while the user speaks."""
        while turn is self._turn:
            await asyncio.sleep(PARTIAL_EVERY_S)
            if not self._wants_partials():
                continue
            try:
                text = await turn.utterance.partial()
            except EngineError:
                return  # the transcript of the whole turn will say why
            if text and turn is self._turn:
                self._publish_live(turn, text)
                self._feed(Partial(text, self._wait_ms(text)))

    def _wants_partials(self) -> bool:
        """Whether a partial text is of use, or at least the asking for it."""
        state = self._listener.machine.state
        if state in {State.WAIT, State.VERDICT}:
            return False
        semantic = isinstance(self._listener.config.audio.input.turn_detection, SemanticVad)
        return self._stt.incremental or state is State.OVERLAP or semantic or self._is_live()

    def _is_live(self) -> bool:
        """Whether the client expects the words while they are spoken."""
        asked = self._state.config.audio.input.transcription
        live_model = asked is not None and asked.model in LIVE_MODELS
        return live_model or self._state.config.type == "transcription"

    def _publish_live(self, turn: Turn, text: str) -> None:
        if self._is_live() and (delta := turn.agreement.push(text)):
            self._emit(self._state.transcription_delta(turn.item_id, delta))

    async def _understand(self, turn: Turn) -> None:
        """Get the text of the turn up to its pause, and draft an answer to it."""
        revision = turn.revision
        try:
            transcript = await turn.utterance.transcript()
        except EngineError as error:
            turn.error = str(error)
            self._feed_final(turn, "")
            return
        if turn.revision != revision:
            return
        turn.transcript = transcript
        turn.record.mark("transcript", self._now())
        self._feed_final(turn, transcript.text)
        if turn is self._turn and self._listener.machine.state is State.WAIT:
            self._draft(turn, transcript.text)

    def _feed_final(self, turn: Turn, text: str) -> None:
        if turn is self._turn:
            self._feed(Final(text, self._wait_ms(text)))

    def _draft(self, turn: Turn, text: str) -> None:
        detection = self._listener.config.audio.input.turn_detection
        if detection is not None and detection.create_response and has_words(text):
            turn.draft = self._replies.draft(text, turn.record)

    def _wait_ms(self, text: str) -> int:
        detection = self._listener.config.audio.input.turn_detection
        if isinstance(detection, SemanticVad):
            language = self._listen_options().language
            return self._wait_rule(text, detection.eagerness, language)
        return self._listener.machine.rules.silence_ms

    async def _conclude(self, turn: Turn, *, answer: bool) -> None:
        """Publish the text of a committed turn and let it be answered."""
        if turn.understanding is not None:
            await asyncio.wait([turn.understanding])
        turn.utterance.close()
        if turn.error is not None:
            self._emit(self._state.transcription_failed(turn.item_id, turn.error, "engine_error"))
            if answer:
                self._replies.fail(turn.error)
            return
        text = turn.transcript.text if turn.transcript else ""
        self._publish(turn, text)
        if answer and has_words(text) and self._turn is None:
            self._replies.answer(turn.draft, turn.record)
        else:
            turn.drop_draft()

    def _publish(self, turn: Turn, text: str) -> None:
        transcript = turn.transcript
        self._state.set_transcript(turn.item_id, text)
        logprobs = transcript.logprobs if transcript else ()
        if delta := turn.agreement.finish(text):
            self._emit(self._state.transcription_delta(turn.item_id, delta, logprobs))
        seconds = transcript.duration_s if transcript else 0.0
        sent = turn.agreement.sent
        self._emit(self._state.transcription_completed(turn.item_id, sent, seconds, logprobs))

    # Replies, as the machine sees them.

    def _feed(self, given: Partial | Final | BotStarted | BotEnded) -> None:
        self.perform(self._listener.feed(given, self._listener.framed_ms))

    def _bot_started(self) -> None:
        if self._listener.interrupts:
            self._feed(BotStarted())

    def _bot_ended(self, unheard_ms: int) -> None:
        self._feed(BotEnded(round(self._listener.framed_ms) + unheard_ms))

    def _prompt_the_silent(self) -> None:
        """Answer a silence that lasted as long as `idle_timeout_ms`."""
        end_ms = round(self._listener.framed_ms)
        start_ms = round(self._listener.tape.start_ms)
        turn = self._listen(start_ms)
        self._emit(self._state.timeout_triggered(turn.item_id, start_ms, end_ms))
        self._conclude_later(turn, answer=False)
        self._replies.answer(None, turn.record, silence=True)
