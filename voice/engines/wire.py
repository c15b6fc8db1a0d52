"""The frames between a worker process and its host: a length, then one MessagePack value.

Both sides are ours and of one version, so a frame that does not decode is a bug and raises. What an
engine answers travels undecoded (`msgspec.Raw`): only the one who asked knows its type.
"""

import struct
from enum import IntEnum

import msgspec

from voice.engines.protocols import EngineError, ListenOptions, Prompt, SpeakOptions

HEADER = struct.Struct("<I")
# A prompt may carry images as data URIs; nothing that is meant comes near this.
MAX_FRAME_BYTES = 64 << 20


class Priority(IntEnum):
    """Which job goes first: those somebody is waiting for in silence, then the rest."""

    FINAL = 0
    FIRST_CHUNK = 1
    NORMAL = 2
    PARTIAL = 3
    BATCH = 4


class Frame(msgspec.Struct, frozen=True, array_like=True, tag=True):
    pass


# ---------------------------------------------------------------- what a job asks for


class GetPartial(Frame, frozen=True):
    utterance: int


class GetTranscript(Frame, frozen=True):
    utterance: int


class Generate(Frame, frozen=True):
    prompt: Prompt


class Speak(Frame, frozen=True):
    text: str
    options: SpeakOptions


class Embed(Frame, frozen=True):
    inputs: tuple[str | tuple[int, ...], ...]


Request = GetPartial | GetTranscript | Generate | Speak | Embed


# ---------------------------------------------------------------- host to worker


class Open(Frame, frozen=True):
    utterance: int
    options: ListenOptions


class Feed(Frame, frozen=True):
    utterance: int
    pcm: bytes


class Close(Frame, frozen=True):
    utterance: int


class Ask(Frame, frozen=True):
    """Jobs are numbered by the host in the order they are asked."""

    job: int
    priority: Priority
    request: Request


class Cancel(Frame, frozen=True):
    """The host wants no more answers to this job, and will drop those under way."""

    job: int


ToWorker = Open | Feed | Close | Ask | Cancel


# ---------------------------------------------------------------- worker to host


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine says about itself once it is built; absent facts are 0 or empty."""

    rate_hz: int = 0
    voices: tuple[str, ...] = ()
    context_tokens: int = 0
    incremental: bool = False
    accepts: frozenset[str] = frozenset()
    dimensions: int = 0
    max_tokens: int = 0


class Ready(Frame, frozen=True):
    facts: Facts


class Broken(Frame, frozen=True):
    """The engine could not be built; the worker ends."""

    message: str


class Part(Frame, frozen=True):
    job: int
    value: msgspec.Raw


class Done(Frame, frozen=True):
    """The last answer to a job; its value is nil for streams and for a partial that was overtaken."""

    job: int
    value: msgspec.Raw


class Refused(Frame, frozen=True):
    """A job failed; what an `EngineError` of the engine said."""

    job: int
    message: str
    code: str = ""
    param: str = ""


Answer = Part | Done | Refused
FromWorker = Ready | Broken | Answer

NIL = msgspec.Raw(b"\xc0")

_encoder = msgspec.msgpack.Encoder()


def pack(frame: Frame) -> bytearray:
    """Encode a frame with its length. Raises `EngineError` when something of it is too large."""
    buffer = bytearray(HEADER.size)
    try:
        _encoder.encode_into(frame, buffer, HEADER.size)
    except OverflowError:
        raise EngineError("an integer does not fit 64 bits", "invalid_value") from None
    size = len(buffer) - HEADER.size
    if size > MAX_FRAME_BYTES:
        raise EngineError(
            f"{size >> 20} MiB are too much at once for an engine; at most {MAX_FRAME_BYTES >> 20} MiB"
        )
    HEADER.pack_into(buffer, 0, size)
    return buffer


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(_encoder.encode(value))
