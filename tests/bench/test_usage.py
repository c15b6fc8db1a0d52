import asyncio
import socket
import sys
import time
from asyncio.subprocess import PIPE

import pytest

from voice.bench.usage import PROC, Meter

pytestmark = pytest.mark.skipif(not PROC.joinpath("self").exists(), reason="needs Linux's /proc")


async def test_tasks_and_sockets_are_counted():
    before = Meter().read()
    waiting = asyncio.ensure_future(asyncio.Event().wait())
    with socket.socket():
        during = Meter().read()
    assert (during.tasks, during.sockets) == (before.tasks + 1, before.sockets + 1)
    waiting.cancel()


async def test_memory_that_is_used_counts():
    before = Meter().read()
    filled = b"\1" * 100_000_000
    assert Meter().read().memory_bytes - before.memory_bytes > 0.5 * len(filled)


async def test_the_work_of_a_child_is_counted_apart():
    before = Meter().read()
    burn = "import time\nwhile time.process_time() < 0.2: pass\nprint(flush=True)\ninput()"
    command = [sys.executable, "-c", burn]
    child = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    await child.stdout.readline()
    after = Meter().read()
    await child.communicate(b"\n")
    assert after.workers_cpu_s - before.workers_cpu_s >= 0.19


async def test_the_most_memory_that_ever_was_is_remembered():
    filled = b"\1" * 50_000_000
    full = Meter().read()
    del filled
    after = Meter().read()
    if after.peak_bytes is None:
        pytest.skip("this kernel does not tell")
    assert after.peak_bytes >= full.memory_bytes - 10_000_000


async def test_measuring_costs_nothing_that_is_told():
    meter = Meter()
    before = meter.read()
    for _ in range(50):
        after = meter.read()
    start_s = time.process_time()
    meter.read()
    one_s = time.process_time() - start_s
    assert after.cpu_s - before.cpu_s < 25 * one_s
