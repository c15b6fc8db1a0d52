"""A text is read aloud clause by clause, ahead of its listener and no further."""

import asyncio
from contextlib import aclosing

import pytest

from tests.eventually import eventually
from voice.audio.encoding import encoder
from voice.engines.fakes import FakeTextToSpeech
from voice.engines.protocols import EngineError, SpeakOptions
from voice.narration import Narration, spoken_chunks

LONG = "On Saturdays, the library closes at one. It opens again on Monday at nine. " * 40


def narration(text: str, tts: FakeTextToSpeech, to: str = "pcm") -> Narration:
    return Narration(spoken_chunks(text), tts, SpeakOptions(), encoder(to, tts.rate_hz))


async def collect(blocks, heard: list[bytes]) -> None:
    async for block in blocks:
        heard.append(block)  # noqa: PERF401 - what came before an error is wanted


def said_s(tts: FakeTextToSpeech) -> float:
    return sum(map(len, tts.texts)) * tts.seconds_per_character


async def settle() -> None:
    for _ in range(500):
        await asyncio.sleep(0)


def test_the_first_chunk_is_a_clause_and_the_others_are_sentences():
    first, second, third, *_ = spoken_chunks(
        "On Saturdays in the winter, the library closes at one. It opens on Monday. "
        "Then it closes at six. And so on."
    )
    assert first == "On Saturdays in the winter,"
    assert second == "the library closes at one."
    assert third == "It opens on Monday."


def test_a_long_text_is_not_read_to_its_end_for_the_first_chunk():
    chunks = spoken_chunks(LONG * 1000)
    assert next(chunks).startswith("On Saturdays")


def test_markdown_is_not_read_out():
    assert list(spoken_chunks("# Hours\n\n**Monday** to *Friday*")) == [
        "Hours.",
        "Monday to Friday",
    ]


@pytest.mark.parametrize("text", ["", "   \n", "🎉🎉", "***", "...!?", "—"])
def test_mere_marks_are_nothing_to_say(text):
    assert list(spoken_chunks(text)) == []


@pytest.mark.parametrize("text", ["Schöne Grüße!", "你好，世界。", "Привет", "नमस्ते", "٤٢"])
def test_every_script_is_something_to_say(text):
    assert list(spoken_chunks(text))


async def test_all_of_the_audio_comes():
    tts = FakeTextToSpeech()
    reading = narration("One two three. Four five six.", tts)
    data = b"".join([block async for block in reading.blocks()])
    assert tts.texts == ["One two three.", "Four five six."]
    assert reading.duration_s == pytest.approx(len(data) / 48_000)
    assert reading.duration_s == pytest.approx(0.06 * sum(map(len, tts.texts)), abs=0.001)


async def test_a_listener_who_does_not_read_is_not_read_to():
    tts = FakeTextToSpeech()
    async with aclosing(narration(LONG, tts).blocks()) as blocks:
        await anext(blocks)
        await eventually(lambda: said_s(tts) > 5)
        await settle()
        assert said_s(tts) < 12


async def test_the_next_sentence_is_made_while_the_former_is_sent():
    tts = FakeTextToSpeech()
    async with aclosing(narration(LONG, tts).blocks()) as blocks:
        await anext(blocks)
        await eventually(lambda: len(tts.texts) > 1)


async def test_a_listener_who_leaves_stops_the_engine():
    tts = FakeTextToSpeech()
    async with aclosing(narration(LONG, tts).blocks()) as blocks:
        await anext(blocks)
    said = len(tts.texts)
    await settle()
    assert len(tts.texts) == said
    assert len(asyncio.all_tasks()) == 1


async def test_an_engine_that_fails_fails_the_narration_after_what_it_had_said():
    tts = FakeTextToSpeech(fails_on="Four")
    blocks = narration("One two three. Four five six.", tts).blocks()
    heard = []
    with pytest.raises(EngineError, match="cannot say 'Four'"):
        await collect(blocks, heard)
    assert len(b"".join(heard)) == pytest.approx(48_000 * 0.06 * len("One two three."), abs=2)


async def test_an_engine_without_sounds_for_a_text_is_an_error_and_no_empty_file():
    tts = FakeTextToSpeech(seconds_per_character=0)
    with pytest.raises(EngineError, match="no sounds for this text") as raised:
        await anext(narration("Runes", tts, "wav").blocks())
    assert (raised.value.code, raised.value.param) == ("invalid_value", "input")


async def test_long_pieces_of_an_engine_are_cut():
    tts = FakeTextToSpeech(seconds_per_character=1)
    blocks = [block async for block in narration("Hello there.", tts).blocks()]
    assert max(map(len, blocks)) <= 4800


@pytest.mark.parametrize("to", ["mp3", "opus", "aac", "flac", "wav"])
async def test_the_first_bytes_come_of_the_first_chunk(to):
    tts = FakeTextToSpeech()
    async with aclosing(narration(LONG, tts, to).blocks()) as blocks:
        assert await anext(blocks)
        assert len(tts.texts) == 1
