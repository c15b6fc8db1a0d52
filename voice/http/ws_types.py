"""The messages of `WS /ws/stream`: what clients send, and errors in the one shape."""

from typing import Annotated, Any, cast

import msgspec
from msgspec import Meta

from voice.gateway.errors import ApiError
from voice.http.body import converted
from voice.http.simple_types import Params, prompt_chat

Json = dict[str, Any]


class Inference(
    msgspec.Struct, frozen=True, kw_only=True, tag="inference", forbid_unknown_fields=True
):
    """Asks for an answer."""

    prompt: Annotated[str, Meta(min_length=1)]
    model: str | None = None
    system: str | None = None
    params: Params | None = None

    def chat(self) -> Json:
        """The same as the fields of a chat."""
        return prompt_chat(self.model, self.prompt, self.system, self.params or Params())


class Cancel(msgspec.Struct, frozen=True, tag="cancel", forbid_unknown_fields=True):
    """Ends the answer that is under way."""


def read_message(frame: str | bytes) -> Inference | Cancel:
    """Raises `ApiError`."""
    try:
        fields = msgspec.json.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ApiError("The message is not valid JSON in UTF-8.", code="invalid_json") from None
    if not isinstance(fields, dict):
        raise ApiError('The message must be a JSON object such as {"type": "inference", ...}.')
    kind = cast("type[Inference | Cancel]", Inference | Cancel)
    return converted(fields, kind)


def error_message(error: ApiError) -> Json:
    return {"type": "error", "error": msgspec.Raw(error.body()[len(b'{"error":') : -1])}
