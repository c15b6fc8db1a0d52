"""What strict clients demand of every event, whatever the conversation was about."""

from tests.realtime.mirror import Mirror

MAX_ID_CHARS = 32

KNOWN_TYPES = frozenset(
    {
        "error",
        "session.created",
        "session.updated",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.retrieved",
        "conversation.item.truncated",
        "conversation.item.deleted",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
        "conversation.item.input_audio_transcription.failed",
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "input_audio_buffer.cleared",
        "input_audio_buffer.timeout_triggered",
        "response.created",
        "response.done",
        "response.output_item.added",
        "response.output_item.done",
        "response.content_part.added",
        "response.content_part.done",
        "response.output_text.delta",
        "response.output_text.done",
        "response.output_audio_transcript.delta",
        "response.output_audio_transcript.done",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
    }
)
"""The types that a WebSocket client may meet in a conversation without MCP tools."""

CALL_TYPES = frozenset(
    {
        "output_audio_buffer.started",
        "output_audio_buffer.stopped",
        "output_audio_buffer.cleared",
    }
)
"""What is told beside those where the server plays the sound."""

NULLABLE = frozenset(
    {
        "previous_item_id",
        "error.code",
        "error.param",
        "error.event_id",
        "response.status_details",
        "response.conversation_id",
        "response.usage",
        "response.metadata",
        "session.tracing",
        "session.prompt",
        "session.include",
        "session.audio.input.transcription",
        "session.audio.input.noise_reduction",
        "session.audio.input.turn_detection",
        "session.audio.input.turn_detection.idle_timeout_ms",
    }
)


def check_wire(events: list[dict], *, in_call: bool = False) -> None:
    """Assert that each event is one a strict client can parse, and that they fit together."""
    mirror = Mirror()
    known = KNOWN_TYPES | CALL_TYPES if in_call else KNOWN_TYPES
    for event in events:
        if "response.citations" in (event.get("session", {}).get("include") or ()):
            known |= {"response.output_text.annotation.added"}
        assert event["type"] in known
        assert isinstance(event["event_id"], str)
        assert 0 < len(event["event_id"]) <= MAX_ID_CHARS
        for path, value in _leaves(event):
            _check_leaf(path, value)
        _check_parts(event)
        mirror.hear(event)


def _leaves(value, path=""):
    """Every value that is no container, with its path; steps into lists are left out."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, path)
    else:
        yield path, value


def _check_leaf(path: str, value: object) -> None:
    name = path.rpartition(".")[2]
    if value is None:
        assert path in NULLABLE or path.endswith("content.transcript"), f"{path} is null"
    elif name.endswith(("_ms", "_index", "_tokens", "expires_at")) and value != "inf":
        assert type(value) is int, f"{path} is {value!r}, no integer"
    elif name in {"id", "item_id", "call_id", "response_id"}:
        assert value, f"{path} is empty"
        assert len(value) <= MAX_ID_CHARS, f"{path} is too long"


def _check_parts(event: dict) -> None:
    if "part" in event:
        kind = event["part"]["type"]
        assert set(event["part"]) == {"type", {"audio": "transcript", "text": "text"}[kind]}
    items = [event["item"]] if "item" in event else event.get("response", {}).get("output", [])
    for item in items:
        assert item["object"] == "realtime.item"
        assert item["type"] in {"message", "function_call", "function_call_output"}
        for part in item.get("content", []):
            _check_item_part(part, item["role"])


def _check_item_part(part: dict, role: str) -> None:
    allowed = {
        "user": {"input_text", "input_audio", "input_image"},
        "system": {"input_text"},
        "assistant": {"output_text", "output_audio"},
    }
    assert part["type"] in allowed[role]
    if part["type"] == "input_audio":
        assert "transcript" in part
    elif part["type"] == "output_audio":
        assert isinstance(part["transcript"], str)
