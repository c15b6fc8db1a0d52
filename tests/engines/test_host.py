import asyncio
import os
import signal
import sys
import threading
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
from voice.engines.child import WorkerSpec
from voice.engines.host import MAX_JOBS, Worker
from voice.engines.hosted import HostedLanguageModel
from voice.engines.protocols import (
    ListenOptions,
    SpeechToText,
    TextDelta,
)

pytestmark = pytest.mark.engine


def is_alive(pid: int) -> bool:
    """Whether there is such a process; a zombie counts."""
    return Path(f"/proc/{pid}").exists()


async def test_an_engine_that_cannot_be_built_says_why():
    async with Worker(spec("Unbuildable", path="/nowhere")) as worker:
        assert await refused(worker.ready()) == "no model at /nowhere"
        assert worker.statistics().trouble == "no model at /nowhere"


async def test_a_death_while_building_shows_the_last_words():
    async with Worker(spec("DiesWhenBuilt")) as worker:
        message = await refused(worker.ready())
    end = "was killed by SIGABRT before it was ready: out of memory"
    assert message == f"worker 'dieswhenbuilt' {end}"


async def test_an_unknown_engine_class_is_named():
    async with Worker(spec("Nonsense")) as worker:
        assert "Nonsense" in await refused(worker.ready())


async def test_jobs_wait_for_a_worker_that_comes_back(tmp_path):
    obstacle = tmp_path / "obstacle"
    async with Worker(spec("Flaky", obstacle=str(obstacle))) as worker:
        model = HostedLanguageModel(worker, await worker.ready())
        obstacle.touch()
        kill(worker)
        await until(lambda: worker.statistics().trouble == "there is an obstacle")
        async with asyncio.TaskGroup() as group:
            waiting = await asked(pieces(model, "who"), group)
            obstacle.unlink()
        assert (await waiting) == [TextDelta(text=str(worker.statistics().pid))]


async def test_jobs_do_not_wait_for_ever(tmp_path):
    obstacle = tmp_path / "obstacle"
    obstacle.touch()
    flaky = WorkerSpec(
        "flaky", "tests.engines.toys:Flaky", {"obstacle": str(obstacle)}, patience_s=0.05
    )
    async with Worker(flaky) as worker:
        await refused(worker.ready())
        model = HostedLanguageModel(worker, worker._facts)
        assert await refused(pieces(model, "who")) == "there is an obstacle"


async def test_stopping_leaves_no_process_even_when_the_engine_hangs():
    async with thinking() as (model, worker):
        answer = model.generate(say("hang"))
        await anext(answer)
        pid = worker.statistics().pid
        assert pid is not None
        assert is_alive(pid)
    assert not is_alive(pid)
    assert await refused(anext(answer)) == "worker 'obedient' is stopped"
    assert await refused(pieces(model, "more")) == "worker 'obedient' is stopped"
    assert worker.statistics().state == "stopped"


async def test_a_worker_deaf_to_its_pipe_is_ended_all_the_same():
    async with thinking() as (_, worker):
        pid = worker.statistics().pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
    assert not is_alive(pid)


OWNER = """
import asyncio
from tests.engines.workers import say, thinking

async def main():
    async with thinking() as (model, worker):
        answer = model.generate(say("hang"))
        await anext(answer)
        print(worker.statistics().pid, flush=True)
        await anext(answer)

asyncio.run(main())
"""


async def test_a_worker_dies_with_its_owner():
    owner = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", OWNER),
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=asyncio.subprocess.PIPE,
    )
    assert owner.stdout
    pid = int(await owner.stdout.readline())
    assert is_alive(pid)
    owner.kill()
    await owner.communicate()
    await until(lambda: not is_alive(pid) or is_zombie(pid))


def is_zombie(pid: int) -> bool:
    """Whether it is dead and only its new parent has not noticed; that one is not ours."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    return stat.rpartition(")")[2].split()[0] == "Z"


async def test_a_worker_that_keeps_dying_is_started_ever_more_rarely():
    with capture_logs() as logs:
        async with thinking() as (model, worker):
            for _ in range(3):
                await refused(pieces(model, "kill"))
            assert worker.statistics().restarts == 2
            assert len(await pieces(model, "again")) == 2
            assert worker.statistics().restarts == 3
    delays = [entry["restart_in_s"] for entry in logs if entry["event"] == "worker lost"]
    assert delays == [0.1, 0.2, 0.4]


async def test_a_life_of_a_worker_leaves_no_thread_and_no_file_open():
    async with Worker(spec("Beep")) as worker:
        await worker.ready()
    threads, files = threading.active_count(), open_files()
    for _ in range(3):
        async with thinking() as (model, worker):
            await refused(pieces(model, "abort"))
    await until(lambda: threading.active_count() <= threads)
    assert open_files() == files


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_many_conversations_share_a_worker():
    async with listening() as (engine, worker), asyncio.TaskGroup() as group:
        talks = [group.create_task(talk(engine, frames)) for frames in range(1, 41)]
    assert [task.result() for task in talks] == [str(640 * frames) for frames in range(1, 41)]
    assert worker.statistics().jobs == 0


async def talk(engine: SpeechToText, frames: int) -> str:
    utterance = engine.listen(ListenOptions())
    for _ in range(frames):
        utterance.feed(bytes(640))
        await utterance.partial()
    text = (await utterance.transcript()).text
    utterance.close()
    return text


async def test_too_many_jobs_are_refused_at_once():
    async with thinking() as (model, worker), asyncio.TaskGroup() as group:
        waiting = [await asked(pieces(model, "hang"), group) for _ in range(MAX_JOBS)]
        assert worker.is_busy
        message = f"worker 'obedient' is busy: {MAX_JOBS} jobs are waiting"
        assert await refused(pieces(model, "more")) == message
        for task in waiting:
            task.cancel()
    assert not worker.is_busy


async def test_an_error_in_the_block_is_not_wrapped():
    with pytest.raises(KeyError):
        async with Worker(spec("Beep")):
            raise KeyError


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_worker_leaves_it_to_its_parent_to_end(number):
    async with thinking() as (model, worker):
        os.kill(worker.statistics().pid or 0, number)
        assert len(await pieces(model, "again")) == 2
        assert worker.statistics().restarts == 0
