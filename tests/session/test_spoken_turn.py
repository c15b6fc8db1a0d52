"""The spoken turn, end to end on fake engines and virtual time."""

from dataclasses import replace

from structlog.testing import capture_logs

from tests.session.conversation import OPTIONS, converse
from tests.virtual_time import run
from voice.engines.fakes import FakeLanguageModel, FakeSpeechToText, FakeTextToSpeech
from voice.engines.protocols import Cited, Finished, Source, TextDelta

TRANSCRIPTION = {"audio": {"input": {"transcription": {"model": "whisper-1"}}}}


def test_a_spoken_turn_gives_the_events_of_order_a():
    async def main():
        async with converse() as client:
            await client.update(**TRANSCRIPTION)
            await client.speak(1000)
            await client.until("response.done")
            assert client.types() == [
                "session.created",
                "session.updated",
                "input_audio_buffer.speech_started",
                "input_audio_buffer.speech_stopped",
                "input_audio_buffer.committed",
                "conversation.item.added",
                "conversation.item.done",
                "conversation.item.input_audio_transcription.delta",
                "conversation.item.input_audio_transcription.completed",
                "response.created",
                "response.output_item.added",
                "conversation.item.added",
                "response.content_part.added",
                *["response.output_audio_transcript.delta", "response.output_audio.delta"] * 8,
                "response.output_audio.done",
                "response.output_audio_transcript.done",
                "response.content_part.done",
                "response.output_item.done",
                "conversation.item.done",
                "response.done",
            ]

    run(main())


def test_the_transcript_deltas_make_up_the_whole_answer():
    async def main():
        async with converse(answers="It is noon. **Sun** stands high.") as client:
            await client.speak(1000)
            done = await client.until("response.done")
            deltas = [e["delta"] for e in client.of_type("response.output_audio_transcript.delta")]
            text = client.last("response.output_audio_transcript.done")["transcript"]
            assert "".join(deltas) == text == "It is noon. **Sun** stands high."
            assert done["response"]["output"][0]["content"][0]["transcript"] == text

    run(main())


def test_with_speculation_engines_of_100_ms_hide_in_the_silence_wait():
    async def main():
        engines = {
            "stt": FakeSpeechToText("what is the time", delay_s=0.1),
            "llm": FakeLanguageModel("It is noon.", delay_s=0.1),
            "tts": FakeTextToSpeech(delay_s=0.1),
        }
        async with converse(**engines) as client:
            await client.speak(1000)
            end_s = client.now_s()
            await client.until("response.output_audio.delta")
            assert client.at_s("response.output_audio.delta") - end_s <= 0.5 + 0.021

    run(main())


def test_with_free_partial_texts_engines_of_200_ms_hide_in_the_silence_wait():
    async def main():
        engines = {
            "stt": FakeSpeechToText("what is the time", delay_s=0.2, incremental=True),
            "llm": FakeLanguageModel("It is noon.", delay_s=0.2),
            "tts": FakeTextToSpeech(delay_s=0.2),
        }
        async with converse(**engines) as client:
            await client.speak(2000)
            end_s = client.now_s()
            await client.until("response.output_audio.delta")
            assert client.at_s("response.output_audio.delta") - end_s <= 0.5 + 0.021
            assert len(client.llm.prompts) == 1

    run(main())


def test_an_answer_begun_on_a_partial_text_is_dropped_when_more_was_said():
    async def main():
        stt = FakeSpeechToText("what is the time in Paris", delay_s=0.2, incremental=True)
        async with converse(stt=stt) as client:
            await client.speak(1400)  # the partial text lacks the last words
            await client.until("response.done")
            drafted, answered = [p.messages[-1].content for p in client.llm.prompts]
            assert "what is the time in Paris".startswith(drafted)
            assert answered == "what is the time in Paris" != drafted
            assert len(client.of_type("response.created")) == 1

    run(main())


def test_without_speculation_the_engines_start_after_the_wait():
    async def main():
        options = replace(OPTIONS, speculate=False)
        async with converse(llm=FakeLanguageModel("Noon.", delay_s=0.3), options=options) as client:
            await client.speak(1000)
            end_s = client.now_s()
            await client.until("response.output_audio.delta")
            assert client.at_s("response.output_audio.delta") - end_s >= 0.75

    run(main())


def test_speech_that_goes_on_after_a_pause_is_one_turn():
    async def main():
        async with converse() as client:
            await client.speak(600)
            await client.be_silent(300)
            await client.speak(600)
            await client.until("response.done")
            assert len(client.of_type("input_audio_buffer.committed")) == 1
            assert len(client.of_type("response.created")) == 1
            assert len(client.llm.prompts) == 2  # the draft of the pause, and the answer

    run(main())


def test_an_empty_transcript_ends_the_turn_without_an_answer():
    async def main():
        async with converse(hears="") as client:
            await client.update(**TRANSCRIPTION)
            await client.speak(400)
            await client.be_silent(2000)
            completed = client.last("conversation.item.input_audio_transcription.completed")
            assert completed["transcript"] == ""
            assert not client.of_type("response.created")
            await client.speak(400)
            await client.until("input_audio_buffer.committed", 2)

    run(main())


