"""The sound of any media file, as a stream of PCM blocks that never holds more than one of them.

What arrived of a broken file is given, and said to be incomplete afterwards: somebody whose recorder
died wants the words that are there, and wants to know that they are not all.
"""

import struct
from collections.abc import Iterator
from types import TracebackType
from typing import BinaryIO, Self

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer

from voice.audio.pcm import SAMPLE_BYTES

BLOCK_S = 1.0
HEAD_BYTES = 8192
MISSED_S, MISSED_PART = 0.5, 0.02
"""A file is incomplete when it misses more than both; codecs round and pad the rest."""
LONGEST_LEAD_S = 3600.0

UNKNOWN_SIZES = {0, 0x7FFFFFFF, 0xFFFFFFFF}
"""What a WAV that was written as a stream says in place of its size."""

# A playlist would make the server read its own files, or those of its network.
ALONE = {"protocol_whitelist": "none"}


class DecodingError(Exception):
    """A file has no sound to give; the message completes "The file ..."."""


class Decoder:
    """The first audio track of a media file as int16 mono PCM at `rate_hz`.

    To be used as a context manager, by one thread at a time, and read once. Raises `DecodingError`
    at the beginning for what is no media file, and in `blocks` when no sound comes.
    """

    def __init__(self, file: BinaryIO, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._head, self._size = _look(file)
        self._container = _open(file, self._head)
        tracks = self._container.streams.audio
        if not tracks:
            self._container.close()
            raise DecodingError("has no audio track")
        self._track: AudioStream = tracks[0]
        duration = self._container.duration
        self.declared_s = duration / av.time_base if duration else None
        """How long the file says it is, or seems; not known of a stream that was only recorded."""
        self._format = self._container.format.name
        self._samples = 0
        self._damaged = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._container.close()

    @property
    def decoded_s(self) -> float:
        return self._samples / self._rate_hz

    @property
    def trouble(self) -> str:
        """What is wrong with a file that was read to its end; empty when nothing is."""
        if self._is_cut_off():
            declared_s = self.declared_s
            of = f" of {declared_s:.1f}" if declared_s and declared_s > self.decoded_s else ""
            return f"The file is cut off: it holds {self.decoded_s:.1f}{of} s of audio."
        if self._damaged:
            return f"The file is damaged: {self._damaged} of its packets could not be decoded."
        return ""

    def blocks(self) -> Iterator[bytes]:
        """The sound from the start of the file, about a second at once."""
        size = int(BLOCK_S * self._rate_hz) * SAMPLE_BYTES
        block = bytearray()
        for pcm in self._pcm():
            self._samples += len(pcm) // SAMPLE_BYTES
            block += pcm
            if len(block) >= size:
                yield bytes(block)
                block.clear()
        if block:
            yield bytes(block)
        if not self._samples:
            raise DecodingError(
                "cannot be decoded: its audio is damaged" if self._damaged else "holds no audio"
            )

    def _pcm(self) -> Iterator[bytes]:
        resampler, form = None, None
        for frame in self._frames():
            if form is None:
                yield from self._lead(frame)
            if form != (form := (frame.format.name, frame.layout.name, frame.sample_rate)):
                # Files that were joined may change their rate in the middle.
                yield from _resampled(resampler, None)
                resampler = AudioResampler("s16", "mono", self._rate_hz)
            # Times with gaps in them would be filled up; here every sample follows the last.
            frame.pts = None
            yield from _resampled(resampler, frame)
        yield from _resampled(resampler, None)

    def _frames(self) -> Iterator[AudioFrame]:
        packets = self._container.demux(self._track)
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError:
                self._damaged += 1
                return
            if packet is None:
                return
            try:
                yield from packet.decode()
            except av.FFmpegError:
                self._damaged += 1

    def _lead(self, first: AudioFrame) -> Iterator[bytes]:
        """The silence before a track that begins after the picture does."""
        begin_s = (self._container.start_time or 0) / av.time_base
        lead_s = (first.time or 0.0) - begin_s
        if self._container.streams.video and 0.02 < lead_s < LONGEST_LEAD_S:
            for _ in range(round(lead_s * 10)):
                yield bytes(self._rate_hz // 10 * SAMPLE_BYTES)

    def _is_cut_off(self) -> bool:
        if self._head.startswith(b"RIFF"):
            (declared,) = struct.unpack_from("<I", self._head, 4)
            return declared not in UNKNOWN_SIZES and declared > self._size - 8 + 1
        declared_s = self.declared_s
        if declared_s is None or self._guesses_its_length():
            return False
        missed_s = declared_s - self.decoded_s
        return missed_s > MISSED_S and missed_s > MISSED_PART * declared_s

    def _guesses_its_length(self) -> bool:
        """Whether the length is only that of a file of this size and bit rate."""
        tagged = b"Xing" in self._head or b"Info" in self._head
        return self._format == "aac" or (self._format == "mp3" and not tagged)


def _look(file: BinaryIO) -> tuple[bytes, int]:
    """The beginning of a file, and its size in bytes."""
    size = file.seek(0, 2)
    file.seek(0)
    head = file.read(HEAD_BYTES)
    file.seek(0)
    if not head:
        raise DecodingError("is empty")
    return head, size


def _open(file: BinaryIO, head: bytes) -> InputContainer:
    try:
        return av.open(
            _Nameless(file), "r", options=ALONE, io_open=_refuse, metadata_errors="replace"
        )
    except av.FFmpegError:
        if head[4:8] == b"ftyp":
            raise DecodingError(
                "is cut off: an MP4 file without its end has no index to decode it by"
            ) from None
        if head[:4] in {b"RIFF", b"OggS", b"fLaC"} or head[:4] == b"\x1aE\xdf\xa3":
            raise DecodingError("is cut off or damaged: its header cannot be read") from None
        raise DecodingError(
            "is no audio that can be decoded; send flac, m4a, mp3, mp4, mpeg, ogg, wav or webm"
        ) from None


class _Nameless:
    """A file without its name, which would count for more than what is in it."""

    def __init__(self, file: BinaryIO) -> None:
        self.read, self.seek, self.tell = file.read, file.seek, file.tell


def _refuse(url: str, *_: object) -> BinaryIO:
    raise PermissionError(f"the file refers to another: {url}")


def _resampled(resampler: AudioResampler | None, frame: AudioFrame | None) -> Iterator[bytes]:
    for converted in resampler.resample(frame) if resampler else ():
        # A plane is padded; what is sound is as long as its samples.
        yield bytes(converted.planes[0])[: converted.samples * SAMPLE_BYTES]
