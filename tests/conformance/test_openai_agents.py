"""The Agents SDK, unmodified, against a real server: it runs tools and keeps a history."""

import os

import pytest

from tests.conformance.live import KEY
from tests.conformance.person import LONG, Ears, Microphone, librarian, working
from tests.conformance.stage import HEARD, recording, words

os.environ.setdefault("OPENAI_AGENTS_DISABLE_TRACING", "1")
agents = pytest.importorskip("agents", reason="openai-agents is not installed")
realtime = pytest.importorskip("agents.realtime", reason="openai-agents knows no realtime")

pytestmark = [pytest.mark.conformance, pytest.mark.server]


class Call(Ears):
    """A conversation over an agent's session."""

    def __init__(self, session) -> None:
        super().__init__()
        self.session = session
        self.microphone = Microphone(session.send_audio)

    def talk(self):
        return working(self.listen(self.session), self.microphone.run())

    @property
    def history(self) -> list[tuple[str, str | None]]:
        """Who said what, as the SDK would show it."""
        updates = [event.history for event in self.heard if event.type == "history_updated"]
        return [
            (item.role, item.content[0].text or "")
            if item.content[0].type in {"input_text", "text"}
            else (item.role, item.content[0].transcript)
            for item in (updates[-1] if updates else [])
            if item.type == "message" and item.content
        ]

    async def until_said(self, role: str, text: str) -> None:
        await self.until(lambda _: (role, text) in self.history)

    def check(self) -> None:
        """The SDK met nothing that it could not parse, and no error."""
        wrong = [event for event in self.heard if event.type == "error"]
        raw = [event.data for event in self.heard if event.type == "raw_model_event"]
        wrong += [event for event in raw if event.type in {"exception", "error"}]
        assert wrong == []


async def start(live, tools=(), **settings):
    """A session of an agent with the SDK's own settings, unless told otherwise."""
    agent = realtime.RealtimeAgent(
        name="Librarian", instructions="Answer about the library.", tools=list(tools)
    )
    runner = realtime.RealtimeRunner(
        agent,
        model=realtime.OpenAIRealtimeWebSocketModel(),
        config={"tracing_disabled": True, "model_settings": settings},
    )
    return await runner.run(
        model_config={"api_key": KEY, "url": f"{live.ws_url}?model=gpt-realtime"}
    )


async def test_77_agents_a_spoken_turn(serve):
    async with serve(HEARD) as live, await start(live) as session:
        call = Call(session)
        async with call.talk():
            call.microphone.say(recording("winter"))
            await call.of_type("audio_end")
            await call.until_said("assistant", "It closes at four.")
            await call.until_said("user", HEARD)
            ended = await call.of_type("agent_end")
        assert ended.agent.name == "Librarian"
        audio = [event.audio.data for event in call.heard if event.type == "audio"]
        assert len(b"".join(audio)) >= 48_000
        assert call.history == [("user", HEARD), ("assistant", "It closes at four.")]
        assert "Answer about the library." in live.llm.prompts[-1].messages[0].content
        call.check()


async def test_77_agents_a_barge_in(serve):
    def answer(prompt):
        return "Dogs are welcome." if "Wait" in prompt.messages[-1].content else LONG

    async with serve([HEARD, words("interrupt")], answer) as live, await start(live) as session:
        call = Call(session)
        async with call.talk():
            call.microphone.say(recording("winter"))
            await call.of_type("audio", 50)
            call.microphone.say(recording("interrupt"))
            interrupted = await call.of_type("audio_interrupted")
            await call.until_said("assistant", "Dogs are welcome.")
            await call.of_type("audio_end", 2)
        audio = [event.audio for event in call.heard if event.type == "audio"]
        assert interrupted.item_id == audio[0].item_id
        roles = [role for role, _ in call.history]
        assert roles == ["user", "assistant", "user", "assistant"]
        said = [m.content for m in live.llm.prompts[-1].messages if m.role == "assistant"]
        assert 0 < len(said[0]) < len(LONG) / 2
        assert LONG.startswith(said[0])
        assert call.history[1][1] == said[0]
        call.check()


async def test_77_agents_a_tool_call(serve):
    asked = []

    @agents.function_tool
    def opening_hours(season: str) -> str:
        """When the library closes."""
        asked.append(season)
        return "three"

    async with serve(HEARD, librarian) as live, await start(live, [opening_hours]) as session:
        call = Call(session)
        async with call.talk():
            call.microphone.say(recording("winter"))
            ended = await call.of_type("tool_end")
            await call.until_said("assistant", "In winter it closes at three.")
            await call.of_type("audio_end")
        assert (asked, ended.output) == (["winter"], "three")
        (tool,) = live.llm.prompts[-1].tools
        assert tool.name == "opening_hours"
        assert tool.parameters["properties"]["season"]["type"] == "string"
        call.check()


async def test_77_agents_a_typed_question(serve):
    async with serve() as live, await start(live) as session:
        call = Call(session)
        async with call.talk():
            await session.send_message("When does it close?")
            await call.until_said("assistant", "It closes at four.")
            await call.of_type("audio_end")
            await session.send_message("And in winter?")
            await call.of_type("audio_end", 2)
        assert [m.content for m in live.llm.prompts[-1].messages if m.role == "user"] == [
            "When does it close?",
            "And in winter?",
        ]
        call.check()
