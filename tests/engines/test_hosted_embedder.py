import asyncio
from contextlib import asynccontextmanager

import numpy as np
import pytest

from tests.engines.workers import until
from voice.engines.child import WorkerSpec
from voice.engines.host import Worker
from voice.engines.hosted_embedder import JOB_CHARS, HostedEmbedder
from voice.engines.protocols import EngineError

pytestmark = pytest.mark.engine


@asynccontextmanager
async def measuring(log=""):
    spec = WorkerSpec("measuring", "tests.engines.toy_encoder:Measuring", {"log": str(log)})
    async with Worker(spec) as worker:
        yield HostedEmbedder(worker, await worker.ready())


def lengths(found) -> list[float]:
    return np.frombuffer(found.vectors, "<f4").reshape(-1, 2)[:, 0].tolist()


async def test_an_engine_tells_its_facts_and_answers_in_order():
    async with measuring() as embedder:
        assert (embedder.name, embedder.dimensions, embedder.max_tokens) == ("measuring", 2, 10_000)
        found = await embedder.embed(["three", (1, 2), "fifteen letters"])
        assert lengths(found) == [5, 2, 15]
        assert found.tokens == (5, 2, 15)
        assert (await embedder.embed([])).vectors == b""


async def test_a_large_request_goes_in_jobs_with_the_longest_first(tmp_path):
    log = tmp_path / "log"
    async with measuring(log) as embedder:
        texts = ["x" * 10, "y" * (JOB_CHARS - 1), "z" * 1000, "w" * 1000, (7,) * 256]
        found = await embedder.embed(texts)
    assert lengths(found) == [10, JOB_CHARS - 1, 1000, 1000, 256]
    assert log.read_text().splitlines() == [str(JOB_CHARS - 1), "256 1000", "1000 10"]


async def test_a_question_does_not_wait_for_a_large_request(tmp_path):
    log = tmp_path / "log"
    async with measuring(log) as embedder, asyncio.TaskGroup() as group:
        large = group.create_task(embedder.embed(["x" * JOB_CHARS] * 200))
        await until(log.exists)
        await embedder.embed(["question"])
        assert not large.done()
    jobs = log.read_text().splitlines()
    assert len(jobs) == 201
    assert jobs.index("8") < 200


async def test_who_stops_waiting_stops_the_work(tmp_path):
    log = tmp_path / "log"
    async with measuring(log) as embedder:
        large = asyncio.ensure_future(embedder.embed(["x" * JOB_CHARS] * 2000))
        await until(log.exists)
        large.cancel()
        await asyncio.wait([large])
        await embedder.embed(["after"])
    assert len(log.read_text().splitlines()) < 2000


async def test_what_is_refused_is_named_by_its_place_in_the_request():
    async with measuring() as embedder:
        texts = ["short"] * 5000
        texts[3210] = "x" * 10_001
        with pytest.raises(EngineError, match="too long") as caught:
            await embedder.embed(texts)
        assert (caught.value.code, caught.value.param) == (
            "context_length_exceeded",
            "input[3210]",
        )
        with pytest.raises(EngineError, match="no") as caught:
            await embedder.embed(["lie"])
        assert (caught.value.code, caught.value.param) == ("", "")
