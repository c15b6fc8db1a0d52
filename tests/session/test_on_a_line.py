"""A session that hears and speaks over a line, as in a call: what is played, and what is told."""

import asyncio
from contextlib import asynccontextmanager

import numpy as np

from tests.session.conversation import converse, speech
from tests.virtual_time import run
from voice.audio.pcm import samples
from voice.engines.fakes import FakeLanguageModel, FakeSpeechToText, FakeTextToSpeech
from voice.rtc.line import FRAME_BYTES, SpeechLine
from voice.transports.memory import MemoryTransport

LONG = "one two three four five six seven eight nine ten " * 3
STARTED, STOPPED, CLEARED = (
    f"output_audio_buffer.{what}" for what in ("started", "stopped", "cleared")
)
TRUNCATED = "conversation.item.truncated"
PCMU = {"type": "audio/pcmu"}


class Track:
    """Takes what is played, a frame every 20 ms, and notes when."""

    def __init__(self, line: SpeechLine) -> None:
        self.line = line
        self.frames: list[bytes] = []
        self.at_s: list[float] = []

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        while True:
            self.frames.append(self.line.take() or bytes(FRAME_BYTES))
            self.at_s.append(loop.time())
            await asyncio.sleep(start_s + len(self.frames) * 0.02 - loop.time())

    def loud(self) -> list[bool]:
        return [bool(np.abs(samples(frame)).max() > 100) for frame in self.frames]

    def played_ms(self) -> int:
        return sum(self.loud()) * 20

    def loud_after_ms(self, at_s: float) -> float:
        """How long after this there was sound for the last time."""
        last = max(at for at, loud in zip(self.at_s, self.loud(), strict=True) if loud)
        return (last + 0.02 - at_s) * 1000


@asynccontextmanager
async def calling(*script, **parts):
    """A conversation over a line; its client speaks into the line too."""
    transport = MemoryTransport(line=SpeechLine())
    async with converse(*script, transport=transport, **parts) as client:
        client.append = transport.speak
        client.track = Track(transport.line)
        playing = asyncio.ensure_future(client.track.run())
        try:
            yield client
        finally:
            playing.cancel()
            await asyncio.wait([playing])


def test_speech_is_played_and_not_sent():
    async def main():
        async with calling() as client:
            await client.speak(1000)
            await client.until(STOPPED)
            assert not client.of_type("response.output_audio.delta")
            assert client.of_type("response.output_audio.done")
            spoken = client.last("response.output_audio_transcript.done")["transcript"]
            assert spoken == "It is noon now. The sun stands high."
            played_ms = client.tts.seconds_per_character * 1000 * sum(map(len, client.tts.texts))
            assert abs(client.track.played_ms() - played_ms) <= 40

    run(main())


def test_what_becomes_of_the_sound_is_told_in_order():
    async def main():
        async with calling() as client:
            await client.speak(1000)
            await client.until(STOPPED)
            types = client.types()
            order = [
                "response.created",
                "response.content_part.added",
                STARTED,
                "response.output_audio.done",
                "response.done",
                STOPPED,
            ]
            assert sorted(order, key=types.index) == order
            response_id = client.last("response.done")["response"]["id"]
            assert {client.last(kind)["response_id"] for kind in (STARTED, STOPPED)} == {
                response_id
            }
            assert client.transport.line.queued_ms == 0
            assert client.track.loud_after_ms(client.at_s(STOPPED)) <= 20

    run(main())


def test_speech_over_an_answer_is_silence_at_once_and_truncates_what_was_not_heard():
    async def main():
        async with calling(["go on", "stop"], LONG) as client:
            await client.speak(1000)
            await client.until(STARTED)
            await client.be_silent(2000)
            await client.speak(1000)
            await client.until("response.done")
            types = client.types()
            done = types.index("response.done")
            assert types[done : done + 3] == ["response.done", CLEARED, TRUNCATED]
            assert client.last("response.done")["response"]["status"] == "cancelled"
            started_s = client.at_s("input_audio_buffer.speech_started", 1)
            cleared = client.last(TRUNCATED)
            assert cleared["item_id"] == client.last("response.output_item.done")["item"]["id"]
            assert abs(cleared["audio_end_ms"] - client.track.played_ms()) <= 20
            assert client.track.loud_after_ms(started_s) <= 40

    run(main())


def test_a_cough_pauses_the_answer_and_not_a_sample_is_lost():
    async def main():
        hears = ["tell me", ""]
        async with calling(hears, LONG) as client:
            await client.speak(1000)
            await client.until(STARTED)
            await client.be_silent(1000)
            await client.speak(300)
            await client.until(STOPPED, limit_ms=30_000)
            assert not client.of_type(CLEARED)
            assert client.last("response.done")["response"]["status"] == "completed"
            loud = client.track.loud()
            first, last = loud.index(True), len(loud) - loud[::-1].index(True)
            assert loud[first:last].count(False) > 5  # it was silent for a while
            whole_ms = client.tts.seconds_per_character * 1000 * sum(map(len, client.tts.texts))
            # The first 5 ms of the frame at which it was held sounded twice: as a ramp, and again.
            assert abs(client.track.played_ms() - whole_ms) <= 60

    run(main())


