"""Two hundred clients that come, ask once and leave: what remains of them in the server."""

import msgspec

from voice.bench.bench import Outcome, Scenario
from voice.bench.messages import HostPlan, Usage

SESSIONS = 200
POINTS = {"warm": "after 1 session", "middle": "half way", "end": "at the end"}


class Soak(msgspec.Struct, frozen=True, kw_only=True):
    """The server before, in the middle of and after `sessions` that were opened and dropped."""

    sessions: int
    usage: dict[str, Usage]
    problems: list[str]


def soak_scenario() -> Scenario:
    return Scenario(HostPlan(engines="fake"), SESSIONS, 1, 0, ("soak",))


def soaked(outcome: Outcome) -> Soak:
    """What came of it; tasks and sockets that were left behind are problems."""
    usage = {point: outcome.usage[name] for name, point in POINTS.items()}
    before, after = outcome.usage["warm"], outcome.usage["end"]
    problems = list(outcome.calls.problems)
    if after.tasks > before.tasks:
        problems.append(f"{after.tasks - before.tasks} tasks were left behind")
    if after.sockets is not None and before.sockets is not None and after.sockets > before.sockets:
        problems.append(f"{after.sockets - before.sockets} sockets were left open")
    return Soak(sessions=outcome.scenario.sessions, usage=usage, problems=problems)
