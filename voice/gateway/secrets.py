"""Client secrets: keys that a browser may hold, for a while and for conversations only."""

import secrets
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from voice.realtime.config import SessionConfig

PREFIX = "ek_"
MAX_SECRETS = 10_000
MAX_BYTES = 64 * 1024 * 1024
"""Of all their configurations together."""


@dataclass(frozen=True, slots=True)
class Secret:
    value: str
    config: SessionConfig
    """What a conversation that is opened with the secret starts from."""
    expires_at: int
    """In seconds of the epoch."""


@dataclass(frozen=True, slots=True)
class _Kept:
    config: SessionConfig
    expires_at: int
    size: int
    """In bytes."""


class ClientSecrets:
    """The secrets that are alive; when there are too many, the oldest die first.

    They are kept by their digests, so that no memory dump shows one and no comparison of keys takes
    longer the more of a key is right.
    """

    def __init__(self, max_secrets: int = MAX_SECRETS, max_bytes: int = MAX_BYTES) -> None:
        self._max_secrets = max_secrets
        self._max_bytes = max_bytes
        self._kept: dict[bytes, _Kept] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def mint(self, config: SessionConfig, seconds: int, now: float) -> Secret:
        """A new secret that lives for so many seconds; `now` in seconds of the epoch."""
        self._drop_expired(now)
        value = PREFIX + secrets.token_hex(16)
        kept = _Kept(config, int(now) + seconds, len(msgspec.json.encode(config)))
        self._kept[_digest(value)] = kept
        self._bytes += kept.size
        while len(self._kept) > self._max_secrets or self._bytes > self._max_bytes:
            self._drop(next(iter(self._kept)))
        return Secret(value, config, kept.expires_at)

    def find(self, value: str, now: float) -> Secret | None:
        """The secret that was shown, or None where there is none that is alive."""
        kept = self._kept.get(_digest(value))
        if kept is None or kept.expires_at <= now:
            return None
        return Secret(value, kept.config, kept.expires_at)

    def _drop_expired(self, now: float) -> None:
        for digest in [each for each, kept in self._kept.items() if kept.expires_at <= now]:
            self._drop(digest)

    def _drop(self, digest: bytes) -> None:
        self._bytes -= self._kept.pop(digest).size


def _digest(value: str) -> bytes:
    return sha256(value.encode()).digest()
