"""What the processes of a benchmark tell each other, as lines of JSON."""

from typing import Literal

import msgspec

from voice.bench.figures import Spread

EngineChoice = Literal["fake", "installed"]
IDLE_S = 2.0
"""How long a server without sessions is watched."""

Phase = Literal["ask", "interrupt", "listen", "speak", "soak"]


class Line(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One line on a pipe; its type is in it."""


class HostPlan(Line, frozen=True):
    """What server to start."""

    engines: EngineChoice
    delay_ms: int = 0
    """How long each fake engine takes to begin."""
    upstream: str = ""
    """The base URL of a model server that stands behind the router, if there is one."""


class Serving(Line, frozen=True):
    """The server is ready; `engines` names what it runs on."""

    url: str
    engines: tuple[str, ...]


class Usage(Line, frozen=True):
    """What the server process uses. What this system does not tell is absent."""

    cpu_s: float
    """User and system time since it started."""
    workers_cpu_s: float | None
    """The same of its child processes."""
    memory_bytes: int | None
    tasks: int
    sockets: int | None
    peak_bytes: int | None = None
    """The most memory that it ever had."""
    late_frames: int = 0
    """Frames of calls that it sent more than 20 ms after their time."""


class CallPlan(Line, frozen=True):
    """What the callers are to do."""

    url: str
    sessions: int
    turns: int
    interruptions: int
    phases: tuple[Phase, ...]
    seconds: float
    """How long to listen, and how long to speak."""
    scripted: bool
    """Whether the engines are fakes, which say what the session's instructions demand."""


class Mark(Line, frozen=True):
    """The callers have come to a point, and wait until it is noted."""

    name: str


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    total_ms: float
    """From the last sound of the recording, as it was sent, to the first audio received."""
    timings: dict[str, int]
    """The server's own account of it: `response.timings`."""


class BargeIn(msgspec.Struct, frozen=True, kw_only=True):
    """A reply that was spoken over, and the last audio of it that was received."""

    after_onset_ms: float
    """Counted from the first sound of the recording, as it was sent."""
    after_confirmed_ms: float
    """Counted from `speech_started`; negative when the audio had ceased before."""
    late_frames: int
    """Frames that came later than 100 ms after `speech_started`."""


class Calls(Line, frozen=True):
    """What all callers together have seen."""

    turns: list[Turn] = []
    interruptions: list[BargeIn] = []
    replies: int = 0
    """Replies that were checked."""
    frames: int = 0
    late: int = 0
    missing: int = 0
    spoken_s: float = 0.0
    """Audio received while speaking was measured."""
    lag_ms: Spread | None = None
    """How late the callers themselves sent their frames: the noise of this machine."""
    problems: list[str] = []
