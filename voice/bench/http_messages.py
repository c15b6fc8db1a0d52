"""What the processes of `voice bench http` tell each other, beside what all benchmarks do."""

from typing import Literal

import msgspec

from voice.bench.figures import Percentiles, Spread
from voice.bench.messages import Line

HttpPart = Literal["chat", "relay", "held", "speech", "transcription"]
PARTS: tuple[HttpPart, ...] = ("chat", "relay", "held", "speech", "transcription")
AudioFormat = Literal["pcm", "wav", "mp3", "opus"]


class UpstreamPlan(Line, frozen=True):
    """Where the fake upstream is to serve; 0 takes a free port."""

    port: int = 0


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """One of the ways to the model that are compared."""

    name: Literal["direct", "router", "against"]
    base_url: str
    """With `/v1`."""
    model: str
    key: str = ""
    scripted: bool = True
    """Whether the fake upstream is known to be at its end, so that the answer is known."""


class HttpPlan(Line, frozen=True):
    """What the callers are to do."""

    parts: tuple[HttpPart, ...]
    ways: tuple[Way, ...]
    """The one named `router` leads to the server whose use is noted."""
    seconds: float
    """How long each load lasts."""
    rate: float
    """Requests per second of each way."""
    streams: int
    """How many are held at once."""


class Latencies(msgspec.Struct, frozen=True, kw_only=True):
    """Requests at a fixed rate: the whole answer, or the first event of a stream."""

    way: str
    streamed: bool
    ms: Percentiles


class Throughput(msgspec.Struct, frozen=True, kw_only=True):
    """What clients get who ask again as soon as they have an answer."""

    way: str
    clients: int
    requests_per_s: float


class Relayed(msgspec.Struct, frozen=True, kw_only=True):
    """Streams as fast as they come."""

    way: str
    per_write: int
    """How many events the upstream writes at a time."""
    events: int
    events_per_s: float


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """Streams that were open at the same time, and how many of them were right."""

    streams: int
    right: int
    events: int


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """A text that was spoken several times in one format."""

    format: AudioFormat
    characters: int
    audio_s: float
    first_ms: Percentiles
    whole_ms: Percentiles


class Transcribed(msgspec.Struct, frozen=True, kw_only=True):
    """A recording that was transcribed."""

    streamed: bool
    audio_s: float
    first_ms: float
    took_s: float
    recall: float
    """The share of the spoken words that were understood, each counted once."""


class HttpSeen(Line, frozen=True):
    """What all clients together have seen."""

    latencies: list[Latencies] = msgspec.field(default_factory=list)
    throughputs: list[Throughput] = msgspec.field(default_factory=list)
    relayed: list[Relayed] = msgspec.field(default_factory=list)
    held: list[Held] = msgspec.field(default_factory=list)
    spoken: list[Spoken] = msgspec.field(default_factory=list)
    transcribed: list[Transcribed] = msgspec.field(default_factory=list)
    lag_ms: Spread | None = None
    """How late the clients themselves sent their requests: the noise of this machine."""
    problems: list[str] = msgspec.field(default_factory=list)
