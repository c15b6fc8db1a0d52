"""The ear alone: what is heard when, with time given as audio or as its absence."""

from tests.session.conversation import speech
from voice.engines.fakes import FakeSpeechToText, FakeUtterance
from voice.engines.protocols import ListenOptions
from voice.engines.vad import LevelVad
from voice.realtime.config import SessionConfig
from voice.session.listener import IDLE_MS, PREROLL_MS, Listener
from voice.turns.machine import (
    BotEnded,
    BotStarted,
    CommitTurn,
    Discard,
    IdleTimeout,
    Listen,
    OpenTurn,
    Output,
    PauseOutput,
    ResumeOutput,
    Speculate,
)


def configured(**audio_input: object) -> SessionConfig:
    return SessionConfig().updated({"type": "realtime", "audio": {"input": audio_input}})


def vad(**settings: object) -> dict[str, object]:
    return {"turn_detection": {"type": "server_vad", **settings}}


class Ear:
    """A listener that is fed in pieces of 20 ms and what it decided."""

    def __init__(self, **audio_input: object) -> None:
        self.listener = Listener(lambda _: LevelVad(), configured(**audio_input))
        self.decided: list[Output] = []

    def hear(self, sound: bytes, piece: int = 960) -> list[Output]:
        before = len(self.decided)
        for start in range(0, len(sound), piece):
            self.decided += self.listener.append(sound[start : start + piece])
        return self.decided[before:]

    def be_silent(self, ms: int) -> list[Output]:
        return self.hear(bytes(48 * ms))

    def attach(self, from_ms: float) -> FakeUtterance:
        utterance = FakeSpeechToText("").listen(ListenOptions())
        self.listener.attach(utterance, from_ms)
        return utterance


def near(ms: float, expected_ms: float) -> bool:
    """Within a frame and what the resampler holds back."""
    return abs(ms - expected_ms) <= 20


def test_speech_is_timed_in_all_audio_of_the_session():
    ear = Ear()
    ear.be_silent(1000)
    listen, opened = ear.hear(speech(600))
    assert isinstance(listen, Listen)
    assert isinstance(opened, OpenTurn)
    assert near(listen.at_ms, 1000)
    speculate, commit = ear.be_silent(700)
    assert isinstance(speculate, Speculate)
    assert isinstance(commit, CommitTurn)
    assert near(commit.speech_end_ms, 1600)


def test_pieces_of_any_size_give_the_same_decisions():
    sound = bytes(48 * 500) + speech(600) + bytes(48 * 1000)
    whole = Ear().hear(sound, len(sound))
    assert whole == Ear().hear(sound, 960) == Ear().hear(sound, 481)


def test_a_recognizer_gets_what_came_before_it_was_asked():
    ear = Ear()
    ear.be_silent(1000)
    ear.hear(speech(400))
    utterance = ear.attach(ear.listener.framed_ms - 300)
    assert utterance.duration_s == 0.3
    ear.hear(speech(200))
    assert near(utterance.duration_s * 1000, 500)
    ear.listener.detach()
    ear.be_silent(500)
    assert near(utterance.duration_s * 1000, 500)


def test_what_nobody_listens_to_is_kept_for_some_seconds_only():
    ear = Ear()
    for _ in range(100):
        ear.be_silent(1000)
        assert ear.listener.tape.length_ms <= IDLE_MS + 1000
    assert ear.listener.tape.length_ms >= PREROLL_MS
    assert ear.attach(0).duration_s == IDLE_MS / 1000


def test_what_is_held_back_belongs_to_the_turn_that_is_completed():
    ear = Ear(turn_detection=None)
    utterance = ear.attach(0)
    ear.hear(speech(1000) + bytes(48 * 10))
    ear.listener.complete()
    assert abs(utterance.duration_s - 1.01) < 0.005
    assert ear.listener.framed_ms == ear.listener.received_ms == 1010


def test_what_is_forgotten_is_heard_by_nobody():
    ear = Ear()
    ear.hear(speech(600))
    assert list(ear.listener.forget()) == [Discard()]
    assert ear.listener.tape.length_ms == 0
    assert ear.attach(0).duration_s == 0
    listen, _ = ear.hear(speech(600))
    assert near(listen.at_ms, 600)


def test_a_loud_room_is_still_known_after_forgetting():
    """The level of the noise is learnt once, not after each turn."""
    ear = Ear()
    hum = bytes([0, 4]) * (24 * 3000)  # a steady -30 dBFS
    ear.hear(hum)
    assert ear.decided
    list(ear.listener.forget())
    assert ear.hear(hum) == []


# ---------------------------------------------------------------- clients that send nothing


def test_a_stall_ends_speech_and_then_the_turn():
    ear = Ear()
    ear.hear(speech(600))
    (speculate,) = ear.listener.stalled(410)
    assert isinstance(speculate, Speculate)
    assert near(speculate.at_ms, 600)
    assert list(ear.listener.stalled(450)) == []
    (commit,) = ear.listener.stalled(520)
    assert isinstance(commit, CommitTurn)


def test_after_a_stall_the_wait_goes_on_where_it_stood():
    ear = Ear(**vad(idle_timeout_ms=5000))
    ear.be_silent(1000)
    list(ear.listener.stalled(60_000))
    list(ear.listener.feed(BotStarted()))
    list(ear.listener.feed(BotEnded(round(ear.listener.now_ms))))
    assert list(ear.listener.stalled(62_000)) == []
    assert ear.be_silent(2900) == []
    assert ear.be_silent(200) == [IdleTimeout()]


def test_time_is_audio_again_once_audio_comes():
    ear = Ear()
    ear.be_silent(1000)
    list(ear.listener.stalled(5000))
    assert near(ear.listener.now_ms, 6000)
    ear.be_silent(100)
    assert near(ear.listener.now_ms, 1100)


# ---------------------------------------------------------------- new configurations


def test_new_rules_hold_for_the_turn_in_progress():
    ear = Ear()
    ear.hear(speech(600))
    assert list(ear.listener.reconfigure(configured(**vad(silence_duration_ms=1000)))) == []
    (speculate,) = ear.be_silent(980)
    assert isinstance(speculate, Speculate)
    (commit,) = ear.be_silent(60)
    assert isinstance(commit, CommitTurn)


def test_a_silence_is_not_broken_once_its_rule_is_gone():
    ear = Ear(**vad(idle_timeout_ms=5000))
    list(ear.listener.feed(BotStarted()))
    list(ear.listener.feed(BotEnded(0)))
    list(ear.listener.reconfigure(configured(turn_detection=None)))
    assert list(ear.listener.stalled(6000)) == []


def test_switching_detection_off_gives_a_paused_reply_its_voice_back():
    ear = Ear()
    list(ear.listener.feed(BotStarted()))
    assert isinstance(ear.hear(speech(200))[0], PauseOutput)
    assert list(ear.listener.reconfigure(configured(turn_detection=None)))[-1] == ResumeOutput()
    assert ear.hear(speech(2000)) == []


def test_a_new_format_forgets_the_audio_of_the_old_and_keeps_the_time():
    ear = Ear()
    ear.hear(speech(600))
    outputs = list(ear.listener.reconfigure(configured(format={"type": "audio/pcmu"})))
    assert outputs == [Discard()]
    assert ear.listener.tape.length_ms == 0
    ear.hear(b"\xff" * 8000, 160)
    assert ear.listener.received_ms == 1600
