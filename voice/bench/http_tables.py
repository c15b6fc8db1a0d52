"""The figures of the HTTP endpoints as tables."""

from rich.console import Console

from voice.bench.figures import Percentiles
from voice.bench.http_messages import Latencies
from voice.bench.http_report import HTTP_DEFINITIONS, HttpResult, Memory, Overhead
from voice.bench.tables import complain, megabytes, print_table, usage_cells
from voice.engines.names import NONE


def show_http(console: Console, result: HttpResult) -> None:
    """Print what was measured, what the figures mean, and what went wrong."""
    _show_chat(console, result)
    _show_streams(console, result)
    _show_audio(console, result)
    for name, meaning in HTTP_DEFINITIONS.items():
        console.print(f"{name}: {meaning}", style="dim", soft_wrap=not console.is_terminal)
    complain(console, result.problems)


def _show_chat(console: Console, result: HttpResult) -> None:
    headers = ["way", "answer", "n", "p50", "p95", "p99"]
    rows = [
        [each.way, _kind(each), str(each.ms.count), *_cells(each.ms)] for each in result.latencies
    ]
    rows += [["overhead", _kind(each), "", *_differences(each)] for each in result.overheads]
    print_table(console, "Chat at a fixed rate: ms", headers, rows)
    if lag := result.client_lag_ms:
        console.print(f"client lag {lag.p50:g} / {lag.p95:g} ms (p50 / p95)\n")
    print_table(
        console,
        "Chat without pause",
        ["way", "clients", "requests/s"],
        [
            [each.way, str(each.clients), f"{each.requests_per_s:,.0f}"]
            for each in result.throughputs
        ],
    )


def _show_streams(console: Console, result: HttpResult) -> None:
    print_table(
        console,
        "Relay of server-sent events",
        ["way", "events per write", "events", "events/s"],
        [
            [each.way, str(each.per_write), f"{each.events:,}", f"{each.events_per_s:,.0f}"]
            for each in result.relayed
        ],
    )
    for held in result.held[:1]:
        right = sum(each.right for each in result.held)
        print_table(
            console,
            f"{held.streams} streams held, twice; {right} of {held.streams * 2} right",
            ["", "memory MB", "tasks", "sockets"],
            [[point, *usage_cells(usage)] for point, usage in result.held_usage.items()],
        )
    _show_memory(console, result.held_memory)


def _show_audio(console: Console, result: HttpResult) -> None:
    engines = f"(engines: {' '.join(name for name in result.engines if name != NONE)})"
    print_table(
        console,
        f"Speech {engines}: ms, p50 / p95",
        ["format", "n", "characters", "audio s", "first bytes", "whole"],
        [
            [each.format, str(each.first_ms.count), str(each.characters), f"{each.audio_s:g}",
             _both(each.first_ms), _both(each.whole_ms)]
            for each in result.spoken
        ],
    )  # fmt: skip
    print_table(
        console,
        f"Transcription {engines}",
        ["answer", "audio s", "first text ms", "whole s", "real-time factor", "recall"],
        [
            ["stream" if each.streamed else "json", f"{each.audio_s:g}", f"{each.first_ms:,.0f}",
             f"{each.took_s:g}", f"{each.took_s / each.audio_s:.3f}", f"{each.recall:.0%}"]
            for each in result.transcribed
        ],
    )  # fmt: skip
    _show_memory(console, result.transcription_memory)


def _show_memory(console: Console, memory: Memory | None) -> None:
    if memory is not None:
        grown, peak = megabytes(memory.grown_bytes, 1), megabytes(memory.peak_bytes, 1)
        console.print(f"memory of the server: {grown} MB more in the end, {peak} MB more at most")
        console.print()


def _kind(each: Latencies | Overhead) -> str:
    return "first event" if each.streamed else "whole"


def _cells(seen: Percentiles) -> list[str]:
    return [f"{value:.2f}" for value in (seen.p50, seen.p95, seen.p99)]


def _differences(seen: Overhead) -> list[str]:
    return [f"{value:+.2f}" for value in (seen.p50_ms, seen.p95_ms, seen.p99_ms)]


def _both(seen: Percentiles) -> str:
    return f"{seen.p50:.1f} / {seen.p95:.1f}"
