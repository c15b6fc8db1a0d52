"""Speech on the wire of a call, there and back."""

import numpy as np
import pytest

from voice.audio.pcm import samples
from voice.engines.fakes import tone
from voice.rtc.codecs import CODECS, SETTLED_FRAMES, Codec, OpusDecoder, Voice
from voice.rtc.line import FRAME_BYTES

OPUS, PCMU, PCMA = CODECS
SECOND = tone(24_000, 24_000)


def there_and_back(codec: Codec, pcm: bytes) -> np.ndarray:
    encoder, decoder = codec.open_encoder(), codec.open_decoder()
    frames = [pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm), FRAME_BYTES)]
    return samples(b"".join(decoder.decode(encoder.encode(frame)) for frame in frames))


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
def test_a_tone_keeps_its_length_its_pitch_and_its_level(codec):
    sent, heard = samples(SECOND), there_and_back(codec, SECOND)
    assert len(heard) == len(sent)
    settled = heard[4800:]
    spectrum = np.abs(np.fft.rfft(settled * np.hanning(len(settled))))
    assert np.argmax(spectrum) * 24_000 / len(settled) == pytest.approx(220, abs=2)
    rms = np.sqrt(np.mean(settled.astype(float) ** 2))
    assert rms == pytest.approx(np.sqrt(np.mean(sent.astype(float) ** 2)), rel=0.1)


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
def test_sound_is_late_by_a_few_milliseconds_only(codec):
    heard = there_and_back(codec, bytes(9600) + SECOND)
    first = int(np.flatnonzero(np.abs(heard) > 500)[0])
    assert (first - 4800) / 24 < 15


@pytest.mark.parametrize(("codec", "size"), [(PCMU, 160), (PCMA, 160)])
def test_g711_has_160_bytes_in_20_ms(codec, size):
    assert len(codec.open_encoder().encode(SECOND[:FRAME_BYTES])) == size


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
def test_silence_is_the_same_packet_again_and_sounds_like_nothing(codec):
    voice, decoder = Voice(codec), codec.open_decoder()
    frames = [SECOND[at : at + FRAME_BYTES] for at in range(0, 9600, FRAME_BYTES)]
    for frame in frames:
        decoder.decode(voice.payload(frame))
    silent = [voice.payload(None) for _ in range(SETTLED_FRAMES + 40)]
    assert all(each is silent[-1] for each in silent[SETTLED_FRAMES:])
    heard = samples(b"".join(map(decoder.decode, silent)))
    assert np.abs(heard[SETTLED_FRAMES * 480 :].astype(int)).max() < 40
    assert codec.silence == silent[-1]
    louder = samples(b"".join(decoder.decode(voice.payload(frame)) for frame in frames))
    assert np.abs(louder.astype(int)).max() > 1000


@pytest.mark.parametrize("payload", [b"", b"\xff" * 3, b"\x03", bytes(range(256)) * 8])
def test_a_broken_packet_is_no_sound_and_no_error(payload):
    decoder = OpusDecoder()
    broken = decoder.decode(payload)
    assert len(broken) % 2 == 0
    encoder = OPUS.open_encoder()
    assert len(decoder.decode(encoder.encode(SECOND[:FRAME_BYTES]))) == FRAME_BYTES
