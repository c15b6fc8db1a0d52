"""Texts of turns: answered in secret before the turn is over, or known only long after it."""

from dataclasses import replace

from tests.session.conversation import OPTIONS, converse
from tests.virtual_time import run
from voice.engines.fakes import FakeSpeechToText
from voice.realtime.config import SessionConfig

PREFIX = "conversation.item.input_audio_transcription."


def listening(**settings) -> SessionConfig:
    """A transcription session."""
    config = SessionConfig(type="transcription")
    return config.updated({"type": "transcription", "audio": {"input": settings}})


# ---------------------------------------------------------------- speculation


async def drafted(client) -> None:
    """A turn has ended, an answer is drafted, and the wait is not over yet."""
    await client.speak(600)
    await client.be_silent(300)
    assert len(client.llm.prompts) == 1


def text_item(text: str) -> dict:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def test_a_draft_is_dropped_when_the_conversation_has_changed():
    async def main():
        async with converse() as client:
            await drafted(client)
            await client.send("conversation.item.create", item=text_item("I am Ann."))
            await client.until("response.done")
            contents = [m.content for m in client.llm.prompts[-1].messages]
            assert contents == ["I am Ann.", "what is the time"]
            assert len(client.llm.prompts) == 2

    run(main())


def test_a_draft_is_dropped_when_the_session_has_changed():
    async def main():
        async with converse() as client:
            await drafted(client)
            await client.update(instructions="Be brief.")
            done = await client.until("response.done")
            assert done["response"]["status"] == "completed"
            assert client.llm.prompts[-1].messages[0].content == "Be brief."
            assert len(client.llm.prompts) == 2

    run(main())


def test_the_time_a_dropped_draft_took_counts_for_nothing():
    async def main():
        async with converse(model_delay_s=0.7) as client:
            await client.update(include=["response.timings"])
            await drafted(client)
            await client.send("conversation.item.create", item=text_item("I am Ann."))
            done = await client.until("response.done")
            timings = done["response"]["timings"]
            assert timings["llm_ms"] == 700
            assert abs(timings["total_ms"] - 1200) <= 20

    run(main())


def test_a_draft_is_used_when_nothing_has_changed():
    async def main():
        async with converse(hears=" what is the time \n") as client:
            await drafted(client)
            await client.until("response.done")
            assert len(client.llm.prompts) == 1

    run(main())


def test_a_busy_server_drafts_nothing():
    async def main():
        async with converse(options=replace(OPTIONS, speculate=False)) as client:
            await client.speak(600)
            await client.be_silent(300)
            assert client.llm.prompts == []
            await client.until("response.done")

    run(main())


# ---------------------------------------------------------------- late and unanswered turns


def test_a_question_is_answered_although_a_cough_came_before_its_text():
    async def main():
        stt = FakeSpeechToText(["what is the time", ""], delay_s=1.0)
        async with converse(stt=stt) as client:
            await client.speak(600)
            await client.be_silent(700)
            await client.speak(200)
            done = await client.until("response.done")
            assert done["response"]["status"] == "completed"
            assert client.llm.prompts[-1].messages[-1].content == "what is the time"

    run(main())


def test_a_question_is_answered_although_what_followed_was_cleared():
    async def main():
        stt = FakeSpeechToText("what is the time", delay_s=1.0)
        async with converse(stt=stt) as client:
            await client.speak(600)
            await client.be_silent(700)
            await client.speak(1000)
            await client.send("input_audio_buffer.clear")
            await client.until("response.done")
            assert client.llm.prompts[-1].messages[-1].content == "what is the time"

    run(main())


def test_two_turns_with_late_texts_are_answered_once_and_in_order():
    async def main():
        stt = FakeSpeechToText(["first question", "second question"], delay_s=3.0)
        async with converse(stt=stt) as client:
            await client.update(audio={"input": {"transcription": {}}})
            await client.speak(600)
            await client.be_silent(600)
            stt.delay_s = 0.1
            await client.speak(600)
            await client.until("response.done")
            await client.be_silent(5000)
            assert len(client.of_type("response.created")) == 1
            said = [m.content for m in client.llm.prompts[-1].messages]
            assert said == ["first question", "second question"]
            texts = [e["transcript"] for e in client.of_type(PREFIX + "completed")]
            assert texts == ["first question", "second question"]

    run(main())


def test_a_turn_whose_text_comes_late_ends_a_reply_that_began_without_it():
    async def main():
        stt = FakeSpeechToText("what is the time", delay_s=1.5, partials=False)
        async with converse(stt=stt, answers="one two three four " * 10) as client:
            await client.speak(400)
            await client.send("response.create")
            await client.until("response.done", 1)
            first = client.last("response.done")["response"]
            assert first["status_details"]["reason"] == "turn_detected"
            await client.until("response.created", 2)
            await client.be_silent(500)
            assert client.llm.prompts[-1].messages[-1].content == "what is the time"

    run(main())


# ---------------------------------------------------------------- transcription sessions


def test_a_transcription_session_writes_down_and_never_answers():
    async def main():
        async with converse(config=listening(transcription={"model": "whisper-1"})) as client:
            for count in (1, 2):
                await client.speak(900)
                await client.until(PREFIX + "completed", count)
            assert not [kind for kind in client.types() if kind.startswith("response.")]
            assert client.llm.prompts == []

    run(main())


def test_a_transcription_session_shows_words_while_they_are_spoken():
    async def main():
        config = listening(transcription={"model": "gpt-realtime-whisper"}, turn_detection=None)
        async with converse("one two three four five six", config=config, live=True) as client:
            await client.speak(2000)
            assert client.of_type(PREFIX + "delta")
            await client.send("input_audio_buffer.commit")
            completed = await client.until(PREFIX + "completed")
            assert completed["transcript"] == "one two three four five six"

    run(main())


def test_no_words_are_shown_of_what_may_be_no_turn():
    async def main():
        stt = FakeSpeechToText(["what is the time", "okay okay okay okay"])
        async with converse(stt=stt, answers="one two three four " * 5) as client:
            await client.update(
                audio={"input": {"transcription": {"model": "gpt-live-transcribe"}}}
            )
            await client.speak(1000)
            await client.until("response.output_audio.delta", 20)
            await client.speak(900)
            await client.until("response.done")
            named = {e["item_id"] for e in client.of_type("input_audio_buffer.committed")}
            assert {e["item_id"] for e in client.of_type(PREFIX + "delta")} == named

    run(main())
