"""What a provider's failure means: tables from its status and its body to a `ProviderError`.

The key that a provider refuses is the server's own, never the client's, so such a refusal is no
401 for the client: it gets a 502 that says whose key is wrong.
"""

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from math import ceil
from typing import NamedTuple

import msgspec

from voice.engines.protocols import EngineError
from voice.engines.remote import error_detail
from voice.gateway.errors import ApiError, api_error
from voice.providers.answers import UNREADABLE
from voice.providers.protocol import ProviderError, Trouble

MAX_RETRY_AFTER_S = 24 * 3600.0
"""A server that names a later moment is out of its mind, or its clock is."""


class Ruling(NamedTuple):
    """What a failure means for the router, and what the client gets of it."""

    trouble: Trouble
    status: int
    kind: str
    code: str | None = None


REQUEST = Ruling("request", 400, "invalid_request_error")
TOO_LARGE = Ruling("request", 413, "invalid_request_error", "request_too_large")
CONTEXT = Ruling("context", 400, "invalid_request_error", "context_length_exceeded")
CONTENT = Ruling("content", 400, "invalid_request_error", "content_filter")
MISSING = Ruling("unavailable", 404, "not_found_error", "model_not_found")
AUTH = Ruling("auth", 502, "server_error", "provider_auth_failed")
QUOTA = Ruling("quota", 429, "rate_limit_error", "insufficient_quota")
RATE_LIMIT = Ruling("rate_limit", 429, "rate_limit_error", "rate_limit_exceeded")
TIMEOUT = Ruling("timeout", 504, "timeout_error", "provider_timeout")
BROKEN = Ruling("unavailable", 502, "server_error", "provider_error")
BUSY = Ruling("unavailable", 503, "server_error", "provider_unavailable")
UNABLE = Ruling("unavailable", 501, "server_error", "not_supported")


@dataclass(frozen=True)
class Rulings:
    """How one kind of server says what went wrong; what it says in words decides first, since
    servers put the same code, and nearly the same status, on most of their refusals.
    """

    words: Mapping[re.Pattern[str], Ruling]
    codes: Mapping[str, Ruling]
    """By the `code` or the `type` of the error."""
    statuses: Mapping[int, Ruling]

    def of(self, error: "WireError", status: int | None) -> Ruling:
        """What an error means that came with an HTTP status, or without one in a stream."""
        status = status or error.status
        if status is None or status < 500:
            for pattern, ruling in self.words.items():
                if pattern.search(error.message):
                    return ruling
        for name in (error.code, error.type):
            if name and (found := self.codes.get(name)):
                return found
        if status is None:
            return BROKEN
        return self.statuses.get(status) or (BROKEN if status >= 500 else REQUEST)


_TOO_LONG = re.compile(
    r"maximum context length|exceeds? the (available |model'?s? )?context|context (window|length)"
    r"|(prompt|input) is too long|input length exceeds",
    re.IGNORECASE,
)

STATUSES = {
    401: AUTH,
    402: QUOTA,
    403: AUTH,
    404: MISSING,
    405: MISSING,
    408: TIMEOUT,
    409: BUSY,
    413: TOO_LARGE,
    425: BUSY,
    429: RATE_LIMIT,
    501: UNABLE,
    503: BUSY,
    504: TIMEOUT,
    524: TIMEOUT,
    529: BUSY,
} | dict.fromkeys(range(300, 400), BROKEN)

OPENAI = Rulings(
    words={_TOO_LONG: CONTEXT},
    codes={
        "context_length_exceeded": CONTEXT,
        "exceed_context_size_error": CONTEXT,
        "string_above_max_length": TOO_LARGE,
        "insufficient_quota": QUOTA,
        "billing_hard_limit_reached": QUOTA,
        "billing_not_active": QUOTA,
        "rate_limit_exceeded": RATE_LIMIT,
        "rate_limit_error": RATE_LIMIT,
        "content_filter": CONTENT,
        "content_policy_violation": CONTENT,
        "model_not_found": MISSING,
        "invalid_api_key": AUTH,
        "authentication_error": AUTH,
        "permission_error": AUTH,
        "unavailable_error": BUSY,
        "not_supported_error": UNABLE,
    },
    statuses=STATUSES,
)

