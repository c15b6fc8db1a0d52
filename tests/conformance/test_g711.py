"""Checklist 53: telephones speak G.711, a byte a sample at 8 kHz."""

import base64

import numpy as np
import pytest

from tests.conformance.stage import AUDIO, HEARD, on_virtual_time, recording, say, stage
from voice.audio.formats import WIRE_FORMATS
from voice.audio.resample import resample


def expand(format_type: str, data: bytes) -> np.ndarray:
    """G.711 to linear samples as the standard's segments say, apart from the server's tables."""
    code = np.frombuffer(data, np.uint8).astype(int)
    if format_type == "audio/pcmu":
        code = ~code & 0xFF
        linear = (((code & 15) << 3) + 0x84 << ((code >> 4) & 7)) - 0x84
        return np.where(code & 0x80, -linear, linear)
    code ^= 0x55
    segment = (code >> 4) & 7
    linear = ((code & 15) << 4) + 8
    linear = np.where(segment > 0, (linear + 0x100) << np.maximum(segment - 1, 0), linear)
    return np.where(code & 0x80, linear, -linear)


def settings(format_type: str) -> dict:
    wire_format = {"format": {"type": format_type}}
    return {
        "audio": {
            "input": wire_format | {"transcription": {"model": "whisper-1"}},
            "output": wire_format,
        }
    }


@pytest.mark.parametrize("format_type", ["audio/pcmu", "audio/pcma"])
@on_virtual_time
async def test_53_a_turn_in_g711_has_8_khz_bytes_both_ways(format_type):
    narrow = WIRE_FORMATS[format_type].encode(resample(recording("winter"), 24_000, 8_000))
    silence = WIRE_FORMATS[format_type].encode(bytes(320))
    async with stage(settings=settings(format_type)) as client:
        session = client.last("session.updated")["session"]
        assert session["audio"]["input"]["format"] == {"type": format_type}
        assert session["audio"]["output"]["format"] == {"type": format_type}
        await say(client, narrow, 160)
        await say(client, silence * 200, 160)
        done = client.last("response.done")["response"]
        assert done["status"] == "completed"
        assert done["audio"]["output"]["format"] == {"type": format_type}
        stopped = client.last("input_audio_buffer.speech_stopped")
        assert 1400 <= stopped["audio_end_ms"] <= 2000
        (utterance,) = client.stt.utterances
        assert utterance.duration_s == pytest.approx(stopped["audio_end_ms"] / 1000, abs=0.4)
        spoken = np.abs(np.frombuffer(bytes(utterance.pcm), "<i2").astype(float)).max()
        assert spoken == pytest.approx(32767 * 10 ** (-3 / 20), rel=0.15)  # normalized to -3 dB
        encoded = b"".join(base64.b64decode(event["delta"]) for event in client.of_type(AUDIO))
        seconds = len("It closes at four.") * 0.06
        assert seconds * 8000 <= len(encoded) <= (seconds + 0.021) * 8000
        tone = expand(format_type, encoded[:8000]).astype(float)
        assert np.argmax(np.abs(np.fft.rfft(tone))) == 220
        assert np.abs(tone).max() == pytest.approx(0.2 * 32767, rel=0.06)
        assert (
            client.last("conversation.item.input_audio_transcription.completed")["transcript"]
            == HEARD
        )
