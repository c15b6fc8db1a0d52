"""The turn machine: whose turn it is, as a table.

Rules:

1. Everything that decides about turns lives in this file; nothing here knows audio, text engines or
   a clock. Times are milliseconds of session audio and come in with each input.
2. A pause is not an end. When speech ends, answering may begin in secret (`Speculate`), but the turn
   is committed only when its wait is over; speech in between takes it back (`Abandon`).
3. Pause, then decide. Speech over a reply pauses the output at once. Words, or speech that goes on,
   cancel the reply; a cough or a "mm-hm" resumes it, and then nothing of it is a turn.
4. A reply that may not be interrupted does not exist here. One that begins while the user speaks
   goes on until there are words.

    IDLE ──speech──▶ USER ──silence──▶ WAIT ──timer──▶ IDLE         (turn committed)
                      ▲◀────speech─────┘
    BOT ──speech──▶ OVERLAP ──silence──▶ VERDICT ──nothing said──▶ BOT       (resumed)
                      └──────words──────────┴────────▶ USER / WAIT           (cancelled)
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import ClassVar, Literal

from voice.turns.endpoint import has_words, is_backchannel
from voice.turns.gate import SpeechEnded, SpeechStarted

TimerName = Literal["commit", "confirm", "verdict", "idle"]


class State(Enum):
    IDLE = auto()
    USER = auto()
    WAIT = auto()
    BOT = auto()
    OVERLAP = auto()
    VERDICT = auto()


# Inputs, beside the gate's SpeechStarted and SpeechEnded.


@dataclass(frozen=True, slots=True)
class Partial:
    """Some text of the current utterance is known; `wait_ms` is how long its end should be awaited."""

    text: str
    wait_ms: int


@dataclass(frozen=True, slots=True)
class Final:
    """All text of the current utterance, up to its last pause."""

    text: str
    wait_ms: int


@dataclass(frozen=True, slots=True)
class TimerFired:
    name: TimerName


@dataclass(frozen=True, slots=True)
class BotStarted:
    """A reply that speech may interrupt has begun."""


@dataclass(frozen=True, slots=True)
class BotEnded:
    """The reply is over; what was sent of it sounds until `audible_until_ms`."""

    audible_until_ms: int


Input = SpeechStarted | SpeechEnded | Partial | Final | TimerFired | BotStarted | BotEnded


# Outputs.


@dataclass(frozen=True, slots=True)
class Listen:
    """A new utterance begins; give the recognizer the audio from shortly before `at_ms`."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class OpenTurn:
    """The utterance is a turn of the user: announce it."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Speculate:
    """The user paused: get the text and, if the turn is open, the answer ready in secret."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Abandon:
    """The user goes on: drop what was prepared."""


@dataclass(frozen=True, slots=True)
class CommitTurn:
    """The turn is over; its last sound was at `speech_end_ms`."""

    speech_end_ms: int


@dataclass(frozen=True, slots=True)
class Discard:
    """The utterance was no turn: forget it."""


@dataclass(frozen=True, slots=True)
class PauseOutput:
    pass


@dataclass(frozen=True, slots=True)
class ResumeOutput:
    pass


@dataclass(frozen=True, slots=True)
class CancelReply:
    pass


@dataclass(frozen=True, slots=True)
class IdleTimeout:
    pass


@dataclass(frozen=True, slots=True)
class StartTimer:
    """Fire `name` at `at_ms`; replaces a running timer of that name."""

    name: TimerName
    at_ms: int


@dataclass(frozen=True, slots=True)
class StopTimer:
    name: TimerName


Output = (
    Listen
    | OpenTurn
    | Speculate
    | Abandon
    | CommitTurn
    | Discard
    | PauseOutput
    | ResumeOutput
    | CancelReply
    | IdleTimeout
    | StartTimer
    | StopTimer
)


