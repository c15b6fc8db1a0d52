import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.engines.workers import (
    asked,
    kill,
    listening,
    pieces,
    refused,
    say,
    spec,
    thinking,
    until,
)
from voice.engines.host import Worker
from voice.engines.hosted import (
    HostedSpeechToText,
    HostedTextToSpeech,
    HostedUtterance,
)
from voice.engines.protocols import (
    EngineError,
    Finished,
    ListenOptions,
    SpeakOptions,
    TextDelta,
    TextToSpeech,
)
from voice.engines.wire import Facts

pytestmark = pytest.mark.engine


# ---------------------------------------------------------------- speech to text


async def test_a_transcript_covers_everything_fed_so_far():
    async with listening() as (engine, _):
        utterance = engine.listen(ListenOptions(language="de"))
        utterance.feed(b"\0" * 640)
        assert await utterance.partial() == "640"
        utterance.feed(b"\0" * 640)
        transcript = await utterance.transcript()
        assert (transcript.text, transcript.language) == ("1280", "de")
        assert transcript.words[0].end_s == 0.5
        utterance.feed(b"\0" * 2)
        assert (await utterance.transcript()).text == "1282"


async def test_utterances_do_not_mix():
    async with listening() as (engine, _):
        one, two = (engine.listen(ListenOptions()) for _ in range(2))
        for length, utterance in ((2, one), (4, two), (8, one)):
            utterance.feed(b"\0" * length)
        assert ((await one.transcript()).text, (await two.transcript()).text) == ("10", "4")


async def test_a_closed_utterance_answers_with_an_error():
    async with listening() as (engine, _):
        utterance = engine.listen(ListenOptions())
        await utterance.transcript()
        utterance.close()
        with pytest.raises(EngineError, match="the utterance was closed"):
            await utterance.transcript()
        utterance.feed(b"\0\0")
        utterance.close()


async def test_an_error_at_opening_is_told_to_the_next_question():
    async with listening() as (engine, _):
        utterance = engine.listen(ListenOptions(language="xx"))
        utterance.feed(b"\0\0")
        with pytest.raises(EngineError, match="no such language: xx") as caught:
            await utterance.transcript()
        assert (caught.value.code, caught.value.param) == ("unsupported_language", "language")


async def test_an_utterance_dies_with_its_worker_and_a_new_one_lives():
    async with listening() as (engine, worker):
        utterance = engine.listen(ListenOptions())
        utterance.feed(b"\0\0")
        await utterance.partial()
        kill(worker)
        await until(lambda: worker.statistics().state == "restarting")
        fresh = engine.listen(ListenOptions())
        fresh.feed(b"\0" * 6)  # The worker is not there yet: this is kept for it.
        assert (await fresh.transcript()).text == "6"
        with pytest.raises(EngineError, match="lost the utterance"):
            await utterance.transcript()
        utterance.feed(b"\0\0")
        utterance.close()
        assert (await fresh.transcript()).text == "6"


class Gate:
    """Lets a `Gated` engine do one step at a time."""

    def __init__(self, folder: Path) -> None:
        self.paths = {name: str(folder / name) for name in ("bell", "gate")}
        for path in self.paths.values():
            os.mkfifo(path)
        self._bell = os.open(self.paths["bell"], os.O_RDWR | os.O_NONBLOCK)
        self._gate = os.open(self.paths["gate"], os.O_RDWR)

    async def reached(self) -> None:
        """Wait until the engine stands before the gate with its next job."""
        rung = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_reader(self._bell, rung.set)
        async with asyncio.timeout(20):
            await rung.wait()
        loop.remove_reader(self._bell)
        os.read(self._bell, 1)

    def lift(self, times: int = 1) -> None:
        os.write(self._gate, b"!" * times)

    def remove(self) -> None:
        os.close(self._bell)
        os.close(self._gate)


@asynccontextmanager
async def gated(tmp_path: Path) -> AsyncIterator[tuple[Worker, Gate]]:
    gate = Gate(tmp_path)
    async with Worker(spec("Gated", **gate.paths)) as worker:
        await worker.ready()
        yield worker, gate
    gate.remove()


async def test_urgent_jobs_go_first_and_stale_partials_not_at_all(tmp_path):
    async with gated(tmp_path) as (worker, gate), asyncio.TaskGroup() as group:
        one, two = utterances(worker, 2)
        blocker = await asked(one.transcript(), group)
        await gate.reached()
        stale = await asked(two.partial(), group)
        fresh = await asked(two.partial(), group)
        final = await asked(one.transcript(), group)
        assert await stale is None
        gate.lift(3)
        await blocker
        assert (await final).text == "transcript 1, transcript 1"
        assert await fresh == "transcript 1, transcript 1, partial 2"


async def test_a_transcript_overtakes_the_partials_of_its_utterance(tmp_path):
    async with gated(tmp_path) as (worker, gate), asyncio.TaskGroup() as group:
        one, two = utterances(worker, 2)
        await asked(one.transcript(), group)
        await gate.reached()
        stale = await asked(two.partial(), group)
        final = await asked(two.transcript(), group)
        assert await stale is None
        gate.lift(2)
        assert (await final).text == "transcript 1, transcript 2"


