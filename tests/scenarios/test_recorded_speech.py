"""Recorded speech in, and what is heard of the answer: embedded engines, a real socket, real time.

What the server says is checked from its audio, by letting a recognizer listen to it.
"""

import json
from contextlib import asynccontextmanager

import numpy as np
import pytest

from voice.audio.files import read_recording
from voice.audio.pcm import level_dbfs
from voice.audio.resample import resample
from voice.bundled import samples_path
from voice.cli.caller import RATE_HZ, call
from voice.cli.conversing import SESSION
from voice.cli.hosting import hosting
from voice.config import load_settings
from voice.engines.protocols import ListenOptions
from voice.engines.sphinx import Sphinx

pytestmark = [pytest.mark.server, pytest.mark.engine, pytest.mark.slow]


@asynccontextmanager
async def caller(tmp_path):
    settings = load_settings(environment={}, env_file=tmp_path / ".env", server__port=0)
    async with hosting(settings) as hosted, call(hosted.url, None, SESSION) as connected:
        yield connected


def question(name: str) -> bytes:
    return read_recording(samples_path() / "questions" / f"{name}.wav", RATE_HZ)


def cough() -> bytes:
    """A burst of noise that dies away within a quarter of a second."""
    noise = np.random.default_rng(7).normal(size=RATE_HZ // 4)
    burst = noise * np.exp(-np.linspace(0, 6, len(noise))) * 9000
    return burst.clip(-32768, 32767).astype("<i2").tobytes()


@pytest.fixture(scope="module")
def understood():
    """What a recognizer makes of audio at 24 kHz."""
    recognizer = Sphinx(str(samples_path() / "documents"))

    def understand(pcm: bytes) -> str:
        recognizer.open(1, ListenOptions())
        recognizer.feed(1, resample(pcm, RATE_HZ, 16_000))
        text = recognizer.transcript(1).text
        recognizer.close(1)
        return text.lower()

    return understand


def answers(connected) -> list[str]:
    return [
        event["transcript"]
        for event in connected.events
        if event["type"] == "response.output_audio_transcript.done"
    ]


async def test_each_sample_question_is_answered_from_its_document(tmp_path):
    listed = json.loads((samples_path() / "questions.json").read_text())
    titles = {
        "library.md": "library guide", "coffee-machine.md": "coffee machine manual",
        "garden-calendar.md": "garden calendar", "heron-lake-trail.md": "Heron Lake trail guide",
        "bread.md": "bread",
    }  # fmt: skip
    async with caller(tmp_path) as connected:
        for number, each in enumerate(listed, start=1):
            connected.speak(read_recording(samples_path() / each["file"], RATE_HZ))
            await connected.event("response.created", number)
            await connected.event("response.done", number)
            await connected.silent()
            assert titles[each["document"]] in answers(connected)[-1], each["words"]


async def test_the_words_of_an_answer_are_in_its_audio(tmp_path, understood):
    async with caller(tmp_path) as connected:
        connected.speak(question("garden"))
        await connected.event("response.done")
        await connected.silent()
        heard = understood(bytes(connected.heard))
        # The recognizer knows people, not eSpeak: it gets the gist.
        assert len({"garden", "calendar", "garlic", "tulips", "october"} & set(heard.split())) >= 2


async def test_a_cough_does_not_cost_a_word_of_the_answer(tmp_path):
    async with caller(tmp_path) as connected:
        connected.speak(question("coffee"))
        await connected.event("response.created")
        await connected.played(1500)
        connected.speak(cough())
        done = await connected.event("response.done")
        await connected.silent()
        assert done["response"]["status"] == "completed"
        assert connected.count("input_audio_buffer.committed") == 1
        assert answers(connected)[0].endswith("vinegar.")


async def test_an_interruption_silences_the_old_answer_and_gets_its_own(tmp_path):
    async with caller(tmp_path) as connected:
        connected.speak(question("trail"))
        await connected.event("response.created")
        await connected.played(2000)
        connected.speak(question("interrupt"))
        await connected.event("response.done", 2)
        await connected.silent()
        first, second = [
            event["response"] for event in connected.events if event["type"] == "response.done"
        ]
        assert first["status"] == "cancelled"
        assert second["status"] == "completed"
        assert "leash" in answers(connected)[1]
        assert not answers(connected)[0].endswith("free.")


async def test_nothing_is_heard_between_an_interruption_and_the_next_answer(tmp_path):
    async with caller(tmp_path) as connected:
        connected.speak(question("trail"))
        await connected.event("response.created")
        await connected.played(2000)
        connected.speak(question("interrupt"))
        await connected.event("input_audio_buffer.speech_started", 2)
        silent_from = len(connected.heard) + 2 * 960
        await connected.event("response.created", 2)
        between = bytes(connected.heard[silent_from:])
        assert len(between) > 48_000
        assert level_dbfs(between) == -96.0


async def test_noise_and_silence_are_no_turns(tmp_path):
    async with caller(tmp_path) as connected:
        hum = np.sin(np.arange(RATE_HZ * 3) * 2 * np.pi * 50 / RATE_HZ) * 200
        connected.speak(hum.astype("<i2").tobytes())
        hiss = np.random.default_rng(3).normal(size=RATE_HZ * 3) * 60
        connected.speak(hiss.astype("<i2").tobytes())
        await connected.quiet()
        assert connected.count("response.created") == 0
        assert connected.count("input_audio_buffer.committed") == 0
