"""FFmpeg's encoders and containers through PyAV, written to memory as they go."""

from collections.abc import Mapping
from fractions import Fraction
from typing import cast

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

from voice.audio.pcm import samples


class Muxer:
    """One audio stream in one container, from int16 mono PCM at `rate_hz`.

    What it writes can be sent at once: the container cannot seek, so nothing is written twice.
    """

    def __init__(
        self,
        container: str,
        codec: str,
        sample_format: str,
        rate_hz: int,
        *,
        bit_rate: int | None = None,
        container_options: Mapping[str, str],
        codec_options: Mapping[str, str],
    ) -> None:
        self._sink = _Sink()
        self._rate_hz = rate_hz
        self._written = 0
        options = {"flush_packets": "1", **container_options}
        self._container = av.open(self._sink, "w", format=container, options=options)
        stream = self._container.add_stream(codec, rate=rate_hz, options=dict(codec_options))
        self._stream = cast("AudioStream", stream)
        self._stream.codec_context.layout = "mono"
        self._stream.codec_context.format = sample_format
        if bit_rate is not None:
            self._stream.codec_context.bit_rate = bit_rate
        self._container.start_encoding()

    def push(self, pcm: bytes) -> bytes:
        """Encode the next audio, and give what was written meanwhile."""
        if pcm:
            frame = AudioFrame.from_ndarray(samples(pcm)[None], format="s16", layout="mono")
            frame.sample_rate = self._rate_hz
            frame.time_base = Fraction(1, self._rate_hz)
            frame.pts = self._written
            self._written += frame.samples
            self._container.mux(self._stream.encode(frame))
        return self._sink.take()

    def finish(self) -> bytes:
        """End the stream; what is left of it."""
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._sink.take()


class _Sink:
    """A file that can only be written to, in memory."""

    def __init__(self) -> None:
        self._data = bytearray()

    def write(self, data: bytes) -> int:
        self._data += data
        return len(data)

    def take(self) -> bytes:
        """What was written since the last time."""
        data = bytes(self._data)
        self._data.clear()
        return data
