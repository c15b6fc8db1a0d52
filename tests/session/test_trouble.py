"""What goes wrong: engines that fail or are slow, clients that stall, flood or leave."""

import asyncio
from dataclasses import replace

import pytest

from tests.session.conversation import OPTIONS, converse, speech
from tests.virtual_time import run
from voice.engines.fakes import FakeLanguageModel, FakeSpeechToText, FakeTextToSpeech
from voice.engines.protocols import EngineError, TextDelta
from voice.session.outbox import LIMIT_BYTES, STALL_S
from voice.transports.memory import MemoryTransport

FAILED = "conversation.item.input_audio_transcription.failed"
LONG = "one two three four five six seven eight nine ten " * 3


def raising(error: Exception):
    def hear(_pcm: bytes) -> str:
        raise error

    return FakeSpeechToText(hear)


async def assert_next_turn_works(client) -> None:
    count = len(client.of_type("response.done"))
    await client.speak(600)
    done = await client.until("response.done", count + 1)
    assert done["response"]["status"] == "completed"


def failure_of(client) -> dict:
    response = client.last("response.done")["response"]
    assert response["status"] == "failed"
    assert not client.of_type("error")
    return response["status_details"]["error"]


# ---------------------------------------------------------------- engines


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (EngineError("the recognizer has lost its model"), "the recognizer has lost its model"),
        (TimeoutError("oops"), "The server failed to understand; its log says why."),
    ],
)
def test_a_recognizer_that_fails_is_told_and_forgotten(error: Exception, told: str):
    async def main():
        async with converse(stt=raising(error)) as client:
            await client.update(audio={"input": {"transcription": {}}})
            await client.speak(600)
            await client.until("response.done")
            assert client.last(FAILED)["error"]["message"] == told
            assert failure_of(client)["message"] == told
            client.stt._text = "what is the time"
            await assert_next_turn_works(client)

    run(main())


def test_a_recognizer_that_fails_over_a_reply_does_not_stop_it():
    async def main():
        async with converse(answers=LONG) as client:
            await client.speak(600)
            await client.until("response.output_audio.delta", 20)

            def hear(_pcm: bytes) -> str:
                raise EngineError("lost")

            client.stt._text = hear
            await client.speak(300)
            done = await client.until("response.done")
            assert done["response"]["status"] == "completed"

    run(main())


@pytest.mark.parametrize(
    ("error", "code"), [(EngineError("no memory"), "engine_error"), (KeyError(1), "internal_error")]
)
def test_a_model_that_fails_in_the_middle_ends_its_reply_and_nothing_else(error, code: str):
    async def main():
        def answer(prompt):
            yield TextDelta(text="It is noon. The sun ")
            if len(prompt.messages) > 1:
                yield TextDelta(text="stands high.")
                return
            yield error if isinstance(error, EngineError) else TextDelta(text="stands ")
            raise error

        async with converse(llm=FakeLanguageModel(answer, token_interval_s=1.0)) as client:
            await client.speak(600)
            await client.until("response.done")
            assert failure_of(client)["code"] == code
            assert client.of_type("response.output_audio.delta")
            sent_ms = len(client.heard_pcm()) / 48
            await assert_next_turn_works(client)
            spoken = [m.content for m in client.llm.prompts[-1].messages if m.role == "assistant"]
            assert spoken == ["It is noon. The sun "[: len(spoken[0])]]
            assert abs(len(spoken[0]) * 60 - sent_ms) < 200, "what was sent is heard"

    run(main())


def test_a_model_that_fails_in_secret_is_told_once_the_turn_is_over():
    async def main():
        async with converse(answers=[EngineError("no memory")]) as client:
            await client.speak(600)
            await client.be_silent(400)
            assert not client.of_type("response.created")
            await client.until("response.done")
            assert failure_of(client)["message"] == "no memory"

    run(main())


def test_a_voice_that_fails_ends_the_reply_with_what_was_said():
    async def main():
        answers = "The first sentence is long enough to be said. BOOM goes the second one."
        async with converse(answers=answers, tts=FakeTextToSpeech(fails_on="BOOM")) as client:
            await client.speak(600)
            await client.until("response.done")
            assert failure_of(client)["message"] == "the voice cannot say 'BOOM'"
            client.llm._answer = "It is noon."
            await assert_next_turn_works(client)

    run(main())


