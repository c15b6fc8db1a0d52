import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice.audio.formats import WIRE_FORMATS, WireDecoder
from voice.audio.g711 import decode_alaw, decode_mulaw, encode_alaw, encode_mulaw
from voice.audio.pcm import samples


@pytest.mark.parametrize(
    ("encode", "decode"), [(encode_mulaw, decode_mulaw), (encode_alaw, decode_alaw)]
)
def test_every_g711_code_survives_decoding_and_encoding(encode, decode):
    levels = decode(bytes(range(256)))
    assert decode(encode(levels)) == levels


def test_mulaw_levels_are_those_of_the_recommendation():
    assert list(samples(decode_mulaw(bytes([0x00, 0x80, 0xFF, 0x7F, 0x90])))) == [
        -32124, 32124, 0, 0, 15996,
    ]  # fmt: skip


def test_alaw_levels_are_those_of_the_recommendation():
    assert list(samples(decode_alaw(bytes([0x55, 0xD5, 0x2A, 0xAA])))) == [-8, 8, -32256, 32256]


@pytest.mark.parametrize(
    "encode_decode", [(encode_mulaw, decode_mulaw), (encode_alaw, decode_alaw)]
)
def test_g711_keeps_speech_within_38_db_of_noise(encode_decode):
    encode, decode = encode_decode
    tone = (np.sin(np.arange(8000) * 0.3) * 9000).astype("<i2")
    error = samples(decode(encode(tone.tobytes()))).astype(float) - tone
    snr_db = 10 * np.log10((tone.astype(float) ** 2).mean() / (error**2).mean())
    assert snr_db > 35


@given(data=st.binary(max_size=200), cuts=st.lists(st.integers(1, 7), min_size=1, max_size=100))
def test_pcm_decodes_the_same_whatever_its_chunking(data, cuts):
    decoder = WireDecoder(WIRE_FORMATS["audio/pcm"])
    out, position = b"", 0
    for size in [*cuts, len(data)]:
        out += decoder.push(data[position : position + size])
        position += size
    assert out == data[: len(data) // 2 * 2]


def test_a_second_of_each_format_lasts_1000_ms():
    assert WIRE_FORMATS["audio/pcm"].duration_ms(bytes(48_000)) == 1000
    assert WIRE_FORMATS["audio/pcmu"].duration_ms(bytes(8_000)) == 1000
