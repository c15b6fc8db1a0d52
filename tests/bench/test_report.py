from dataclasses import replace

import pytest

from voice.bench.bench import Outcome, Scenario
from voice.bench.messages import BargeIn, Calls, HostPlan, Turn, Usage
from voice.bench.report import own_ms, result
from voice.bench.soak import soak_scenario, soaked

TIMINGS = {"end_of_turn_ms": 500, "stt_ms": 300, "llm_ms": 200, "tts_ms": 200}


def usage(cpu_s: float = 0.0, memory_bytes: int | None = 0, tasks: int = 5, sockets: int = 3):
    workers_cpu_s = None if memory_bytes is None else 2 * cpu_s
    return Usage(
        cpu_s=cpu_s,
        workers_cpu_s=workers_cpu_s,
        memory_bytes=memory_bytes,
        tasks=tasks,
        sockets=sockets,
    )


def outcome(calls: Calls, **marks: Usage) -> Outcome:
    scenario = Scenario(HostPlan(engines="fake", delay_ms=200), 2, 1, 1, ("ask",), seconds=5.0)
    return Outcome(scenario, (), calls, marks)


@pytest.mark.parametrize(
    ("timings", "own"),
    [
        ({"release_ms": 2, "total_ms": 702}, 30),  # speech was ready 200 ms after the wait
        ({"release_ms": 2, "total_ms": 502}, 230),  # all was ready: what follows is the server's
        ({"release_ms": 2, "total_ms": 1402}, -370),
    ],
)
def test_the_own_share_leaves_out_engines_that_worked_after_the_wait(timings, own):
    assert own_ms(Turn(total_ms=730, timings=TIMINGS | timings), 600) == own


def test_no_more_is_taken_for_engine_time_than_the_engines_take():
    turn = Turn(total_ms=730, timings=TIMINGS | {"release_ms": 2, "total_ms": 702})
    assert own_ms(turn, 150) == 80
    assert own_ms(turn, 0) == 230


def test_a_turn_without_timings_is_all_the_servers():
    assert own_ms(Turn(total_ms=530, timings={}), 600) == 30


def test_stages_that_a_turn_lacks_are_not_counted_as_zero():
    calls = Calls(
        turns=[
            Turn(total_ms=520, timings={"stt_ms": 100}),
            Turn(total_ms=540, timings={"stt_ms": 110, "llm_ms": 7}),
        ]
    )
    seen = result(outcome(calls)).first_audio
    assert (seen.total_ms.p50, seen.total_ms.p95, seen.total_ms.count) == (520, 540, 2)
    assert seen.after_wait_ms.p95 == 40
    assert seen.stages["llm_ms"].count == 1


def test_interruptions_sum_up_their_overdue_frames():
    barge_in = BargeIn(after_onset_ms=90, after_confirmed_ms=-400, late_frames=1)
    seen = result(outcome(Calls(interruptions=[barge_in, barge_in]))).barge_in
    assert (seen.after_onset_ms.p50, seen.overdue_frames) == (90, 2)


def test_load_is_per_second_of_audio_and_memory_per_session():
    marks = {
        "warm": usage(0, 80_000_000),
        "idle": usage(0),
        "listen": usage(1.0),
        "listened": usage(1.1),
        "speak": usage(2.0),
        "spoken": usage(2.2, 83_000_000),
    }
    load = result(outcome(Calls(spoken_s=8.0), **marks)).load
    assert (load.listening.server_ms, load.speaking.server_ms) == (10, 25)
    assert (load.listening.workers_ms, load.speaking.workers_ms) == (20, 50)
    assert load.session_bytes == 1_500_000


def test_what_the_system_does_not_tell_is_absent():
    marks = {
        name: usage(memory_bytes=None)
        for name in ("warm", "idle", "listen", "listened", "speak", "spoken")
    }
    load = result(outcome(Calls(spoken_s=8.0), **marks)).load
    assert load.session_bytes is None
    assert load.listening.workers_ms is None


def test_what_was_not_measured_is_absent():
    seen = result(outcome(Calls(problems=["caller 0: no answer"])))
    assert (seen.first_audio, seen.barge_in, seen.load) == (None, None, None)
    assert seen.problems == ["caller 0: no answer"]


def test_frames_that_are_missing_are_a_problem():
    assert result(outcome(Calls(missing=3))).problems == ["3 frames of replies are missing"]


def test_a_soak_that_leaves_something_behind_has_problems():
    clean = Outcome(
        soak_scenario(), (), Calls(), {"warm": usage(), "middle": usage(), "end": usage()}
    )
    assert soaked(clean).problems == []
    left = replace(clean, usage=clean.usage | {"end": usage(tasks=7, sockets=4)})
    assert soaked(left).problems == ["2 tasks were left behind", "1 sockets were left open"]
