"""Responses that the client asks for, cancels, truncates, or wants in another form."""

import base64

import pytest

from tests.session.conversation import converse
from tests.virtual_time import run
from voice.engines.fakes import FakeLanguageModel, FakeSpeechToText, FakeTextToSpeech, calling
from voice.engines.protocols import ToolCall

MANUAL = {"audio": {"input": {"turn_detection": None}}}
LONG = "one two three four five six seven eight nine ten " * 3


def text_item(text: str) -> dict:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


async def ask(client, text: str = "Hello?", **response) -> None:
    await client.send("conversation.item.create", item=text_item(text))
    await client.send("response.create", response=response)


def said_by(client, role: str) -> list[str]:
    """What the model was told last that one side has said."""
    return [m.content for m in client.llm.prompts[-1].messages if m.role == role]


# ---------------------------------------------------------------- cancelling


def assert_cancelled(client) -> dict:
    response = client.last("response.done")["response"]
    assert response["status"] == "cancelled"
    assert response["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    return response


def test_cancelling_before_the_text_of_the_turn_is_there():
    async def main():
        async with converse(stt=FakeSpeechToText("hello", delay_s=2.0)) as client:
            await client.update(**MANUAL)
            await client.speak(600)
            await client.send("input_audio_buffer.commit")
            await client.send("response.create")
            await client.be_silent(100)
            await client.send("response.cancel")
            await client.be_silent(5000)
            assert assert_cancelled(client)["output"] == []
            assert client.llm.prompts == []
            await ask(client)
            await client.until("response.done", 2)
            assert client.last("response.done")["response"]["status"] == "completed"

    run(main())


def test_cancelling_before_the_first_token():
    async def main():
        async with converse(model_delay_s=1.0) as client:
            await ask(client)
            await client.be_silent(500)
            await client.send("response.cancel")
            await client.be_silent(2000)
            assert assert_cancelled(client)["output"] == []
            assert client.llm.abandoned == 1

    run(main())


def test_cancelling_before_the_first_audio():
    async def main():
        async with converse(tts=FakeTextToSpeech(delay_s=1.0)) as client:
            await ask(client)
            await client.be_silent(500)
            await client.send("response.cancel")
            await client.be_silent(2000)
            assert assert_cancelled(client)["output"] == []
            await ask(client)
            await client.until("response.done", 2)
            assert said_by(client, "assistant") == []

    run(main())


def test_cancelling_while_speaking_leaves_what_was_heard():
    async def main():
        async with converse(answers=LONG) as client:
            await ask(client)
            await client.until("response.output_audio.delta", 50)
            cancelled_s = client.now_s()
            await client.send("response.cancel")
            await client.be_silent(1000)
            (item,) = assert_cancelled(client)["output"]
            assert item["status"] == "incomplete"
            assert client.audio_sent_after(cancelled_s) == 0
            await ask(client)
            await client.until("response.done", 2)
            (heard,) = said_by(client, "assistant")
            assert LONG.startswith(heard)
            assert 0 < len(heard) < 30  # one second

    run(main())


def test_cancelling_nothing_is_an_error_that_harms_nothing():
    async def main():
        async with converse() as client:
            await client.send("response.cancel", event_id="mine")
            error = (await client.until("error"))["error"]
            assert error["code"] == "response_cancel_not_active"
            assert error["event_id"] == "mine"
            await ask(client)
            await client.until("response.done")

    run(main())


def test_a_second_response_has_to_wait_for_the_first():
    async def main():
        async with converse() as client:
            await ask(client)
            await client.send("response.create", event_id="too soon")
            error = (await client.until("error"))["error"]
            assert error["code"] == "conversation_already_has_active_response"
            assert error["event_id"] == "too soon"
            done = await client.until("response.done")
            assert done["response"]["status"] == "completed"

    run(main())


# ---------------------------------------------------------------- truncating


def test_truncating_after_a_cancel_leaves_the_model_what_was_played():
    async def main():
        async with converse(answers=LONG) as client:
            await ask(client)
            added = await client.until("response.output_item.added")
            await client.until("response.output_audio.delta", 150)
            await client.send("response.cancel")
            await client.send(
                "conversation.item.truncate",
                item_id=added["item"]["id"],
                content_index=0,
                audio_end_ms=1000,
            )
            truncated = await client.until("conversation.item.truncated")
            assert truncated["audio_end_ms"] == 1000
            await ask(client)
            await client.until("response.done", 2)
            (heard,) = said_by(client, "assistant")
            assert heard == "one two three four"[: len(heard)]
            assert 10 <= len(heard) <= 18

    run(main())


def test_truncating_beyond_the_end_changes_nothing():
    async def main():
        async with converse(answers="It is noon.") as client:
            await ask(client)
            done = await client.until("response.done")
            await client.send(
                "conversation.item.truncate",
                item_id=done["response"]["output"][0]["id"],
                content_index=0,
                audio_end_ms=60_000,
            )
            await client.until("conversation.item.truncated")
            await ask(client)
            await client.until("response.done", 2)
            assert said_by(client, "assistant") == ["It is noon."]

    run(main())


def test_an_answer_that_was_cut_can_be_retrieved_as_it_was_heard():
    async def main():
        async with converse(answers=LONG) as client:
            await ask(client)
            await client.until("response.output_audio.delta", 50)
            await client.send("response.cancel")
            done = await client.until("response.done")
            item_id = done["response"]["output"][0]["id"]
            await client.send("conversation.item.retrieve", item_id=item_id)
            item = (await client.until("conversation.item.retrieved"))["item"]
            part = item["content"][0]
            assert LONG.startswith(part["transcript"])
            seconds = len(base64.b64decode(part["audio"])) / 48_000
            assert abs(seconds - (50 * 0.02 - 0.16)) < 0.05

    run(main())


def test_deleting_what_is_being_said_does_not_stop_it():
    async def main():
        async with converse() as client:
            await ask(client)
            added = await client.until("response.output_item.added")
            await client.send("conversation.item.delete", item_id=added["item"]["id"])
            done = await client.until("response.done")
            assert done["response"]["status"] == "completed"
            await ask(client)
            await client.until("response.done", 2)
            assert said_by(client, "assistant") == []

    run(main())


# ---------------------------------------------------------------- out of band


def test_a_response_out_of_band_runs_beside_the_conversation():
    async def main():
        async with converse(
            answers=lambda prompt: f"You said {prompt.messages[-1].content}"
        ) as client:
            await ask(client, "hello")
            await client.until("response.output_audio.delta", 5)
            aside = {
                "conversation": "none",
                "output_modalities": ["text"],
                "metadata": {"topic": "aside"},
                "input": [text_item("classify this")],
            }
            await client.send("response.create", response=aside)
            await client.until("response.done", 2)
            first, second = [each["response"] for each in client.of_type("response.done")]
            assert first["metadata"] == {"topic": "aside"}
            assert first["conversation_id"] is None
            assert first["output"][0]["content"][0]["text"] == "You said classify this"
            assert second["output"][0]["content"][0]["transcript"] == "You said hello"
            items = [e["item"]["role"] for e in client.of_type("conversation.item.added")]
            assert items == ["user", "assistant"]

    run(main())


def test_a_response_out_of_band_is_cancelled_by_its_id_alone():
    async def main():
        async with converse(answers=LONG) as client:
            await ask(client)
            await client.send("response.create", response={"conversation": "none"})
            aside = await client.until("response.created", 2)
            await client.until("response.output_audio.delta", 30)
            await client.send("response.cancel", response_id=aside["response"]["id"])
            await client.until("response.done", 2)
            first, second = [each["response"] for each in client.of_type("response.done")]
            assert (first["conversation_id"], first["status"]) == (None, "cancelled")
            assert second["status"] == "completed"

    run(main())


def test_speech_does_not_end_what_is_out_of_band():
    async def main():
        async with converse(hears="never mind", answers=LONG) as client:
            await client.send("response.create", response={"conversation": "none", "input": []})
            aside = await client.until("response.created")
            await client.speak(1200)
            await client.until("response.done", 2, limit_ms=40_000)
            for done in client.of_type("response.done"):
                assert done["response"]["status"] == "completed", aside["response"]["id"]

    run(main())


def test_the_end_of_what_is_out_of_band_starts_no_silence():
    async def main():
        async with converse() as client:
            await client.update(
                audio={"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 5000}}}
            )
            await client.send("response.create", response={"conversation": "none", "input": []})
            await client.until("response.done")
            await client.be_silent(8000)
            assert not client.of_type("input_audio_buffer.timeout_triggered")

    run(main())


# ---------------------------------------------------------------- other forms of answer


def test_a_written_answer_has_no_sound():
    async def main():
        async with converse(answers="It is noon. **Really**.") as client:
            await client.update(output_modalities=["text"])
            await client.speak(600)
            await client.until("response.done")
            kinds = client.types()
            assert kinds[kinds.index("response.created") :] == [
                "response.created",
                "response.output_item.added",
                "conversation.item.added",
                "response.content_part.added",
                "response.output_text.delta",
                "response.output_text.done",
                "response.content_part.done",
                "response.output_item.done",
                "conversation.item.done",
                "response.done",
            ]
            assert client.last("response.output_text.done")["text"] == "It is noon. **Really**."
            assert client.tts.texts == []

    run(main())


def test_words_over_a_written_answer_end_it():
    async def main():
        llm = FakeLanguageModel("one two three " * 20, token_interval_s=0.2)
        stt = FakeSpeechToText(["what is the time", "stop it please"])
        async with converse(llm=llm, stt=stt) as client:
            await client.update(output_modalities=["text"])
            await client.speak(600)
            await client.until("response.output_text.delta", 5)
            await client.speak(800)
            done = await client.until("response.done")
            assert done["response"]["status"] == "cancelled"

    run(main())


def test_a_tool_is_called_and_its_output_answered():
    async def main():
        def answer(prompt):
            told = [m.content for m in prompt.messages if m.role == "tool"]
            return f"It is {told[0]}." if told else calling("get_time", {"city": "Rome"})

        async with converse(answers=answer) as client:
            tool = {"type": "function", "name": "get_time", "parameters": {"type": "object"}}
            await client.update(tools=[tool])
            await client.speak(600)
            done = await client.until("response.done")
            (call,) = done["response"]["output"]
            assert (call["name"], call["arguments"]) == ("get_time", '{"city": "Rome"}')
            kinds = client.types()
            assert kinds.index("conversation.item.added") < kinds.index(
                "response.function_call_arguments.done"
            )
            output = {"type": "function_call_output", "call_id": call["call_id"], "output": "noon"}
            await client.send("conversation.item.create", item=output)
            await client.send("response.create")
            done = await client.until("response.done", 2)
            assert done["response"]["output"][0]["content"][0]["transcript"] == "It is noon."
            roles = [m.role for m in client.llm.prompts[-1].messages]
            assert roles == ["user", "assistant", "tool"]
            call = ToolCall(call_id=call["call_id"], name="get_time", arguments='{"city": "Rome"}')
            assert client.llm.prompts[-1].messages[1].tool_calls == (call,)

    run(main())


def test_an_answer_that_reaches_the_token_limit_is_incomplete():
    async def main():
        async with converse(answers=LONG) as client:
            await ask(client, max_output_tokens=3)
            done = (await client.until("response.done"))["response"]
            assert done["status"] == "incomplete"
            assert done["status_details"]["reason"] == "max_output_tokens"
            assert done["output"][0]["content"][0]["transcript"] == "one two three"

    run(main())


@pytest.mark.parametrize(("kind", "bytes_per_ms"), [("audio/pcmu", 8), ("audio/pcma", 8)])
def test_telephone_audio_lasts_as_long_as_the_speech(kind: str, bytes_per_ms: int):
    async def main():
        async with converse(answers="x" * 50) as client:
            await client.update(audio={"output": {"format": {"type": kind}}})
            await ask(client)
            await client.until("response.done")
            assert abs(len(client.heard_pcm()) / bytes_per_ms - 50 * 60) <= 20

    run(main())


def test_a_voice_at_another_rate_lasts_as_long_on_the_wire():
    async def main():
        async with converse(answers="x" * 50, tts=FakeTextToSpeech(rate_hz=22_050)) as client:
            await ask(client)
            await client.until("response.done")
            assert abs(len(client.heard_pcm()) / 48 - 50 * 60) <= 20

    run(main())


def test_the_metadata_and_instructions_of_one_response_are_its_own():
    async def main():
        async with converse() as client:
            await client.update(instructions="Be kind.")
            await ask(client, instructions="Be brief.", metadata={"a": "b"})
            done = await client.until("response.done")
            created = client.last("response.created")["response"]
            assert created["metadata"] == done["response"]["metadata"] == {"a": "b"}
            assert said_by(client, "system") == ["Be brief."]
            await ask(client)
            await client.until("response.done", 2)
            assert said_by(client, "system") == ["Be kind."]

    run(main())


def test_the_stages_of_a_turn_are_told_to_who_asks_for_them():
    async def main():
        async with converse(model_delay_s=0.7, tts=FakeTextToSpeech(delay_s=0.1)) as client:
            await client.update(include=["response.timings"])
            await client.speak(600)
            done = await client.until("response.done")
            timings = done["response"]["timings"]
            assert timings["end_of_turn_ms"] == 500
            assert abs(timings["llm_ms"] - 700) <= 1
            assert abs(timings["tts_ms"] - 100) <= 1
            assert abs(timings["total_ms"] - 980) <= 25
            assert timings["release_ms"] == 0

    run(main())
