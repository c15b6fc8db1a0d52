"""The configuration of a session: how it is changed, shown, and narrowed for one response."""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from voice.realtime.errors import invalid_value, missing_parameter
from voice.realtime.items import ContextItem
from voice.realtime.settings import (
    Audio,
    AudioFormat,
    FunctionTool,
    Include,
    MaxOutputTokens,
    Modality,
    PromptReference,
    Reasoning,
    Retrieval,
    Setting,
    ToolChoice,
    Tracing,
    Transcription,
    Truncation,
)
from voice.realtime.validation import convert

_READ_ONLY = frozenset({"id", "object", "expires_at"})
_VOICE = "audio.output.voice"
_TURN_DETECTION = "audio.input.turn_detection"
_TRANSCRIPTION = "audio.input.transcription"
_NOISE_REDUCTION = "audio.input.noise_reduction"
_MERGED = frozenset(
    {
        "audio",
        "audio.input",
        "audio.output",
        _TRANSCRIPTION,
        _NOISE_REDUCTION,
        _TURN_DETECTION,
    }
)
"""The objects whose absent keys keep their values; every other object is replaced whole."""
_CLEARABLE = frozenset(
    {
        _TRANSCRIPTION,
        _NOISE_REDUCTION,
        _TURN_DETECTION,
        f"{_TURN_DETECTION}.idle_timeout_ms",
        *(f"{_TRANSCRIPTION}.{name}" for name in Transcription.__struct_fields__),
        "include",
        "parallel_tool_calls",
        "prompt",
        "reasoning",
        "retrieval",
        "tracing",
    }
)
"""Where null means none. Elsewhere it means nothing: stock clients send nulls for what is unset."""


class SessionConfig(Setting, frozen=True):
    """Everything a client can set about its session."""

    type: Literal["realtime", "transcription"] = "realtime"
    model: str = ""
    instructions: str = ""
    output_modalities: tuple[Modality, ...] = ("audio",)
    audio: Audio = Audio()
    tools: tuple[FunctionTool, ...] = ()
    tool_choice: ToolChoice = "auto"
    parallel_tool_calls: bool | None = None
    max_output_tokens: MaxOutputTokens = "inf"
    reasoning: Reasoning | None = None
    tracing: Literal["auto"] | Tracing | None = None
    truncation: Truncation = "auto"
    prompt: PromptReference | None = None
    include: tuple[Include, ...] | None = None
    retrieval: Retrieval | UnsetType | None = UNSET
    """Unset looks into the indexed folders, if there are any; null looks nowhere."""

    def updated(self, patch: Mapping[str, object]) -> "SessionConfig":
        """The configuration with the keys of a `session` object laid over it, all or nothing.

        A key that is absent keeps its value, null clears what can be none. `model` is taken only
        while none is set. Raises `WireError`.
        """
        patch = {key: value for key, value in patch.items() if key not in _READ_ONLY}
        self._check_type(patch)
        if self.type == "transcription":
            convert(patch, _TranscriptionUpdate, "session")
        if self.model:
            patch.pop("model", None)
        merged = _merge(msgspec.to_builtins(self), patch)
        config = convert(merged, SessionConfig, "session")
        _check_modalities(config.output_modalities, "session.output_modalities")
        return config

    def for_response(self, params: "ResponseParams | None") -> "SessionConfig":
        """The configuration of one response; raises `WireError`."""
        if params is None:
            return self
        changes = {
            name: value for name in _PER_RESPONSE if (value := getattr(params, name)) is not None
        }
        config = msgspec.structs.replace(self, **changes)
        _check_modalities(config.output_modalities, "response.output_modalities")
        wanted = params.audio.output if params.audio else None
        if wanted is None:
            return config
        output = msgspec.structs.replace(
            self.audio.output,
            format=wanted.format or self.audio.output.format,
            voice=wanted.voice_name or self.audio.output.voice,
        )
        return msgspec.structs.replace(
            config, audio=msgspec.structs.replace(self.audio, output=output)
        )

    def to_wire(self, session_id: str, expires_at: int | None = None) -> dict[str, object]:
        """The full effective session; `expires_at` in seconds of the epoch, left out when None."""
        wire: dict[str, object] = msgspec.to_builtins(self)
        wire |= {"id": session_id, "tools": [tool.to_wire() for tool in self.tools]}
        if expires_at is not None:
            wire["expires_at"] = expires_at
        if self.type == "transcription":
            return _transcription_wire(self, wire)
        unset = [name for name in ("parallel_tool_calls", "reasoning") if wire[name] is None]
        for name in unset:
            del wire[name]
        return wire | {"object": "realtime.session"}

    def _check_type(self, patch: Mapping[str, object]) -> None:
        match patch.get("type"):
            case None:
                raise missing_parameter("session.type")
            case self.type:
                return
            case "transcription":
                message = (
                    "Passing a transcription session update event to a realtime session "
                    "is not allowed."
                )
            case "realtime":
                message = (
                    "Passing a realtime session update event to a transcription session "
                    "is not allowed."
                )
            case other:
                message = (
                    f"Invalid value: '{other}'. Supported values are: "
                    "'realtime' and 'transcription'."
                )
        raise invalid_value(message, "session.type")


