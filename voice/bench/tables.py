"""The report as tables for people: ruled on a terminal, plain columns in a pipe."""

from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from voice.bench.figures import Spread
from voice.bench.messages import Usage
from voice.bench.report import DEFINITIONS, Cpu, Result
from voice.bench.soak import Soak

STAGES = {
    "end_of_turn_ms": "end of turn",
    "stt_ms": "stt",
    "llm_ms": "llm",
    "tts_ms": "tts",
    "release_ms": "release",
}
ABSENT = "-"
PIPE_WIDTH = 200


def console_for(*, stderr: bool) -> Console:
    """A console on which no row is broken because a pipe has no width."""
    console = Console(highlight=False, stderr=stderr)
    return (
        console
        if console.is_terminal
        else Console(highlight=False, stderr=stderr, width=PIPE_WIDTH)
    )


def show(console: Console, results: Sequence[Result]) -> None:
    """Print what was measured, what the figures mean, and what went wrong."""
    for title, headers, row in (
        ("End of speech to first audio: p50 / p95 in ms", _FIRST_AUDIO, _first_audio),
        ("Interruption: p50 / p95 in ms", _BARGE_IN, _barge_in),
        ("The server under this load", _LOAD, _load),
    ):
        rows = [[_name(each), str(each.sessions), *row(each)] for each in results]
        measured = [cells for cells in rows if set(cells[2:]) != {ABSENT}]
        print_table(console, title, ["engines", "sessions", *headers], measured)
    for name, meaning in DEFINITIONS.items():
        console.print(f"{name}: {meaning}", style="dim", soft_wrap=not console.is_terminal)
    complain(console, (problem for each in results for problem in each.problems))


def show_soak(console: Console, soak: Soak) -> None:
    title = f"{soak.sessions} sessions, each opened, asked once and dropped"
    rows = [[point, *usage_cells(usage)] for point, usage in soak.usage.items()]
    print_table(console, title, ["", "memory MB", "tasks", "sockets"], rows)
    complain(console, soak.problems)


def usage_cells(usage: Usage) -> list[str]:
    """Memory, tasks and sockets."""
    sockets = ABSENT if usage.sockets is None else str(usage.sockets)
    return [megabytes(usage.memory_bytes), str(usage.tasks), sockets]


def print_table(console: Console, title: str, headers: list[str], rows: list[list[str]]) -> None:
    """Print a table, unless it has no rows."""
    if not rows:
        return
    shape = SIMPLE_HEAD if console.is_terminal else None
    table = Table(box=shape)
    for number, header in enumerate(headers):
        table.add_column(header, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row)
    console.print(title, style="bold")
    console.print(table)
    console.print()


def complain(console: Console, problems: Iterable[str]) -> None:
    """Say what went wrong."""
    for problem in problems:
        console.print(f"problem: {problem}", style="bold red", markup=False, soft_wrap=True)


def _name(result: Result) -> str:
    return f"fake, {result.delay_ms} ms" if result.engines == "fake" else " ".join(result.names)


_FIRST_AUDIO = ["n", "first audio", "after the wait", "own share", *STAGES.values()]


def _first_audio(result: Result) -> list[str]:
    seen = result.first_audio
    if seen is None:
        return [ABSENT] * len(_FIRST_AUDIO)
    spreads = [seen.total_ms, seen.after_wait_ms, seen.own_ms, *map(seen.stages.get, STAGES)]
    return [str(seen.total_ms.count), *map(_both, spreads)]


_BARGE_IN = ["n", "last audio after onset", "after speech_started", "overdue frames"]


def _barge_in(result: Result) -> list[str]:
    seen = result.barge_in
    if seen is None:
        return [ABSENT] * len(_BARGE_IN)
    spreads = [seen.after_onset_ms, seen.after_confirmed_ms]
    return [str(seen.after_onset_ms.count), *map(_both, spreads), str(seen.overdue_frames)]


_LOAD = [
    "CPU ms/s idle", "listening", "speaking", "workers listening", "speaking",
    "server MB", "MB/session", "frames", "late", "missing", "caller lag",
]  # fmt: skip


def _load(result: Result) -> list[str]:
    load = result.load
    if load is None:
        return [ABSENT] * len(_LOAD)
    counts = (result.frames, result.late_frames, result.missing_frames)
    return [
        f"{load.idle_ms:.1f}",
        f"{load.listening.server_ms:.1f}",
        f"{load.speaking.server_ms:.1f}",
        _workers(load.listening),
        _workers(load.speaking),
        megabytes(load.server_bytes),
        megabytes(load.session_bytes, digits=2),
        *map(str, counts),
        _both(result.caller_lag_ms),
    ]


def _workers(cpu: Cpu) -> str:
    return ABSENT if cpu.workers_ms is None else f"{cpu.workers_ms:.1f}"


def _both(seen: Spread | None) -> str:
    return ABSENT if seen is None else f"{seen.p50:g} / {seen.p95:g}"


def megabytes(size: int | None, digits: int = 0) -> str:
    return ABSENT if size is None else f"{size / 1e6:.{digits}f}"
