"""What the processes of `voice bench rtc` tell each other."""

import msgspec

from voice.bench.figures import Spread
from voice.bench.messages import Line


class RtcPlan(Line, frozen=True):
    """What the callers are to do."""

    url: str
    turns: int
    """Questions over each transport, and replies to speak over; 0 leaves that out."""
    calls: int
    """How many to hold at a time."""
    seconds: float
    """How long to listen, and how long to hear all of them speak."""


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """An answer over a call: from the last sound of the question, as it was sent."""

    arrived_ms: float
    """To the first packet with sound in it."""
    heard_ms: float
    """To its sound, after the client's jitter buffer."""


class Silenced(msgspec.Struct, frozen=True, kw_only=True):
    """A reply that was spoken over: when its last sound came out of the client's jitter buffer."""

    after_onset_ms: float
    """Counted from the first sound of the recording, as it was sent."""
    after_confirmed_ms: float
    """Counted from `speech_started`; negative when it was silent before."""


class Frames(msgspec.Struct, frozen=True, kw_only=True):
    """The packets of sound that calls were sent in one phase."""

    count: int
    late: int
    """Those that came more than 20 ms after their time."""
    missing: int
    worst_ms: float


class RtcSeen(Line, frozen=True):
    """What all callers have seen."""

    websocket_ms: list[float]
    calls_ms: list[Heard]
    silenced: list[Silenced]
    listening: Frames | None
    speaking: Frames | None
    lag_ms: Spread | None
    """How late the callers sent their own packets: the noise of this machine."""
    problems: list[str]