ANTHROPIC = Rulings(
    words={
        _TOO_LONG: CONTEXT,
        re.compile(r"credit balance|usage limits", re.IGNORECASE): QUOTA,
        re.compile(r"content filtering policy", re.IGNORECASE): CONTENT,
    },
    codes={
        "invalid_request_error": REQUEST,
        "authentication_error": AUTH,
        "billing_error": QUOTA,
        "permission_error": AUTH,
        "not_found_error": MISSING,
        "request_too_large": TOO_LARGE,
        "rate_limit_error": RATE_LIMIT,
        "timeout_error": TIMEOUT,
        "api_error": BROKEN,
        "overloaded_error": BUSY,
    },
    statuses=STATUSES,
)


@dataclass(frozen=True)
class WireError:
    """An error as a server wrote it."""

    message: str = ""
    type: str | None = None
    code: str | None = None
    param: str | None = None
    status: int | None = None
    """The HTTP status that it names itself: servers that fail in a stream say it there."""

    @classmethod
    def read(cls, body: bytes) -> "WireError":
        """Any of the usual shapes: `{"error": {...}}`, the same flat, or no JSON at all."""
        try:
            found: object = msgspec.json.decode(body)
        except UNREADABLE:
            found = None
        if isinstance(found, dict) and isinstance(found.get("error"), dict):
            found = found["error"]
        fields = found if isinstance(found, dict) else {}
        named = {key: _text(fields.get(key)) for key in ("type", "code", "param")}
        code = named["code"] or ""
        status = int(code) if code.isdigit() and 400 <= int(code) < 600 else None
        if code.isdigit():
            named["code"] = None
        return cls(message=error_detail(body), status=status, **named)


def _text(value: object) -> str | None:
    return str(value) if isinstance(value, str | int) and value != "" else None


WORDS: Mapping[Trouble, str] = {
    "rate_limit": "is over its limit for the server's key",
    "quota": "has nothing left on the account of the server's key",
    "context": "finds the prompt too long",
    "content": "withheld the answer: its content filter objected",
    "request": "rejected the request",
}
"""What happened, to follow a provider's name; other troubles are failures."""


def provider_error(
    ruling: Ruling,
    message: str,
    *,
    wire: WireError | None = None,
    retry_after_s: float | None = None,
    blameless: bool = False,
) -> ProviderError:
    """The error of a provider; a wrong request keeps the code and field that the provider named."""
    mine = wire if wire is not None and ruling.trouble == "request" else WireError()
    error = ProviderError(
        message,
        ruling.trouble,
        status=ruling.status,
        kind=ruling.kind,
        code=mine.code or ruling.code,
        param=mine.param,
        retry_after_s=retry_after_s,
        blameless=blameless,
    )
    if retry_after_s is not None:
        error.headers["Retry-After"] = str(ceil(retry_after_s))
    return error


@contextmanager
def engine_explained() -> Iterator[None]:
    """Makes a `ProviderError` of what an engine of this server cannot do."""
    try:
        yield
    except (EngineError, ApiError) as error:
        told = api_error(error)
        trouble: Trouble = "request" if told.status < 500 else "unavailable"
        raise ProviderError(
            told.message,
            trouble,
            status=told.status,
            kind=told.kind,
            code=told.code,
            param=told.param,
        ) from error


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """How long a server wants to be left alone, from any of the ways to say it, or None."""
    for name, unit_s in (("Retry-After-Ms", 0.001), ("Retry-After", 1.0)):
        told = headers.get(name, "").strip()
        try:
            wait_s = float(told) * unit_s
        except ValueError:
            wait_s = _until(told)
        if 0 <= wait_s <= MAX_RETRY_AFTER_S:
            return wait_s
    return None


def _until(date: str) -> float:
    """Seconds until an HTTP date, none if it is past; -1 for what is no date."""
    try:
        return max(0.0, parsedate_to_datetime(date).timestamp() - time.time())
    except (ValueError, OverflowError):
        return -1.0
