"""The ear of a session: appended wire audio becomes frames, speech times and turn decisions.

Synchronous and clockless: its time is the audio received. `stalled` lets the owner tell it that a
client has stopped sending, so that a turn can end without audio.
"""

from collections import deque
from collections.abc import Callable, Iterator

from voice.audio.formats import WIRE_FORMATS, WireDecoder
from voice.audio.pcm import level_dbfs
from voice.audio.resample import Resampler
from voice.engines.protocols import STT_RATE_HZ, Utterance
from voice.engines.vad import FRAME_BYTES, VoiceDetector
from voice.realtime.config import SessionConfig
from voice.realtime.settings import ServerVad
from voice.session.tape import Tape
from voice.turns.gate import FRAME_MS, GateTuning, SpeechGate
from voice.turns.machine import (
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
"""Audio kept from before speech is noticed, from which a recognizer gets the padding asked for."""
FLOOR_DB = {None: 9.0, "near_field": 12.0, "far_field": 6.0}
"""How far above the noise speech must be: a close microphone can refuse what is quiet."""


class Listener:
    """Feed wire audio; get the turn machine's decisions with every frame."""

    def __init__(
        self, open_detector: Callable[[float], VoiceDetector], config: SessionConfig
    ) -> None:
        self._open_detector = open_detector
        self.received_ms = 0.0
        """All audio the client has sent in this session."""
        self.framed_ms = 0.0
        """The part of it that has been judged."""
        self.utterance: Utterance | None = None
        self._frames: deque[bytes] = deque(maxlen=PREROLL_MS // FRAME_MS)
        self._timers: dict[TimerName, int] = {}
        self._configure(config)

    def _configure(self, config: SessionConfig) -> None:
        self.config = config
        wire = WIRE_FORMATS[config.audio.input.format.type]
        self._decoder = WireDecoder(wire)
        self._resampler = Resampler(wire.rate_hz, STT_RATE_HZ)
        self._unframed = b""
        self.tape = Tape(wire, self.received_ms)
        self._set_turn_detection(config)

    def _set_turn_detection(self, config: SessionConfig) -> None:
        detection = config.audio.input.turn_detection
        threshold = detection.threshold if isinstance(detection, ServerVad) else 0.5
        reduction = config.audio.input.noise_reduction
        floor_db = FLOOR_DB[reduction.type if reduction else None]
        self.detects = detection is not None
        self.interrupts = detection is not None and detection.interrupt_response
        self._detector = self._open_detector(threshold)
        self._gate = SpeechGate(GateTuning(threshold=threshold, above_floor_db=floor_db))
        self.machine = TurnMachine(_rules(config))

    def reconfigure(self, config: SessionConfig) -> Iterator[Output]:
        """Adopt a new configuration; a turn in progress is forgotten only if its rules changed."""
        old, new = self.config.audio.input, config.audio.input
        if old.format != new.format:
            yield from self.forget()
            self._configure(config)
        elif (old.turn_detection, old.noise_reduction) != (
            new.turn_detection,
            new.noise_reduction,
        ):
            yield from self.forget()
            self._set_turn_detection(config)
        self.config = config

    @property
    def padding_ms(self) -> int:
        detection = self.config.audio.input.turn_detection
        return detection.prefix_padding_ms if isinstance(detection, ServerVad) else 300

    @property
    def waiting(self) -> bool:
        """Whether time alone can change something: a timer runs, or speech might have ended."""
        return bool(self._timers) or self._gate.speaking

    def append(self, data: bytes) -> Iterator[Output]:
        """Take wire audio of any size; yields decisions as its frames are judged."""
        if self.detects and self.utterance is None and self.tape.length_ms > 3 * PREROLL_MS:
            self.tape.trim(self.tape.end_ms - PREROLL_MS)
        self.tape.append(data)
        self.received_ms = self.tape.end_ms
        self._unframed += self._resampler.push(self._decoder.push(data))
        while len(self._unframed) >= FRAME_BYTES:
            frame, self._unframed = self._unframed[:FRAME_BYTES], self._unframed[FRAME_BYTES:]
            yield from self._frame(frame)
        if self.detects:
            # The resampler holds a few ms back; a wait is over when its audio has come in.
            yield from self.fire_timers(self.received_ms)

    def _frame(self, frame: bytes) -> Iterator[Output]:
        self.framed_ms += FRAME_MS
        self._frames.append(frame)
        if self.utterance is not None:
            self.utterance.feed(frame)
        if not self.detects:
            return
        heard = self._gate.push(self._detector(frame), level_dbfs(frame), self.framed_ms)
        if heard is not None:
            yield from self.feed(heard, self.framed_ms)
        yield from self.fire_timers(self.framed_ms)

    def attach(self, utterance: Utterance, from_ms: float) -> None:
        """Send audio to a recognizer from now on, and first what was heard since `from_ms`."""
        self.utterance = utterance
        recent = min(len(self._frames), max(0, round((self.framed_ms - from_ms) / FRAME_MS)))
        if recent:
            utterance.feed(b"".join(list(self._frames)[-recent:]))

    def detach(self) -> None:
        self.utterance = None

    def feed(self, given: Input, now_ms: float) -> Iterator[Output]:
        """Give the turn machine one input and yield what is to be done, timers excepted."""
        for output in self.machine.feed(given, round(now_ms)):
            match output:
                case StartTimer(name=name, at_ms=at_ms):
                    self._timers[name] = at_ms
                case StopTimer(name=name):
                    self._timers.pop(name, None)
                case _:
                    yield output

    def fire_timers(self, now_ms: float) -> Iterator[Output]:
        """Fire what is due at `now_ms` of session audio."""
        if not self._timers:
            return
        for name in [name for name, at_ms in self._timers.items() if at_ms <= now_ms]:
            self._timers.pop(name, None)
            yield from self.feed(TimerFired(name), now_ms)

    def stalled(self, now_ms: float) -> Iterator[Output]:
        """Act as if silence had come in since the last frame, up to `now_ms`."""
        ended = self._gate.flush()
        if ended is not None:
            yield from self.feed(ended, now_ms)
        yield from self.fire_timers(now_ms)

    def forget(self) -> Iterator[Output]:
        """Drop what was heard and not committed."""
        outputs = self.machine.reset()
        self._timers.clear()
        self._gate = SpeechGate(self._gate.tuning)
        self._frames.clear()
        self.tape.trim(self.received_ms)
        for output in outputs:
            if not isinstance(output, StopTimer):
                yield output


def _rules(config: SessionConfig) -> TurnRules:
    detection = config.audio.input.turn_detection
    if isinstance(detection, ServerVad):
        return TurnRules(
            silence_ms=detection.silence_duration_ms, idle_ms=detection.idle_timeout_ms
        )
    return TurnRules()
