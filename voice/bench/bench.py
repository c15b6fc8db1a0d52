"""Runs a benchmark: a fresh server and all its callers, for each number of sessions."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from voice.bench.messages import CallPlan, Calls, HostPlan, Line, Mark, Phase, Serving, Usage
from voice.bench.pipes import Peer, child


@dataclass(frozen=True, slots=True)
class Scenario:
    """One server under one load."""

    host: HostPlan
    sessions: int
    turns: int
    interruptions: int
    phases: tuple[Phase, ...]
    seconds: float = 5.0

    def calls(self, url: str) -> CallPlan:
        return CallPlan(
            url=url,
            sessions=self.sessions,
            turns=self.turns,
            interruptions=self.interruptions,
            phases=self.phases,
            seconds=self.seconds,
            scripted=self.host.engines == "fake",
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the callers saw, and what the server used at each mark they set."""

    scenario: Scenario
    engines: tuple[str, ...]
    calls: Calls
    usage: dict[str, Usage]


async def measure(scenario: Scenario) -> Outcome:
    """Play a scenario.

    Raises:
        PeerEndedError: one of the processes failed; it has said why on stderr.
    """
    async with child("voice.bench.callers") as callers, hosted(scenario.host) as (host, serving):
        calls, usage = await carried_out(scenario.calls(serving.url), callers, host)
        assert isinstance(calls, Calls)  # noqa: S101 - the last line is this
        return Outcome(scenario, serving.engines, calls, usage)


@asynccontextmanager
async def hosted(plan: HostPlan) -> AsyncIterator[tuple[Peer, Serving]]:
    """A server in a process of its own, while the block runs."""
    async with child("voice.bench.host") as host:
        await host.tell(plan)
        serving = await host.hear()
        assert isinstance(serving, Serving)  # noqa: S101 - the first line is this
        yield host, serving


async def carried_out(plan: Line, callers: Peer, host: Peer) -> tuple[Line, dict[str, Usage]]:
    """The last line of callers that were told a plan, and what the host used at their marks."""
    await callers.tell(plan)
    usage: dict[str, Usage] = {}
    while isinstance(line := await callers.hear(), Mark):
        usage[line.name] = await _usage(host)
        await callers.tell(line)
    return line, usage


async def _usage(host: Peer) -> Usage:
    await host.tell(Mark(name="usage"))
    line = await host.hear()
    assert isinstance(line, Usage)  # noqa: S101 - the answer is this
    return line
