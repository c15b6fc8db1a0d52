"""The ear of a session: appended wire audio becomes frames, speech times and turn decisions.

Synchronous and clockless: its time is the audio received. `stalled` lets the owner tell it that a
client has stopped sending, so that a turn can end without audio.
"""

from collections.abc import Callable, Iterable, Iterator

from voice.audio.formats import WIRE_FORMATS, WireDecoder, WireFormat
from voice.audio.pcm import SAMPLE_BYTES, level_dbfs
from voice.engines.protocols import Utterance
from voice.engines.vad import VoiceDetector
from voice.realtime.config import SessionConfig
from voice.realtime.settings import ServerVad
from voice.session.ear import Ear
from voice.session.tape import Tape
from voice.turns.gate import FRAME_MS, GateTuning, SpeechGate
from voice.turns.machine import (
    Abandon,
    Discard,
    Input,
    Output,
    StartTimer,
    StopTimer,
    TimerFired,
    TimerName,
    TurnMachine,
    TurnRules,
)

PREROLL_MS = 1000
"""The least that is kept of audio in which no speech was noticed, for the padding of what comes."""
IDLE_MS = 3 * PREROLL_MS
"""The most that is kept of it, which a client may still commit."""
FLOOR_DB = {None: 9.0, "near_field": 12.0, "far_field": 6.0}
"""How far above the noise speech must be: a close microphone can refuse what is quiet."""


