"""The clock of a track: every 20 ms, and never in a burst."""

import asyncio

from tests.virtual_time import run
from voice.rtc.clock import FrameClock


def now_s() -> float:
    return asyncio.get_running_loop().time()


def test_frames_come_every_20_ms_of_an_absolute_clock():
    async def main():
        clock, start_s, times = FrameClock(), now_s(), []
        for _ in range(100):
            await clock.tick()
            times.append(round((now_s() - start_s) * 1000))
            await asyncio.sleep(0.015)  # work takes time, and the clock does not care
        assert times == [number * 20 for number in range(100)]
        assert clock.late == 0

    run(main())


def test_the_clock_starts_with_the_first_frame():
    async def main():
        clock = FrameClock()
        await asyncio.sleep(5)
        start_s = now_s()
        assert [await clock.tick(), await clock.tick()] == [0, 1]
        assert round(now_s() - start_s, 3) == 0.02

    run(main())


def test_a_short_delay_is_made_good():
    async def main():
        clock, start_s = FrameClock(), now_s()
        await clock.tick()
        await asyncio.sleep(0.09)
        numbers = [await clock.tick() for _ in range(10)]
        assert numbers == list(range(1, 11))
        assert round(now_s() - start_s, 3) == 0.2
        assert clock.late == 3  # those that were due 70, 50 and 30 ms ago

    run(main())


def test_after_a_long_delay_frames_are_left_out_instead_of_sent_in_a_burst():
    async def main():
        clock, start_s = FrameClock(), now_s()
        await clock.tick()
        await asyncio.sleep(3)
        before_s = now_s()
        numbers = [await clock.tick() for _ in range(3)]
        assert numbers == [150, 151, 152]
        assert round(now_s() - before_s, 3) == 0.04
        assert round(now_s() - start_s, 3) == 3.04

    run(main())
