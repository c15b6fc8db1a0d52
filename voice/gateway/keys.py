"""API keys and client secrets: who may come in."""

import hmac
import re
from collections.abc import Callable, Iterator, Sequence
from time import time

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from voice.gateway.errors import error_body, refuse
from voice.gateway.secrets import PREFIX, ClientSecrets, Secret
from voice.realtime.config import SessionConfig

SUBPROTOCOL_PREFIX = "openai-insecure-api-key."
OPEN_PATHS = ("/", "/check", "/health", "/docs", "/swagger-ui", "/openapi.json")
OPEN_FOLDERS = ("/health/", "/docs/", "/web/")
"""Probes, the pages and the reference come without keys, and tell nothing that is secret."""

WRONG_KEY = (
    "Incorrect API key provided. Send one of the server's keys as 'Authorization: Bearer KEY'."
)
OUTDATED = "The client secret is unknown or has expired; get another from POST /v1/realtime/client_secrets."

_CONVERSATIONS = re.compile(r"(?:/v1|/openai/v1)?/realtime(?:/calls(?:/[\w-]+(?:/\w+)?)?)?/?")
"""What a client secret opens."""
_STATE = "client_secret"


class KeyGuard:
    """ASGI middleware that lets in who shows one of `keys`; without keys, everybody.

    Conversations are open to client secrets too. One that is shown there is judged even where
    nobody needs a key, so that a browser learns that its secret is dead.
    """

    def __init__(
        self,
        app: ASGIApp,
        keys: Sequence[str],
        secrets: ClientSecrets,
        now: Callable[[], float] = time,
    ) -> None:
        self._app = app
        self._keys = [key.encode() for key in keys]
        self._secrets = secrets
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {ScopeType.HTTP, ScopeType.WEBSOCKET}:
            problem = self._problem(scope)
            if problem is not None:
                body = error_body(problem, "authentication_error", code="invalid_api_key")
                await refuse(scope, send, 401, body)
                return
        await self._app(scope, receive, send)

    def _problem(self, scope: Scope) -> str | None:
        """Why the request must stay outside; None for one that may come in."""
        path, shown = scope["path"], list(shown_keys(scope))
        if is_open_path(path):
            return None
        if any(hmac.compare_digest(key, each) for each in shown for key in self._keys):
            return None
        secrets = [each for each in shown if each.startswith(PREFIX.encode())]
        if secrets and _CONVERSATIONS.fullmatch(path):
            return None if self._opens(scope, secrets) else OUTDATED
        return WRONG_KEY if self._keys else None

    def _opens(self, scope: Scope, shown: list[bytes]) -> bool:
        """Note in the scope which living secret was shown, if one was."""
        for value in shown:
            secret = self._secrets.find(value.decode(errors="replace"), self._now())
            if secret is not None:
                scope.setdefault("state", {})[_STATE] = secret
                return True
        return False


def is_open_path(path: str) -> bool:
    """Whether what is there needs no key."""
    return path in OPEN_PATHS or path.startswith(OPEN_FOLDERS)


def secret_config(scope: Scope) -> SessionConfig | None:
    """What the client secret stands for that let this request in, if one did."""
    secret: Secret | None = scope["state"].get(_STATE)
    return secret.config if secret else None


def shown_keys(scope: Scope) -> Iterator[bytes]:
    """The keys of a request: Bearer header, `api-key` header, or the WebSocket subprotocol."""
    for name, value in scope["headers"]:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            yield value[7:].strip()
        elif name == b"api-key":
            yield value
    offered = scope["subprotocols"] if scope["type"] == ScopeType.WEBSOCKET else []
    for protocol in offered:
        if protocol.startswith(SUBPROTOCOL_PREFIX):
            yield protocol.removeprefix(SUBPROTOCOL_PREFIX).encode()