def test_a_voice_slower_than_speech_leaves_gaps_and_loses_nothing():
    async def main():
        tts = FakeTextToSpeech(real_time_factor=1.5)
        async with converse(answers=LONG, tts=tts) as client:
            await client.speak(600)
            await client.until("response.output_audio.delta", 20)
            done = await client.until("response.done", limit_ms=60_000)
            assert done["response"]["status"] == "completed"
            took_s = client.at_s("response.done") - client.at_s("response.output_audio.delta")
            assert took_s > 1.4 * len(LONG) * 0.06
            assert abs(len(client.heard_pcm()) / 48 - len(LONG) * 60) <= 20 + 60

    run(main())


def test_a_session_that_breaks_says_so_and_closes():
    async def main():
        transport = MemoryTransport()
        async with converse(transport=transport) as client:
            client.stt.listen = None
            await client.speak(600)
            await client.be_silent(100)
            assert transport.closed == (1011, "internal error")

    run(main())


# ---------------------------------------------------------------- clients that send nothing more


def test_a_client_that_stops_sending_has_stopped_speaking():
    async def main():
        async with converse() as client:
            await client.speak(600)
            await asyncio.sleep(3)
            stopped = client.last("input_audio_buffer.speech_stopped")
            assert stopped["audio_end_ms"] == 600
            assert (
                client.at_s("input_audio_buffer.committed")
                - client.at_s("input_audio_buffer.speech_started")
                < 1.5
            )
            assert client.of_type("response.done")

    run(main())


def test_a_client_that_stalls_for_a_moment_goes_on_with_its_turn():
    async def main():
        async with converse() as client:
            await client.speak(600)
            await asyncio.sleep(0.45)
            await client.speak(600)
            await client.until("response.done")
            assert len(client.of_type("input_audio_buffer.committed")) == 1

    run(main())


def test_a_client_that_stops_sending_over_a_reply_leaves_it_to_the_words():
    async def main():
        stt = FakeSpeechToText(["what is the time", "mm-hm"])
        async with converse(stt=stt, answers=LONG) as client:
            await client.speak(600)
            await client.until("response.output_audio.delta", 20)
            await client.speak(200)
            await asyncio.sleep(12)
            assert client.last("response.done")["response"]["status"] == "completed"

    run(main())


# ---------------------------------------------------------------- clients that leave


async def listening(client) -> None:
    await client.speak(400)


async def waiting(client) -> None:
    await client.speak(400)
    await client.be_silent(200)


async def transcribing(client) -> None:
    client.stt.delay_s = 5.0
    await client.speak(400)
    await client.be_silent(800)


async def asking(client) -> None:
    client.stt.delay_s = 5.0
    await client.update(audio={"input": {"turn_detection": None}})
    await client.speak(400)
    await client.send("input_audio_buffer.commit")
    await client.send("response.create")


async def thinking(client) -> None:
    client.llm.delay_s = 5.0
    await client.speak(400)
    await client.be_silent(800)


async def synthesizing(client) -> None:
    client.tts.delay_s = 5.0
    await client.speak(400)
    await client.be_silent(800)


async def speaking(client) -> None:
    await client.speak(400)
    await client.until("response.output_audio.delta", 5)


async def paused(client) -> None:
    await speaking(client)
    await client.speak(200)


async def aside(client) -> None:
    await client.send("response.create", response={"conversation": "none"})
    await client.be_silent(100)


STATES = [listening, waiting, transcribing, asking, thinking, synthesizing, speaking, paused, aside]


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_a_client_may_leave_at_any_time(state):
    """The harness asserts that no task and no utterance is left."""

    async def main():
        async with converse(answers=LONG) as client:
            await state(client)
            assert client.transport.closed is None

    run(main())


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_a_server_may_stop_at_any_time(state):
    async def main():
        async with converse(answers=LONG) as client:
            await state(client)
            client.running.cancel()
            await asyncio.wait([client.running])
            assert client.running.cancelled()

    run(main())


