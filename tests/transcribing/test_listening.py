"""Recordings are heard in parts, in their own time, and nothing is left behind."""

import asyncio
import io
import threading
from contextlib import aclosing

import pytest

from tests.audio.media import wav
from tests.transcribing.scripted import Scripted
from tests.transcribing.test_stretches import quiet, voice
from voice.audio.decoding import DecodingError
from voice.engines.fakes import FakeSpeechToText
from voice.engines.protocols import EngineError, ListenOptions, Segment, Transcript, Word
from voice.engines.vad import LevelVad
from voice.transcribing.listening import listen
from voice.transcribing.recording import Recording, in_thread
from voice.transcribing.stretches import Cutting

SPOKEN = quiet(1) + voice(3) + quiet(4) + voice(2) + quiet(1)
"""Two stretches: 0.7 to 4.3 s, and 7.7 to 11 s."""


async def hear(stt, pcm: bytes = SPOKEN, options: ListenOptions | None = None, **more):
    async with (
        opened(pcm) as recording,
        aclosing(listen(stt, recording, options or ListenOptions(), **more)) as parts,
    ):
        return [part async for part in parts]


def opened(pcm: bytes):
    return Recording.opened(io.BytesIO(wav(pcm)), LevelVad(), Cutting())


async def test_times_count_from_the_start_of_the_recording():
    word = Word(text="Yes", start_s=0.5, end_s=1)
    segment = Segment(text="Yes", start_s=0.5, end_s=1, avg_logprob=-0.1)
    heard = Transcript(text="Yes", words=(word,), segments=(segment,))
    first, second = await hear(Scripted(heard, heard))
    assert (round(first.start_s, 2), round(first.end_s, 2)) == (0.7, 4.3)
    assert second.segments[0].avg_logprob == -0.1
    for part, start_s in ((first, 0.7), (second, 7.7)):
        for each in (part.transcript.words[0], part.segments[0]):
            assert each.start_s == pytest.approx(start_s + 0.5)
            assert each.end_s == pytest.approx(start_s + 1)


async def test_a_stretch_without_words_is_no_part():
    parts = await hear(FakeSpeechToText(["", "Only this."]))
    assert [part.transcript.text for part in parts] == ["Only this."]


async def test_silence_is_not_shown_to_the_engine():
    stt = FakeSpeechToText("Thank you for watching.")
    assert await hear(stt, quiet(120)) == []
    assert stt.utterances == []


async def test_the_text_before_is_the_prompt_of_what_follows():
    stt = FakeSpeechToText(["First.", "Second."])
    await hear(stt, options=ListenOptions(prompt="A story.", keywords=("Zug",)))
    assert [each.options.prompt for each in stt.utterances] == ["A story.", "A story. First."]
    assert {each.options.keywords for each in stt.utterances} == {("Zug",)}


async def test_a_text_that_repeats_itself_is_no_prompt():
    loop = Segment(text="go go go", start_s=0, end_s=1, compression_ratio=3.0)
    stt = Scripted(Transcript(text="go go go", segments=(loop,)), Transcript(text="On."))
    await hear(stt)
    assert stt.utterances[1].options.prompt == ""


async def test_only_the_end_of_a_long_text_is_the_prompt():
    stt = FakeSpeechToText(["word " * 200 + "end.", "Then."])
    await hear(stt)
    prompt = stt.utterances[1].options.prompt
    assert len(prompt) <= 240
    assert prompt.startswith("word ")
    assert prompt.endswith("end.")


async def test_the_language_that_was_found_is_kept():
    stt = Scripted(Transcript(text="Ja.", language="de"), Transcript(text="Nein.", language="de"))
    await hear(stt)
    assert [each.options.language for each in stt.utterances] == [None, "de"]


async def test_one_possible_language_is_the_language():
    stt = FakeSpeechToText("Ja.")
    await hear(stt, languages=["de"])
    assert stt.utterances[0].options.language == "de"


async def test_a_language_that_cannot_be_is_not_believed():
    elsewhere = Transcript(text="Ya.", language="ru")
    stt = Scripted(elsewhere, Transcript(text="Ja.", language="de"), Transcript(text="Nein."))
    parts = await hear(stt, languages=["de", "en"])
    assert [part.transcript.text for part in parts] == ["Ja.", "Nein."]
    assert [each.options.language for each in stt.utterances] == [None, "de", "de"]


async def test_progress_is_told_in_seconds_of_audio():
    told = []
    await hear(FakeSpeechToText("Yes."), progress=lambda *seconds: told.append(seconds))
    assert told == [(pytest.approx(4.3), 11), (11, 11), (11, 11)]


async def test_an_engine_that_keeps_up_by_partials_hears_slices():
    stt = FakeSpeechToText("Yes.", incremental=True)
    slices = []
    stt.listen = lambda options, listen=stt.listen: spied(listen(options), slices)
    await hear(stt)
    assert [size for size in slices if size > 32_000] == []
    assert sum(slices) == sum(len(each.pcm) for each in stt.utterances)


def spied(utterance, slices):
    feed = utterance.feed
    utterance.feed = lambda pcm: (slices.append(len(pcm)), feed(pcm))
    return utterance


async def test_trouble_of_the_engine_and_of_the_file_is_told():
    def broken(_pcm):
        raise EngineError("the engine is gone")

    with pytest.raises(EngineError, match="the engine is gone"):
        await hear(FakeSpeechToText(broken))
    with pytest.raises(DecodingError, match="holds no audio"):
        await hear(FakeSpeechToText(), b"")


async def test_whoever_stops_listening_ends_the_work():
    """The utterance is closed, and no thread reads the file any more."""
    asked = asyncio.Event()

    class Slow(FakeSpeechToText):
        def listen(self, options):
            asked.set()
            return super().listen(options)

    stt = Slow("Yes.", delay_s=3600)

    async def all_of_it():
        await hear(stt)

    async with asyncio.TaskGroup() as group:
        hearing = group.create_task(all_of_it())
        await asked.wait()
        hearing.cancel()
    assert stt.utterances[0].closed


async def test_cancelled_work_in_a_thread_ends_first():
    begun, go_on = threading.Event(), threading.Event()
    ended = []

    def work():
        begun.set()
        go_on.wait()
        ended.append(True)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(in_thread(work))
        await asyncio.to_thread(begun.wait)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
        go_on.set()
    assert task.cancelled()
    assert ended == [True]
