"""The OpenAPI document of all endpoints, made from the types that read their requests."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import msgspec

from voice import __version__
from voice.audio.encoding import MEDIA_TYPES
from voice.gateway.keys import is_open_path
from voice.http.call_offer import SDP
from voice.http.chat_types import ChatRequest, CompletionRequest
from voice.http.embedding_types import EmbeddingRequest
from voice.http.files import FileRequest
from voice.http.knowledge import PageQuery
from voice.http.rerank import RerankRequest
from voice.http.search import SearchRequest
from voice.http.secret_types import SecretRequest
from voice.http.simple_types import GenerateRequest, MessagesRequest
from voice.http.speech_types import SpeechRequest
from voice.http.store_types import (
    BatchRequest,
    StoreFileRequest,
    StoreFileUpdate,
    StoreRequest,
    StoreSearchRequest,
    StoreUpdate,
)
from voice.http.transcription_types import TranscriptionForm, TranslationForm

Json = dict[str, Any]

JSON, EVENTS, FORM = "application/json", "text/event-stream", "multipart/form-data"
REFERENCE = "#/components/schemas/{name}"
ERROR: Json = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }
    },
}
KEYS: Json = {
    "key": {"type": "http", "scheme": "bearer"},
    "api-key": {"type": "apiKey", "in": "header", "name": "api-key"},
}
"""The ways to show an API key."""
TEXTS = ("text/plain", "application/x-subrip", "text/vtt")


class TranscriptionUpload(TranscriptionForm, frozen=True, kw_only=True):
    """What a form carries beside its fields."""

    file: bytes


class TranslationUpload(TranslationForm, frozen=True, kw_only=True):
    """What a form carries beside its fields."""

    file: bytes


class FileUpload(FileRequest, frozen=True, kw_only=True):
    """What a form carries beside its fields."""

    file: bytes


class CallForm(msgspec.Struct, frozen=True, kw_only=True):
    """The offer of a call, which may also be sent alone as `application/sdp`."""

    sdp: str
    session: dict[str, Any] | None = None


STORE = "/v1/vector_stores/{store_id}"
CALL = "/v1/realtime/calls/{call_id}"
PAGE = PageQuery.__struct_fields__


@dataclass(frozen=True, slots=True)
class Endpoint:
    method: Literal["get", "post", "delete"]
    path: str
    tag: str
    summary: str
    body: Any = None
    """The type of the request's JSON or form."""
    media: str = JSON
    """How the body is sent."""
    answers: tuple[str, ...] = (JSON,)
    query: tuple[str, ...] = ()
    status: int = 200


ENDPOINTS = (
    Endpoint("post", "/v1/chat/completions", "Text", "Chat with a model", ChatRequest,
             answers=(JSON, EVENTS)),
    Endpoint("post", "/v1/completions", "Text", "Go on from a text", CompletionRequest,
             answers=(JSON, EVENTS)),
    Endpoint("post", "/v1/batch/chat/completions", "Text", "Many chats in one call",
             list[ChatRequest]),
    Endpoint("post", "/v1/embeddings", "Text", "Embed texts", EmbeddingRequest),
    Endpoint("post", "/v1/audio/speech", "Audio", "Speak a text", SpeechRequest,
             answers=(*dict.fromkeys(MEDIA_TYPES.values()), EVENTS)),
    Endpoint("get", "/v1/audio/voices", "Audio", "The voices of each engine", query=("model",)),
    Endpoint("post", "/v1/audio/transcriptions", "Audio", "Write down what is said",
             TranscriptionUpload, FORM, (JSON, *TEXTS, EVENTS)),
    Endpoint("post", "/v1/audio/translations", "Audio", "Write it down in English",
             TranslationUpload, FORM, (JSON, *TEXTS)),
    Endpoint("post", "/v1/realtime/client_secrets", "Conversations", "A key for a browser",
             SecretRequest),
    Endpoint("post", "/v1/realtime/calls", "Conversations", "Begin one over WebRTC", CallForm, FORM,
             (SDP,), ("model", "intent", "resume"), 201),
    Endpoint("post", f"{CALL}/hangup", "Conversations", "End one"),
    Endpoint("delete", CALL, "Conversations", "End one"),
    Endpoint("post", "/v1/search", "Search", "Find passages, and answer from them",
             SearchRequest, answers=(JSON, EVENTS)),
    Endpoint("post", "/v1/rerank", "Search", "Order texts by how well they answer",
             RerankRequest),
    Endpoint("post", "/v1/files", "Search", "Upload a file", FileUpload, FORM),
    Endpoint("get", "/v1/files", "Search", "The uploaded files", query=(*PAGE, "purpose")),
    Endpoint("get", "/v1/files/{file_id}", "Search", "What is known of a file"),
    Endpoint("delete", "/v1/files/{file_id}", "Search", "Delete a file"),
    Endpoint("get", "/v1/files/{file_id}/content", "Search", "The bytes of a file",
             answers=("application/octet-stream",)),
    Endpoint("post", "/v1/vector_stores", "Search", "Make a vector store", StoreRequest),
    Endpoint("get", "/v1/vector_stores", "Search", "The vector stores", query=PAGE),
    Endpoint("get", STORE, "Search", "What is known of a vector store"),
    Endpoint("post", STORE, "Search", "Change what describes it", StoreUpdate),
    Endpoint("delete", STORE, "Search", "Delete it"),
    Endpoint("post", f"{STORE}/search", "Search", "Find passages in it", StoreSearchRequest),
    Endpoint("post", f"{STORE}/files", "Search", "Put a file in it", StoreFileRequest),
    Endpoint("get", f"{STORE}/files", "Search", "The files in it", query=(*PAGE, "filter")),
    Endpoint("get", f"{STORE}/files/{{file_id}}", "Search", "How far a file in it is"),
    Endpoint("post", f"{STORE}/files/{{file_id}}", "Search", "Replace its attributes",
             StoreFileUpdate),
    Endpoint("delete", f"{STORE}/files/{{file_id}}", "Search", "Take a file out of it"),
    Endpoint("get", f"{STORE}/files/{{file_id}}/content", "Search", "The text of a file"),
    Endpoint("post", f"{STORE}/file_batches", "Search", "Put many files in it", BatchRequest),
    Endpoint("get", f"{STORE}/file_batches/{{batch_id}}", "Search", "How far they are"),
    Endpoint("post", f"{STORE}/file_batches/{{batch_id}}/cancel", "Search",
             "Cancel those not done yet"),
    Endpoint("get", f"{STORE}/file_batches/{{batch_id}}/files", "Search", "The files of a batch",
             query=(*PAGE, "filter")),
    Endpoint("post", "/api/generate", "Plain", "Answer a prompt", GenerateRequest),
    Endpoint("post", "/api/generate/stream", "Plain", "Answer a prompt, token by token",
             GenerateRequest, answers=(EVENTS,)),
    Endpoint("post", "/api/chat", "Plain", "Answer messages", MessagesRequest),
    Endpoint("post", "/api/chat/stream", "Plain", "Answer messages, token by token",
             MessagesRequest, answers=(EVENTS,)),
    *(Endpoint("get", path, "Plain", "Answer a prompt in the query, token by token",
               answers=(EVENTS,), query=GenerateRequest.__struct_fields__)
      for path in ("/v1/stream/sse", "/stream/sse")),
    Endpoint("get", "/api/llms", "Plain", "The models that can be asked"),
    Endpoint("get", "/v1/models", "Models", "What can be asked for by name"),
    Endpoint("get", "/v1/models/{model_id}", "Models", "One of them"),
    Endpoint("get", "/health", "Health", "What the server runs on, and why"),
    Endpoint("get", "/health/live", "Health", "200 while it runs"),
    Endpoint("get", "/health/ready", "Health", "200 once conversations can be held, else 503"),
)  # fmt: skip