def test_a_client_may_clear_the_output_and_cancel_the_response():
    async def main():
        async with calling("hello", LONG) as client:
            for kind, status in (
                ("output_audio_buffer.clear", CLEARED),
                ("response.cancel", CLEARED),
            ):
                count = len(client.of_type(status))
                await client.speak(1000)
                await client.until(STARTED, count + 1)
                await client.be_silent(500)
                at_s = client.now_s()
                await client.send(kind)
                await client.until(status, count + 1)
                await client.be_silent(500)
                assert client.track.loud_after_ms(at_s) <= 40
                assert client.last("response.done")["response"]["status"] == "cancelled"
            assert len(client.of_type(TRUNCATED)) == 2
            assert not client.of_type(STOPPED)

    run(main())


def test_to_clear_an_output_that_is_silent_does_nothing():
    async def main():
        async with calling() as client:
            await client.send("output_audio_buffer.clear")
            await client.be_silent(200)
            assert client.types() == ["session.created"]

    run(main())


def test_a_response_that_is_cancelled_before_it_sounds_clears_nothing():
    async def main():
        async with calling(model_delay_s=5.0) as client:
            await client.send("response.create")
            await client.be_silent(500)
            await client.send("response.cancel")
            await client.until("response.done")
            assert not {STARTED, CLEARED, STOPPED, TRUNCATED} & set(client.types())

    run(main())


def test_formats_are_accepted_and_shown_and_ignored():
    async def main():
        async with calling("hello") as client:
            await client.update(audio={"input": {"format": PCMU}, "output": {"format": PCMU}})
            audio = client.last("session.updated")["session"]["audio"]
            assert (audio["input"]["format"], audio["output"]["format"]) == (PCMU, PCMU)
            await client.speak(1000)
            await client.until(STOPPED)
            stopped = client.of_type("input_audio_buffer.speech_stopped")[0]
            assert 1000 <= stopped["audio_end_ms"] <= 2000
            assert len({len(frame) for frame in client.track.frames}) == 1
            sound = samples(b"".join(client.track.frames)).astype(float)
            spectrum = np.abs(np.fft.rfft(sound))
            assert abs(np.argmax(spectrum) * 24_000 / len(sound) - 220) < 2

    run(main())


def test_two_responses_with_sound_are_heard_one_after_the_other():
    async def main():
        async with calling("hello", LONG) as client:
            await client.send("response.create", response={"conversation": "none"})
            await client.be_silent(100)
            await client.send("response.create")
            await client.until(STOPPED, 2, limit_ms=60_000)
            buffer = [event for event in client.events if event["type"].startswith("output_audio_")]
            assert [event["type"] for event in buffer] == [STARTED, STOPPED, STARTED, STOPPED]
            assert buffer[0]["response_id"] == buffer[1]["response_id"]
            assert buffer[2]["response_id"] == buffer[3]["response_id"]

    run(main())


def test_an_answer_out_of_band_is_cleared_and_truncates_no_item():
    async def main():
        async with calling("hello", LONG) as client:
            await client.send("response.create", response={"conversation": "none"})
            await client.until(STARTED)
            await client.be_silent(500)
            response_id = client.last("response.created")["response"]["id"]
            await client.send("response.cancel", response_id=response_id)
            await client.until(CLEARED)
            assert not client.of_type(TRUNCATED)

    run(main())


def test_an_answer_that_fails_while_it_is_paused_leaves_the_line_open():
    async def main():
        answers = iter(["One two three four five six. This is never said.", "Again."])
        llm = FakeLanguageModel(lambda _: next(answers))
        tts = FakeTextToSpeech(fails_on="never", real_time_factor=1.0)
        hears = FakeSpeechToText(["go on", "", "and now"], partials=False)
        async with calling(stt=hears, llm=llm, tts=tts) as client:
            await client.speak(1000)
            await client.until(STARTED)
            await client.be_silent(800)
            await client.speak(1500)
            assert client.last("response.done")["response"]["status"] == "failed"
            await client.be_silent(3000)
            assert len(client.of_type(STOPPED)) == 1
            await client.speak(1000)
            await client.until(STOPPED, 2)
            assert client.last("response.done")["response"]["status"] == "completed"

    run(main())


def test_a_voice_that_fails_plays_what_it_has_and_says_that_it_stopped():
    async def main():
        tts = FakeTextToSpeech(fails_on="sun", real_time_factor=1.0)
        async with calling(tts=tts) as client:
            await client.speak(1000)
            await client.until(STOPPED)
            types = client.types()
            assert client.last("response.done")["response"]["status"] == "failed"
            assert types.index("response.done") < types.index(STOPPED)

    run(main())


def test_events_may_bring_audio_too():
    async def main():
        stt = FakeSpeechToText("hello")
        async with calling(stt=stt) as client:
            del client.append
            await client.update(audio={"input": {"turn_detection": None}})
            await client.append(speech(600))
            await client.send("input_audio_buffer.commit")
            await client.be_silent(100)
            assert client.of_type("input_audio_buffer.committed")

    run(main())


def test_an_answer_in_writing_is_no_sound():
    async def main():
        async with calling() as client:
            await client.send("response.create", response={"output_modalities": ["text"]})
            await client.until("response.done")
            await client.be_silent(200)
            assert not any(kind.startswith("output_audio_buffer") for kind in client.types())
            assert client.track.played_ms() == 0

    run(main())
