"""A chat with sounds: heard and spoken by this server where the model itself does neither."""

import time
from typing import Any

from voice.engines.protocols import SpeakOptions, TextToSpeech
from voice.gateway.errors import ApiError, unsupported_parameter
from voice.http.answering import Body, Stream
from voice.http.chat_messages import ImagePart
from voice.http.chat_rules import check_chat
from voice.http.chat_types import ChatRequest
from voice.http.hearing import has_recordings, has_spoken_answers, in_words
from voice.http.spoken_answer import Speaker
from voice.narration import unhurried
from voice.providers.protocol import Operation
from voice.providers.voices import chosen_voice
from voice.routing.router import Router
from voice.server import Server

Json = dict[str, Any]

CHAT: Operation = "chat/completions"
SEEN = ("https://", "http://", "data:image/")
"""Where a picture may come from; a path of this machine is nobody's business."""


async def chat(server: Server, router: Router, asked: ChatRequest, fields: Json) -> Body | Stream:
    """Answer a chat. Raises `ApiError` and `EngineError`."""
    _check(asked)
    speaker = None
    if _has_sounds(fields) and await router.refusal(asked.model, CHAT, fields):
        engines = await server.warm()
        said = server.spoken_answers.at(time.time())
        fields = fields | {
            "messages": await in_words(fields["messages"], lambda: engines.stt, said)
        }
        if asked.modalities and "audio" in asked.modalities:
            speaker = _speaker(server, engines.tts, asked)
            fields = {k: v for k, v in fields.items() if k not in {"modalities", "audio"}}
    if asked.stream:
        streamed = await router.stream(asked.model, CHAT, fields)
        blocks = speaker.stream(streamed.value) if speaker else streamed.value
        return Stream(blocks, headers=streamed.headers)
    answered = await router.answer(asked.model, CHAT, fields)
    content = await speaker.whole(answered.value) if speaker else answered.value
    return Body(content, headers=answered.headers)


def _has_sounds(fields: Json) -> bool:
    messages = fields["messages"]
    speaks = "audio" in (fields.get("modalities") or ())
    return speaks or has_recordings(messages) or has_spoken_answers(messages)


def _check(asked: ChatRequest) -> None:
    check_chat(asked)
    for number, message in enumerate(asked.messages):
        for at, part in enumerate(message.content if isinstance(message.content, list) else ()):
            if isinstance(part, ImagePart) and not part.image_url.url.lower().startswith(SEEN):
                place = f"messages[{number}].content[{at}].image_url.url"
                raise ApiError(
                    f"Invalid value for '{place}': expected an https: or a data:image/ address.",
                    code="invalid_value",
                    param=place,
                )


def _speaker(server: Server, tts: TextToSpeech, asked: ChatRequest) -> Speaker:
    if asked.audio is None:
        raise ApiError(
            "Missing required parameter: 'audio', which says the voice and the format.",
            code="missing_required_parameter",
            param="audio",
        )
    if asked.stream and (asked.n or 1) > 1:
        raise unsupported_parameter("n", "must be 1 where an answer is spoken while it is made.")
    voice = asked.audio.voice
    name = voice if isinstance(voice, str) else str(voice.get("id", ""))
    options = SpeakOptions(voice=chosen_voice(name, tts.voices, tts.name))
    return Speaker(unhurried(tts), options, asked.audio.format, server.spoken_answers)