@cache
def document() -> bytes:
    """The document as JSON (OpenAPI 3.1)."""
    bodies = [each.body for each in ENDPOINTS if each.body is not None]
    schemas, components = msgspec.json.schema_components(bodies, ref_template=REFERENCE)
    known = dict(zip(map(repr, bodies), schemas, strict=True))
    paths: dict[str, Json] = {}
    for each in ENDPOINTS:
        paths.setdefault(each.path, {})[each.method] = _operation(each, known)
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "Inferno Voice",
                "version": __version__,
                "description": "Text and audio as OpenAI's clients know them. Conversations are at "
                "`WS /v1/realtime`, answers token by token also at `WS /ws/stream`.",
            },
            "paths": paths,
            "components": {
                "schemas": {**components, "Error": ERROR},
                "securitySchemes": KEYS,
            },
            # A server without keys wants none.
            "security": [*({name: []} for name in KEYS), {}],
        }
    )


def _operation(endpoint: Endpoint, schemas: Json) -> Json:
    operation: Json = {
        "tags": [endpoint.tag],
        "summary": endpoint.summary,
        "operationId": f"{endpoint.method}_{endpoint.path.strip('/')}".translate(_IDENTIFIER),
        "responses": {
            str(endpoint.status): {
                "description": "The answer",
                "content": dict(_contents(endpoint.answers)),
            },
            "default": {
                "description": "What was wrong, and what would be right",
                "content": {JSON: {"schema": {"$ref": REFERENCE.format(name="Error")}}},
            },
        },
    }
    if is_open_path(endpoint.path):
        operation["security"] = []
    if endpoint.path == "/health/ready":
        operation["responses"]["503"] = {"description": "Why it is not ready yet"}
    if endpoint.body is not None:
        schema = schemas[repr(endpoint.body)]
        content = {endpoint.media: {"schema": schema}}
        operation["requestBody"] = {"required": True, "content": content}
    parameters = [*_parameters(endpoint)]
    return operation | ({"parameters": parameters} if parameters else {})


_PLACE = re.compile(r"{(\w+)}")
_IDENTIFIER = str.maketrans({"/": "_", "{": "", "}": "", "-": "_"})


def _contents(answers: Iterable[str]) -> Iterable[tuple[str, Json]]:
    for media in answers:
        if media in {JSON, EVENTS}:
            yield media, {"schema": {}}
        elif media.startswith(("audio/", "application/")):
            yield media, {"schema": {"type": "string", "format": "binary"}}
        else:
            yield media, {"schema": {"type": "string"}}


def _parameters(endpoint: Endpoint) -> Iterable[Json]:
    for name in _PLACE.findall(endpoint.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    for name in endpoint.query:
        yield {"name": name, "in": "query", "schema": {"type": "string"}}
