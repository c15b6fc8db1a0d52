"""The page with the engines that every installation has."""

import pytest

from tests.browser.stage import heard_in, microphone, serving, visiting

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.engine, pytest.mark.slow]


@pytest.mark.parametrize("transport", ["webrtc", "websocket"])
async def test_a_spoken_question_is_answered_in_words_that_can_be_understood(transport, tmp_path):
    spoken = microphone(tmp_path, 2, "bread", 60)
    async with serving(embedded=True) as server, visiting(server.url, spoken) as visitor:
        await visitor.sees("#engines", "espeak")
        await visitor.prefer(transport=transport)
        await visitor.start()
        await visitor.sees(".caption.user[data-final=true]", "bake the bread")
        await visitor.sees("#turns li", "heard after")
        await visitor.sees("#state", "Listening")
        shown = (await visitor.text(".caption.assistant p")).lower()
        _, answer = await visitor.recording()
    understood = await heard_in(answer)
    expected = {word.strip(".,") for word in shown.split() if len(word) > 3}
    found = expected & set(understood.split())
    assert len(found) >= len(expected) / 2, (shown, understood)
    assert visitor.errors == []