class Listener:
    """Feed wire audio; get the turn machine's decisions with every frame."""

    def __init__(
        self,
        open_detector: Callable[[float], VoiceDetector],
        config: SessionConfig,
        line_format: WireFormat | None = None,
    ) -> None:
        """With a `line_format` audio comes in that, whatever the configuration says."""
        self._open_detector = open_detector
        self._line_format = line_format
        self.config = config
        self.received_ms = 0.0
        """All audio the client has sent in this session."""
        self.framed_ms = 0.0
        """The part of it that has been judged."""
        self._stalled_ms = 0.0
        self.utterance: Utterance | None = None
        self.machine = TurnMachine(TurnRules())
        self._gate = SpeechGate()
        self._detector: VoiceDetector | None = None
        self._timers: dict[TimerName, int] = {}
        self._open_wire(config)
        self._tune(config)

    def _open_wire(self, config: SessionConfig) -> None:
        wire = self._line_format or WIRE_FORMATS[config.audio.input.format.type]
        self._decoder = WireDecoder(wire)
        self._ear = Ear(wire.rate_hz, IDLE_MS, self._detector)
        self._frame_bytes = wire.rate_hz * FRAME_MS // 1000 * SAMPLE_BYTES
        self._unframed = b""
        self.tape = Tape(wire, self.received_ms)

    def _tune(self, config: SessionConfig) -> None:
        """Adopt the rules of turn detection; a turn in progress goes on under them."""
        detection = config.audio.input.turn_detection
        threshold = detection.threshold if isinstance(detection, ServerVad) else 0.5
        reduction = config.audio.input.noise_reduction
        floor_db = FLOOR_DB[reduction.type if reduction else None]
        self.detects = detection is not None
        self.interrupts = detection is not None and detection.interrupt_response
        self._detector = self._open_detector(threshold) if self.detects else None
        self._ear.judge_by(self._detector)
        self._gate.tuning = GateTuning(threshold=threshold, above_floor_db=floor_db)
        self.machine.rules = _rules(config)
        if self.machine.rules.idle_ms is None:
            self._timers.pop("idle", None)

    def reconfigure(self, config: SessionConfig) -> Iterator[Output]:
        """Adopt a new configuration; a turn in progress is forgotten only with its audio format."""
        old, new = self.config.audio.input, config.audio.input
        self.config = config
        if old.format != new.format and self._line_format is None:
            yield from self.forget()
            self._open_wire(config)
        tuned = (old.turn_detection, old.noise_reduction)
        if tuned != (new.turn_detection, new.noise_reduction):
            self._tune(config)
            if not self.detects:
                # The turn goes on until the client says that it is over.
                yield Abandon()
                yield from self.hand_over()

    @property
    def padding_ms(self) -> int:
        detection = self.config.audio.input.turn_detection
        return detection.prefix_padding_ms if isinstance(detection, ServerVad) else 300

    @property
    def now_ms(self) -> float:
        """The time of the session: its audio, and the silence of a client that sends none."""
        return self.framed_ms + self._stalled_ms

    def append(self, data: bytes) -> Iterator[Output]:
        """Take wire audio of any size; yields decisions as its frames are judged."""
        self._resume()
        if self.detects and self.utterance is None and self.tape.length_ms > IDLE_MS:
            self.tape.trim(self.tape.end_ms - PREROLL_MS)
        self.tape.append(data)
        self.received_ms = self.tape.end_ms
        for frame in self._frames_of(data):
            yield from self._frame(frame)
        if self.detects:
            # Less than a frame is not judged yet; a wait is over when its audio has come in.
            yield from self.fire_timers(self.received_ms)

    def _frames_of(self, data: bytes) -> Iterator[bytes]:
        """Wire audio as PCM, 20 ms at once; what is less waits."""
        pcm = self._unframed + self._decoder.push(data)
        whole = len(pcm) // self._frame_bytes * self._frame_bytes
        self._unframed = pcm[whole:]
        for start in range(0, whole, self._frame_bytes):
            yield pcm[start : start + self._frame_bytes]

    def _frame(self, pcm: bytes) -> Iterator[Output]:
        self.framed_ms += FRAME_MS
        self._ear.push(pcm)
        if self.utterance is not None:
            self.utterance.feed(self._ear.catch_up())
        if not self.detects:
            return
        # The level is that of the frame as it came: the resampled one is late by part of the filter.
        heard = self._gate.push(level_dbfs(pcm), self._ear.probability, self.framed_ms)
        if heard is not None:
            yield from self.feed(heard)
        yield from self.fire_timers(self.framed_ms)

    def attach(self, utterance: Utterance, from_ms: float) -> None:
        """Send audio to a recognizer from now on, and first what was heard since `from_ms`."""
        self.utterance = utterance
        if recent := self._ear.recent(self.framed_ms - from_ms):
            utterance.feed(recent)

    def detach(self) -> None:
        self.utterance = None

    # Decisions and their timers.

    def feed(self, given: Input) -> Iterator[Output]:
        """Give the turn machine one input and yield what is to be done, timers excepted."""
        yield from self._keep_timers(self.machine.feed(given, round(self.now_ms)))

    def _keep_timers(self, outputs: Iterable[Output]) -> Iterator[Output]:
        for output in outputs:
            match output:
                case StartTimer(name=name, at_ms=at_ms):
                    self._timers[name] = at_ms
                case StopTimer(name=name):
                    self._timers.pop(name, None)
                case _:
                    yield output

    def fire_timers(self, now_ms: float) -> Iterator[Output]:
        """Fire what is due at `now_ms` of session time."""
        if not self._timers:
            return
        for name in [name for name, at_ms in self._timers.items() if at_ms <= now_ms]:
            if self._timers.pop(name, None) is not None:
                yield from self.feed(TimerFired(name))

    def stalled(self, silent_ms: float) -> Iterator[Output]:
        """Act as if so much silence had come in since the last audio."""
        self._stalled_ms = silent_ms
        ended = self._gate.flush()
        if ended is not None:
            yield from self.feed(ended)
        yield from self.fire_timers(self.now_ms)

    def _resume(self) -> None:
        """Go back to the time of the audio; what timers had left they still have."""
        if self._stalled_ms:
            shift = round(self._stalled_ms)
            self._timers = {name: at_ms - shift for name, at_ms in self._timers.items()}
            self._stalled_ms = 0.0

    def complete(self) -> None:
        """Let the recognizer have what is held back as less than a frame."""
        rest = self._ear.finish(self._unframed)
        if rest and self.utterance is not None:
            self.utterance.feed(rest)
        self._unframed = b""
        self.framed_ms = self.received_ms

    def hand_over(self) -> Iterator[Output]:
        """Leave the turn in progress to the client; speech that goes on is another."""
        self._gate.restart()
        yield from self._keep_timers(self.machine.hand_over())

    def forget(self) -> Iterator[Output]:
        """Drop what was heard and not committed."""
        self.utterance = None
        self.complete()
        self._ear.forget()
        self.tape.trim(self.received_ms)
        yield Discard()
        yield from self.hand_over()


def _rules(config: SessionConfig) -> TurnRules:
    detection = config.audio.input.turn_detection
    if isinstance(detection, ServerVad):
        return TurnRules(
            silence_ms=detection.silence_duration_ms, idle_ms=detection.idle_timeout_ms
        )
    return TurnRules()