async def test_a_cancelled_question_is_not_worked_on(tmp_path):
    async with gated(tmp_path) as (worker, gate), asyncio.TaskGroup() as group:
        one, two = utterances(worker, 2)
        await asked(one.transcript(), group)
        await gate.reached()
        unwanted = await asked(two.transcript(), group)
        unwanted.cancel()
        wanted = await asked(one.transcript(), group)
        gate.lift(2)
        assert (await wanted).text == "transcript 1, transcript 1"


async def test_closing_an_utterance_refuses_what_waits_for_it(tmp_path):
    async with gated(tmp_path) as (worker, gate), asyncio.TaskGroup() as group:
        one, two = utterances(worker, 2)
        await asked(one.transcript(), group)
        await gate.reached()
        waiting = await asked(refused(two.transcript()), group)
        two.close()
        assert await waiting == "the utterance was closed"
        gate.lift()


async def test_batch_work_lets_the_others_go_first(tmp_path):
    async with gated(tmp_path) as (worker, gate), asyncio.TaskGroup() as group:
        one, two = utterances(worker, 2)
        batch = HostedSpeechToText(worker, Facts(), batch=True).listen(ListenOptions())
        await asked(one.transcript(), group)
        await gate.reached()
        late = await asked(batch.transcript(), group)
        early = await asked(two.partial(), group)
        gate.lift(3)
        assert await early == "transcript 1, partial 2"
        assert (await late).text == "transcript 1, partial 2, transcript 3"


def utterances(worker: Worker, count: int) -> list[HostedUtterance]:
    engine = HostedSpeechToText(worker, Facts())
    return [engine.listen(ListenOptions()) for _ in range(count)]


# ---------------------------------------------------------------- language model


async def test_an_answer_streams_to_its_end():
    async with thinking() as (model, _):
        assert model.context_tokens == 512
        assert await pieces(model, "stop") == [
            TextDelta(text="yes"),
            Finished(reason="stop", output_tokens=1),
        ]


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ("error", "the prompt is too long"),
        ("bug", "ZeroDivisionError: division by zero"),
        ("exit", "SystemExit: leaving"),
    ],
)
async def test_an_error_of_the_engine_does_not_end_the_worker(order, message):
    async with thinking() as (model, worker):
        assert await refused(pieces(model, order)) == message
        assert len(await pieces(model, "again")) == 2
        assert worker.statistics().restarts == 0


@pytest.mark.parametrize(
    ("order", "code", "param"), [("error", "context_length_exceeded", "messages"), ("bug", "", "")]
)
async def test_what_programs_can_tell_of_an_error_crosses_the_border(order, code, param):
    async with thinking() as (model, _):
        with pytest.raises(EngineError) as caught:
            await pieces(model, order)
    assert (caught.value.code, caught.value.param) == (code, param)


@pytest.mark.parametrize(("order", "name"), [("abort", "SIGABRT"), ("kill", "SIGKILL")])
async def test_a_death_in_the_middle_fails_the_job_and_the_next_job_works(order, name):
    async with thinking() as (model, worker):
        first_pid = worker.statistics().pid
        answer = model.generate(say(order))
        assert await anext(answer) == TextDelta(text="yes")
        message = f"worker 'obedient' was killed by {name} and is being restarted"
        assert await refused(anext(answer)) == message
        assert len(await pieces(model, "again")) == 2
        statistics = worker.statistics()
        assert statistics.pid != first_pid
        assert (statistics.restarts, statistics.state, statistics.jobs) == (1, "ready", 0)


async def test_closing_an_answer_stops_the_engine(tmp_path):
    log = tmp_path / "log"
    async with thinking(log=str(log)) as (model, worker):
        async with aclosing(model.generate(say("endless"))) as answer:
            for _ in range(3):
                await anext(answer)
        await until(log.exists)
        assert worker.statistics().jobs == 0
        assert len(await pieces(model, "again")) == 2


async def test_an_answer_nobody_reads_fails_and_frees_the_engine(tmp_path):
    async with thinking(log=str(tmp_path / "log")) as (model, worker):
        answer = model.generate(say("endless"))
        await anext(answer)
        await until(lambda: worker.statistics().jobs == 0)
        with pytest.raises(EngineError, match="were not read in time"):
            async for _ in answer:
                pass
        assert len(await pieces(model, "again")) == 2


async def test_stray_prints_of_the_engine_reach_the_log_and_not_the_pipe():
    with capture_logs() as logs:
        async with thinking() as (model, _):
            assert len(await pieces(model, "print")) == 2
    lines = [entry["line"] for entry in logs if entry["event"] == "worker says"]
    assert lines == ["stray output of a native library"]


async def test_a_flood_of_output_is_cut():
    with capture_logs() as logs:
        async with thinking() as (model, _):
            assert len(await pieces(model, "flood")) == 2
    lines = [entry["line"] for entry in logs if entry["event"] == "worker says"]
    assert lines[0] == "x" * 500
    assert len(lines) == 50


# ---------------------------------------------------------------- text to speech


async def test_speech_comes_with_its_words():
    async with Worker(spec("Beep")) as worker:
        engine: TextToSpeech = HostedTextToSpeech(worker, await worker.ready())
        assert (engine.rate_hz, engine.voices) == (8000, ("high", "low"))
        options = SpeakOptions(voice="low")
        parts = [part async for part in engine.speak("one two", options, first=True)]
        assert [part.words[0].text for part in parts] == ["one", "two"]
        assert parts[0].pcm == b"low" + b"\0" * 8
