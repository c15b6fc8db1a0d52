"""The parts of a session's configuration, each with its defaults and limits."""

from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

Modality = Literal["audio", "text"]
Include = Literal[
    "item.input_audio_transcription.logprobs", "response.citations", "response.timings"
]
MaxOutputTokens = Annotated[int, Meta(ge=1, le=4096)] | Literal["inf"]
Milliseconds = Annotated[int, Meta(ge=0, le=60_000)]


MAX_DEPTH = 64


class Setting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An immutable piece of configuration that refuses what it does not know."""


def _check_depth(value: object, what: str) -> None:
    """Raise ValueError where free-form JSON nests so deep that it could not be sent back."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for each in level for child in _inside(each)]
    if level:
        raise ValueError(f"{what} nests more than {MAX_DEPTH} levels deep")


def _inside(value: object) -> Iterable[object]:
    match value:
        case dict():
            return value.values()
        case list():
            return value
    return ()


# ---------------------------------------------------------------- audio


class Pcm(Setting, frozen=True, tag_field="type", tag="audio/pcm"):
    """16-bit little-endian mono samples."""

    type: ClassVar[Literal["audio/pcm"]] = "audio/pcm"
    rate_hz: ClassVar[int] = 24_000
    bytes_per_ms: ClassVar[int] = 48

    rate: Literal[24000] = 24000


class Pcmu(Setting, frozen=True, tag_field="type", tag="audio/pcmu"):
    """G.711 mu-law, one byte a sample."""

    type: ClassVar[Literal["audio/pcmu"]] = "audio/pcmu"
    rate_hz: ClassVar[int] = 8_000
    bytes_per_ms: ClassVar[int] = 8


class Pcma(Setting, frozen=True, tag_field="type", tag="audio/pcma"):
    """G.711 A-law, one byte a sample."""

    type: ClassVar[Literal["audio/pcma"]] = "audio/pcma"
    rate_hz: ClassVar[int] = 8_000
    bytes_per_ms: ClassVar[int] = 8


AudioFormat = Pcm | Pcmu | Pcma


class Transcription(Setting, frozen=True, omit_defaults=True):
    """What the client asks of the speech-to-text; only what it set is echoed."""

    model: str | None = None
    language: str | None = None
    prompt: str | None = None
    languages: tuple[str, ...] | None = None
    keywords: tuple[str, ...] | None = None
    delay: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None


class NoiseReduction(Setting, frozen=True, omit_defaults=True):
    type: Literal["near_field", "far_field"]
    strength: Annotated[float, Meta(ge=0, le=1)] = 1.0


class ServerVad(Setting, frozen=True, tag_field="type", tag="server_vad"):
    """A turn ends after a fixed silence."""

    type: ClassVar[str] = "server_vad"

    threshold: Annotated[float, Meta(ge=0, le=1)] = 0.5
    prefix_padding_ms: Milliseconds = 300
    silence_duration_ms: Milliseconds = 500
    idle_timeout_ms: Annotated[int, Meta(ge=5_000, le=30_000)] | None = None
    create_response: bool = True
    interrupt_response: bool = True


class SemanticVad(Setting, frozen=True, tag_field="type", tag="semantic_vad"):
    """A turn ends when what was said sounds finished."""

    type: ClassVar[str] = "semantic_vad"

    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    create_response: bool = True
    interrupt_response: bool = True


class AudioInput(Setting, frozen=True):
    format: AudioFormat = Pcm()
    transcription: Transcription | None = None
    noise_reduction: NoiseReduction | None = None
    turn_detection: ServerVad | SemanticVad | None = ServerVad()


class AudioOutput(Setting, frozen=True):
    format: AudioFormat = Pcm()
    voice: str = "alloy"
    speed: Annotated[float, Meta(ge=0.25, le=1.5)] = 1.0


class Audio(Setting, frozen=True):
    input: AudioInput = AudioInput()
    output: AudioOutput = AudioOutput()


# ---------------------------------------------------------------- the model


class FunctionTool(msgspec.Struct, frozen=True, kw_only=True):
    """A function the model may call; clients add keys of their own, which are dropped."""

    name: Annotated[str, Meta(min_length=1)]
    type: Literal["function"] = "function"
    description: str | None = None
    parameters: dict[str, object] | None = None

    def __post_init__(self) -> None:
        _check_depth(self.parameters, "parameters")

    def to_wire(self) -> dict[str, object]:
        return {
            "type": self.type,
            "name": self.name,
            "description": self.description or "",
            "parameters": self.parameters or {},
        }


class FunctionChoice(Setting, frozen=True, tag_field="type", tag="function"):
    type: ClassVar[str] = "function"

    name: str


ToolChoice = Literal["auto", "none", "required"] | FunctionChoice


class Reasoning(Setting, frozen=True, omit_defaults=True):
    effort: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None


class Tracing(Setting, frozen=True, omit_defaults=True):
    workflow_name: str | None = None
    group_id: str | None = None
    metadata: dict[str, object] | None = None

    def __post_init__(self) -> None:
        _check_depth(self.metadata, "metadata")


class TokenLimits(Setting, frozen=True, omit_defaults=True):
    post_instructions: Annotated[int, Meta(ge=0)] | None = None


class RetentionRatio(
    Setting, frozen=True, tag_field="type", tag="retention_ratio", omit_defaults=True
):
    """When the context is full, the oldest items are dropped down to a share of it."""

    type: ClassVar[str] = "retention_ratio"

    retention_ratio: Annotated[float, Meta(ge=0, le=1)]
    token_limits: TokenLimits | None = None


Truncation = Literal["auto", "disabled"] | RetentionRatio


class PromptReference(Setting, frozen=True, omit_defaults=True):
    """A stored prompt of the provider's; accepted and echoed."""

    id: str
    version: str | None = None
    variables: dict[str, object] | None = None

    def __post_init__(self) -> None:
        _check_depth(self.variables, "variables")


class Retrieval(Setting, frozen=True):
    """Where to look for what a question is about, before it is answered; no field of OpenAI's."""

    vector_store_ids: Annotated[tuple[str, ...], Meta(min_length=1, max_length=16)] = (
        "vs_documents",
    )
    """Those of the indexed folders, unless others are named."""
    max_num_results: Annotated[int, Meta(ge=1, le=20)] = 4
    mode: Literal["before", "tool"] = "before"
    """Whether to look before each answer, or to let the model call a tool for it."""
