"""The player of one reply on virtual time: when frames leave, and how much of them has sounded."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from tests.virtual_time import run
from voice.session.pace import FRAME_MS, LeadPace
from voice.session.playout import QUEUE_FRAMES, Playout

LEAD_MS = 160
LEAD_FRAMES = LEAD_MS // FRAME_MS


class Listening:
    """Takes the frames of a playout as they come and notes when they did."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.start_s = self.loop.time()
        self.playout = Playout(LeadPace(self.loop.time, LEAD_MS))
        self.frames: list[int] = []
        self.at_ms: list[int] = []
        self.ended = False
        self.slow_s = 0.0

    @property
    def now_ms(self) -> int:
        return round((self.loop.time() - self.start_s) * 1000)

    async def listen(self) -> None:
        async for frame in self.playout.frames():
            self.frames.append(int.from_bytes(frame, "little"))
            self.at_ms.append(self.now_ms)
            await asyncio.sleep(self.slow_s)
        self.ended = True

    async def fill(self, frames: int, *, first: int = 0) -> None:
        for number in range(first, first + frames):
            await self.playout.put(number.to_bytes(2, "little"))

    def assert_whole(self, frames: int) -> None:
        assert self.frames == list(range(frames))


@asynccontextmanager
async def listening():
    listener = Listening()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(listener.listen())
        yield listener
        task.cancel()


def test_frames_leave_a_lead_ahead_of_their_time():
    async def main():
        async with listening() as client:
            await client.fill(50)
            client.playout.end()
            await asyncio.sleep(2)
            client.assert_whole(50)
            assert client.ended
            due_ms = [max(0, number * FRAME_MS - LEAD_MS) for number in range(50)]
            assert client.at_ms == due_ms

    run(main())


def test_lateness_within_the_lead_does_not_add_up():
    """Each frame takes 15 ms to leave; the clock does not care."""

    async def main():
        async with listening() as client:
            client.slow_s = 0.015
            await client.fill(100)
            await asyncio.sleep(3)
            assert client.at_ms[-1] == 99 * FRAME_MS - LEAD_MS
            assert client.playout.starved == 0

    run(main())


def test_a_paused_player_sends_nothing_and_goes_on_with_the_very_next_frame():
    async def main():
        async with listening() as client:
            await client.fill(50)
            await asyncio.sleep(0.4)
            client.playout.pause()
            sent = len(client.frames)
            await asyncio.sleep(5)
            assert len(client.frames) == sent
            client.playout.resume()
            client.playout.end()
            await asyncio.sleep(2)
            client.assert_whole(50)
            assert client.playout.starved == 0

    run(main())


def test_after_a_pause_the_lead_is_built_up_again_and_no_more():
    async def main():
        async with listening() as client:
            await client.fill(60)
            await asyncio.sleep(0.4)
            client.playout.pause()
            sent = len(client.frames)
            await asyncio.sleep(5)
            resumed_ms = client.now_ms
            client.playout.resume()
            await asyncio.sleep(0.5)
            since_ms = [at - resumed_ms for at in client.at_ms[sent:]]
            assert since_ms[: LEAD_FRAMES + 3] == [*[0] * (LEAD_FRAMES + 1), 20, 40]

    run(main())


def test_a_pause_shorter_than_the_lead_is_not_heard_at_all():
    async def main():
        async with listening() as client:
            await client.fill(50)
            await asyncio.sleep(0.4)
            client.playout.pause()
            await asyncio.sleep(0.1)
            client.playout.resume()
            await asyncio.sleep(2)
            assert client.at_ms[-1] == 49 * FRAME_MS - LEAD_MS

    run(main())


def test_the_synthesizer_is_held_back_at_two_seconds():
    async def main():
        async with listening() as client:
            client.playout.pause()
            filling = asyncio.ensure_future(client.fill(QUEUE_FRAMES + 50))
            await asyncio.sleep(10)
            assert not filling.done()
            assert client.playout.buffered_s == QUEUE_FRAMES * FRAME_MS / 1000
            client.playout.resume()
            await filling

    run(main())