@dataclass(frozen=True, slots=True)
class TurnRules:
    silence_ms: int = 500
    """The wait after speech while no text says otherwise."""
    confirm_ms: int = 1000
    """Speech of this length over a reply interrupts it whatever its words."""
    words_ms: int = 300
    """Speech of this length over a reply interrupts it once it holds words."""
    verdict_ms: int = 2000
    """How long a paused reply waits for the text of what interrupted it."""
    idle_ms: int | None = None


class TurnMachine:
    """Feed inputs with the session-audio time; perform the outputs in order."""

    def __init__(self, rules: TurnRules) -> None:
        self.rules = rules
        self.state = State.IDLE
        self._started_ms = 0
        self._ended_ms = 0
        self._wait_ms = 0
        """The wait that the words known so far ask for."""
        self._bot = False

    def feed(self, given: Input, now_ms: int) -> list[Output]:
        """Take one input; what the state has no rule for changes nothing."""
        if isinstance(given, BotStarted | BotEnded):
            self._bot = isinstance(given, BotStarted)
        rule = self._TABLE.get((self.state, type(given)))
        return rule(self, given, now_ms) if rule else []

    def hand_over(self) -> list[Output]:
        """Leave a turn in progress to the client, who has committed it or wants it no more."""
        if self.state in {State.IDLE, State.BOT}:
            return []
        paused = self.state in {State.OVERLAP, State.VERDICT}
        self._rest()
        stops = [StopTimer("commit"), StopTimer("confirm"), StopTimer("verdict")]
        return [*stops, *([ResumeOutput()] if paused else [])]

    def _rest(self) -> None:
        self.state = State.BOT if self._bot else State.IDLE

    # While no reply is active.

    def _open(self, given: SpeechStarted, _now_ms: int) -> list[Output]:
        self.state = State.USER
        self._started_ms = given.at_ms
        self._wait_ms = 0
        return [StopTimer("idle"), Listen(given.at_ms), OpenTurn(given.at_ms)]

    def _words(self, given: Partial, _now_ms: int) -> list[Output]:
        self._wait_ms = given.wait_ms
        return self._cancel_for(given.text)

    def _pause(self, given: SpeechEnded, _now_ms: int) -> list[Output]:
        self.state = State.WAIT
        self._ended_ms = given.at_ms
        wait_ms = max(self.rules.silence_ms, self._wait_ms)
        return [StartTimer("commit", given.at_ms + wait_ms), Speculate(given.at_ms)]

    def _go_on(self, _given: SpeechStarted, _now_ms: int) -> list[Output]:
        self.state = State.USER
        return [StopTimer("commit"), Abandon()]

    def _rewait(self, given: Partial | Final, _now_ms: int) -> list[Output]:
        return [
            StartTimer("commit", self._ended_ms + given.wait_ms),
            *self._cancel_for(given.text),
        ]

    def _commit(self, given: TimerFired, _now_ms: int) -> list[Output]:
        if given.name != "commit":
            return []
        self._rest()
        return [CommitTurn(self._ended_ms)]

    def _idle(self, given: TimerFired, _now_ms: int) -> list[Output]:
        return [IdleTimeout()] if given.name == "idle" else []

    def _cancel_for(self, text: str) -> list[Output]:
        return [CancelReply()] if self._bot and _is_talk(text) else []

    # While a reply is active.

    def _bot_begins(self, _given: BotStarted, _now_ms: int) -> list[Output]:
        self.state = State.BOT
        return [StopTimer("idle")]

    def _bot_ends(self, given: BotEnded, _now_ms: int) -> list[Output]:
        self.state = State.IDLE
        if self.rules.idle_ms is None:
            return []
        return [StartTimer("idle", given.audible_until_ms + self.rules.idle_ms)]

    def _overlap(self, given: SpeechStarted, _now_ms: int) -> list[Output]:
        self.state = State.OVERLAP
        self._started_ms = given.at_ms
        self._wait_ms = 0
        return [
            PauseOutput(),
            Listen(given.at_ms),
            StartTimer("confirm", given.at_ms + self.rules.confirm_ms),
        ]

    def _words_over_bot(self, given: Partial | Final, now_ms: int) -> list[Output]:
        long_enough = now_ms - self._started_ms >= self.rules.words_ms
        self._wait_ms = given.wait_ms
        return self._interrupt() if long_enough and _is_talk(given.text) else []

    def _confirm(self, given: TimerFired, _now_ms: int) -> list[Output]:
        return self._interrupt() if given.name == "confirm" else []

    def _interrupt(self) -> list[Output]:
        self.state = State.USER
        return [StopTimer("confirm"), OpenTurn(self._started_ms), CancelReply()]

    def _ask_verdict(self, given: SpeechEnded, _now_ms: int) -> list[Output]:
        self.state = State.VERDICT
        self._ended_ms = given.at_ms
        return [
            StopTimer("confirm"),
            StartTimer("verdict", given.at_ms + self.rules.verdict_ms),
            Speculate(given.at_ms),
        ]

    def _verdict(self, given: Final, _now_ms: int) -> list[Output]:
        if not _is_talk(given.text):
            return self._resume()
        self.state = State.WAIT
        return [
            StopTimer("verdict"),
            StopTimer("idle"),
            OpenTurn(self._started_ms),
            *self._cancel_for(given.text),
            StartTimer("commit", self._ended_ms + given.wait_ms),
        ]

    def _no_verdict(self, given: TimerFired, _now_ms: int) -> list[Output]:
        """Play on, but a text that comes late still counts."""
        if given.name != "verdict":
            return []
        self._rest()
        return [ResumeOutput()]

    def _late_verdict(self, given: Final, _now_ms: int) -> list[Output]:
        return self._verdict(given, _now_ms) if _is_talk(given.text) else [Discard()]

    def _resume(self) -> list[Output]:
        self._rest()
        return [StopTimer("verdict"), Discard(), ResumeOutput()]

    def _overlap_again(self, _given: SpeechStarted, now_ms: int) -> list[Output]:
        self.state = State.OVERLAP
        confirm_ms = max(now_ms, self._started_ms + self.rules.confirm_ms)
        return [StopTimer("verdict"), Abandon(), StartTimer("confirm", confirm_ms)]

    def _overlap_alone(self, _given: BotEnded, _now_ms: int) -> list[Output]:
        self.state = State.USER
        return [StopTimer("confirm"), OpenTurn(self._started_ms)]

    def _verdict_alone(self, _given: BotEnded, _now_ms: int) -> list[Output]:
        self.state = State.WAIT
        commit_ms = self._ended_ms + self.rules.silence_ms
        return [StopTimer("verdict"), OpenTurn(self._started_ms), StartTimer("commit", commit_ms)]

    _TABLE: ClassVar[dict[tuple[State, type], Callable[..., list[Output]]]] = {
        (State.IDLE, SpeechStarted): _open,
        (State.IDLE, BotStarted): _bot_begins,
        (State.IDLE, BotEnded): _bot_ends,
        (State.IDLE, TimerFired): _idle,
        (State.IDLE, Final): _late_verdict,
        (State.USER, SpeechEnded): _pause,
        (State.USER, Partial): _words,
        (State.WAIT, SpeechStarted): _go_on,
        (State.WAIT, Partial): _rewait,
        (State.WAIT, Final): _rewait,
        (State.WAIT, TimerFired): _commit,
        (State.BOT, SpeechStarted): _overlap,
        (State.BOT, BotEnded): _bot_ends,
        (State.BOT, Final): _late_verdict,
        (State.OVERLAP, SpeechEnded): _ask_verdict,
        (State.OVERLAP, Partial): _words_over_bot,
        (State.OVERLAP, TimerFired): _confirm,
        (State.OVERLAP, BotEnded): _overlap_alone,
        (State.VERDICT, SpeechStarted): _overlap_again,
        (State.VERDICT, Final): _verdict,
        (State.VERDICT, TimerFired): _no_verdict,
        (State.VERDICT, BotEnded): _verdict_alone,
    }


def _is_talk(text: str) -> bool:
    return has_words(text) and not is_backchannel(text)
