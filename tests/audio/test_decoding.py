"""Files of all containers become one stream of PCM, and what is wrong with one is said."""

import io
import os
import tracemalloc

import numpy as np
import pytest

from tests.audio.media import film_without_sound, media, speech, wav
from voice.audio.decoding import Decoder, DecodingError

RATE_HZ = 16_000


def decode(data: bytes) -> tuple[bytes, str]:
    with Decoder(io.BytesIO(data), RATE_HZ) as decoder:
        pcm = b"".join(decoder.blocks())
    return pcm, decoder.trouble


def refusal(data: bytes) -> str:
    with pytest.raises(DecodingError) as caught:
        decode(data)
    return str(caught.value)


def likeness(pcm: bytes, other: bytes) -> float:
    """The correlation of two recordings, at the shift that an encoder's delay made of it."""
    x, y = (np.frombuffer(each, "<i2").astype(np.float64) for each in (pcm, other))
    n = min(len(x), len(y)) - 2000
    x = x[1000 : 1000 + n]
    shifted = [y[1000 + shift : 1000 + shift + n] for shift in range(-700, 700)]
    return max(
        float(np.dot(x, each) / np.sqrt(np.dot(x, x) * np.dot(each, each))) for each in shifted
    )


@pytest.mark.parametrize("kind", ["wav", "mp3", "ogg", "flac", "m4a", "mp4", "webm"])
def test_every_container_gives_the_sound_that_went_in(kind):
    pcm, trouble = decode(media(kind, speech(rate_hz=48_000)))
    assert len(pcm) / 2 / RATE_HZ == pytest.approx(len(speech()) / 2 / RATE_HZ, abs=0.1)
    assert likeness(speech(), pcm) > 0.95
    assert trouble == ""


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 22_050, 44_100, 96_000])
def test_any_rate_is_converted(rate_hz):
    tone = (np.sin(np.arange(rate_hz) * 2 * np.pi * 440 / rate_hz) * 8000).astype("<i2")
    pcm, _ = decode(wav(tone.tobytes(), rate_hz))
    heard = np.frombuffer(pcm, "<i2")
    assert len(heard) == pytest.approx(RATE_HZ, abs=40)
    assert np.argmax(np.abs(np.fft.rfft(heard[:16_000]))) == pytest.approx(440, abs=1)


def test_stereo_is_mixed_down_with_both_sides_in_it():
    left, right = np.full(RATE_HZ, 8000, "<i2"), np.full(RATE_HZ, 2000, "<i2")
    pcm, _ = decode(wav(np.stack([left, right], 1).tobytes(), channels=2))
    assert np.frombuffer(pcm, "<i2")[100:-100] == pytest.approx(5000, abs=2)


@pytest.mark.parametrize("kind", ["mp4", "webm"])
def test_a_film_gives_its_sound_at_the_time_of_its_picture(kind):
    film = media(kind, speech(rate_hz=48_000), picture=True, late_s=0.5)
    pcm, _ = decode(film)
    expected = bytes(RATE_HZ) + speech()
    assert len(pcm) / len(expected) == pytest.approx(1, abs=0.04)
    assert likeness(expected, pcm) > 0.95


def test_blocks_are_of_about_a_second():
    with Decoder(io.BytesIO(wav(bytes(32_000 * 10))), RATE_HZ) as decoder:
        sizes = [len(block) for block in decoder.blocks()]
        assert decoder.declared_s == decoder.decoded_s == 10
    assert max(sizes) < 40_000
    assert sum(sizes) == 320_000


def test_a_long_file_needs_no_more_memory_than_a_short_one():
    file = io.BytesIO(media("flac", bytes(16_000 * 2 * 600), 16_000))
    tracemalloc.start()
    try:
        with Decoder(file, RATE_HZ) as decoder:
            seconds = sum(len(block) for block in decoder.blocks()) / 32_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert seconds == 600
    assert peak < 1_000_000


def test_what_can_give_no_sound_is_named():
    assert refusal(b"") == "is empty"
    assert refusal(b"Dear Sir or Madam,\n" * 50).startswith(
        "is no audio that can be decoded; send "
    )
    assert refusal(os.urandom(5000)).startswith("is no audio that can be decoded")
    assert refusal(film_without_sound()) == "has no audio track"
    assert refusal(wav(b"")) == "holds no audio"


def test_the_name_of_a_file_says_nothing(tmp_path):
    (tmp_path / "letter.txt").write_bytes(wav(speech()))
    (tmp_path / "speech.mp3").write_text("Dear Sir or Madam,\n" * 50)
    with (tmp_path / "letter.txt").open("rb") as file, Decoder(file, RATE_HZ) as decoder:
        assert len(b"".join(decoder.blocks())) == len(speech())
    with (
        (tmp_path / "speech.mp3").open("rb") as file,
        pytest.raises(DecodingError, match="is no audio that can be decoded"),
    ):
        Decoder(file, RATE_HZ)


def test_a_file_cut_off_before_its_sound_is_named():
    assert refusal(wav(speech())[:20]) == "is cut off or damaged: its header cannot be read"
    film = media("mp4", speech(rate_hz=48_000))
    assert "cut off" in refusal(film[: len(film) // 2])


@pytest.mark.parametrize("kind", ["wav", "mp3", "flac", "webm"])
def test_a_file_cut_off_in_its_sound_gives_what_is_there_and_says_so(kind):
    whole = media(kind, speech(rate_hz=48_000))
    pcm, trouble = decode(whole[: len(whole) * 6 // 10])
    assert 0.4 < len(pcm) / len(speech()) < 0.7
    assert trouble.startswith("The file is cut off: it holds ")


def test_a_recording_of_unknown_length_is_complete():
    streamed = bytearray(wav(speech()))
    streamed[4:8] = streamed[40:44] = b"\xff\xff\xff\xff"
    pcm, trouble = decode(bytes(streamed))
    assert len(pcm) == len(speech())
    assert trouble == ""


def test_damage_in_the_middle_costs_only_that():
    whole = media("mp3", speech(rate_hz=48_000))
    middle = len(whole) // 2
    pcm, trouble = decode(whole[:middle] + bytes(range(256)) * 8 + whole[middle + 2048 :])
    assert len(pcm) > 0.7 * len(speech())
    assert trouble


@pytest.mark.parametrize(
    "playlist",
    [
        "ffconcat version 1.0\nfile '{path}'\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{path}\n#EXT-X-ENDLIST\n",
    ],
)
def test_a_playlist_opens_no_other_file(playlist, tmp_path, monkeypatch):
    (tmp_path / "other.wav").write_bytes(wav(speech()))
    monkeypatch.chdir(tmp_path)
    for path in ("other.wav", tmp_path / "other.wav", f"file:{tmp_path}/other.wav"):
        refusal(playlist.format(path=path).encode())
