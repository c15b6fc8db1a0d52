"""A spoken turn over a real socket on Whisper and llama.cpp, with models that the tests make."""

import pytest

from tests.engines import models
from voice.audio.files import read_recording
from voice.bundled import samples_path
from voice.cli.caller import RATE_HZ, call
from voice.cli.conversing import SESSION
from voice.cli.hosting import hosting
from voice.config import load_settings

pytestmark = [pytest.mark.server, pytest.mark.engine]

ANSWER = "The lamp is in the cellar."


async def test_whisper_llama_and_espeak_hold_a_conversation(tmp_path):
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    whisper = models.whisper(tmp_path)
    gguf = models.gguf(tmp_path / "says.gguf", says=ANSWER)
    settings = load_settings(
        environment={},
        env_file=tmp_path / ".env",
        server__port=0,
        engines__stt=f"whisper:{whisper}",
        engines__llm=f"llama:{gguf}",
        engines__tts="espeak",
    )
    async with hosting(settings) as hosted, call(hosted.url, None, SESSION) as caller:
        caller.speak(read_recording(samples_path() / "questions/library.wav", RATE_HZ))
        completed = await caller.event("conversation.item.input_audio_transcription.completed")
        done = (await caller.event("response.done"))["response"]
    assert completed["transcript"] == models.SENTENCE.strip()
    assert done["status"] == "completed"
    assert ANSWER in done["output"][0]["content"][0]["transcript"]
    assert {"end_of_turn_ms", "stt_ms", "llm_ms", "tts_ms", "total_ms"} <= done["timings"].keys()
