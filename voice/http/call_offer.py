"""What a client posts to begin a call: an SDP offer, alone or in a form with a session."""

from typing import Any

from litestar import Request
from multipart import (  # type: ignore[import-untyped]
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
)

from voice.gateway.errors import ApiError
from voice.http.body import decoded

MAX_BYTES = 1024 * 1024
FORM = "multipart/form-data"
SDP = "application/sdp"

Parts = dict[str, bytes]


async def read_offer(
    request: Request[Any, Any, Any],
) -> tuple[str, dict[str, object] | None]:
    """The offer, and the `session` object if there was one. Raises `ApiError`."""
    media_type, options = request.content_type
    body = await request.body()
    if media_type == FORM:
        parts = _parts(body, options.get("boundary", ""))
    elif media_type in {SDP, "text/plain", ""}:
        parts = {"sdp": body}
    else:
        raise ApiError(
            f"An offer is sent as {SDP}, or as {FORM} with the parts 'sdp' and 'session'; "
            f"this request has '{media_type}'.",
            status=415,
            code="unsupported_media_type",
        )
    return _text(parts), _session(parts)


def _text(parts: Parts) -> str:
    offer = parts.get("sdp", b"")
    if not offer.strip():
        raise ApiError(
            "The request has no SDP offer; send what createOffer() gave.",
            code="missing_required_parameter",
            param="sdp",
        )
    try:
        return offer.decode()
    except UnicodeDecodeError:
        raise ApiError("The offer is no text in UTF-8.", code="invalid_sdp", param="sdp") from None


def _session(parts: Parts) -> dict[str, object] | None:
    if "session" not in parts:
        return None
    try:
        session = decoded(parts["session"])
    except ApiError as error:
        raise ApiError(
            f"The part 'session' cannot be read: {error.message}", code=error.code, param="session"
        ) from None
    if not isinstance(session, dict):
        raise ApiError(
            "The part 'session' must be a JSON object.", code="invalid_value", param="session"
        )
    return session


def _parts(body: bytes, boundary: str) -> Parts:
    if not boundary:
        raise ApiError("The Content-Type names no boundary, so the form cannot be read.")
    parts: dict[str, bytearray] = {}
    current = bytearray()
    parser = PushMultipartParser(boundary.encode(), max_segment_count=16)
    try:
        for event in [*parser.parse(body), *parser.parse(b"")]:
            if isinstance(event, MultipartSegment):
                current = parts.setdefault(event.name or "", bytearray())
            elif event is not None:
                current += event
        parser.close()
    except MultipartError as error:
        message = f"The multipart form cannot be read: {error}."
        raise ApiError(message, code="invalid_multipart") from None
    if strange := sorted(parts.keys() - {"sdp", "session"}):
        raise ApiError(
            f"Unknown part '{strange[0]}' of the form; there is 'sdp' and 'session'.",
            code="unknown_parameter",
            param=strange[0],
        )
    return {name: bytes(data) for name, data in parts.items()}
