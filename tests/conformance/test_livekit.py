"""Livekit's realtime model, unmodified, in an agent against a real server."""

import pytest

from tests.conformance.person import LONG, librarian, patiently
from tests.conformance.stage import HEARD, recording, words

agents = pytest.importorskip("livekit.agents", reason="livekit-agents is not installed")

pytestmark = [pytest.mark.conformance, pytest.mark.server]


@pytest.fixture
def agent():
    return pytest.importorskip("tests.conformance.agent", reason="livekit-plugins-openai is absent")


async def test_77_livekit_a_spoken_turn(serve, agent):
    async with serve(HEARD) as live, agent.calling(live) as call:
        call.microphone.say(recording("winter"))
        await call.until_said("assistant", "It closes at four.")
        assert call.said == [("user", HEARD), ("assistant", "It closes at four.")]
        assert call.speaker.played_s == pytest.approx(1.08, abs=0.1)
        assert call.errors == []


async def test_77_livekit_a_barge_in(serve, agent):
    def answer(prompt):
        return "Dogs are welcome." if "Wait" in prompt.messages[-1].content else LONG

    hears = [HEARD, words("interrupt")]
    async with serve(hears, answer) as live, agent.calling(live) as call:
        call.microphone.say(recording("winter"))
        await call.ears.until(lambda item: item.role == "user")
        await patiently(call.speaker.talking.wait())
        call.microphone.say(recording("interrupt"))
        interrupted = await call.ears.until(lambda item: item.role == "assistant")
        await call.until_said("assistant", "Dogs are welcome.")
        assert interrupted.interrupted
        said = [m.content for m in live.llm.prompts[-1].messages if m.role == "assistant"]
        assert len(said) == 1
        assert 0 < len(said[0]) < len(LONG) / 2
        assert LONG.startswith(said[0])
        assert call.errors == []


async def test_77_livekit_a_tool_call(serve, agent):
    asked = []

    @agents.function_tool
    async def opening_hours(season: str) -> str:
        """When the library closes."""
        asked.append(season)
        return "three"

    async with serve(HEARD, librarian) as live, agent.calling(live, tools=[opening_hours]) as call:
        call.microphone.say(recording("winter"))
        await call.until_said("assistant", "In winter it closes at three.")
        assert asked == ["winter"]
        assert call.errors == []


async def test_77_livekit_reconnects_with_its_history(serve, agent):
    """It opens a new session now and then, and writes down there what was said before."""
    async with serve(HEARD) as live, agent.calling(live, max_session_duration=3.0) as call:
        call.microphone.say(recording("winter"))
        await call.until_said("assistant", "It closes at four.")
        await patiently(call.reconnected.wait())
        call.session.generate_reply(user_input="And on Sunday?")
        await call.ears.until(lambda item: item.role == "assistant", 2)
        told = [(m.role, m.content) for m in live.llm.prompts[-1].messages if m.role != "system"]
        assert told == [
            ("user", HEARD),
            ("assistant", "It closes at four."),
            ("user", "And on Sunday?"),
        ]
        assert call.errors == []