# ---------------------------------------------------------------- clients that read nothing


def test_a_client_that_never_reads_is_let_go():
    async def main():
        transport = MemoryTransport(reads=False)
        async with converse(transport=transport, answers=LONG) as client:
            await client.speak(600)
            await client.be_silent(round(STALL_S * 1000))
            assert transport.closed == (1008, "the client read nothing for 15 s")
            assert client.session._outbox.peak_bytes < LIMIT_BYTES / 20

    run(main())


def test_a_client_that_reads_nothing_while_it_asks_for_much_is_held_back():
    """Its requests wait in its own connection: what is owed to it stays bounded."""

    async def main():
        transport = MemoryTransport(reads=False)
        async with converse(transport=transport) as client:
            await client.update(audio={"input": {"turn_detection": None}})
            await client.append(speech(10_000))
            await client.send("input_audio_buffer.commit")
            await asyncio.sleep(0.1)
            item_id = next(iter(client.session.state.conversation)).id
            for _ in range(20):
                await client.send("conversation.item.retrieve", item_id=item_id)
            await asyncio.sleep(1)
            assert not client.running.done()
            assert LIMIT_BYTES / 4 < client.session._outbox.peak_bytes < LIMIT_BYTES

    run(main())


def test_a_client_that_reads_slowly_gets_all_it_asked_for():
    class Slow(MemoryTransport):
        async def send(self, text: str) -> None:
            await asyncio.sleep(len(text) / 1_000_000)
            await super().send(text)

    async def main():
        async with converse(transport=Slow()) as client:
            await client.update(audio={"input": {"turn_detection": None}})
            await client.append(speech(10_000))
            await client.send("input_audio_buffer.commit")
            committed = await client.until("input_audio_buffer.committed")
            for _ in range(20):
                await client.send("conversation.item.retrieve", item_id=committed["item_id"])
            await asyncio.sleep(30)
            assert len(client.of_type("conversation.item.retrieved")) == 20

    run(main())


def test_a_slow_connection_slows_the_player_and_nothing_else():
    """At three quarters of what speech needs, the reply takes longer and is whole."""

    class Slow(MemoryTransport):
        async def send(self, text: str) -> None:
            await asyncio.sleep(len(text) / 1_500 * 0.027)
            await super().send(text)

    async def main():
        async with converse(transport=Slow(), answers=LONG) as client:
            await client.speak(600)
            done = await client.until("response.done", limit_ms=60_000)
            assert done["response"]["status"] == "completed"
            assert abs(len(client.heard_pcm()) / 48 - len(LONG) * 60) <= 20 + 60

    run(main())


def test_what_waits_for_a_slow_connection_is_dropped_with_its_reply():
    class Slow(MemoryTransport):
        async def send(self, text: str) -> None:
            await asyncio.sleep(0.04)
            await super().send(text)

    async def main():
        async with converse(transport=Slow(), answers=LONG) as client:
            await client.send("response.create")
            await client.until("response.output_audio.delta", 40)
            cancelled_s = client.now_s()
            await client.send("response.cancel")
            await client.until("response.done")
            assert client.audio_sent_after(cancelled_s) <= 1

    run(main())


# ---------------------------------------------------------------- sessions that last too long


def test_a_session_over_its_limit_is_told_and_closed():
    async def main():
        transport = MemoryTransport()
        async with converse(transport=transport, options=replace(OPTIONS, max_minutes=1)) as client:
            await client.speak(600)
            await client.be_silent(61_000)
            error = client.last("error")["error"]
            assert error["code"] == "session_expired"
            assert error["message"] == "Your session hit the maximum duration of 1 minutes."
            assert transport.closed == (1001, "session expired")
            assert abs(client.at_s("error") - client.at_s("session.created") - 60) < 0.1

    run(main())


def test_a_session_over_its_limit_ends_even_if_the_client_does_not_read():
    async def main():
        transport = MemoryTransport(reads=False)
        async with converse(transport=transport, options=replace(OPTIONS, max_minutes=0.2)):
            await asyncio.sleep(60)
            assert transport.closed is not None
            assert transport.closed[0] in {1001, 1008}

    run(main())
