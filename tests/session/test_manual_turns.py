"""Turns that the client ends: `turn_detection` null, and commits while detection is on."""

import base64

from tests.session.conversation import converse, speech
from tests.virtual_time import run
from voice.audio.g711 import encode_mulaw
from voice.audio.pcm import level_dbfs
from voice.engines.fakes import FakeSpeechToText, tone

MANUAL = {"audio": {"input": {"turn_detection": None}}}
TRANSCRIBED = {"audio": {"input": {"turn_detection": None, "transcription": {}}}}


def audio_of(item: dict) -> bytes:
    return base64.b64decode(item["content"][0]["audio"])


def test_committed_audio_is_an_item_and_nothing_more():
    async def main():
        async with converse() as client:
            await client.update(**TRANSCRIBED)
            await client.speak(1000)
            await client.send("input_audio_buffer.commit")
            await client.be_silent(2000)
            assert client.types()[2:] == [
                "input_audio_buffer.committed",
                "conversation.item.added",
                "conversation.item.done",
                "conversation.item.input_audio_transcription.delta",
                "conversation.item.input_audio_transcription.completed",
            ]

    run(main())


def test_a_response_answers_what_was_committed():
    async def main():
        async with converse(hears="what is the time") as client:
            await client.update(**MANUAL)
            await client.speak(1000)
            await client.send("input_audio_buffer.commit")
            await client.send("response.create")
            done = await client.until("response.done")
            assert done["response"]["status"] == "completed"
            assert client.llm.prompts[-1].messages[-1].content == "what is the time"

    run(main())


def test_a_response_waits_for_the_text_of_the_last_turn():
    async def main():
        stt = FakeSpeechToText("what is the time", delay_s=3.0)
        async with converse(stt=stt) as client:
            await client.update(**TRANSCRIBED)
            await client.speak(1000)
            await client.send("input_audio_buffer.commit")
            await client.send("response.create")
            await client.until("response.done")
            assert client.llm.prompts[-1].messages[-1].content == "what is the time"
            kinds = client.types()
            completed = kinds.index("conversation.item.input_audio_transcription.completed")
            assert completed < kinds.index("response.created")

    run(main())


def test_less_than_100_ms_cannot_be_committed():
    async def main():
        async with converse() as client:
            await client.update(**MANUAL)
            await client.append(tone(24 * 80, 24_000))
            await client.send("input_audio_buffer.commit", event_id="mine")
            await client.be_silent(20)
            error = client.last("error")["error"]
            assert error["code"] == "input_audio_buffer_commit_empty"
            assert "only has 80.00ms" in error["message"]
            assert error["event_id"] == "mine"
            await client.send("input_audio_buffer.commit")
            await client.until("input_audio_buffer.committed")

    run(main())


def test_cleared_audio_is_never_heard():
    async def main():
        async with converse() as client:
            await client.update(**MANUAL)
            await client.append(tone(24_000, 24_000))
            await client.send("input_audio_buffer.clear")
            await client.append(bytes(48 * 500))
            await client.send("input_audio_buffer.commit")
            committed = await client.until("input_audio_buffer.committed")
            await client.send("conversation.item.retrieve", item_id=committed["item_id"])
            item = (await client.until("conversation.item.retrieved"))["item"]
            assert audio_of(item) == bytes(48 * 500)
            assert level_dbfs(bytes(client.stt.utterances[1].pcm)) < -80

    run(main())


def test_two_commits_share_no_audio():
    async def main():
        async with converse() as client:
            await client.update(**MANUAL)
            for sound in (tone(24 * 500, 24_000), bytes(48 * 300)):
                await client.append(sound)
                await client.send("input_audio_buffer.commit")
            await client.until("input_audio_buffer.committed", 2)
            items = []
            for committed in client.of_type("input_audio_buffer.committed"):
                await client.send("conversation.item.retrieve", item_id=committed["item_id"])
                items.append(await client.until("conversation.item.retrieved", len(items) + 1))
            sounds = [audio_of(event["item"]) for event in items]
            assert sounds == [tone(24 * 500, 24_000), bytes(48 * 300)]
            assert abs(client.stt.utterances[0].duration_s - 0.5) <= 0.006
            assert abs(client.stt.utterances[1].duration_s - 0.3) <= 0.006

    run(main())


def test_single_bytes_come_through_whole():
    async def main():
        async with converse() as client:
            await client.update(**MANUAL)
            sound = bytes(range(256)) * 40
            pieces = [sound[n : n + 7] for n in range(0, len(sound), 7)]
            for piece in pieces:
                await client.append(piece)
            await client.send("input_audio_buffer.commit")
            committed = await client.until("input_audio_buffer.committed")
            await client.send("conversation.item.retrieve", item_id=committed["item_id"])
            item = (await client.until("conversation.item.retrieved"))["item"]
            assert audio_of(item) == sound

    run(main())


