"""What a person takes home of a conversation."""

import json
import re

import pytest

from tests.browser.stage import microphone, serving, sounding, visiting
from voice.engines.fakes import FakeSpeechToText

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.slow]

STAMP = re.compile(r"(\d\d):(\d\d):(\d\d),(\d{3}) --> (\d\d):(\d\d):(\d\d),(\d{3})")


def seconds(cue: str) -> tuple[float, float]:
    found = STAMP.search(cue)
    assert found, cue
    h1, m1, s1, ms1, h2, m2, s2, ms2 = (int(each) for each in found.groups())
    return h1 * 3600 + m1 * 60 + s1 + ms1 / 1000, h2 * 3600 + m2 * 60 + s2 + ms2 / 1000


async def test_sound_subtitles_and_data_tell_the_same_story(tmp_path):
    spoken = microphone(tmp_path, 2, "library", 30)
    stt = FakeSpeechToText("when does it close")
    async with serving(stt) as server, visiting(server.url, spoken) as visitor:
        await visitor.prefer(transport="websocket")
        await visitor.start()
        await visitor.sees("#turns li")
        await visitor.sees("#state", "Listening")
        mine, answer = await visitor.recording()
        question, reply = (await visitor.download("srt")).decode().strip().split("\n\n")
        told = json.loads(await visitor.download("json"))
        shown = await visitor.text("#turns strong")
    assert "You: when does it close" in question
    assert "Voice: It closes at four." in reply
    (asked,), (answered,) = sounding(mine), sounding(answer)
    # What the server hears as speech begins and ends beside the samples that are loud.
    assert seconds(question)[0] == pytest.approx(asked[0], abs=0.8)
    assert seconds(reply) == pytest.approx(answered, abs=0.1)
    assert [(item["role"], item["text"]) for item in told["items"]] == [
        ("user", "when does it close"),
        ("assistant", "It closes at four."),
    ]
    (turn,) = told["turns"]
    assert turn["timings"]["end_of_turn_ms"] >= 400
    assert shown == f"heard after {turn['heard_ms']} ms"
    # The two clocks agree: what the page says was waited is what lies between the sounds.
    assert turn["heard_ms"] / 1000 == pytest.approx(answered[0] - asked[1], abs=0.35)
    assert [engine["kind"] for engine in told["engines"]] == ["stt", "llm", "tts"]


async def test_before_anything_was_said_there_is_nothing_to_save():
    async with serving() as server, visiting(server.url) as visitor:
        await visitor.page.click("#downloads summary")
        await visitor.page.click('[data-download="wav"]')
        await visitor.sees(".notice", "Nothing was said yet")
