"""From what was seen to what is reported, with the meaning of every figure."""

import msgspec

from voice.bench.bench import Outcome
from voice.bench.figures import Spread, spread
from voice.bench.messages import IDLE_S, Calls, EngineChoice, Turn, Usage
from voice.bench.speaker import SILENCE_MS

DEFINITIONS = {
    "first audio": "from the last sound of the question, found by its energy in the recording and "
    "dated to the capture of its frame, to the first audio that the client receives",
    "after the wait": f"first audio less the {SILENCE_MS} ms of silence that end a turn",
    "own share": "after the wait, less the time that engines were still at work by then: from the "
    "end of the wait to the first speech of the synthesizer, at most the delays of the fake "
    "engines, or the measured stages of real ones",
    "fake engines": "each takes the delay before it gives anything; the recognizer also gives right "
    "partial texts at no cost, on which an answer is begun",
    "stages": "response.timings as the server sends them; stt counts from the end of speech, and "
    "so includes the time to notice it; release is from speech ready and wait over to audio sent",
    "barge-in": "from the first sound of the interruption, and from the receipt of speech_started, "
    "to the last audio of the old reply received (negative: it had ceased before); overdue frames "
    "came later than 100 ms after speech_started",
    "CPU": "user and system time of the server process, less that of an idle one: per second that one session streams "
    "silence, and per second of reply audio received while all sessions speak and stream",
    "memory": "resident memory of the server process with all sessions speaking, less that with "
    "none after one warm-up session, per session",
    "late": "frames that came after a player without any reserve had run dry",
    "caller lag": "how late the clients sent their own frames: the noise of this machine",
}


class FirstAudio(msgspec.Struct, frozen=True, kw_only=True):
    total_ms: Spread
    after_wait_ms: Spread
    own_ms: Spread
    stages: dict[str, Spread]


class BargeIns(msgspec.Struct, frozen=True, kw_only=True):
    after_onset_ms: Spread
    after_confirmed_ms: Spread
    overdue_frames: int


class Cpu(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds of CPU per second of audio."""

    server_ms: float
    workers_ms: float | None


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What the server used while all sessions listened, and while all spoke."""

    listening: Cpu
    speaking: Cpu
    idle_ms: float
    """CPU per second without any session, which is not in the other figures."""
    server_bytes: int | None
    session_bytes: int | None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the report; what was not measured is absent."""

    engines: EngineChoice
    names: tuple[str, ...]
    delay_ms: int
    sessions: int
    replies: int
    first_audio: FirstAudio | None
    barge_in: BargeIns | None
    load: Load | None
    frames: int
    late_frames: int
    missing_frames: int
    caller_lag_ms: Spread | None
    problems: list[str]


def own_ms(turn: Turn, most_engines_ms: float) -> float:
    """The server's share of a turn; see `DEFINITIONS`."""
    known = turn.timings
    wait_over_ms = known.get("end_of_turn_ms", SILENCE_MS)
    still_at_work_ms = known.get("total_ms", 0) - known.get("release_ms", 0) - wait_over_ms
    return turn.total_ms - SILENCE_MS - min(max(0, still_at_work_ms), most_engines_ms)


def result(outcome: Outcome) -> Result:
    scenario, calls = outcome.scenario, outcome.calls
    return Result(
        engines=scenario.host.engines,
        names=outcome.engines,
        delay_ms=scenario.host.delay_ms,
        sessions=scenario.sessions,
        replies=calls.replies,
        first_audio=_first_audio(outcome),
        barge_in=_barge_in(outcome),
        load=_load(outcome),
        frames=calls.frames,
        late_frames=calls.late,
        missing_frames=calls.missing,
        caller_lag_ms=calls.lag_ms,
        problems=calls.problems + _damage(calls),
    )


def _damage(calls: Calls) -> list[str]:
    return [f"{calls.missing} frames of replies are missing"] if calls.missing else []


def _first_audio(outcome: Outcome) -> FirstAudio | None:
    turns, host = outcome.calls.turns, outcome.scenario.host
    total = spread(turn.total_ms for turn in turns)
    after_wait = spread(turn.total_ms - SILENCE_MS for turn in turns)
    own = spread(
        own_ms(turn, 3 * host.delay_ms if host.engines == "fake" else _stages_ms(turn))
        for turn in turns
    )
    if total is None or after_wait is None or own is None:
        return None
    names = list(dict.fromkeys(name for turn in turns for name in turn.timings))
    stages = {
        name: spread(turn.timings[name] for turn in turns if name in turn.timings) for name in names
    }
    known = {name: stage for name, stage in stages.items() if stage is not None}
    return FirstAudio(total_ms=total, after_wait_ms=after_wait, own_ms=own, stages=known)


def _stages_ms(turn: Turn) -> float:
    return sum(turn.timings.get(name, 0) for name in ("stt_ms", "llm_ms", "tts_ms"))


def _barge_in(outcome: Outcome) -> BargeIns | None:
    seen = outcome.calls.interruptions
    onset = spread(each.after_onset_ms for each in seen)
    confirmed = spread(each.after_confirmed_ms for each in seen)
    if onset is None or confirmed is None:
        return None
    return BargeIns(
        after_onset_ms=onset,
        after_confirmed_ms=confirmed,
        overdue_frames=sum(each.late_frames for each in seen),
    )


def _load(outcome: Outcome) -> Load | None:
    usage, calls, scenario = outcome.usage, outcome.calls, outcome.scenario
    marks = {"idle", "listen", "listened", "speak", "spoken"}
    if not marks <= usage.keys() or not calls.spoken_s:
        return None
    listened_s = scenario.seconds * scenario.sessions
    idle_s = (usage["idle"].cpu_s - usage["warm"].cpu_s) / IDLE_S * scenario.seconds
    idle_bytes, full_bytes = usage["warm"].memory_bytes, usage["spoken"].memory_bytes
    grown_bytes = None
    if idle_bytes is not None and full_bytes is not None:
        grown_bytes = (full_bytes - idle_bytes) // scenario.sessions
    return Load(
        listening=_cpu(usage["listen"], usage["listened"], listened_s, idle_s),
        speaking=_cpu(usage["speak"], usage["spoken"], calls.spoken_s, idle_s),
        idle_ms=round(idle_s / scenario.seconds * 1000, 1),
        server_bytes=idle_bytes,
        session_bytes=grown_bytes,
    )


def _cpu(start: Usage, end: Usage, audio_s: float, idle_s: float) -> Cpu:
    workers_ms = None
    if start.workers_cpu_s is not None and end.workers_cpu_s is not None:
        workers_ms = round((end.workers_cpu_s - start.workers_cpu_s) / audio_s * 1000, 1)
    server_ms = round((end.cpu_s - start.cpu_s - idle_s) / audio_s * 1000, 1)
    return Cpu(server_ms=server_ms, workers_ms=workers_ms)
