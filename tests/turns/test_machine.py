"""The turn machine, driven as a session drives it: with a clock, timers, and a reply that obeys."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voice.turns.machine import (
    Abandon,
    BotEnded,
    BotStarted,
    CancelReply,
    CommitTurn,
    Discard,
    Final,
    IdleTimeout,
    Input,
    Listen,
    OpenTurn,
    Output,
    Partial,
    PauseOutput,
    ResumeOutput,
    Speculate,
    SpeechEnded,
    SpeechStarted,
    StartTimer,
    State,
    StopTimer,
    TimerFired,
    TimerName,
    TurnMachine,
    TurnRules,
)

RULES = TurnRules(silence_ms=500, idle_ms=5000)


class Driver:
    """Gives inputs at their times, fires timers when they are due, and ends a cancelled reply."""

    def __init__(self, rules: TurnRules = RULES) -> None:
        self.machine = TurnMachine(rules)
        self.now_ms = 0
        self.timers: dict[TimerName, int] = {}
        self.done: list[Output] = []
        self.bot = False

    def give(self, given: Input) -> list[Output]:
        """What comes of an input, timers left out."""
        before = len(self.done)
        if isinstance(given, BotStarted | BotEnded):
            self.bot = isinstance(given, BotStarted)
        for output in self.machine.feed(given, self.now_ms):
            self._perform(output)
        return self.done[before:]

    def _perform(self, output: Output) -> None:
        match output:
            case StartTimer(name=name, at_ms=at_ms):
                self.timers[name] = at_ms
            case StopTimer(name=name):
                self.timers.pop(name, None)
            case CancelReply():
                assert self.bot, "there is no reply to cancel"
                self.done.append(output)
                self.give(BotEnded(self.now_ms))
            case _:
                self.done.append(output)

    def wait(self, ms: int) -> list[Output]:
        """What comes of time alone."""
        before, end_ms = len(self.done), self.now_ms + ms
        while due := min(
            ((at, name) for name, at in self.timers.items() if at <= end_ms), default=None
        ):
            self.now_ms, name = max(self.now_ms, due[0]), due[1]
            del self.timers[name]
            self.give(TimerFired(name))
        self.now_ms = end_ms
        return self.done[before:]

    def start(self) -> list[Output]:
        return self.give(SpeechStarted(self.now_ms))

    def end(self) -> list[Output]:
        return self.give(SpeechEnded(self.now_ms))

    def say(self, ms: int) -> list[Output]:
        return [*self.start(), *self.wait(ms), *self.end()]

    def hand_over(self) -> list[Output]:
        before = len(self.done)
        for output in self.machine.hand_over():
            self._perform(output)
        return self.done[before:]


def speaking(rules: TurnRules = RULES) -> Driver:
    """A session in which a reply has just begun."""
    driver = Driver(rules)
    driver.give(BotStarted())
    driver.wait(100)
    return driver


def final(text: str) -> Final:
    return Final(text, RULES.silence_ms)


# ---------------------------------------------------------------- no reply is active


def test_speech_and_silence_make_a_turn():
    driver = Driver()
    assert driver.start() == [Listen(0), OpenTurn(0)]
    driver.wait(1000)
    assert driver.end() == [Speculate(1000)]
    assert driver.wait(499) == []
    assert driver.wait(1) == [CommitTurn(1000)]
    assert driver.machine.state is State.IDLE


def test_speech_after_a_pause_goes_on_with_the_turn():
    driver = Driver()
    driver.say(1000)
    driver.wait(400)
    assert driver.start() == [Abandon()]
    assert driver.wait(5000) == []
    driver.end()
    assert driver.wait(500) == [CommitTurn(6400)]


@pytest.mark.parametrize("heard", [Partial("what is", 2000), Final("what is", 2000)])
def test_words_change_how_long_the_end_is_awaited(heard: Partial | Final):
    driver = Driver()
    driver.say(1000)
    driver.give(heard)
    assert driver.wait(1999) == []
    assert driver.wait(1) == [CommitTurn(1000)]


def test_words_that_say_the_turn_is_over_commit_it_at_once():
    driver = Driver()
    driver.say(1000)
    driver.wait(300)
    driver.give(Final("Stop.", 200))
    assert driver.wait(0) == [CommitTurn(1000)]


def test_unfinished_words_heard_while_speaking_lengthen_the_wait_until_all_words_are_known():
    driver = Driver()
    driver.start()
    driver.give(Partial("so I was thinking uhm", 4000))
    driver.wait(1000)
    driver.end()
    assert driver.wait(2000) == []
    driver.give(Final("So I was thinking.", 400))
    assert driver.wait(0) == [CommitTurn(1000)]


def test_words_heard_in_one_turn_say_nothing_about_the_next():
    driver = Driver()
    driver.start()
    driver.give(Partial("uhm", 4000))
    driver.wait(1000)
    driver.end()
    driver.wait(4000)
    driver.say(1000)
    assert driver.wait(500) == [CommitTurn(6000)]


# ---------------------------------------------------------------- a reply is active


def test_a_cough_pauses_and_resumes():
    driver = speaking()
    assert driver.start() == [PauseOutput(), Listen(100)]
    driver.wait(200)
    assert driver.end() == [Speculate(300)]
    assert driver.give(final("")) == [Discard(), ResumeOutput()]
    assert driver.wait(10_000) == []
    assert driver.machine.state is State.BOT


def test_a_backchannel_resumes():
    driver = speaking()
    driver.say(250)
    assert driver.give(final("mm-hm")) == [Discard(), ResumeOutput()]


def test_words_over_a_reply_cancel_it_and_are_a_turn():
    driver = speaking()
    driver.say(250)
    assert driver.give(final("stop")) == [OpenTurn(100), CancelReply()]
    assert driver.wait(500) == [CommitTurn(350)]


def test_words_known_while_speaking_cancel_after_their_least_length():
    driver = speaking()
    driver.start()
    driver.wait(299)
    assert driver.give(Partial("but what", 500)) == []
    driver.wait(1)
    assert driver.give(Partial("but what about", 500)) == [OpenTurn(100), CancelReply()]
    driver.wait(700)
    driver.end()
    assert driver.wait(500) == [CommitTurn(1100)]


def test_a_backchannel_while_speaking_does_not_cancel():
    driver = speaking()
    driver.start()
    driver.wait(500)
    assert driver.give(Partial("mm-hm", 500)) == []


def test_speech_that_goes_on_cancels_whatever_its_words():
    driver = speaking()
    driver.start()
    assert driver.wait(999) == []
    assert driver.wait(1) == [OpenTurn(100), CancelReply()]


def test_bursts_of_speech_count_together_against_the_reply():
    driver = speaking()
    driver.say(600)
    driver.wait(200)
    assert driver.start() == [Abandon()]
    assert driver.wait(200) == [OpenTurn(100), CancelReply()]


def test_a_text_that_never_comes_resumes_the_reply():
    driver = speaking()
    driver.say(300)
    assert driver.wait(1999) == []
    assert driver.wait(1) == [ResumeOutput()]


def test_a_text_that_comes_late_still_cancels():
    driver = speaking()
    driver.say(300)
    driver.wait(3000)
    assert driver.give(final("stop")) == [OpenTurn(100), CancelReply()]
    assert driver.wait(0) == [CommitTurn(400)]


def test_a_text_that_comes_after_the_reply_is_a_turn_with_nothing_to_cancel():
    driver = speaking()
    driver.say(300)
    driver.wait(2500)
    driver.give(BotEnded(driver.now_ms))
    assert driver.give(final("stop")) == [OpenTurn(100)]
    assert driver.wait(0) == [CommitTurn(400)]
    assert driver.wait(60_000) == [], "the user has spoken: there was no silence to break"


def test_nothing_said_that_comes_late_is_forgotten():
    driver = speaking()
    driver.say(300)
    driver.wait(3000)
    assert driver.give(final("")) == [Discard()]


def test_a_reply_that_ends_under_speech_leaves_the_speaker_the_turn():
    driver = speaking()
    driver.start()
    driver.wait(200)
    assert driver.give(BotEnded(300)) == [OpenTurn(100)]
    assert driver.end() == [Speculate(300)]
    assert driver.wait(500) == [CommitTurn(300)]


def test_a_reply_that_ends_before_the_verdict_leaves_a_turn():
    driver = speaking()
    driver.say(200)
    assert driver.give(BotEnded(300)) == [OpenTurn(100)]
    assert driver.wait(500) == [CommitTurn(300)]


def test_a_reply_that_begins_under_speech_is_cancelled_once_there_are_words():
    driver = Driver()
    driver.start()
    driver.give(BotStarted())
    assert driver.give(Partial("", 500)) == []
    assert driver.give(Partial("wait a moment", 500)) == [CancelReply()]


def test_a_reply_that_begins_under_a_noise_goes_on():
    driver = Driver()
    driver.start()
    driver.give(BotStarted())
    driver.wait(300)
    driver.end()
    driver.give(final(""))
    assert driver.wait(500) == [CommitTurn(300)]
    assert driver.start() == [PauseOutput(), Listen(800)]


# ---------------------------------------------------------------- silence after a reply


def test_silence_after_a_reply_counts_from_its_last_sound():
    driver = speaking()
    driver.give(BotEnded(700))
    assert driver.wait(5599) == []
    assert driver.wait(1) == [IdleTimeout()]
    assert driver.wait(60_000) == []


def test_speech_and_replies_break_the_silence():
    driver = speaking()
    driver.give(BotEnded(100))
    driver.wait(4999)
    driver.start()
    assert driver.wait(60_000) == []
    driver = speaking()
    driver.give(BotEnded(100))
    driver.wait(4999)
    driver.give(BotStarted())
    assert driver.wait(60_000) == []


def test_without_the_rule_no_silence_is_too_long():
    driver = speaking(TurnRules(idle_ms=None))
    driver.give(BotEnded(100))
    assert driver.wait(600_000) == []


# ---------------------------------------------------------------- the client takes the turn


def test_handing_over_gives_a_paused_reply_its_voice_back():
    driver = speaking()
    driver.start()
    assert driver.hand_over() == [ResumeOutput()]
    assert driver.machine.state is State.BOT
    assert driver.wait(10_000) == []


def test_handing_over_leaves_a_turn_that_nothing_commits():
    driver = Driver()
    driver.say(500)
    assert driver.hand_over() == []
    assert driver.wait(10_000) == []
    assert driver.start() == [Listen(10_500), OpenTurn(10_500)]


def test_handing_over_nothing_changes_nothing():
    driver = speaking()
    driver.give(BotEnded(100))
    assert driver.hand_over() == []
    assert driver.wait(5000) == [IdleTimeout()]


# ---------------------------------------------------------------- any sequence at all

TEXTS = st.sampled_from(["", "mm-hm", "what is the time", "uhm"])
WAITS = st.sampled_from([200, 500, 4000])
ACTIONS = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([0, 20, 300, 600, 1100, 2500, 6000])),
    st.tuples(st.just("start"), st.none()),
    st.tuples(st.just("end"), st.none()),
    st.tuples(st.just("bot starts"), st.none()),
    st.tuples(st.just("bot ends"), st.sampled_from([0, 200])),
    st.tuples(st.just("partial"), st.builds(Partial, TEXTS, WAITS)),
    st.tuples(st.just("final"), st.builds(Final, TEXTS, WAITS)),
    st.tuples(st.just("stale timer"), st.sampled_from(["commit", "confirm", "verdict"])),
    st.tuples(st.just("hand over"), st.none()),
)


class Watcher(Driver):
    """Checks after each step what must hold between the outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.is_speech = self.paused = self.listening = self.opened = False
        self.checked = 0

    def act(self, action: tuple[str, object]) -> None:
        match action:
            case "wait", ms:
                self.wait(ms)
            case "start", _ if not self.is_speech:
                self.is_speech = True
                self.start()
            case "end", _ if self.is_speech:
                self.is_speech = False
                self.end()
            case "bot starts", _ if not self.bot:
                self.give(BotStarted())
            case "bot ends", ms if self.bot:
                self.give(BotEnded(self.now_ms + ms))
            case (("partial" | "final"), given) if self.listening:
                self.give(given)
            case "stale timer", name if name not in self.timers:
                assert self.give(TimerFired(name)) == [], "a stopped timer does nothing"
            case "hand over", _:
                # The gate forgets too: speech that goes on starts anew.
                self.is_speech = self.listening = self.opened = False
                self.hand_over()
        self.check()

    def check(self) -> None:
        for output in self.done[self.checked :]:
            self.watch(output)
        self.checked = len(self.done)
        self.paused &= self.bot
        if self.paused:
            assert self.is_speech or self.timers.keys() & {"confirm", "verdict"}, "stuck in a pause"
        if self.machine.state is State.WAIT:
            assert "commit" in self.timers, "a turn that never ends"
        if self.machine.state in {State.USER, State.OVERLAP}:
            assert self.is_speech, "waits for an end of speech that was"

    def watch(self, output: Output) -> None:
        match output:
            case Listen():
                self.listening, self.opened = True, False
            case OpenTurn():
                assert self.listening
                assert not self.opened
                self.opened = True
            case CommitTurn():
                assert self.opened
                self.listening = self.opened = False
            case Discard():
                self.listening = self.opened = False
            case Speculate() | Abandon():
                assert self.listening
            case PauseOutput():
                assert self.bot
                assert not self.paused
                self.paused = True
            case ResumeOutput():
                assert self.paused
                self.paused = False
            case CancelReply():
                self.paused = False
            case IdleTimeout():
                assert not self.bot
                assert not self.opened


@settings(max_examples=200, deadline=None)
@given(st.lists(ACTIONS, max_size=40))
def test_every_sequence_of_inputs_keeps_the_promises(actions: list[tuple[str, object]]):
    """Pauses end, turns open once and commit once, and only a reply that exists is cancelled."""
    watcher = Watcher()
    for action in actions:
        watcher.act(action)
    watcher.act(("end", None))
    watcher.wait(60_000)
    watcher.check()
    assert not watcher.paused
    assert watcher.machine.state in {State.IDLE, State.BOT}
