import asyncio
from contextlib import asynccontextmanager

import pytest

from tests.virtual_time import run
from voice.session.outbox import (
    LIMIT_BYTES,
    ROOM_BYTES,
    STALL_S,
    ClientStalledError,
    Outbox,
)

KILOBYTE = "x" * 1024


class Client:
    """A transport that takes a frame each time the gate is open."""

    def __init__(self) -> None:
        self.frames: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def receive(self) -> None:
        return None

    async def send(self, text: str) -> None:
        await self.gate.wait()
        self.frames.append(text)

    async def close(self, code: int, reason: str) -> None:
        pass


@asynccontextmanager
async def open_outbox(*, reads: bool = True):
    client = Client()
    if not reads:
        client.gate.clear()
    outbox = Outbox(client)
    running = asyncio.ensure_future(outbox.run())
    yield outbox, client, running
    running.cancel()
    await asyncio.wait([running])


def test_frames_leave_in_order():
    async def main():
        async with open_outbox() as (outbox, client, _):
            for number in range(5):
                outbox.put(str(number))
            await asyncio.sleep(1)
            outbox.put("5")
            await asyncio.sleep(1)
            assert client.frames == ["0", "1", "2", "3", "4", "5"]

    run(main())


def test_events_leave_as_json_with_an_id():
    async def main():
        async with open_outbox() as (outbox, client, _):
            outbox.emit([{"type": "a"}, {"type": "b"}])
            await asyncio.sleep(1)
            assert ['"type":"a"' in client.frames[0], '"type":"b"' in client.frames[1]] == [
                True
            ] * 2
            assert all('"event_id":"event_' in frame for frame in client.frames)

    run(main())


def test_what_is_revoked_before_it_leaves_is_dropped():
    async def main():
        async with open_outbox(reads=False) as (outbox, client, _):
            revoked = False
            outbox.put("on its way")
            await asyncio.sleep(1)
            outbox.put("audio", revoked=lambda: revoked)
            outbox.put("the end")
            revoked = True
            client.gate.set()
            await asyncio.sleep(1)
            assert client.frames == ["on its way", "the end"]
            await outbox.room()

    run(main())


def test_there_is_room_again_once_the_client_has_read():
    async def main():
        async with open_outbox(reads=False) as (outbox, client, _):
            for _ in range(ROOM_BYTES // 1024):
                await outbox.room()
                outbox.put(KILOBYTE)
            waiting = asyncio.ensure_future(outbox.room())
            await asyncio.sleep(5)
            assert not waiting.done()
            client.gate.set()
            await waiting

    run(main())


def test_more_than_the_limit_ends_the_client():
    async def main():
        async with open_outbox(reads=False) as (outbox, _, _):
            for _ in range(LIMIT_BYTES // 1024):
                outbox.put(KILOBYTE)
            with pytest.raises(ClientStalledError, match="bytes wait"):
                outbox.put("x")
            assert outbox.peak_bytes == LIMIT_BYTES

    run(main())


def test_a_client_that_reads_nothing_is_stalled_after_a_while():
    async def main():
        async with open_outbox(reads=False) as (outbox, _, running):
            outbox.put("hello")
            await asyncio.sleep(STALL_S - 1)
            assert not running.done()
            await asyncio.wait([running])
            with pytest.raises(ClientStalledError, match="read nothing for 15 s"):
                await running

    run(main())


def test_an_idle_client_is_not_stalled():
    async def main():
        async with open_outbox() as (outbox, client, running):
            await asyncio.sleep(1000)
            outbox.put("still there?")
            await asyncio.sleep(1)
            assert client.frames == ["still there?"]
            assert not running.done()

    run(main())


def test_draining_sends_what_is_queued():
    async def main():
        client = Client()
        outbox = Outbox(client)
        outbox.put("one")
        outbox.put("two")
        await outbox.drain()
        assert client.frames == ["one", "two"]

    run(main())
