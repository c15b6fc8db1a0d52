"""What the settings of `turn_detection` promise, and how it bears changes in mid-turn."""

import asyncio

import pytest

from tests.session.conversation import converse
from tests.virtual_time import run
from voice.engines.fakes import FakeSpeechToText


def detecting(**settings) -> dict:
    kind = settings.pop("type", "server_vad")
    return {"audio": {"input": {"turn_detection": {"type": kind, **settings}}}}


# ---------------------------------------------------------------- the settings


def test_a_longer_silence_is_waited_for():
    async def main():
        async with converse() as client:
            await client.update(**detecting(silence_duration_ms=1200))
            await client.speak(600)
            end_s = client.now_s()
            await client.until("input_audio_buffer.committed")
            assert 1.19 <= client.at_s("input_audio_buffer.committed") - end_s <= 1.23

    run(main())


def test_without_create_response_a_turn_is_only_written_down():
    async def main():
        async with converse() as client:
            await client.update(**detecting(create_response=False))
            await client.speak(600)
            await client.be_silent(3000)
            assert client.of_type("conversation.item.done")
            assert not client.of_type("response.created")
            assert client.llm.prompts == []
            await client.send("response.create")
            await client.until("response.done")
            assert client.llm.prompts[0].messages[-1].content == "what is the time"

    run(main())


def test_without_interrupt_response_a_reply_goes_on_through_speech():
    async def main():
        stt = FakeSpeechToText(["what is the time", "and what else"])
        async with converse(stt=stt, answers="one two three four " * 5) as client:
            await client.update(**detecting(interrupt_response=False))
            await client.speak(600)
            await client.until("response.output_audio.delta", 20)
            await client.speak(1000)
            done = await client.until("response.done")
            assert done["response"]["status"] == "completed"
            assert len(client.of_type("input_audio_buffer.committed")) == 2
            assert len(client.of_type("response.created")) == 1

    run(main())


def test_the_silence_after_a_reply_is_broken_once_its_sound_and_the_timeout_are_over():
    async def main():
        async with converse(answers="It is noon.") as client:
            await client.update(**detecting(idle_timeout_ms=5000))
            await client.speak(600)
            await client.until("response.done")
            before = len(client.types())
            await client.until("response.done", 2)
            waited_s = client.at_s("input_audio_buffer.timeout_triggered") - client.at_s(
                "response.done"
            )
            assert abs(waited_s - 5.16) <= 0.05  # what was sent ahead sounds for 160 ms more
            assert client.types()[before : before + 5] == [
                "input_audio_buffer.timeout_triggered",
                "input_audio_buffer.committed",
                "conversation.item.added",
                "conversation.item.done",
                "response.created",
            ]

    run(main())


def test_the_silence_of_a_client_that_sends_no_audio_is_timed_as_well():
    async def main():
        async with converse() as client:
            await client.update(output_modalities=["text"], **detecting(idle_timeout_ms=5000))
            await asyncio.sleep(20)
            await client.send("response.create")
            await asyncio.sleep(8)
            waited_s = client.at_s("input_audio_buffer.timeout_triggered") - client.at_s(
                "response.done"
            )
            assert abs(waited_s - 5) <= 0.5

    run(main())


def test_a_silence_that_began_without_audio_ends_with_audio():
    async def main():
        async with converse() as client:
            await client.update(output_modalities=["text"], **detecting(idle_timeout_ms=5000))
            await asyncio.sleep(20)
            await client.send("response.create")
            await asyncio.sleep(2)
            await client.be_silent(4000)
            waited_s = client.at_s("input_audio_buffer.timeout_triggered") - client.at_s(
                "response.done"
            )
            assert abs(waited_s - 5) <= 0.5

    run(main())


def test_speech_keeps_the_silence_from_being_broken():
    async def main():
        async with converse(hears="", answers="It is noon.") as client:
            await client.update(**detecting(idle_timeout_ms=5000))
            await client.send("response.create")
            await client.until("response.done")
            await client.be_silent(4000)
            await client.speak(600)
            await client.be_silent(8000)
            assert not client.of_type("input_audio_buffer.timeout_triggered")

    run(main())


def test_a_reply_that_may_not_be_interrupted_is_no_silence():
    async def main():
        async with converse(answers="one two three four " * 10) as client:
            await client.update(**detecting(idle_timeout_ms=5000, interrupt_response=False))
            await client.send("response.create")
            await client.until("response.done")
            await client.be_silent(4000)
            await client.send("response.create")
            await client.until("response.done", 2)
            assert not client.of_type("input_audio_buffer.timeout_triggered")

    run(main())


def test_a_short_yes_is_heard():
    async def main():
        async with converse(hears="Yes.") as client:
            await client.be_silent(1000)
            await client.speak(140)
            await client.until("response.done")
            assert client.llm.prompts[-1].messages[-1].content == "Yes."

    run(main())


# ---------------------------------------------------------------- semantic_vad


