"""Pipecat's realtime service, unmodified, in a pipeline against a real server."""

import pytest

from tests.conformance.person import LONG, librarian
from tests.conformance.stage import HEARD, recording, words

pytest.importorskip("pipecat", reason="pipecat-ai is not installed")

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.server,
    # Pipecat imports it.
    pytest.mark.filterwarnings("ignore:'audioop' is deprecated:DeprecationWarning"),
]


@pytest.fixture
def bot():
    return pytest.importorskip("tests.conformance.bot", reason="pipecat-ai lacks a part")


async def test_77_pipecat_a_spoken_turn(serve, bot):
    answers = iter(["Good morning.", "It closes at four."])
    async with serve(HEARD, lambda _: next(answers)) as live, bot.running(live) as call:
        await call.watch.until_said("Good morning.")
        call.microphone.say(recording("winter"))
        await call.watch.until_said("It closes at four.")
        await call.watch.until_understood(HEARD)
        assert call.watch.errors() == []
        assert len(call.speaker.played) > 24_000


def greeter(answer):
    """Say good morning to those who have said nothing, and else what `answer` makes of it."""

    def answered(prompt):
        spoken = [message for message in prompt.messages if message.role in {"user", "tool"}]
        return answer(prompt) if spoken else "Good morning."

    return answered


async def test_77_pipecat_a_barge_in(serve, bot):
    def answer(prompt):
        return "Dogs are welcome." if "Wait" in prompt.messages[-1].content else LONG

    hears = [HEARD, words("interrupt")]
    async with serve(hears, greeter(answer)) as live, bot.running(live) as call:
        await call.watch.until_said("Good morning.")
        call.microphone.say(recording("winter"))
        await call.watch.until_said("one two three four")
        call.microphone.say(recording("interrupt"))
        await call.watch.until(lambda frame: isinstance(frame, bot.InterruptionFrame))
        await call.watch.until_said("Dogs are welcome.")
        assert call.watch.errors() == []
        assert "ten one two three four five six seven eight nine ten" not in call.watch.said()
        told = [m.content for m in live.llm.prompts[-1].messages if m.role == "assistant"]
        # The text runs ahead of the audio: the question may have cut the greeting's last word.
        assert "Good morning.".startswith(told[0])
        assert 0 < len(told[1]) < len(LONG) / 2
        assert LONG.startswith(told[1])


async def test_77_pipecat_a_tool_call(serve, bot):
    asked = []

    async def opening_hours(params):
        asked.append(dict(params.arguments))
        await params.result_callback("three")

    hours = bot.hours_tool(opening_hours)
    async with (
        serve(HEARD, greeter(librarian)) as live,
        bot.running(live, tools=[hours]) as call,
    ):
        await call.watch.until_said("Good morning.")
        call.microphone.say(recording("winter"))
        await call.watch.until_said("In winter it closes at ")
        assert asked == [{"season": "winter"}]
        assert call.watch.errors() == []
        told = live.llm.prompts[-1].messages[-1]
        assert (told.role, "three" in told.content) == ("tool", True)


async def test_77_pipecat_push_to_talk(serve, bot):
    """Without the server's turn detection pipecat commits and asks by itself."""
    async with (
        serve(HEARD, greeter(lambda _: "It closes at four.")) as live,
        bot.running(live, turn_detection=False) as call,
    ):
        await call.watch.until_said("Good morning.")
        await call.press()
        call.microphone.say(recording("winter"))
        await call.microphone.quiet()
        await call.release()
        await call.watch.until_said("It closes at four.")
        assert live.llm.prompts[-1].messages[-1].content == HEARD
        assert call.watch.errors() == []
