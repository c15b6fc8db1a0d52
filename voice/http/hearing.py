"""Recordings in a chat as text, for models that cannot hear; and earlier answers that were spoken."""

import base64
import binascii
import io
from collections.abc import Callable, Mapping
from contextlib import aclosing
from typing import Any

from voice.audio.decoding import DecodingError
from voice.engines.protocols import ListenOptions, SpeechToText
from voice.engines.vad import WebRtcVad
from voice.gateway.errors import ApiError
from voice.transcribing.listening import listen
from voice.transcribing.recording import Recording
from voice.transcribing.stretches import Cutting

Json = dict[str, Any]


def has_recordings(messages: list[Json]) -> bool:
    """Whether something must be heard to understand the chat."""
    return any(_is_recording(part) for message in messages for part in _parts(message))


def has_spoken_answers(messages: list[Json]) -> bool:
    return any(map(_is_spoken, messages))


async def in_words(
    messages: list[Json], stt: Callable[[], SpeechToText], said: Mapping[str, str]
) -> list[Json]:
    """The messages with words for sounds; `said` are earlier answers by their ids.

    Raises `ApiError` for what is no recording, and for an answer that nobody remembers.
    """
    written = []
    for number, message in enumerate(messages):
        place = f"messages[{number}]"
        if _is_spoken(message):
            message = _recalled(message, said, place)  # noqa: PLW2901 - in words from here on
        if any(map(_is_recording, _parts(message))):
            parts = [
                await _heard(part, stt(), f"{place}.content[{at}].input_audio")
                if _is_recording(part)
                else part
                for at, part in enumerate(_parts(message))
            ]
            message = message | {"content": parts}  # noqa: PLW2901
        written.append(message)
    return written


def _recalled(message: Json, said: Mapping[str, str], place: str) -> Json:
    answer_id = message["audio"]["id"]
    if answer_id not in said:
        raise ApiError(
            f"The spoken answer '{answer_id}' is not remembered any more; send its transcript as "
            "'content' instead.",
            code="invalid_value",
            param=f"{place}.audio.id",
        )
    rest = {name: value for name, value in message.items() if name != "audio"}
    return rest | {"content": said[answer_id]}


async def _heard(part: Json, stt: SpeechToText, place: str) -> Json:
    try:
        data = base64.b64decode(part["input_audio"]["data"], validate=True)
    except (binascii.Error, ValueError):
        raise ApiError(
            f"Invalid value for '{place}.data': it is no base64.",
            code="invalid_value",
            param=f"{place}.data",
        ) from None
    try:
        async with (
            Recording.opened(io.BytesIO(data), WebRtcVad(), Cutting()) as recording,
            aclosing(listen(stt, recording, ListenOptions())) as parts,
        ):
            texts = [each.transcript.text async for each in parts]
    except DecodingError as error:
        raise ApiError(
            f"Invalid value for '{place}.data': {error}",
            code="invalid_value",
            param=f"{place}.data",
        ) from None
    return {"type": "text", "text": " ".join(texts)}


def _is_spoken(message: Json) -> bool:
    """Whether it refers to an earlier answer; in others such a field is none that is known."""
    return message.get("role") == "assistant" and bool(message.get("audio"))


def _parts(message: Json) -> list[Any]:
    parts = message.get("content")
    return parts if isinstance(parts, list) else []


def _is_recording(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") == "input_audio"
