"""The forms of `/v1/audio/transcriptions` and `/v1/audio/translations`, and what they ask for."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from voice.engines.protocols import ListenOptions
from voice.gateway.errors import ApiError, unsupported_parameter
from voice.http.speech_types import Language
from voice.transcribing.stretches import Cutting

Format = Literal["json", "text", "srt", "verbose_json", "vtt"]
Granularity = Literal["word", "segment"]
Temperature = Annotated[float, Meta(ge=0, le=1)]
Milliseconds = Annotated[int, Meta(ge=0, le=10_000)]

SHORTEST_PAUSE_S = 0.04


class ServerVad(
    msgspec.Struct, frozen=True, tag_field="type", tag="server_vad", forbid_unknown_fields=True
):
    """Where to cut, instead of what this server finds best."""

    prefix_padding_ms: Milliseconds = 300
    silence_duration_ms: Milliseconds = 200
    threshold: Annotated[float, Meta(ge=0, le=1)] = 0.5

    def cutting(self) -> Cutting:
        return Cutting(
            pause_s=max(self.silence_duration_ms / 1000, SHORTEST_PAUSE_S),
            margin_s=self.prefix_padding_ms / 1000,
            threshold=max(self.threshold, 0.01),
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for, whichever door it came through."""

    model: str
    options: ListenOptions
    format: Format
    languages: tuple[str, ...] = ()
    granularities: frozenset[Granularity] = frozenset({"segment"})
    logprobs: bool = False
    stream: bool = False
    cutting: Cutting = field(default_factory=Cutting)


class TranscriptionForm(msgspec.Struct, kw_only=True, frozen=True):
    model: str = ""
    language: Language | Literal[""] = ""
    languages: tuple[Language, ...] = ()
    prompt: str = ""
    response_format: Format | Literal["diarized_json"] = "json"
    temperature: Temperature | None = None
    timestamp_granularities: tuple[Granularity, ...] = ()
    include: tuple[Literal["logprobs"], ...] = ()
    keywords: tuple[str, ...] = ()
    hotwords: tuple[str, ...] = ()
    """What others call `keywords`."""
    chunking_strategy: Literal["auto"] | ServerVad | None = None
    stream: bool = False
    known_speaker_names: tuple[str, ...] = ()
    known_speaker_references: tuple[str, ...] = ()

    def asked(self) -> Asked:
        """Raises `ApiError` for what cannot be had."""
        for name in ("known_speaker_names", "known_speaker_references"):
            if getattr(self, name):
                raise unsupported_parameter(name, "needs a diarizer, and this server has none.")
        if self.response_format == "diarized_json":
            raise _no_diarizer()
        if self.timestamp_granularities and self.response_format != "verbose_json":
            raise _only_with("timestamp_granularities", "verbose_json", self.response_format)
        if self.include and self.response_format != "json":
            raise _only_with("include", "json", self.response_format)
        if self.stream and self.response_format in {"srt", "vtt"}:
            raise ApiError(
                f"A stream has events and cannot be {self.response_format}; ask for json, text or "
                "verbose_json, or leave 'stream' out.",
                code="invalid_value",
                param="response_format",
            )
        vad = self.chunking_strategy
        return Asked(
            model=self.model,
            options=ListenOptions(
                language=self.language or None,
                prompt=self.prompt,
                keywords=(*self.keywords, *self.hotwords),
                temperature=self.temperature,
            ),
            format=self.response_format,
            languages=self.languages,
            granularities=frozenset(self.timestamp_granularities) or frozenset({"segment"}),
            logprobs=bool(self.include),
            stream=self.stream,
            cutting=vad.cutting() if isinstance(vad, ServerVad) else Cutting(),
        )


class TranslationForm(msgspec.Struct, kw_only=True, frozen=True):
    model: str = ""
    prompt: str = ""
    response_format: Format = "json"
    temperature: Temperature | None = None

    @property
    def stream(self) -> bool:
        """Translations come as a whole."""
        return False

    def asked(self) -> Asked:
        options = ListenOptions(prompt=self.prompt, temperature=self.temperature, translate=True)
        return Asked(model=self.model, options=options, format=self.response_format)


def _no_diarizer() -> ApiError:
    return ApiError(
        "diarized_json needs a diarizer, and this server has none: ask for verbose_json, which has "
        "the times and not the speakers.",
        code="unsupported_value",
        param="response_format",
    )


def _only_with(name: str, wanted: str, sent: str) -> ApiError:
    return ApiError(
        f"'{name}' goes with response_format={wanted} only, not with {sent}.",
        code="invalid_value",
        param=name,
    )