@pytest.mark.parametrize(
    ("words", "least_s", "most_s"),
    [("What is the time?", 0.4, 0.55), ("so I was thinking uhm", 3.0, 4.1)],
)
def test_semantic_vad_waits_as_the_words_ask(words: str, least_s: float, most_s: float):
    async def main():
        async with converse(hears=words) as client:
            await client.update(**detecting(type="semantic_vad"))
            await client.speak(1600)
            end_s = client.now_s()
            await client.until("input_audio_buffer.committed")
            assert least_s <= client.at_s("input_audio_buffer.committed") - end_s <= most_s

    run(main())


def test_semantic_vad_waits_also_for_a_recognizer_that_is_slow():
    """The words heard while speaking are unfinished: their end is awaited beyond 500 ms."""

    async def main():
        stt = FakeSpeechToText("so I was thinking uhm", delay_s=0.7)
        async with converse(stt=stt) as client:
            await client.update(**detecting(type="semantic_vad"))
            await client.speak(2600)
            end_s = client.now_s()
            await client.until("input_audio_buffer.committed")
            assert client.at_s("input_audio_buffer.committed") - end_s >= 3.0

    run(main())


def test_an_unfinished_sentence_that_goes_on_is_one_turn():
    async def main():
        stt = FakeSpeechToText(lambda pcm: "so uhm" if len(pcm) < 32_000 * 2 else "so it is noon")
        async with converse(stt=stt) as client:
            await client.update(**detecting(type="semantic_vad"))
            await client.speak(800)
            await client.be_silent(1500)
            await client.speak(800)
            await client.until("response.done")
            assert len(client.of_type("input_audio_buffer.committed")) == 1
            assert client.llm.prompts[-1].messages[-1].content == "so it is noon"

    run(main())


# ---------------------------------------------------------------- changes in mid-turn


@pytest.mark.parametrize(
    "change",
    [
        {"instructions": "Be brief."},
        detecting(silence_duration_ms=800),
        detecting(threshold=0.6),
        detecting(type="semantic_vad"),
        {"audio": {"input": {"noise_reduction": {"type": "near_field"}}}},
    ],
)
def test_a_turn_survives_a_change_of_the_session(change: dict):
    async def main():
        async with converse() as client:
            await client.speak(600)
            await client.update(**change)
            await client.speak(600)
            await client.until("response.done")
            (started,) = client.of_type("input_audio_buffer.speech_started")
            (committed,) = client.of_type("input_audio_buffer.committed")
            assert started["item_id"] == committed["item_id"]
            assert abs(client.stt.utterances[0].duration_s - 2.0) < 0.5

    run(main())


def test_a_turn_in_progress_becomes_a_manual_one():
    async def main():
        async with converse() as client:
            await client.speak(600)
            await client.update(audio={"input": {"turn_detection": None}})
            await client.speak(600)
            await client.be_silent(2000)
            assert not client.of_type("input_audio_buffer.committed")
            await client.send("input_audio_buffer.commit")
            committed = await client.until("input_audio_buffer.committed")
            started = client.last("input_audio_buffer.speech_started")
            assert started["item_id"] == committed["item_id"]
            assert abs(client.stt.utterances[0].duration_s - 3.2) <= 0.02

    run(main())


def test_a_paused_reply_goes_on_when_detection_is_switched_off():
    async def main():
        async with converse(answers="one two three four five") as client:
            await client.speak(600)
            await client.until("response.output_audio.delta", 20)
            await client.speak(200)
            await client.update(audio={"input": {"turn_detection": None}})
            done = await client.until("response.done")
            assert done["response"]["status"] == "completed"

    run(main())


def test_a_reply_can_still_be_interrupted_after_a_change():
    async def main():
        stt = FakeSpeechToText(["what is the time", "stop it now"])
        async with converse(stt=stt, answers="one two three four " * 5) as client:
            await client.speak(600)
            await client.until("response.output_audio.delta", 20)
            await client.update(**detecting(threshold=0.4))
            await client.speak(800)
            done = await client.until("response.done")
            assert done["response"]["status"] == "cancelled"

    run(main())


def test_a_reply_can_be_interrupted_once_detection_is_switched_on():
    async def main():
        stt = FakeSpeechToText(["", "stop it now"])
        async with converse(stt=stt, answers="one two three four " * 5) as client:
            await client.update(audio={"input": {"turn_detection": None}})
            await client.send("response.create")
            await client.until("response.output_audio.delta", 20)
            await client.update(**detecting())
            await client.speak(800)
            done = await client.until("response.done")
            assert done["response"]["status"] == "cancelled"
            assert not client.of_type("input_audio_buffer.committed")

    run(main())


def test_a_new_audio_format_starts_over():
    async def main():
        async with converse() as client:
            await client.speak(600)
            await client.update(audio={"input": {"format": {"type": "audio/pcmu"}}})
            await client.send("input_audio_buffer.commit")
            error = (await client.until("error"))["error"]
            assert error["code"] == "input_audio_buffer_commit_empty"

    run(main())
