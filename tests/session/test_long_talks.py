"""Sessions that go on for long, and sessions side by side."""

import asyncio
import gc

from tests.session.conversation import converse, speech
from tests.virtual_time import run
from voice.engines.fakes import FakeLanguageModel, FakeSpeechToText, FakeTextToSpeech
from voice.realtime.items import MessageItem, OutputAudio
from voice.session.session import Session
from voice.session.shelf import LIMIT_BYTES
from voice.transports.memory import MemoryTransport

ROUND_S = 36


class Forgetful(MemoryTransport):
    """Keeps nothing of what was sent."""

    async def send(self, text: str) -> None:
        pass


class ForgetfulEar(FakeSpeechToText):
    def listen(self, options):
        self.utterances = [each for each in self.utterances if not each.closed]
        return super().listen(options)


class ForgetfulModel(FakeLanguageModel):
    def generate(self, prompt):
        self.prompts.clear()
        return super().generate(prompt)


async def talk(client) -> None:
    """A question, an answer that is broken off for another question, and a cough."""
    for ms, pause_s in ((700, 1.1), (1200, 3.0), (160, 30.0)):
        sound = speech(ms)
        for start in range(0, len(sound), 4800):
            await asyncio.sleep(0.1)
            await client.append(sound[start : start + 4800])
        await asyncio.sleep(pause_s)
    client.tts.texts.clear()
    client.tts.firsts.clear()


def assert_nothing_piles_up(session: Session) -> None:
    answers = [
        part
        for item in session.state.conversation
        if isinstance(item, MessageItem)
        for part in item.content
    ]
    kept = [part for part in answers if part.audio is not None]
    assert sum(len(p.audio(None) if isinstance(p, OutputAudio) else p.audio) for p in kept) < (
        LIMIT_BYTES
    )
    assert not [
        part
        for part in answers
        if isinstance(part, OutputAudio) and part.timeline.playout.buffered_s
    ]
    assert not session.state.out_of_band
    assert not session.state._announced
    assert session._outbox._bytes == 0


def test_half_an_hour_of_talk_leaves_its_words_and_nothing_else():
    async def main():
        stt = ForgetfulEar("what is the time")
        llm = ForgetfulModel("one two three four five six seven eight nine ten " * 2)
        tts = FakeTextToSpeech(seconds_per_character=0.03)
        made = {"stt": stt, "llm": llm, "tts": tts, "transport": Forgetful()}
        async with converse(**made) as client:
            counts, tasks = [], []
            for _ in range(3):
                for _ in range(10 * 60 // ROUND_S):
                    await talk(client)
                gc.collect()
                counts.append(len(gc.get_objects()))
                tasks.append(len(asyncio.all_tasks()))
                assert_nothing_piles_up(client.session)
            turns = len(client.session.state.conversation) / 3
            assert turns >= 50
            assert tasks[0] == tasks[1] == tasks[2]
            assert (counts[2] - counts[1]) / turns < 40

    run(main())


def test_two_hundred_sessions_leave_nothing():
    async def main():
        counts = []
        for _ in range(4):
            for _ in range(50):
                stt = FakeSpeechToText("what is the time")
                async with converse(stt=stt, transport=Forgetful()) as client:
                    await client.append(speech(600))
                    await asyncio.sleep(1.2)
            gc.collect()
            counts.append(len(gc.get_objects()))
        assert counts[3] - counts[1] < 100

    run(main())


async def question(client, delay_ms: int) -> None:
    await client.be_silent(delay_ms)
    await client.speak(600)
    await client.be_silent(6000)


def test_two_sessions_at_once_never_mix():
    """They share their engines, as sessions do, and differ in what is said."""

    async def main():
        texts = iter(["red", "blue"] * 20)
        stt = FakeSpeechToText(lambda _: next(texts), partials=False)
        llm = FakeLanguageModel(
            lambda prompt: f"You said {prompt.messages[-1].content}. " * 3, token_interval_s=0.02
        )
        tts = FakeTextToSpeech(real_time_factor=0.4)
        shared = {"stt": stt, "llm": llm, "tts": tts}
        async with converse(**shared) as red, converse(**shared) as blue:
            for _ in range(3):
                await asyncio.gather(question(red, 0), question(blue, 40))
            for client, word in ((red, "red"), (blue, "blue")):
                said = client.of_type("response.output_audio_transcript.done")
                assert [each["transcript"] for each in said] == [f"You said {word}. " * 3] * 3
            ids = [
                {e["item"]["id"] for e in c.of_type("conversation.item.added")} for c in (red, blue)
            ]
            assert not ids[0] & ids[1]

    run(main())
