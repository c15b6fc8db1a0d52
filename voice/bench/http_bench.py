"""Runs `voice bench http`: a server before a fake upstream, then one on the installed engines."""

from collections.abc import Mapping
from dataclasses import dataclass

from voice.bench.bench import carried_out, hosted
from voice.bench.http_messages import HttpPart, HttpPlan, HttpSeen, UpstreamPlan, Way
from voice.bench.messages import HostPlan, Serving, Usage
from voice.bench.pipes import child
from voice.bench.upstream import MODEL

TEXT_PARTS: frozenset[HttpPart] = frozenset({"chat", "relay", "held"})


@dataclass(frozen=True, slots=True)
class HttpScenario:
    """What is to be measured, and beside what."""

    parts: tuple[HttpPart, ...]
    seconds: float = 10.0
    rate: float = 100.0
    streams: int = 500
    against: Way | None = None
    upstream_port: int = 0


@dataclass(frozen=True, slots=True)
class HttpOutcome:
    """What the callers saw, and what the server used at each mark they set."""

    engines: tuple[str, ...]
    seen: HttpSeen
    usage: Mapping[str, Usage]


async def measure(scenario: HttpScenario) -> list[HttpOutcome]:
    """Measure all that is wanted, each server alone.

    Raises:
        PeerEndedError: one of the processes failed; it has said why on stderr.
    """
    text = tuple(part for part in scenario.parts if part in TEXT_PARTS)
    audio = tuple(part for part in scenario.parts if part not in TEXT_PARTS)
    outcomes = [await _measure_text(scenario, text)] if text else []
    if audio:
        outcomes.append(await _measure(scenario, HostPlan(engines="installed"), audio, []))
    return outcomes


async def _measure_text(scenario: HttpScenario, parts: tuple[HttpPart, ...]) -> HttpOutcome:
    """Measure what goes through the router, with a fake model server behind it."""
    async with child("voice.bench.upstream") as upstream:
        await upstream.tell(UpstreamPlan(port=scenario.upstream_port))
        behind = await upstream.hear()
        assert isinstance(behind, Serving)  # noqa: S101 - the first line is this
        ways = [Way(name="direct", base_url=behind.url, model=MODEL)]
        ways += [scenario.against] if scenario.against else []
        return await _measure(scenario, HostPlan(engines="fake", upstream=behind.url), parts, ways)


async def _measure(
    scenario: HttpScenario, host_plan: HostPlan, parts: tuple[HttpPart, ...], ways: list[Way]
) -> HttpOutcome:
    async with child("voice.bench.http_callers") as callers, hosted(host_plan) as (host, serving):
        router = Way(name="router", base_url=f"{serving.url}/v1", model=f"openai:{MODEL}")
        plan = HttpPlan(
            parts=parts,
            ways=(*ways[:1], router, *ways[1:]),
            seconds=scenario.seconds,
            rate=scenario.rate,
            streams=scenario.streams,
        )
        seen, usage = await carried_out(plan, callers, host)
        assert isinstance(seen, HttpSeen)  # noqa: S101 - the last line is this
        return HttpOutcome(serving.engines, seen, usage)