def test_fifteen_mebibytes_in_one_append_are_heard_in_pieces():
    async def main():
        async with converse() as client:
            await client.update(**MANUAL)
            await client.append(bytes(15 * 2**20))
            await client.send("input_audio_buffer.commit")
            await client.until("input_audio_buffer.committed")
            seconds = 15 * 2**20 / 48_000
            assert abs(client.stt.utterances[0].duration_s - seconds) <= 0.006

    run(main())


def test_telephone_audio_is_as_long_as_its_bytes():
    async def main():
        async with converse() as client:
            formats = {"format": {"type": "audio/pcmu"}, "turn_detection": None}
            await client.update(audio={"input": formats})
            await client.append(encode_mulaw(speech(1000, 8_000)))
            await client.send("input_audio_buffer.commit")
            committed = await client.until("input_audio_buffer.committed")
            assert abs(client.stt.utterances[0].duration_s - 1.0) <= 0.006
            await client.send("conversation.item.retrieve", item_id=committed["item_id"])
            item = (await client.until("conversation.item.retrieved"))["item"]
            assert len(audio_of(item)) == 8000

    run(main())


def test_telephone_speech_is_detected_and_timed():
    async def main():
        async with converse() as client:
            await client.update(audio={"input": {"format": {"type": "audio/pcmu"}}})
            sound = encode_mulaw(bytes(2 * 8 * 500) + speech(1000, 8_000) + bytes(2 * 8 * 1000))
            for start in range(0, len(sound), 160):
                await client.append(sound[start : start + 160])
            started = await client.until("input_audio_buffer.speech_started")
            stopped = await client.until("input_audio_buffer.speech_stopped")
            assert abs(started["audio_start_ms"] - 200) <= 20
            assert abs(stopped["audio_end_ms"] - 2000) <= 20

    run(main())


# ---------------------------------------------------------------- commits while detection is on


def test_a_commit_in_the_middle_of_speech_ends_that_turn_and_the_rest_is_another():
    async def main():
        stt = FakeSpeechToText(["first half", "second half"])
        async with converse(stt=stt) as client:
            await client.speak(1000)
            await client.send("input_audio_buffer.commit")
            await client.speak(1000)
            await client.until("response.done")
            started = client.of_type("input_audio_buffer.speech_started")
            committed = client.of_type("input_audio_buffer.committed")
            assert [e["item_id"] for e in started] == [e["item_id"] for e in committed]
            said = [m.content for m in client.llm.prompts[-1].messages if m.role == "user"]
            assert said == ["first half", "second half"]

    run(main())


def test_a_commit_while_the_reply_is_paused_lets_it_go_on():
    async def main():
        stt = FakeSpeechToText(["what is the time", "hm"], partials=False)
        async with converse(stt=stt, answers="one two three four five six seven") as client:
            await client.speak(1000)
            await client.until("response.output_audio.delta", 20)
            await client.speak(400)
            await client.send("input_audio_buffer.commit")
            done = await client.until("response.done")
            assert done["response"]["status"] == "completed"
            assert len(client.of_type("input_audio_buffer.committed")) == 2

    run(main())


def test_what_detection_missed_can_be_committed_and_is_heard_whole():
    """A voice too soft for the detector is kept for some seconds, also for the recognizer."""

    async def main():
        async with converse() as client:
            murmur = bytes([1, 0]) * (24 * 2500)
            for start in range(0, len(murmur), 960):
                await client.append(murmur[start : start + 960])
            await client.send("input_audio_buffer.commit")
            committed = await client.until("input_audio_buffer.committed")
            await client.send("conversation.item.retrieve", item_id=committed["item_id"])
            item = (await client.until("conversation.item.retrieved"))["item"]
            seconds = len(audio_of(item)) / 48_000
            assert seconds >= 1.0
            assert abs(client.stt.utterances[0].duration_s - seconds) <= 0.006

    run(main())


def test_clearing_in_the_middle_of_speech_forgets_it_and_hears_what_follows():
    async def main():
        async with converse(hears="the rest") as client:
            await client.speak(1000)
            await client.send("input_audio_buffer.clear")
            await client.speak(600)
            await client.until("response.done")
            first, second = client.of_type("input_audio_buffer.speech_started")
            (committed,) = client.of_type("input_audio_buffer.committed")
            assert committed["item_id"] == second["item_id"] != first["item_id"]
            assert second["audio_start_ms"] >= 980

    run(main())
