"""What each encoder gives is decoded again, and must be the speech that went in."""

import io
import struct

import av
import numpy as np
import pytest

from voice.audio.encoding import MEDIA_TYPES, encoder, wav_header
from voice.audio.files import read_recording
from voice.audio.pcm import duration_ms, level_dbfs, samples, silence
from voice.audio.resample import resample
from voice.bundled import samples_path

COMPRESSED = ("mp3", "opus", "aac", "flac")
CONTAINED = (*COMPRESSED, "wav")
CONTAINERS = {"mp3": "mp3", "opus": "ogg", "aac": "aac", "flac": "flac", "wav": "wav"}
ENGINE_RATES = (16_000, 22_050, 24_000)


def speech(rate_hz: int) -> bytes:
    return read_recording(samples_path() / "questions/library.wav", rate_hz)


def encoded(to: str, pcm: bytes, from_hz: int, step: int = 4410, **options) -> bytes:
    stream = encoder(to, from_hz, **options)
    parts = [stream.push(pcm[start : start + step]) for start in range(0, len(pcm), step)]
    return b"".join([*parts, stream.finish()])


def decoded(to: str, data: bytes) -> tuple[bytes, int]:
    """The audio as int16 mono PCM, and its rate."""
    with av.open(io.BytesIO(data)) as container:
        assert container.format.name.split(",")[0] == CONTAINERS[to]
        stream = container.streams.audio[0]
        assert stream.channels == 1
        to_s16 = av.AudioResampler(format="s16", layout="mono", rate=stream.rate)
        frames = [part for frame in container.decode(stream) for part in to_s16.resample(frame)]
        frames += to_s16.resample(None)
        return b"".join(frame.to_ndarray().tobytes() for frame in frames), stream.rate


def likeness(heard: bytes, original: bytes) -> float:
    """The highest correlation of the two at any delay up to a tenth of a second at 24 kHz."""
    x = samples(original).astype(np.float64)
    y = np.concatenate([samples(heard).astype(np.float64), np.zeros(len(x) + 2400)])
    x /= np.linalg.norm(x)
    stretches = (y[delay : delay + len(x)] for delay in range(2400))
    return max(float(x @ part / (np.linalg.norm(part) + 1e-9)) for part in stretches)


@pytest.mark.parametrize("rate_hz", ENGINE_RATES)
@pytest.mark.parametrize("to", CONTAINED)
def test_what_is_decoded_has_the_length_level_and_shape_of_what_went_in(to, rate_hz):
    pcm = speech(rate_hz)
    heard, heard_hz = decoded(to, encoded(to, pcm, rate_hz))
    # Codecs work in frames, and MP3 and AAC cannot tell how much of the first and last is padding.
    assert -1 <= duration_ms(heard, heard_hz) - duration_ms(pcm, rate_hz) < 200
    assert level_dbfs(heard) == pytest.approx(level_dbfs(pcm), abs=1)
    original = resample(pcm, rate_hz, 24_000)
    assert likeness(resample(heard, heard_hz, 24_000), original) > 0.97


@pytest.mark.parametrize("to", ["flac", "wav"])
def test_nothing_is_lost_without_compression(to):
    pcm = speech(22_050)
    assert decoded(to, encoded(to, pcm, 22_050)) == (pcm, 22_050)


@pytest.mark.parametrize("to", CONTAINED)
def test_what_is_heard_does_not_depend_on_how_the_audio_was_cut(to):
    pcm = speech(24_000)
    first = decoded(to, encoded(to, pcm, 24_000, step=200))
    assert first == decoded(to, encoded(to, pcm, 24_000, step=50_000))


@pytest.mark.parametrize("to", CONTAINED)
def test_audio_leaves_long_before_the_end(to):
    """What has left after each second covers what was pushed, but for a quarter of a second."""
    pcm = speech(24_000) * 2
    stream = encoder(to, 24_000)
    sent = b""
    for seconds, start in enumerate(range(0, 3 * 48_000, 48_000), 1):
        sent += stream.push(pcm[start : start + 48_000])
        heard, heard_hz = decoded(to, sent)
        assert duration_ms(heard, heard_hz) > 1000 * seconds - 250


@pytest.mark.parametrize("to", COMPRESSED)
def test_compression_is_worth_it(to):
    pcm = speech(24_000)
    assert len(encoded(to, pcm, 24_000)) < 0.7 * len(pcm)


@pytest.mark.parametrize("to", CONTAINED)
def test_an_engine_of_an_odd_rate_is_converted(to):
    pcm = speech(44_100)
    heard, heard_hz = decoded(to, encoded(to, resample(pcm, 44_100, 20_500), 20_500))
    assert duration_ms(heard, heard_hz) == pytest.approx(duration_ms(pcm, 44_100), abs=200)


def test_the_header_of_a_flac_is_no_longer_than_it_must_be():
    assert len(encoder("flac", 24_000).push(b"")) < 200


@pytest.mark.parametrize("to", CONTAINED)
def test_nothing_but_a_blink_is_a_file_too(to):
    heard, heard_hz = decoded(to, encoded(to, silence(10, 24_000), 24_000))
    assert 0 < duration_ms(heard, heard_hz) < 200


@pytest.mark.parametrize(("options", "rate_hz"), [({}, 24_000), ({"rate_hz": 8_000}, 8_000)])
def test_pcm_is_24_khz_unless_asked_otherwise(options, rate_hz):
    pcm = speech(22_050)
    converted = encoded("pcm", pcm, 22_050, **options)
    whole = resample(pcm, 22_050, rate_hz)
    assert len(converted) == len(whole)
    assert likeness(resample(converted, rate_hz, 24_000), resample(whole, rate_hz, 24_000)) > 0.99


def test_a_wav_comes_at_the_rate_asked_for():
    heard, heard_hz = decoded("wav", encoded("wav", speech(22_050), 22_050, rate_hz=48_000))
    assert heard_hz == 48_000
    assert duration_ms(heard, 48_000) == pytest.approx(duration_ms(speech(22_050), 22_050), abs=1)


def test_a_streamed_wav_says_that_its_length_is_unknown():
    data = encoded("wav", speech(24_000), 24_000)
    assert struct.unpack_from("<I", data, 4) == struct.unpack_from("<I", data, 40) == (0xFFFFFFFF,)


def test_the_header_of_a_whole_wav_says_its_length():
    assert len(wav_header(24_000)) == 44
    header = wav_header(24_000, 1000)
    assert struct.unpack_from("<I", header, 4) == (1036,)
    assert struct.unpack_from("<I", header, 40) == (1000,)


def test_every_format_has_a_media_type():
    assert set(MEDIA_TYPES) == {*CONTAINED, "pcm"}
