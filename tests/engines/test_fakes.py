import asyncio
from contextlib import aclosing
from itertools import pairwise

import pytest

from tests.virtual_time import run
from voice.engines.fakes import (
    FakeLanguageModel,
    FakeSpeechToText,
    FakeTextToSpeech,
    Script,
    calling,
)
from voice.engines.protocols import (
    CallDelta,
    CallStarted,
    EngineError,
    Finished,
    LanguageModel,
    ListenOptions,
    Message,
    Piece,
    Prompt,
    SpeakOptions,
    Speech,
    SpeechToText,
    TextDelta,
    TextToSpeech,
)

ONE_SECOND = b"\0" * 32_000


def ask(text: str, max_tokens: int | None = None) -> Prompt:
    return Prompt(messages=(Message(role="user", content=text),), max_tokens=max_tokens)


async def pieces(model: LanguageModel, prompt: Prompt) -> list[Piece]:
    return [piece async for piece in model.generate(prompt)]


async def speech(engine: TextToSpeech, text: str, speed: float = 1.0) -> list[Speech]:
    return [part async for part in engine.speak(text, SpeakOptions(speed=speed), first=True)]


# ---------------------------------------------------------------- speech to text


async def test_the_words_of_a_transcript_share_its_time():
    engine: SpeechToText = FakeSpeechToText("one three")
    utterance = engine.listen(ListenOptions())
    utterance.feed(ONE_SECOND)
    transcript = await utterance.transcript()
    assert (transcript.text, transcript.duration_s) == ("one three", 1.0)
    assert [(w.text, w.start_s, w.end_s) for w in transcript.words] == [
        ("one", 0.0, 0.4),
        ("three", 0.4, 1.0),
    ]


async def test_a_list_gives_each_utterance_its_text_and_then_silence():
    engine = FakeSpeechToText(["first", "second"])
    texts = [(await engine.listen(ListenOptions()).transcript()).text for _ in range(3)]
    assert texts == ["first", "second", ""]


async def test_a_function_hears_the_audio():
    utterance = FakeSpeechToText(lambda pcm: f"{len(pcm)} bytes").listen(ListenOptions())
    utterance.feed(b"\0\0")
    assert (await utterance.transcript()).text == "2 bytes"


async def test_partials_grow_with_the_audio():
    utterance = FakeSpeechToText("a b c d e f").listen(ListenOptions())
    assert await utterance.partial() == ""
    utterance.feed(ONE_SECOND)
    assert await utterance.partial() == "a b c"
    assert await FakeSpeechToText("a", partials=False).listen(ListenOptions()).partial() is None


@pytest.mark.parametrize("delay_s", [0.0, 1e6])
async def test_closing_an_utterance_ends_what_waits_for_it(delay_s):
    utterance = FakeSpeechToText("never", delay_s=delay_s).listen(ListenOptions())
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(refused(utterance.transcript()))
        await asyncio.sleep(0)
        utterance.close()
    assert waiting.result() == "the utterance was closed"
    assert await refused(utterance.partial()) == "the utterance was closed"


async def test_an_utterance_counts_its_transcripts_and_keeps_its_audio():
    engine = FakeSpeechToText("hello")
    utterance = engine.listen(ListenOptions(language="fr"))
    utterance.feed(b"\1\0")
    await utterance.transcript()
    utterance.close()
    utterance.feed(b"\2\0")
    (record,) = engine.utterances
    assert (record.pcm, record.transcripts, record.closed) == (b"\1\0", 1, True)
    assert record.options.language == "fr"


async def refused(question: object) -> str:
    with pytest.raises(EngineError) as caught:
        await question  # type: ignore[misc]
    return str(caught.value)


# ---------------------------------------------------------------- language model


async def test_a_text_comes_word_by_word():
    model = FakeLanguageModel("good day to you")
    assert await pieces(model, ask("how do you do")) == [
        TextDelta(text="good"),
        TextDelta(text=" day"),
        TextDelta(text=" to"),
        TextDelta(text=" you"),
        Finished(reason="stop", input_tokens=4, output_tokens=4),
    ]
    assert model.prompts == [ask("how do you do")]
    assert model.abandoned == 0


async def test_max_tokens_cuts_the_answer():
    *_, finished = await pieces(FakeLanguageModel("good day to you"), ask("hi", max_tokens=2))
    assert finished == Finished(reason="length", input_tokens=1, output_tokens=2)


async def test_a_function_answers_the_prompt():
    model = FakeLanguageModel(lambda prompt: prompt.messages[-1].content.upper())
    assert (await pieces(model, ask("hey")))[0] == TextDelta(text="HEY")


async def test_a_tool_can_be_called():
    model = FakeLanguageModel(calling("weather", {"city": "Oslo"}))
    assert await pieces(model, ask("rain?")) == [
        CallStarted(call_id="call_1", name="weather"),
        CallDelta(arguments='{"city": "Oslo"}'),
        Finished(reason="tool_calls"),
    ]


def failing(_prompt: Prompt) -> Script:
    raise EngineError("out of memory")


@pytest.mark.parametrize(
    "script", [failing, [TextDelta(text="well"), EngineError("out of memory")]]
)
async def test_a_model_can_fail(script):
    model = FakeLanguageModel(script)
    assert await refused(pieces(model, ask("hey"))) == "out of memory"
    assert model.abandoned == 0


async def test_an_answer_that_is_closed_early_is_counted():
    model = FakeLanguageModel("good day to you")
    async with aclosing(model.generate(ask("hey"))) as answer:
        await anext(answer)
    assert model.abandoned == 1


# ---------------------------------------------------------------- text to speech


async def test_speech_has_the_length_and_the_words_of_the_text():
    engine: TextToSpeech = FakeTextToSpeech(rate_hz=8000, seconds_per_character=0.1)
    parts = await speech(engine, "one three")
    assert [len(part.pcm) for part in parts] == [1600] * 9
    words = [(number, word.text) for number, part in enumerate(parts) for word in part.words]
    assert words == [(0, "one"), (3, "three")]
    assert parts[-1].pcm != bytes(1600)


async def test_speed_shortens_speech():
    parts = await speech(FakeTextToSpeech(), "quickly", speed=2.0)
    assert sum(len(part.pcm) for part in parts) == 2 * round(7 * 0.06 / 2.0 * 24_000)


async def test_a_voice_can_refuse_a_text():
    engine = FakeTextToSpeech(fails_on="boom")
    assert await refused(speech(engine, "boom, it said")) == "the voice cannot say 'boom'"
    assert await speech(engine, "hush")
    assert (engine.texts, engine.firsts) == (["boom, it said", "hush"], [True, True])


# ---------------------------------------------------------------- time


def test_fakes_take_the_time_they_are_told_to_and_none_of_ours():
    async def main() -> list[float]:
        now, times = asyncio.get_running_loop().time, [0.0]
        start_s = now()
        await FakeSpeechToText("hi", delay_s=60.0).listen(ListenOptions()).transcript()
        times.append(now() - start_s)
        model = FakeLanguageModel("one two three", delay_s=100.0, token_interval_s=10.0)
        await pieces(model, ask("hey"))
        times.append(now() - start_s)
        engine = FakeTextToSpeech(delay_s=5.0, real_time_factor=2.0, seconds_per_character=0.1)
        await speech(engine, "ten chars.")
        times.append(now() - start_s)
        return [round(after - before, 3) for before, after in pairwise(times)]

    assert run(main()) == [60.0, 130.0, 5.0 + 9 * 0.2]
