"""A person speaks to the page, over either transport."""

import pytest

from tests.browser.stage import microphone, serving, sounding, visiting
from voice.engines.fakes import FakeLanguageModel, FakeSpeechToText

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.slow]

TRANSPORTS = pytest.mark.parametrize("transport", ["webrtc", "websocket"])
LONG = "It closes at four on every day but Sunday, and in winter at five. " * 4


@TRANSPORTS
async def test_a_question_is_heard_and_its_answer_sounds(transport, tmp_path):
    spoken = microphone(tmp_path, 2, "library", 30)
    stt = FakeSpeechToText("when does it close")
    async with serving(stt) as server, visiting(server.url, spoken) as visitor:
        await visitor.prefer(transport=transport)
        await visitor.start()
        await visitor.sees(".caption.user[data-final=true]", "when does it close")
        await visitor.sees(".caption.assistant[data-final=true]", "It closes at four.")
        await visitor.sees("#turns li", "heard after")
        await visitor.sees("#state", "Listening")
        mine, answer = await visitor.recording()
        used_socket = any(url.startswith("ws") for url in visitor.requests)
    assert used_socket == (transport == "websocket")
    ((_, asked_s),) = sounding(mine)
    ((begun_s, ended_s),) = sounding(answer)
    assert begun_s > asked_s
    # A call stretches its sound where the machine is late.
    assert ended_s - begun_s == pytest.approx(18 * 0.06, abs=0.5)
    assert visitor.errors == []


@TRANSPORTS
async def test_who_is_interrupted_falls_silent_and_keeps_what_was_heard(transport, tmp_path):
    spoken = microphone(tmp_path, 2, "winter", 4, "interrupt", 30)
    stt = FakeSpeechToText(["how long", "wait stop", "and then"])
    llm = FakeLanguageModel(lambda prompt: "Yes." if "wait stop" in str(prompt.messages) else LONG)
    async with serving(stt, llm) as server, visiting(server.url, spoken) as visitor:
        await visitor.prefer(transport=transport)
        await visitor.start()
        await visitor.sees(".caption.assistant", "Yes.")
        await visitor.sees(".caption.assistant .mark", "interrupted after")
        await visitor.sees("#state", "Listening")
        mine, answer = await visitor.recording()
        heard = await visitor.page.locator(".caption.assistant p").first.inner_text()
    assert LONG.startswith(heard.strip())
    assert heard.strip()
    first, last = sounding(answer)
    interruption_s = sounding(mine)[1][0]
    assert first[0] < interruption_s
    assert first[1] - interruption_s < 1.5
    assert last[1] - last[0] < 1
    assert visitor.errors == []
    assert any(
        "wait stop" in str(prompt.messages) and heard.strip() in str(prompt.messages)
        for prompt in llm.prompts
    )


@TRANSPORTS
async def test_words_appear_while_they_are_spoken(transport, tmp_path):
    spoken = microphone(tmp_path, 1, "library", "coffee", 30)
    words = "one two three four five six seven eight nine ten eleven twelve"
    stt = FakeSpeechToText(words)
    async with serving(stt) as server, visiting(server.url, spoken) as visitor:
        await visitor.prefer(transport=transport)
        await visitor.start()
        await visitor.sees(".caption.user .partial", "one two three")
        await visitor.sees(".caption.user[data-final=true]", "twelve")


@TRANSPORTS
async def test_the_space_bar_holds_the_floor(transport, tmp_path):
    spoken = microphone(tmp_path, "library", "library", "library", "library", 30)
    stt = FakeSpeechToText("held words")
    async with serving(stt) as server, visiting(server.url, spoken) as visitor:
        await visitor.prefer(transport=transport, mode="push-to-talk")
        await visitor.start()
        await visitor.sees("#state", "Hold to talk")
        await visitor.page.focus("body")
        await visitor.page.keyboard.down(" ")
        await visitor.page.wait_for_timeout(1500)
        await visitor.page.keyboard.up(" ")
        await visitor.sees(".caption.user", "held words")
        await visitor.sees(".caption.assistant", "It closes at four.")
        await visitor.sees("#turns li", "heard after")
        mine, _ = await visitor.recording()
    (held,) = sounding(mine)
    assert held[1] - held[0] == pytest.approx(1.5, abs=0.7)
    assert visitor.errors == []


async def test_a_muted_microphone_is_silent(tmp_path):
    spoken = microphone(tmp_path, 3, "library", 30)
    async with serving() as server, visiting(server.url, spoken) as visitor:
        await visitor.prefer(transport="websocket")
        await visitor.start()
        await visitor.page.keyboard.press("m")
        await visitor.sees("#state", "Muted")
        await visitor.page.wait_for_timeout(7000)
        mine, _ = await visitor.recording()
        assert await visitor.page.locator(".caption").count() == 0
    assert sounding(mine) == []