# ---------------------------------------------------------------- one response


class VoiceReference(Setting, frozen=True):
    id: str


class ResponseAudioOutput(Setting, frozen=True):
    format: AudioFormat | None = None
    voice: str | VoiceReference | None = None

    @property
    def voice_name(self) -> str | None:
        return self.voice.id if isinstance(self.voice, VoiceReference) else self.voice


class ResponseAudio(Setting, frozen=True):
    output: ResponseAudioOutput | None = None


Metadata = Annotated[
    dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=512)]],
    Meta(max_length=16),
]


class ResponseParams(Setting, frozen=True):
    """What `response.create` may ask for one response; None takes the session's value."""

    instructions: str | None = None
    output_modalities: tuple[Modality, ...] | None = None
    audio: ResponseAudio | None = None
    tools: tuple[FunctionTool, ...] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_output_tokens: MaxOutputTokens | None = None
    reasoning: Reasoning | None = None
    prompt: PromptReference | None = None
    conversation: Literal["auto", "none"] | None = None
    input: tuple[ContextItem, ...] | None = None
    metadata: Metadata | None = None

    @property
    def out_of_band(self) -> bool:
        """Whether the response stays out of the conversation."""
        return self.conversation == "none"

    @property
    def voice(self) -> str | None:
        output = self.audio.output if self.audio else None
        return output.voice_name if output else None


_PER_RESPONSE = (
    "instructions",
    "output_modalities",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "max_output_tokens",
    "reasoning",
    "prompt",
)


# ---------------------------------------------------------------- transcription sessions


class _TranscriptionAudio(Setting, frozen=True):
    input: dict[str, object] | None = None


class _TranscriptionUpdate(Setting, frozen=True):
    """The keys a transcription session knows; their values are checked with the rest."""

    type: Literal["transcription"]
    audio: _TranscriptionAudio | None = None
    include: list[object] | None = None


def _transcription_wire(config: SessionConfig, wire: dict[str, object]) -> dict[str, object]:
    kept = {key: wire[key] for key in ("type", "id", "expires_at", "include") if key in wire}
    return kept | {
        "object": "realtime.transcription_session",
        "audio": {"input": msgspec.to_builtins(config.audio.input)},
    }


# ---------------------------------------------------------------- merging


def _merge(
    base: dict[str, object], patch: Mapping[str, object], path: str = ""
) -> dict[str, object]:
    merged = dict(base)
    for key, value in patch.items():
        inner = f"{path}.{key}" if path else key
        if value is None and inner not in _CLEARABLE:
            continue
        merged[key] = _laid_over(base.get(key), value, inner)
    return merged


def _laid_over(current: object, value: object, path: str) -> object:
    if not isinstance(value, dict):
        return value
    if path == _VOICE:
        return value.get("id", value)
    if path not in _MERGED:
        return value
    kept = current if isinstance(current, dict) else {}
    if path == _TURN_DETECTION and value.get("type", kept.get("type")) != kept.get("type"):
        kept = {}
    return _merge(kept, value, path)


def _check_modalities(modalities: tuple[Modality, ...], param: str) -> None:
    if len(modalities) != 1:
        raise invalid_value(
            f"Invalid modalities: {list(modalities)}. "
            "Supported combinations are: ['text'] and ['audio'].",
            param,
        )
