"""Whatever a client does, in whatever order: the wire stays true and the next question is answered."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.session.conversation import Conversation, converse, speech
from tests.virtual_time import run
from voice.engines.fakes import FakeLanguageModel, FakeSpeechToText, FakeTextToSpeech, calling
from voice.engines.protocols import EngineError
from voice.transports.memory import MemoryTransport

CHUNK_MS = 100
ANSWER = "It is noon now, as far as I can tell. The sun stands high. Is there anything else?"
PATCHES = [
    {"instructions": "Be brief."},
    {"output_modalities": ["text"]},
    {"output_modalities": ["audio"]},
    {"audio": {"input": {"turn_detection": None}}},
    {"audio": {"input": {"turn_detection": {"type": "server_vad"}}}},
    {"audio": {"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 200}}}},
    {"audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": False}}}},
    {"audio": {"input": {"turn_detection": {"type": "server_vad", "interrupt_response": False}}}},
    {"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}},
    {"audio": {"input": {"format": {"type": "audio/pcmu"}}}},
    {"audio": {"output": {"format": {"type": "audio/pcma"}}}},
]
RESPONSES = [
    {},
    {"conversation": "none"},
    {"conversation": "none", "input": [], "output_modalities": ["text"]},
    {"max_output_tokens": 2},
]
TEXTS = ["what is the time", "", "mm-hm", "stop", "so I was thinking uhm", EngineError("deaf")]
ANSWERS = [
    ANSWER,
    "",
    "It is **noon**.\n\n```\ncode\n```",
    calling("get_time", {}),
    [EngineError("no memory")],
]


def just(name: str, values: list) -> st.SearchStrategy:
    return st.tuples(st.just(name), st.sampled_from(values))


SPEAK, PAUSE = just("speak", [100, 300, 700, 1500]), just("be silent", [100, 400, 700, 2500])
ACTIONS = st.one_of(
    SPEAK,
    SPEAK,
    SPEAK,
    PAUSE,
    PAUSE,
    PAUSE,
    just("send nothing", [300, 1000, 6000]),
    just("create", RESPONSES),
    just("cancel", [None]),
    just("commit", [None]),
    just("clear", [None]),
    just("update", PATCHES),
    just("delete", [0, -1]),
    just("truncate", [0, 500, 60_000]),
    just("retrieve", [-1]),
    just("write", [None]),
)
DELAYS = st.fixed_dictionaries(
    {
        "stt": st.sampled_from([0.0, 0.2, 0.9, 3.0]),
        "llm": st.sampled_from([0.0, 0.3, 1.5]),
        "token": st.sampled_from([0.0, 0.05]),
        "tts": st.sampled_from([0.0, 0.2, 1.5]),
        "factor": st.sampled_from([0.0, 0.5, 1.5]),
    }
)


class Client:
    """Does what it is told, and believes what it hears."""

    def __init__(self, conversation: Conversation) -> None:
        self.conversation = conversation
        self.send = conversation.send

    @property
    def items(self) -> list[str]:
        return [
            event["item"]["id"] for event in self.conversation.of_type("conversation.item.added")
        ]

    async def begin(self, how: str) -> None:
        if how == "with a reply":
            await self.send("response.create")
            await self.stream(bytes(48 * 2000))
        elif how == "with a question":
            await self.stream(speech(700) + bytes(48 * 400))

    async def act(self, name: str, value: object) -> None:
        match name:
            case "speak":
                await self.stream(speech(value))
            case "be silent":
                await self.stream(bytes(48 * value))
            case "send nothing":
                await asyncio.sleep(value / 1000)
            case "create":
                await self.send("response.create", response=value)
            case "cancel":
                await self.send("response.cancel")
            case "commit" | "clear":
                await self.send(f"input_audio_buffer.{name}")
            case "update":
                await self.conversation.update(**value)
            case "write":
                content = [{"type": "input_text", "text": "hello"}]
                item = {"type": "message", "role": "user", "content": content}
                await self.send("conversation.item.create", item=item)
            case _ if self.items:
                await self.act_on_item(name, value)

    async def act_on_item(self, name: str, value: int) -> None:
        item_id = self.items[-1 if name == "truncate" else value]
        place = {"content_index": 0, "audio_end_ms": value} if name == "truncate" else {}
        await self.send(f"conversation.item.{name}", item_id=item_id, **place)

    async def stream(self, sound: bytes) -> None:
        for start in range(0, len(sound), 48 * CHUNK_MS):
            await asyncio.sleep(CHUNK_MS / 1000)
            await self.conversation.append(sound[start : start + 48 * CHUNK_MS])

    async def ask(self) -> list[dict]:
        """Go back to the defaults, ask one question, and give the responses to it."""
        before = len(self.conversation.of_type("response.done"))
        await self.send("input_audio_buffer.clear")
        audio = {
            "input": {"format": {"type": "audio/pcm", "rate": 24000}},
            "output": {"format": {"type": "audio/pcm", "rate": 24000}},
        }
        await self.conversation.update(audio=audio, output_modalities=["audio"])
        detection = {"type": "semantic_vad"}, {"type": "server_vad"}
        for each in detection:
            await self.conversation.update(audio={"input": {"turn_detection": each}})
        await self.stream(bytes(48 * 1000) + speech(700) + bytes(48 * 15_000))
        return [e["response"] for e in self.conversation.of_type("response.done")[before:]]


class Unsteady(MemoryTransport):
    """A connection that stops for a while with every so many frames."""

    def __init__(self, every: int, stop_s: float) -> None:
        super().__init__()
        self._every, self._stop_s = every, stop_s

    async def send(self, text: str) -> None:
        if len(self.sent) % self._every == 0:
            await asyncio.sleep(self._stop_s)
        await super().send(text)


def engines(delays: dict[str, float], texts: list, answers: list) -> dict:
    heard, said = iter(texts), iter(answers)

    def hear(_pcm: bytes) -> str:
        text = next(heard, "what is the time")
        if isinstance(text, EngineError):
            raise text
        return text

    llm = FakeLanguageModel(
        lambda _: next(said, ANSWER), delay_s=delays["llm"], token_interval_s=delays["token"]
    )
    return {
        "stt": FakeSpeechToText(hear, delay_s=delays["stt"]),
        "llm": llm,
        "tts": FakeTextToSpeech(delay_s=delays["tts"], real_time_factor=delays["factor"]),
    }


def assert_words_are_answered(events: list[dict]) -> None:
    """Each turn that had words has a response that was begun when they were known."""
    kinds = [event["type"] for event in events]
    stopped = [e["item_id"] for e in events if e["type"] == "input_audio_buffer.speech_stopped"]
    for index, event in enumerate(events):
        if event.get("transcript") and event.get("item_id") in stopped:
            assert "response.created" in kinds[index:], "a question without an answer"


def assert_all_is_settled(events: list[dict]) -> None:
    created = [e["response"]["id"] for e in events if e["type"] == "response.created"]
    done = [e["response"]["id"] for e in events if e["type"] == "response.done"]
    assert sorted(created) == sorted(done)
    committed = [e["item_id"] for e in events if e["type"] == "input_audio_buffer.committed"]
    ends = ("input_audio_transcription.completed", "input_audio_transcription.failed")
    texts = [e["item_id"] for e in events if e["type"].endswith(ends)]
    assert sorted(committed) == sorted(texts)


@settings(max_examples=20, deadline=None)
@given(
    is_fixed=st.booleans(),
    begins=st.sampled_from(["with silence", "with a reply", "with a question"]),
    unsteady=st.sampled_from([(1_000_000, 0.0), (1, 0.03), (50, 0.5), (200, 3.0)]),
    actions=st.lists(ACTIONS, max_size=14),
    delays=DELAYS,
    texts=st.lists(st.sampled_from(TEXTS), max_size=8),
    answers=st.lists(st.sampled_from(ANSWERS), max_size=4),
)
def test_every_conversation_stays_true_and_alive(
    is_fixed, begins, unsteady, actions, delays, texts, answers
):
    """Half of the conversations leave the session as it is, so that more is known of them."""
    actions = [each for each in actions if not (is_fixed and each[0] == "update")]

    async def main():
        made = engines(delays, texts, answers)
        async with converse(**made, transport=Unsteady(*unsteady), live=True) as conversation:
            client = Client(conversation)
            await conversation.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
            await client.begin(begins)
            for name, value in actions:
                await client.act(name, value)
            await client.stream(bytes(48 * 40_000))
            assert_all_is_settled(conversation.events)
            if is_fixed:
                assert_words_are_answered(conversation.events)
            made["stt"]._text, made["llm"]._answer = "what is the time", "It is noon."
            assert [response["status"] for response in await client.ask()] == ["completed"]
            assert_all_is_settled(conversation.events)

    run(main())