def test_interrupting_speech_cancels_the_reply_and_leaves_what_was_heard():
    async def main():
        long_answer = "one two three four five six seven eight nine ten " * 4
        async with converse(hears="what about this", answers=long_answer) as client:
            await client.speak(1000)
            await client.until("response.output_audio.delta", 100)
            await client.speak(1500)
            started_s = client.at_s("input_audio_buffer.speech_started", 1)
            done = client.last("response.done")["response"]
            assert done["status"] == "cancelled"
            assert done["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
            assert client.at_s("response.done") - started_s < 0.2
            assert client.audio_sent_after(started_s) == 0
            await client.until("response.created", 2)
            context = client.llm.prompts[-1].messages
            spoken = next(m.content for m in context if m.role == "assistant")
            assert long_answer.startswith(spoken)
            assert 0 < len(spoken) < len(long_answer) / 2

    run(main())


def test_a_cough_pauses_the_reply_and_loses_nothing_of_it():
    async def main():
        stt = FakeSpeechToText(["what is the time", "", ""])
        async with converse(stt=stt, answers="one two three four five six seven eight") as client:
            await client.speak(1000)
            await client.until("response.output_audio.delta", 20)
            paused_after_s = client.now_s() + 0.1
            await client.speak(200)
            resumed = client.now_s()
            await client.until("response.done")
            assert client.last("response.done")["response"]["status"] == "completed"
            assert len(client.of_type("input_audio_buffer.speech_started")) == 1
            quiet = [
                at
                for event, at in zip(client.events, client.transport.sent_at_s, strict=True)
                if event["type"] == "response.output_audio.delta" and paused_after_s < at < resumed
            ]
            assert not quiet
            whole = len(client.heard_pcm()) / 48
            assert abs(whole - len("one two three four five six seven eight") * 60) < 40

    run(main())


def test_a_backchannel_is_no_turn():
    async def main():
        stt = FakeSpeechToText(["what is the time", "mm-hm"])
        async with converse(stt=stt, answers="one two three four five six seven eight") as client:
            await client.speak(1000)
            await client.until("response.output_audio.delta", 20)
            await client.speak(300)
            await client.until("response.done")
            assert client.last("response.done")["response"]["status"] == "completed"
            assert len(client.of_type("input_audio_buffer.committed")) == 1

    run(main())


def test_stop_said_over_the_reply_cancels_it_once_understood():
    async def main():
        stt = FakeSpeechToText(["what is the time", "stop"], partials=False)
        async with converse(stt=stt, answers="one two three four " * 10) as client:
            await client.speak(1000)
            await client.until("response.output_audio.delta", 30)
            await client.speak(300)
            await client.until("response.done")
            assert client.last("response.done")["response"]["status"] == "cancelled"
            await client.until("response.created", 2)

    run(main())


def test_two_quick_phrases_get_one_audible_answer():
    async def main():
        stt = FakeSpeechToText(["tell me", "about the time"])
        async with converse(stt=stt, model_delay_s=0.9) as client:
            await client.speak(600)
            await client.be_silent(560)
            await client.speak(800)
            await client.until("response.done", 2)
            first, second = [e["response"] for e in client.of_type("response.done")]
            assert first["status"] == "cancelled"
            assert first["output"] == []
            assert second["status"] == "completed"
            said = [m.content for m in client.llm.prompts[-1].messages if m.role == "user"]
            assert said == ["tell me", "about the time"]

    run(main())


def test_an_interruption_before_the_first_audio_leaves_no_assistant_text():
    async def main():
        stt = FakeSpeechToText(["first question", "second question here"])
        async with converse(stt=stt, tts=FakeTextToSpeech(delay_s=1.0)) as client:
            await client.speak(600)
            await client.until("response.created")
            await client.speak(1200)
            await client.until("response.created", 2)
            roles = [m.role for m in client.llm.prompts[-1].messages]
            assert "assistant" not in roles

    run(main())


def test_the_answer_is_spoken_in_the_language_that_was_heard_or_configured():
    async def main():
        async with converse(answers="Ja.") as client:

            async def answered(ms: int, language: str) -> str:
                client.stt.language = language
                await client.speak(ms)
                await client.be_silent(3000)
                return client.tts.languages[-1]

            assert await answered(1000, "de") == "de"
            assert await answered(2200, "fr") == "fr"
            # A word or two in another language may have been misheard.
            assert await answered(600, "en") == "fr"
            spanish = {"model": "whisper-1", "language": "es"}
            await client.update(audio={"input": {"transcription": spanish}})
            assert await answered(2200, "de") == "es"

    run(main())


def test_the_log_tells_how_each_reply_ended_and_none_of_its_words():
    async def main():
        with capture_logs() as lines:
            async with converse("open sesame", answers="It is noon.") as client:
                await client.speak(1000)
                done = await client.until("response.done")
        (line,) = (line for line in lines if line["event"] == "reply ended")
        assert line["reply"] == done["response"]["id"]
        assert (line["status"], line["gaps"]) == ("completed", 0)
        assert line["total_ms"] >= line["end_of_turn_ms"]
        assert not {"open", "noon"} & set(str(lines).replace(".", " ").replace("'", " ").split())

    run(main())


def test_the_sources_of_an_answer_follow_its_words():
    source = Source(document_id="file-1", name="library.md", text="It closes at six.")
    script = [TextDelta(text="At six."), Cited(sources=(source,)), Finished(reason="stop")]

    async def main():
        async with converse(answers=script) as client:
            await client.update(include=["response.citations"])
            await client.speak(1000)
            done = await client.until("response.done")
            (cited,) = client.of_type("response.output_text.annotation.added")
            assert cited["annotation"]["filename"] == "library.md"
            assert done["response"]["citations"][0]["quote"] == "It closes at six."

    run(main())
