"""What `voice bench rtc` measured, as figures with their meaning and as tables."""

from collections.abc import Iterable, Sequence

import msgspec
from rich.console import Console

from voice.bench.bench import carried_out, hosted
from voice.bench.figures import Spread, spread
from voice.bench.messages import HostPlan, Usage
from voice.bench.pipes import child
from voice.bench.rtc_messages import Frames, RtcPlan, RtcSeen
from voice.bench.tables import ABSENT, complain, megabytes, print_table

RTC_DEFINITIONS = {
    "first audio": "from the last sound of a recorded question, as the client sent it, to the "
    "answer, over both transports by turns in the same run with the same engines of 0 ms; it "
    "holds the 500 ms of silence that end a turn",
    "WebSocket": "to the first frame of audio that came",
    "arrived": "to the first RTP packet with sound in it",
    "heard": "to its sound behind the jitter buffer of a stock aiortc client, which holds 80 ms",
    "silence": "from the first sound of an interruption, or from speech_started, to the last sound "
    "of the reply that came out of that jitter buffer",
    "late, sent": "frames that the server sent more than 20 ms after their time, by its own clock",
    "late, come": "packets that came more than 20 ms after their time, by the clock of the packet that "
    "was underway for the shortest time; the lag of the clients is in it",
    "CPU": "milliseconds of one core that the server takes for a second of a call",
    "client lag": "how late the clients sent their own packets: the noise of this machine",
}


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """Calls held at a time, in one phase."""

    cpu_ms: float
    late_sent: int
    """Frames that the server sent more than 20 ms after their time, by its own clock."""
    frames: Frames


class RtcResult(msgspec.Struct, frozen=True, kw_only=True):
    """One server and its callers."""

    calls: int
    websocket_ms: Spread | None
    arrived_ms: Spread | None
    heard_ms: Spread | None
    silence_after_onset_ms: Spread | None
    silence_after_confirmed_ms: Spread | None
    listening: Load | None
    speaking: Load | None
    call_bytes: float | None
    """What memory grew by with each call."""
    lag_ms: Spread | None
    problems: list[str]


async def measure_rtc(calls: int, turns: int, seconds: float) -> RtcResult:
    """A fresh server and all its callers. Raises `PeerEndedError`."""
    async with (
        child("voice.bench.rtc_callers") as callers,
        hosted(HostPlan(engines="fake")) as (host, serving),
    ):
        plan = RtcPlan(url=serving.url, turns=turns, calls=calls, seconds=seconds)
        seen, usage = await carried_out(plan, callers, host)
        assert isinstance(seen, RtcSeen)  # noqa: S101 - the last line is this
        return _result(plan, seen, usage)


def _result(plan: RtcPlan, seen: RtcSeen, usage: dict[str, Usage]) -> RtcResult:
    return RtcResult(
        calls=plan.calls,
        websocket_ms=spread(seen.websocket_ms),
        arrived_ms=spread(each.arrived_ms for each in seen.calls_ms),
        heard_ms=spread(each.heard_ms for each in seen.calls_ms),
        silence_after_onset_ms=spread(each.after_onset_ms for each in seen.silenced),
        silence_after_confirmed_ms=spread(each.after_confirmed_ms for each in seen.silenced),
        listening=_load(plan, seen.listening, usage, "listen", "listened"),
        speaking=_load(plan, seen.speaking, usage, "speak", "spoken"),
        call_bytes=_call_bytes(plan, usage),
        lag_ms=seen.lag_ms,
        problems=seen.problems,
    )


def _load(
    plan: RtcPlan, frames: Frames | None, usage: dict[str, Usage], begin: str, end: str
) -> Load | None:
    if frames is None:
        return None
    cpu_s = usage[end].cpu_s - usage[begin].cpu_s
    return Load(
        cpu_ms=cpu_s * 1000 / plan.seconds / plan.calls,
        late_sent=usage[end].late_frames - usage[begin].late_frames,
        frames=frames,
    )


def _call_bytes(plan: RtcPlan, usage: dict[str, Usage]) -> float | None:
    if not {"before", "listened"} <= usage.keys():
        return None
    before, after = usage["before"].memory_bytes, usage["listened"].memory_bytes
    return None if before is None or after is None else (after - before) / plan.calls


def show_rtc(console: Console, results: Sequence[RtcResult]) -> None:
    """Print what was measured, what the figures mean, and what went wrong."""
    compared = [each for each in results if each.websocket_ms or each.heard_ms]
    rows = [
        [str(each.heard_ms.count if each.heard_ms else 0), *map(_both, _compared(each))]
        for each in compared
    ]
    headers = ["turns", "WebSocket", "arrived", "heard", "silence after onset", "after confirmed"]
    print_table(console, "First audio and silence: p50 / p95 in ms", headers, rows)
    loads = [
        [str(result.calls), phase, *_cells(load), megabytes(_size(result), 2), _both(result.lag_ms)]
        for result in results
        for phase, load in (("listening", result.listening), ("speaking", result.speaking))
        if load is not None
    ]
    columns = ["CPU ms/s", "frames", "late, sent", "late, come", "missing", "worst ms", "MB/call"]
    columns.append("client lag")
    print_table(console, "Calls at a time, for each call", ["calls", "", *columns], loads)
    for name, meaning in RTC_DEFINITIONS.items():
        console.print(f"{name}: {meaning}", style="dim", soft_wrap=not console.is_terminal)
    complain(console, (problem for each in results for problem in each.problems))


def _compared(result: RtcResult) -> Iterable[Spread | None]:
    return (
        result.websocket_ms,
        result.arrived_ms,
        result.heard_ms,
        result.silence_after_onset_ms,
        result.silence_after_confirmed_ms,
    )


def _cells(load: Load) -> list[str]:
    frames = load.frames
    counts = (frames.count, load.late_sent, frames.late, frames.missing)
    return [f"{load.cpu_ms:.1f}", *map(str, counts), f"{frames.worst_ms:.0f}"]


def _size(result: RtcResult) -> int | None:
    return None if result.call_bytes is None else round(result.call_bytes)


def _both(seen: Spread | None) -> str:
    return ABSENT if seen is None else f"{seen.p50:g} / {seen.p95:g}"
