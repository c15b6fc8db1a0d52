"""What models do: the kinds of them, the endpoints that ask each, and what names tell of it."""

from collections.abc import Mapping
from typing import Literal

from voice.engines.names import KINDS, Role, is_openai_name
from voice.gateway.errors import ApiError
from voice.providers.protocol import Operation

ModelKind = Literal["chat", "embedding", "transcription", "speech"]

AUDIO: frozenset[ModelKind] = frozenset({"transcription", "speech"})

ENDPOINTS: Mapping[ModelKind, str] = {
    "chat": "/v1/chat/completions",
    "embedding": "/v1/embeddings",
    "transcription": "/v1/audio/transcriptions",
    "speech": "/v1/audio/speech",
}
ROLES: Mapping[ModelKind, Role] = {
    "chat": "llm",
    "embedding": "embed",
    "transcription": "stt",
    "speech": "tts",
}
OPENAI_NAMES: Mapping[ModelKind, tuple[str, ...]] = {
    "transcription": (
        "whisper-1",
        "gpt-transcribe",
        "gpt-4o-transcribe",
        "gpt-4o-mini-transcribe",
    ),
    "speech": ("tts-1", "tts-1-hd", "gpt-4o-mini-tts"),
}
"""Those that clients ask for, to be named when one is misspelt."""

_KIND_OF: Mapping[Operation, ModelKind] = {
    "chat/completions": "chat",
    "completions": "chat",
    "embeddings": "embedding",
    "audio/transcriptions": "transcription",
    "audio/translations": "transcription",
    "audio/speech": "speech",
}


def kind_of(operation: Operation) -> ModelKind:
    return _KIND_OF[operation]


def engine_kinds(name: str) -> set[ModelKind]:
    """What an engine of this server may do, by its name."""
    kind = name.partition(":")[0]
    return {model for model, role in ROLES.items() if kind in KINDS[role]}


def named_kind(name: str) -> ModelKind | None:
    """What a model of OpenAI's does, as its name tells; None for another's."""
    if not is_openai_name(name):
        return None
    if "embedding" in name:
        return "embedding"
    if "whisper" in name or "transcribe" in name:
        return "transcription"
    return "speech" if "tts" in name else "chat"


def wrong_endpoint(name: str, kind: ModelKind) -> ApiError:
    return ApiError(
        f"The model '{name}' is one for {kind} and cannot do this; it is asked at {ENDPOINTS[kind]}.",
        status=404,
        code="model_not_found",
        param="model",
    )