def test_a_starved_player_counts_each_gap_once_and_loses_nothing():
    async def main():
        async with listening() as client:
            for start in (0, 10, 20):
                await client.fill(10, first=start)
                await asyncio.sleep(1)
            client.playout.end()
            await asyncio.sleep(1)
            client.assert_whole(30)
            assert client.playout.starved == 2

    run(main())


def test_a_gap_within_the_lead_is_none():
    async def main():
        async with listening() as client:
            await client.fill(20)
            await asyncio.sleep(0.35)
            await client.fill(20, first=20)
            await asyncio.sleep(1)
            assert client.playout.starved == 0
            assert client.at_ms[-1] == 39 * FRAME_MS - LEAD_MS

    run(main())


def test_a_client_that_reads_too_slowly_is_starved_and_never_flooded():
    """Half a second is lost in one write; what follows is a lead ahead again, not half a second."""

    async def main():
        async with listening() as client:
            await client.fill(100)
            await asyncio.sleep(0.5)
            client.slow_s = 0.7
            await asyncio.sleep(0.05)
            client.slow_s = 0.0
            sent = len(client.frames)
            await asyncio.sleep(0.7)
            stalled_ms = client.at_ms[sent] - client.at_ms[sent - 1]
            assert stalled_ms == 700
            assert client.playout.starved == 1
            burst = [at for at in client.at_ms[sent:] if at == client.at_ms[sent]]
            assert len(burst) == LEAD_FRAMES + 1

    run(main())


def test_what_was_heard_follows_the_clock_behind_what_was_sent():
    async def main():
        async with listening() as client:
            playout = client.playout
            assert playout.heard_ms() == 0
            await client.fill(50)
            await asyncio.sleep(0.01)
            assert (playout.sent_ms, playout.heard_ms()) == (180, 10)
            await asyncio.sleep(0.5)
            assert (playout.sent_ms, playout.heard_ms()) == (680, 510)

    run(main())


@pytest.mark.parametrize(("paused_ms", "heard_ms"), [(100, 610), (1000, 680)])
def test_a_paused_client_still_hears_what_it_has(paused_ms: int, heard_ms: int):
    async def main():
        async with listening() as client:
            await client.fill(50)
            await asyncio.sleep(0.51)
            client.playout.pause()
            await asyncio.sleep(paused_ms / 1000)
            assert client.playout.heard_ms() == heard_ms

    run(main())


def test_after_a_pause_the_heard_goes_on_where_it_stood():
    async def main():
        async with listening() as client:
            await client.fill(100)
            await asyncio.sleep(0.51)
            client.playout.pause()
            await asyncio.sleep(3)
            client.playout.resume()
            await asyncio.sleep(0.3)
            assert client.playout.heard_ms() == 680 + 300

    run(main())


def test_at_the_end_everything_was_heard_and_no_more():
    async def main():
        async with listening() as client:
            await client.fill(50)
            client.playout.end()
            await asyncio.sleep(0.9)
            assert client.ended
            assert client.playout.heard_ms() == 900
            await asyncio.sleep(10)
            assert client.playout.heard_ms() == client.playout.sent_ms == 1000

    run(main())


def test_a_reply_without_sound_ends_at_once():
    async def main():
        async with listening() as client:
            client.playout.end()
            await asyncio.sleep(0)
            assert client.ended
            assert client.playout.heard_ms() == 0

    run(main())


def test_a_player_that_is_stopped_keeps_no_audio_and_knows_what_was_heard():
    async def main():
        async with listening() as client:
            filling = asyncio.ensure_future(client.fill(2 * QUEUE_FRAMES))
            await asyncio.sleep(0.51)
            client.playout.stop()
            await filling
            await asyncio.sleep(1)
            assert client.playout.buffered_s == 0
            assert client.playout.heard_ms() == client.playout.sent_ms == 680

    run(main())
