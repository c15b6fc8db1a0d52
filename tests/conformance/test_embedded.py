"""A complete turn with the engines that every installation has: they hear, look up and answer."""

import base64

import numpy as np
import pytest

from tests.conformance.live import dial, serving
from tests.conformance.stage import AUDIO, HEARD_ALL, LISTENED, SPOKEN_END, TRANSCRIBED, recording
from tests.conformance.stage import say as speak
from voice.config import EngineSettings

pytestmark = [pytest.mark.server, pytest.mark.engine, pytest.mark.slow]

EMBEDDED = EngineSettings(stt="sphinx", llm="reader", tts="espeak")


async def test_77_a_question_is_heard_looked_up_and_answered():
    async with serving(engines=EMBEDDED) as address, dial(f"ws://{address}/v1/realtime") as client:
        await client.update(**TRANSCRIBED)
        await speak(client, recording("library"))
        done = (await client.until("response.done"))["response"]
        assert done["status"] == "completed"
        assert "saturday" in client.last(HEARD_ALL)["transcript"].lower()
        answer = done["output"][0]["content"][0]["transcript"]
        assert "on Saturday it closes at one o'clock" in answer
        types = client.types()
        assert [kind for kind in types if kind in LISTENED][:3] == LISTENED[:3]
        assert types[-6:] == SPOKEN_END
        pcm = b"".join(base64.b64decode(event["delta"]) for event in client.of_type(AUDIO))
        samples = np.frombuffer(pcm, "<i2").astype(float)
        assert len(samples) > 24_000
        assert np.abs(samples).max() > 3000
