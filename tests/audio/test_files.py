import numpy as np
import pytest
import soundfile

from voice.audio.files import RecordingError, read_recording, write_recording


def test_a_stereo_recording_keeps_both_sides_and_pads_the_shorter(tmp_path):
    path = tmp_path / "both.wav"
    write_recording(path, 24_000, bytes(4800), np.full(4800, 100, "<i2").tobytes())
    frames, rate_hz = soundfile.read(path, dtype="int16")
    assert rate_hz == 24_000
    assert frames.shape == (4800, 2)
    assert frames[:, 0].max() == 0
    assert frames[-1, 1] == 100


def test_any_rate_and_channel_count_is_read_as_mono_at_the_rate_asked(tmp_path):
    path = tmp_path / "stereo.flac"
    soundfile.write(path, np.full((8_000, 2), 0.25), 8_000)
    assert abs(len(read_recording(path, 16_000)) / 2 - 16_000) <= 2


@pytest.mark.parametrize("content", [b"", b"not audio at all"])
def test_a_file_that_is_no_recording_is_named(tmp_path, content):
    path = tmp_path / "bad.wav"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=r"bad\.wav"):
        read_recording(path, 16_000)


def test_an_empty_recording_is_refused(tmp_path):
    path = tmp_path / "empty.wav"
    soundfile.write(path, np.zeros(0), 16_000)
    with pytest.raises(RecordingError, match="no audio"):
        read_recording(path, 16_000)
