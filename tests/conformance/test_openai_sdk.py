"""The official SDK, unmodified, against a real server: it sees what it was written for."""

import asyncio
import base64
import json

import pytest
from pydantic import TypeAdapter
from websockets.exceptions import InvalidStatus

from tests.conformance.live import KEY
from tests.conformance.person import LONG, Ears, Microphone, librarian, working
from tests.conformance.stage import HEARD, recording, words
from tests.conformance.wire import check_wire

openai = pytest.importorskip("openai", reason="the SDK is not installed")
realtime = pytest.importorskip("openai.types.realtime", reason="the SDK knows no realtime")

pytestmark = [pytest.mark.conformance, pytest.mark.server]

EVENTS = TypeAdapter(realtime.RealtimeServerEvent)
QUICK = {"type": "server_vad", "silence_duration_ms": 200}
SESSION = {
    "type": "realtime",
    "audio": {"input": {"transcription": {"model": "whisper-1"}, "turn_detection": QUICK}},
}
HOURS = {
    "type": "function",
    "name": "opening_hours",
    "description": "When the library closes.",
    "parameters": {"type": "object", "properties": {"season": {"type": "string"}}},
}


class Call(Ears):
    """A conversation over the SDK's connection."""

    def __init__(self, connection) -> None:
        super().__init__()
        self.connection = connection
        self.microphone = Microphone(self._append)

    async def _append(self, pcm: bytes) -> None:
        await self.connection.input_audio_buffer.append(audio=base64.b64encode(pcm).decode())

    def talk(self):
        return working(self.listen(self.connection), self.microphone.run())

    def check(self) -> None:
        """Everything was valid to the SDK's own types, strictly, and true."""
        frames = [event.to_dict() for event in self.heard]
        for frame in frames:
            EVENTS.validate_python(frame)
        check_wire(frames)


def connect(live, **options):
    client = openai.AsyncOpenAI(api_key=KEY, base_url=live.http_url)
    return client.realtime.connect(**options)


def text(events, kind: str) -> str:
    return "".join(event.delta for event in events if event.type == kind)


async def test_77_openai_a_spoken_turn(serve):
    async with serve(HEARD) as live, connect(live, model="gpt-realtime") as connection:
        call = Call(connection)
        async with call.talk():
            await connection.session.update(session=SESSION)
            await call.of_type("session.updated")
            call.microphone.say(recording("winter"))
            done = (await call.of_type("response.done")).response
        assert done.status == "completed"
        assert done.output[0].content[0].transcript == "It closes at four."
        assert text(call.heard, "response.output_audio_transcript.delta") == "It closes at four."
        said = await call.of_type("conversation.item.input_audio_transcription.completed")
        assert said.transcript == HEARD
        assert done.usage.total_tokens > 0
        audio = [e.delta for e in call.heard if e.type == "response.output_audio.delta"]
        assert len(b"".join(map(base64.b64decode, audio))) >= 48_000
        call.check()


async def test_77_openai_a_barge_in(serve):
    hears = [HEARD, words("interrupt")]

    def answer(prompt):
        return "Dogs are welcome." if "Wait" in prompt.messages[-1].content else LONG

    async with serve(hears, answer) as live, connect(live, model="gpt-realtime") as connection:
        call = Call(connection)
        async with call.talk():
            # "Wait, stop." and the question after it have a pause of more than 200 ms between them.
            await connection.session.update(session=SESSION | {"audio": {}})
            call.microphone.say(recording("winter"))
            await call.of_type("response.output_audio.delta", 50)
            call.microphone.say(recording("interrupt"))
            await call.of_type("input_audio_buffer.speech_started", 2)
            item_id = (await call.of_type("response.output_item.added")).item.id
            await connection.conversation.item.truncate(
                item_id=item_id, content_index=0, audio_end_ms=900
            )
            first = (await call.of_type("response.done")).response
            truncated = await call.of_type("conversation.item.truncated")
            second = (await call.of_type("response.done", 2)).response
        assert (first.status, first.status_details.reason) == ("cancelled", "turn_detected")
        assert (truncated.item_id, truncated.audio_end_ms) == (item_id, 900)
        assert second.status == "completed"
        assert second.output[0].content[0].transcript == "Dogs are welcome."
        told = [m.content for m in live.llm.prompts[-1].messages if m.role == "assistant"]
        assert len(told) == 1
        assert 0 < len(told[0]) <= 900 / 60 + 6
        call.check()


async def test_77_openai_a_tool_call(serve):
    async with (
        serve(HEARD, librarian) as live,
        connect(live, model="gpt-realtime") as connection,
    ):
        call = Call(connection)
        async with call.talk():
            await connection.session.update(session=SESSION | {"tools": [HOURS]})
            call.microphone.say(recording("winter"))
            asked = await call.of_type("response.function_call_arguments.done")
            assert (asked.name, json.loads(asked.arguments)) == (
                "opening_hours",
                {"season": "winter"},
            )
            await call.of_type("response.done")
            await connection.conversation.item.create(
                item={"type": "function_call_output", "call_id": asked.call_id, "output": "three"}
            )
            await connection.response.create()
            done = (await call.of_type("response.done", 2)).response
        assert done.output[0].content[0].transcript == "In winter it closes at three."
        call.check()


async def test_77_openai_typing_with_handlers(serve):
    """The SDK's other style: handlers by event type, which raises on errors nobody handles."""
    async with serve() as live, connect(live, model="gpt-realtime") as connection:
        texts, finished = [], asyncio.Event()
        connection.on("response.output_text.delta", lambda event: texts.append(event.delta))
        connection.on("response.done", lambda _: finished.set())
        async with working(connection.dispatch_events()):
            await connection.session.update(
                session={"type": "realtime", "output_modalities": ["text"]}
            )
            await connection.conversation.item.create(
                item={
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": "When?"}],
                }
            )
            await connection.response.create()
            async with asyncio.timeout(5):
                await finished.wait()
        assert "".join(texts) == "It closes at four."


async def test_77_openai_a_transcription_session(serve):
    async with (
        serve(HEARD) as live,
        connect(live, extra_query={"intent": "transcription"}) as connection,
    ):
        call = Call(connection)
        async with call.talk():
            created = await call.of_type("session.created")
            await connection.session.update(
                session={
                    "type": "transcription",
                    "audio": {
                        "input": {
                            "transcription": {"model": "gpt-4o-transcribe"},
                            "turn_detection": QUICK,
                        }
                    },
                }
            )
            call.microphone.say(recording("winter"))
            kind = "conversation.item.input_audio_transcription"
            done = await call.of_type(f"{kind}.completed")
        assert created.session.type == "transcription"
        assert done.transcript == HEARD == text(call.heard, f"{kind}.delta")
        assert not [e.type for e in call.heard if e.type.startswith("response.")]
        call.check()


async def test_77_openai_a_wrong_key_is_an_error_of_the_handshake(serve):
    async with serve() as live:
        client = openai.AsyncOpenAI(api_key="sk-wrong", base_url=live.http_url)
        with pytest.raises(InvalidStatus) as refused:
            await client.realtime.connect(model="gpt-realtime").enter()
        assert refused.value.response.status_code == 401
