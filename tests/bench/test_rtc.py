"""The benchmark of calls: what its clients see, and the whole of it with one call."""

import asyncio
import json

import pytest
from click.testing import CliRunner

from tests.virtual_time import run
from voice.bench.rtc_phone import OPUS, SILENT_BYTES, Arrivals
from voice.cli.main import main
from voice.engines.fakes import tone
from voice.rtc.codecs import Voice
from voice.rtc.line import FRAME_BYTES

TONE = tone(24_000, 24_000)


class Received:
    """What of an RTP packet is looked at."""

    def __init__(self, number: int, payload: bytes = b"") -> None:
        self.sequence_number = number & 0xFFFF
        self.timestamp = number * 960
        self.payload = payload


async def received(delays_ms: dict[int, float], *, lost: tuple[int, ...] = ()) -> Arrivals:
    """Fifty packets, 20 ms apart, some of them late or lost."""
    arrivals, loop = Arrivals(None), asyncio.get_running_loop()
    start_s = loop.time()
    for number in range(50):
        due_s = start_s + number * 0.02 + delays_ms.get(number, 0.0) / 1000
        await asyncio.sleep(due_s - loop.time())
        if number not in lost:
            arrivals.add(Received(number + 65_530))
    return arrivals


def test_packets_that_come_in_time_are_not_late():
    async def main():
        frames = (await received({10: 15.0, 20: 19.0})).take()
        assert (frames.count, frames.late, frames.missing) == (50, 0, 0)
        assert frames.worst_ms == pytest.approx(19, abs=0.1)

    run(main())


def test_late_and_missing_packets_are_counted():
    async def main():
        frames = (await received({10: 50.0}, lost=(30, 31))).take()
        assert frames.late == 2  # it, and the one that waited behind it
        assert (frames.count, frames.missing) == (48, 2)

    run(main())


def test_each_phase_is_counted_by_itself():
    async def main():
        arrivals = await received({10: 50.0})
        arrivals.take()
        assert arrivals.take().count == 0

    run(main())


def test_sound_is_told_from_silence_by_the_size_of_packets():
    voice = Voice(OPUS)
    frames = [TONE[at : at + FRAME_BYTES] for at in range(0, len(TONE), FRAME_BYTES)]
    assert all(len(voice.payload(None)) <= SILENT_BYTES for _ in range(30))
    assert all(len(voice.payload(frame)) > SILENT_BYTES for frame in frames)


@pytest.mark.server
@pytest.mark.slow
def test_one_call_is_measured_and_heard(tmp_path):
    to = tmp_path / "bench.json"
    options = ("--calls", "1", "--turns", "1", "--seconds", "1", "--json", str(to))
    ended = CliRunner().invoke(main, ["bench", "rtc", *options])
    assert ended.exit_code == 0, ended.output
    (measured,) = json.loads(to.read_text())["runs"]
    assert measured["problems"] == []
    assert measured["websocket_ms"]["count"] == measured["heard_ms"]["count"] == 1
    assert measured["listening"]["frames"]["count"] > 10
    assert "arrived" in ended.output


@pytest.mark.parametrize("calls", ["0", "1,,2", "four"])
def test_numbers_of_calls_that_are_none_are_refused(calls):
    ended = CliRunner().invoke(main, ["bench", "rtc", "--calls", calls])
    assert ended.exit_code == 2
    assert "as in 1,4,16" in ended.output
