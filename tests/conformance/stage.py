"""A session in virtual time that hears real speech, with scripted engines behind it."""

import asyncio
import functools
import json
from contextlib import asynccontextmanager
from functools import cache
from itertools import pairwise

from tests.conformance.wire import check_wire
from tests.session.conversation import Conversation, converse
from tests.virtual_time import run
from voice.audio.files import read_recording
from voice.bundled import samples_path
from voice.realtime.config import SessionConfig
from voice.session.session import SessionOptions

RATE_HZ = 24_000
TRANSCRIBED = {"audio": {"input": {"transcription": {"model": "whisper-1"}}}}
HEARD = "And what about in winter?"
"""The words of the recording `winter`, the shortest."""

LISTENED = [
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
]
BEGUN = [
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
]
SPOKEN_END = [
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "response.output_item.done",
    "conversation.item.done",
    "response.done",
]
TRANSCRIPT = "response.output_audio_transcript.delta"
AUDIO = "response.output_audio.delta"
HEARD_DELTA = "conversation.item.input_audio_transcription.delta"
HEARD_ALL = "conversation.item.input_audio_transcription.completed"


def on_virtual_time(test):
    """Run a test's coroutine on a clock that jumps."""

    @functools.wraps(test)
    def in_no_time(*args, **kwargs):
        run(test(*args, **kwargs))

    return in_no_time


@asynccontextmanager
async def stage(hears=HEARD, answers="It closes at four.", *, settings=None, **parts):
    """A session to talk to; whatever it sends is checked against the rules of the wire."""
    parts.setdefault("options", SessionOptions())
    async with converse(hears, answers, **parts) as client:
        if settings is not None:
            await client.update(**settings)
        yield client
    check_wire(client.events)


def transcription_config(**audio_input) -> SessionConfig:
    """What a client of `?intent=transcription` has after its first update."""
    update = {"type": "transcription", "audio": {"input": audio_input}}
    return SessionConfig(type="transcription").updated(update)


@cache
def recording(name: str) -> bytes:
    """A question spoken by somebody, as int16 mono PCM at 24 kHz."""
    return read_recording(samples_path() / "questions" / f"{name}.wav", RATE_HZ)


@cache
def words(name: str) -> str:
    questions = json.loads((samples_path() / "questions.json").read_text())
    return next(each["words"] for each in questions if each["file"] == f"questions/{name}.wav")


async def say(client: Conversation, wire_audio: bytes, frame_bytes: int = 960) -> None:
    """Speak in real time, 20 ms at once; G.711 has frames of 160 bytes."""
    for start in range(0, len(wire_audio), frame_bytes):
        await asyncio.sleep(0.02)
        await client.append(wire_audio[start : start + frame_bytes])


async def ask(client: Conversation, name: str = "winter") -> dict:
    """Ask one of the recorded questions and wait for the end of the answer."""
    count = len(client.of_type("response.done"))
    await say(client, recording(name))
    return (await client.until("response.done", count + 1))["response"]


async def error_of(client: Conversation, kind: str, **fields) -> dict:
    """Send an event that must fail, and give the error; the session must answer it at once."""
    count = len(client.of_type("error"))
    await client.send(kind, event_id=f"evt_{count}", **fields)
    error = (await client.until("error", count + 1, limit_ms=1000))["error"]
    assert error.pop("event_id") == f"evt_{count}"
    return error


def refusal(message: str, code: str | None, param: str | None = None) -> dict:
    return {"type": "invalid_request_error", "code": code, "message": message, "param": param}


def text_item(text: str, role: str = "user", **fields) -> dict:
    kind = "output_text" if role == "assistant" else "input_text"
    content = [{"type": kind, "text": text}]
    return {"type": "message", "role": role, "content": content, **fields}


def after(client: Conversation, event: dict) -> list[dict]:
    """What was sent after this event."""
    return client.events[client.events.index(event) + 1 :]


def kinds(events: list[dict]) -> list[str]:
    """The types of events, repetitions as one."""
    types = [event["type"] for event in events]
    return types[:1] + [after for before, after in pairwise(types) if before != after]
