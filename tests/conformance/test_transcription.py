"""Checklist: what the user said, as text (15, 16, 64-66)."""

import json

import pytest
from msgspec.structs import replace
from websockets.exceptions import InvalidStatus

from tests.conformance.live import dial
from tests.conformance.stage import (
    HEARD,
    HEARD_ALL,
    HEARD_DELTA,
    LISTENED,
    TRANSCRIBED,
    ask,
    error_of,
    kinds,
    on_virtual_time,
    recording,
    refusal,
    say,
    stage,
    transcription_config,
)
from voice.engines.fakes import FakeSpeechToText, FakeUtterance
from voice.engines.protocols import TokenLogprob

LOGPROBS = {"include": ["item.input_audio_transcription.logprobs"]}


class SureSpeechToText(FakeSpeechToText):
    """Tells how sure it is of each word."""

    def listen(self, options):
        utterance = FakeUtterance(self, options, self._hearing(len(self.utterances)))
        plain = utterance.transcript

        async def transcript():
            heard = await plain()
            words = (TokenLogprob(token=word, logprob=-0.25) for word in heard.text.split())
            return replace(heard, logprobs=tuple(words))

        utterance.transcript = transcript
        self.utterances.append(utterance)
        return utterance


@on_virtual_time
async def test_15_a_transcript_names_its_item_and_what_it_cost():
    async with stage(settings=TRANSCRIBED) as client:
        await ask(client)
        (completed,) = client.of_type(HEARD_ALL)
        assert completed["item_id"] == client.last("input_audio_buffer.committed")["item_id"]
        assert set(completed) == {
            "event_id",
            "type",
            "item_id",
            "content_index",
            "transcript",
            "usage",
        }
        assert (completed["content_index"], completed["transcript"]) == (0, HEARD)
        assert set(completed["usage"]) == {"type", "seconds"}
        assert completed["usage"]["type"] == "duration"
        assert completed["usage"]["seconds"] == pytest.approx(1.4 + 0.3, abs=0.5)
        types = client.types()
        assert types.index(HEARD_ALL) < types.index("response.created")


@on_virtual_time
async def test_16_nobody_is_told_words_that_nobody_asked_for():
    async with stage() as client:
        await ask(client)
        assert not [kind for kind in client.types() if "transcription" in kind]
        assert client.llm.prompts[-1].messages[-1].content == HEARD
        await client.update(**TRANSCRIBED)
        await client.update(audio={"input": {"transcription": None}})
        await ask(client)
        assert not [kind for kind in client.types() if "transcription" in kind]


@on_virtual_time
async def test_64_a_transcription_session_never_answers():
    config = transcription_config(transcription={"model": "gpt-4o-transcribe", "language": "en"})
    async with stage(config=config) as client:
        session = client.events[0]["session"]
        assert set(session) == {"type", "id", "object", "audio", "include"}
        assert session["object"] == "realtime.transcription_session"
        for _ in range(2):
            await say(client, recording("winter"))
            await client.be_silent(1500)
        heard = client.events[1:]
        turn = [kind for kind in kinds(heard) if kind != HEARD_DELTA]
        assert turn == [*LISTENED, HEARD_ALL] * 2
        assert not client.llm.prompts
        error = await error_of(client, "response.create")
        assert error["code"] == "invalid_value"


@pytest.mark.server
async def test_64_a_transcription_session_is_asked_for_in_the_address(serve):
    async with serve() as live:
        async with dial(f"{live.ws_url}?intent=transcription") as client:
            await client.until("session.created", limit_ms=2000)
            assert client.events[0]["session"]["type"] == "transcription"
            update = {"type": "transcription", "audio": {"input": {"transcription": {}}}}
            await client.send("session.update", session=update)
            await client.until("session.updated", limit_ms=2000)
            error = await error_of(client, "session.update", session={"type": "realtime"})
            assert error == refusal(
                "Passing a realtime session update event to a transcription session "
                "is not allowed.",
                "invalid_value",
                "session.type",
            )
        async with dial(f"{live.ws_url}?model=m") as client:
            await client.until("session.created", limit_ms=2000)
            error = await error_of(client, "session.update", session=update)
            assert error["message"] == (
                "Passing a transcription session update event to a realtime session is not allowed."
            )
        with pytest.raises(InvalidStatus) as refused:
            async with dial(f"{live.ws_url}?intent=transcription&model=m"):
                pass
        assert refused.value.response.status_code == 400
        assert json.loads(refused.value.response.body)["error"]["message"] == (
            "You must not provide a model parameter for transcription sessions"
        )


@pytest.mark.parametrize("model", ["whisper-1", "gpt-realtime-whisper"])
@on_virtual_time
async def test_65_the_deltas_make_up_the_transcript(model):
    async with stage(config=transcription_config(transcription={"model": model})) as client:
        await say(client, recording("winter"))
        await client.until(HEARD_ALL)
        deltas = client.of_type(HEARD_DELTA)
        assert deltas
        assert "".join(delta["delta"] for delta in deltas) == HEARD
        assert client.last(HEARD_ALL)["transcript"] == HEARD
        assert {delta["content_index"] for delta in deltas} == {0}
        assert {delta["item_id"] for delta in deltas} == {client.last(HEARD_ALL)["item_id"]}


@on_virtual_time
async def test_65_live_words_come_while_the_user_speaks():
    model = {"model": "gpt-realtime-whisper"}
    async with stage(
        words := " ".join(["word"] * 40), config=transcription_config(transcription=model)
    ) as client:
        for name in ("library", "coffee"):
            await say(client, recording(name)[: -48 * 150])
        deltas = client.of_type(HEARD_DELTA)
        assert len(deltas) >= 3
        assert not client.of_type("input_audio_buffer.committed")
        await client.until(HEARD_ALL)
        assert "".join(delta["delta"] for delta in client.of_type(HEARD_DELTA)) == words


@on_virtual_time
async def test_65_manual_transcription_is_final_on_commit():
    config = transcription_config(transcription={"model": "whisper-1"}, turn_detection=None)
    async with stage(config=config, live=True) as client:
        await say(client, recording("winter"))
        await client.send("input_audio_buffer.commit")
        completed = await client.until(HEARD_ALL)
        assert completed["transcript"] == HEARD
        assert client.types().count("input_audio_buffer.committed") == 1


@pytest.mark.parametrize("asked", [True, False])
@on_virtual_time
async def test_66_probabilities_are_there_only_if_asked_for(asked):
    settings = TRANSCRIBED | (LOGPROBS if asked else {})
    async with stage(stt=SureSpeechToText(HEARD), settings=settings) as client:
        await ask(client)
        events = [*client.of_type(HEARD_DELTA), *client.of_type(HEARD_ALL)]
        assert len(events) >= 2
        assert all(("logprobs" in event) == asked for event in events)
        if asked:
            expected = [
                {"token": word, "bytes": list(word.encode()), "logprob": -0.25}
                for word in HEARD.split()
            ]
            assert client.last(HEARD_ALL)["logprobs"] == expected
            session = client.last("session.updated")["session"]
            assert session["include"] == LOGPROBS["include"]
