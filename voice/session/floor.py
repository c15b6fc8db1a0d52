"""Who has the floor: performs what the turn machine decides.

The floor owns the turn in progress. It has it written down, prepares answers in secret while the
user pauses, commits turns as conversation items, and pauses, resumes or cancels the reply.
"""

import asyncio
from collections.abc import Iterable

from voice.realtime.errors import commit_empty
from voice.realtime.items import InputAudio, MessageItem
from voice.realtime.state import RealtimeState
from voice.session.listener import Listener
from voice.session.record import TurnRecord
from voice.session.replies import Replies
from voice.session.reply import ReplyParts
from voice.session.scribe import Scribe
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
from voice.turns.words import plain

PARTIAL_EVERY_S = 0.2
STALL_MS = 400
"""A client that sends nothing for this long is taken to be silent; networks jitter less."""
TICK_S = 0.05
SETTLE_S = 0.18
"""Silence after which a whole turn is understood: the gaps inside of words are shorter."""
MIN_COMMIT_MS = 100
TELLING_S = 2.0
"""Speech that is long enough for a recognizer to be sure of its language."""


class Floor:
    """The listening half of a session; tasks run in the session's `group`."""

    def __init__(
        self,
        listener: Listener,
        scribe: Scribe,
        state: RealtimeState,
        replies: Replies,
        parts: ReplyParts,
        group: asyncio.TaskGroup,
    ) -> None:
        self._listener = listener
        self._scribe = scribe
        self._state = state
        self._replies = replies
        self._emit = parts.outbox.emit
        self._shelf = parts.shelf
        self._group = group
        self._now = parts.now
        self._appended_s = parts.now()
        self._turn: Turn | None = None
        self._concluding: dict[asyncio.Task[None], Turn] = {}
        """Committed turns whose text is not there yet, in order."""
        self._owes_answer = False
        """Whether something was said that could not be answered, as the user had gone on."""
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
        self._listener.complete()
        self._ensure_understanding(turn, self._listener.framed_ms)
        self._conclude_later(turn, self._listener.received_ms, answer=False)
        self.perform(self._listener.hand_over())

    def clear(self) -> None:
        self.perform(self._listener.forget())
        self._emit(self._state.cleared())

    def reconfigure(self) -> None:
        self.perform(self._listener.reconfigure(self._state.config))
        if self._listener.interrupts and self._replies.active is not None:
            self._feed(BotStarted())

    async def watch_the_clock(self) -> None:
        """Let time pass for a client that sends no audio; runs until cancelled."""
        while True:
            silent_ms = (self._now() - self._appended_s) * 1000
            if silent_ms > STALL_MS:
                self.perform(self._listener.stalled(silent_ms))
            await asyncio.sleep(max(TICK_S, (STALL_MS - silent_ms) / 1000))

    async def settled(self) -> None:
        """Wait until every committed turn has its text."""
        while self._concluding:
            await asyncio.wait(self._concluding)

    def close(self) -> None:
        """Let go of what recognizers hold, and of all audio; call it when the session ends.

        The rest of a session is small, and waits for the garbage collector as its parts know each other.
        """
        for turn in self._concluding.values():
            turn.close()
        self._discard()
        self._shelf.clear()
        self._listener.tape.trim(self._listener.received_ms)

    # Turn decisions.

    def perform(self, outputs: Iterable[Output]) -> None:  # noqa: C901 - one line a decision
        for output in outputs:
            match output:
                case Listen(at_ms=at_ms):
                    self._listen(at_ms - self._listener.padding_ms)
                case OpenTurn():
                    self._announce()
                case Speculate(at_ms=at_ms):
                    self._prepare(at_ms)
                case CommitTurn():
                    self._commit()
                case Abandon():
                    self._go_on()
                case Discard():
                    self._discard()
                    self._answer_if_due(None)
                case PauseOutput():
                    self._replies.pause()
                case ResumeOutput():
                    self._replies.resume()
                case CancelReply():
                    self._replies.interrupt()
                case IdleTimeout():
                    self._prompt_the_silent()

    def _listen(self, from_ms: float) -> Turn:
        """Begin a turn, at most with what no turn has had before."""
        self._discard()
        turn = Turn(self._scribe.listen(), max(from_ms, self._listener.tape.start_ms))
        self._turn = turn
        self._listener.attach(turn.utterance, turn.started_ms)
        self._group.create_task(self._follow(turn))
        return turn

    def _announce(self) -> None:
        if self._turn is not None:
            self._turn.announced = True
            self._emit(self._state.speech_started(self._turn.item_id, round(self._turn.started_ms)))

    def _prepare(self, at_ms: int) -> None:
        if self._turn is not None:
            self._turn.go_on()
            self._ensure_understanding(self._turn, at_ms)
            if self._scribe.guesses:
                self._draft(self._turn, self._turn.partial)

    def _ensure_understanding(self, turn: Turn, speech_end_ms: float) -> None:
        if turn.understanding is None:
            silent_s = (self._listener.received_ms - speech_end_ms) / 1000
            turn.record.at_s.clear()
            turn.record.mark("speech_end", self._appended_s - silent_s)
            settle_s = 0.0
            if self._turn is turn and self._listener.machine.state is State.WAIT:
                stalled_s = self._now() - self._appended_s
                settle_s = max(0.0, SETTLE_S - silent_s - stalled_s)
            turn.understanding = self._group.create_task(self._understand(turn, settle_s))

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
        self._conclude_later(turn, self._listener.framed_ms, answer=self._answers)

    @property
    def _answers(self) -> bool:
        """Whether turns are answered without being asked to."""
        config = self._state.config
        detection = config.audio.input.turn_detection
        return config.type == "realtime" and detection is not None and detection.create_response

    def _conclude_later(self, turn: Turn, end_ms: float, *, answer: bool) -> None:
        """Make the turn an item now, and answer it once its text is there."""
        audio = self._listener.tape.cut(turn.started_ms, end_ms)
        self._listener.tape.trim(end_ms)
        self._listener.detach()
        self._turn = None
        self._emit(self._state.committed(turn.item_id, audio))
        self._keep_audio(turn.item_id)
        earlier = list(self._concluding)
        task = self._group.create_task(self._conclude(turn, earlier, answer=answer))
        self._concluding[task] = turn
        task.add_done_callback(self._concluding.pop)

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
            if turn.understanding is not None or not self._wants_partials():
                continue
            text = await self._scribe.partial(turn)
            turn.partial = text or turn.partial
            if text and turn is self._turn and turn.understanding is None:
                if turn.announced or not self._listener.detects:
                    self._scribe.publish_live(turn, text)
                self._feed(Partial(text, self._scribe.wait_ms(text)))

    def _wants_partials(self) -> bool:
        over_a_reply = self._listener.interrupts and self._replies.active is not None
        return over_a_reply or self._scribe.wants_partials

    async def _understand(self, turn: Turn, settle_s: float) -> None:
        """Get the text of the turn up to its pause, and draft an answer to it."""
        await asyncio.sleep(settle_s)
        await self._scribe.write_down(turn)
        turn.record.mark("transcript", self._now())
        self._note_language(turn)
        if turn is not self._turn:
            return
        self._feed(Final(turn.text, self._scribe.wait_ms(turn.text)))
        if turn is self._turn and plain(turn.text) != plain(turn.partial):
            turn.drop_draft()
        self._draft(turn, turn.text)

    def _note_language(self, turn: Turn) -> None:
        """Answer in the language that was spoken; a word or two do not tell another one."""
        said = turn.transcript
        known = self._replies.heard_language
        if said and said.language and (known is None or said.duration_s >= TELLING_S):
            self._replies.heard_language = said.language

    def _draft(self, turn: Turn, text: str) -> None:
        """Begin to answer a turn whose end is being awaited, unless that is being done."""
        waits = turn is self._turn and self._listener.machine.state is State.WAIT
        if waits and turn.draft is None and self._answers and has_words(text):
            turn.draft = self._replies.draft(text, turn.record)

    async def _conclude(
        self, turn: Turn, earlier: list[asyncio.Task[None]], *, answer: bool
    ) -> None:
        """Publish the text of a committed turn, after those before it, and let it be answered."""
        if earlier:
            await asyncio.wait(earlier)
        if turn.understanding is not None:
            await asyncio.wait([turn.understanding])
        turn.utterance.close()
        self._scribe.publish(turn)
        if answer and turn.error is not None:
            self._replies.fail(turn.error)
        if answer and has_words(turn.text):
            self._owes_answer = True
            self._interrupt_what_came_before()
        self._answer_if_due(turn)

    def _interrupt_what_came_before(self) -> None:
        """End a reply that was made without the turn that has just become text."""
        if self._listener.interrupts and self._replies.active is not None:
            self._replies.interrupt()

    def _answer_if_due(self, turn: Turn | None) -> None:
        """Answer, unless the user has gone on: then it is answered together with what follows."""
        pending = [each for each in self._concluding.values() if each is not turn]
        if self._owes_answer and self._turn is None and not pending:
            self._owes_answer = False
            draft, record = (turn.draft, turn.record) if turn else (None, TurnRecord())
            self._replies.answer(draft, record)
        elif turn is not None:
            turn.drop_draft()

    # Replies, as the machine sees them.

    def _feed(self, given: Partial | Final | BotStarted | BotEnded) -> None:
        self.perform(self._listener.feed(given))

    def _bot_started(self) -> None:
        if self._listener.interrupts:
            self._feed(BotStarted())

    def _bot_ended(self, unheard_ms: int) -> None:
        self._feed(BotEnded(round(self._listener.now_ms) + unheard_ms))

    def _prompt_the_silent(self) -> None:
        """Answer a silence that lasted as long as `idle_timeout_ms`."""
        if self._state.active is not None or self._concluding:
            return
        end_ms = self._listener.framed_ms
        turn = self._listen(self._listener.tape.start_ms)
        start_ms = round(turn.started_ms)
        self._emit(self._state.timeout_triggered(turn.item_id, start_ms, round(end_ms)))
        self._conclude_later(turn, end_ms, answer=False)
        self._replies.answer(None, turn.record, silence=True)
