"""What a provider is: something that answers calls in OpenAI's JSON, whole or as a stream; a
provider of audio answers with bytes of any type.

A `Call` keeps the body as the client sent it, so that what nobody has to change reaches the
provider as it is, and what the client left open is filled in by nobody.
"""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO, Literal, Protocol, runtime_checkable

from voice.gateway.errors import ApiError

Operation = Literal[
    "chat/completions",
    "completions",
    "embeddings",
    "audio/transcriptions",
    "audio/translations",
    "audio/speech",
]
"""The path of an endpoint below `/v1`, which is the same on every compatible server."""

Trouble = Literal[
    "unavailable", "timeout", "rate_limit", "quota", "auth", "context", "content", "request"
]
"""Why a provider did not answer:

unavailable  not reached, broke off, failed (5xx), or sent what is no answer
timeout      silent for too long
rate_limit   asked too often for now; `retry_after_s` may say until when
quota        the account has nothing left
auth         refused the server's own key
context      the prompt is too long for the model
content      its content filter objected
request      the request is wrong: nobody else would take it either
"""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was sent; whoever has it closes it."""

    file: BinaryIO
    name: str
    size_bytes: int
    media_type: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A request on its way: validated, with the fields its client set and no others."""

    operation: Operation
    model: str
    """The model as the provider calls it."""
    body: Mapping[str, object]
    """The request's JSON, or the fields of its form, lists as lists; `model` and `stream` included
    as the client sent them.
    """
    upload: Upload | None = None
    """The recording, of those who send one."""
    voices: tuple[str, ...] = ()
    """What the model is known to speak with; none where that is not known."""

    @property
    def streams(self) -> bool:
        return self.body.get("stream") is True


class ProviderError(ApiError):
    """A provider did not answer; as it stands it is what the client gets if nobody else does."""

    def __init__(
        self,
        message: str,
        trouble: Trouble,
        *,
        status: int,
        kind: str,
        code: str | None = None,
        param: str | None = None,
        retry_after_s: float | None = None,
        blameless: bool = False,
    ) -> None:
        super().__init__(message, status=status, kind=kind, code=code, param=param)
        self.trouble = trouble
        self.retry_after_s = retry_after_s
        self.blameless = blameless
        """Whether it tells nothing of how the provider is: it may be asked again at once."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes on after the first block of an answer."""

    blocks: AsyncGenerator[bytes, None]
    """They may be closed at any time, which drops the work; those of an event stream are whole
    events.
    """
    media_type: str
    headers: dict[str, str] = field(default_factory=dict)
    """For the client; more may come with the last block."""


class Refusing(Protocol):
    """What a router asks before it chooses."""

    def refusal(self, call: Call) -> ApiError | None:
        """Why this provider cannot do the call (a model that does not see, a field that it would
        ignore), or None. Costs nothing.
        """


@runtime_checkable
class AudioProvider(Refusing, Protocol):
    """Speaks, or listens to recordings."""

    async def reply(self, call: Call) -> tuple[bytes, Reply]:
        """The first block of the answer, and what follows it. Cancelling drops the work.

        Raises `ProviderError`; so do the blocks.
        """


class Provider(Refusing, Protocol):
    name: str

    async def answer(self, call: Call) -> bytes:
        """The JSON body of the answer. Cancelling drops the work. Raises `ProviderError`."""

    def stream(self, call: Call) -> AsyncGenerator[bytes, None]:
        """The answer as server-sent events in OpenAI's shape: blocks of one or more whole events,
        each ended by a blank line, the last one `data: [DONE]`. Closing it drops the work.

        Raises `ProviderError`: before the first block as any failure; after it the router tells the
        client in-band, so it must not be caught and written by the provider itself.
        """

    async def aclose(self) -> None:
        """Let go of connections."""
