"""Packets as the network brings them, and the sound that is heard of them."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.audio.g711 import encode_mulaw
from voice.audio.pcm import samples
from voice.rtc.codecs import CODECS, G711_HZ
from voice.rtc.order import PATIENCE, Hearing, Packet, PacketOrder

PCMU = next(codec for codec in CODECS if codec.name == "PCMU")
FRAME_TICKS = G711_HZ // 50


def packet(number: int, stream: int = 1) -> Packet:
    return Packet(stream, number & 0xFFFF, number * FRAME_TICKS & 0xFFFFFFFF, b"")


def passed(numbers: list[int]) -> list[int]:
    order = PacketOrder()
    return [each.number for number in numbers for each in order.push(packet(number))]


def test_packets_in_order_are_passed_on_at_once():
    order = PacketOrder()
    assert [len(list(order.push(packet(number)))) for number in range(5)] == [1] * 5


def test_packets_that_swapped_places_are_put_right():
    assert passed([10, 12, 11, 13, 16, 15, 14, 17]) == [10, 11, 12, 13, 14, 15, 16, 17]


def test_a_missing_packet_is_waited_for_only_until_a_few_others_have_come():
    order = PacketOrder()
    come = [len(list(order.push(packet(number)))) for number in (1, 3, 4, 5, 6, 7)]
    assert come == [1, 0, 0, 0, PATIENCE + 1, 1]


def test_a_packet_that_comes_twice_or_too_late_is_dropped():
    assert passed([1, 2, 2, 1, 3]) == [1, 2, 3]
    assert passed([1, 3, 4, 5, 6, 2, 7]) == [1, 3, 4, 5, 6, 7]


def test_numbers_go_round_after_the_last_of_16_bits():
    assert passed([65534, 65535, 65536, 65538, 65537, 65539]) == [65534, 65535, 0, 1, 2, 3]


def test_another_stream_and_a_number_far_off_begin_anew():
    assert passed([1, 2, 5000, 5001, 3]) == [1, 2, 5000, 5001, 3]
    order = PacketOrder()
    given_ = [*order.push(packet(7)), *order.push(packet(3, stream=2)), *order.push(packet(4, 2))]
    assert [each.number for each in given_] == [7, 3, 4]


@given(st.randoms(use_true_random=False), st.integers(0, 0xFFFF), st.floats(0, 0.3))
def test_whatever_the_network_does_packets_come_in_order_and_once(
    rng: random.Random, first: int, loss: float
):
    sent = [first + number for number in range(80) if rng.random() >= loss]
    arrival = {number: number + rng.uniform(0, 3) for number in sent}
    order, seen = PacketOrder(), []
    for number in sorted(sent, key=arrival.__getitem__):
        seen += [(each.number - first) & 0xFFFF for each in order.push(packet(number))]
    assert seen == sorted(set(seen))
    assert len(seen) >= len(sent) - 2 * PATIENCE - 4


def spoken(level: int) -> bytes:
    return encode_mulaw(np.full(FRAME_TICKS, level, "<i2").tobytes())


def heard(numbers: list[int]) -> np.ndarray:
    hearing = Hearing(PCMU)
    pcm = b"".join(
        hearing.push(Packet(1, number & 0xFFFF, number * FRAME_TICKS & 0xFFFFFFFF, spoken(8000)))
        for number in numbers
    )
    return samples(pcm)


def test_what_is_heard_is_as_long_as_what_was_said():
    assert len(heard(list(range(50)))) == 24_000


def test_a_lost_packet_is_silence_of_its_length():
    numbers = [number for number in range(50) if number != 20]
    pcm = heard(numbers)
    assert len(pcm) == 24_000
    silent = np.flatnonzero(pcm[1000:] == 0)
    assert len(silent) == pytest.approx(480, abs=60)


def test_a_lost_packet_delays_nothing_for_long():
    """The delay that the loss made is gone with the packets that were waiting for it."""
    hearing = Hearing(PCMU)
    lengths = [
        len(hearing.push(Packet(1, number, number * FRAME_TICKS, spoken(8000)))) // 960
        for number in range(30)
        if number != 10
    ]
    assert lengths[:10] == [1] * 10
    assert lengths[10:14] == [0, 0, 0, PATIENCE + 2]
    assert set(lengths[14:]) == {1}


def test_a_client_that_sends_nothing_for_long_is_not_made_up_for():
    assert len(heard([*range(10), *range(60, 70)])) == 20 * 480


def test_timestamps_go_round_after_the_last_of_32_bits():
    first = 0xFFFFFFFF // FRAME_TICKS - 5
    assert len(heard([first + number for number in range(20)])) == 20 * 480
