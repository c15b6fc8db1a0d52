"""Tells browsers which pages may use the server, and refuses the others before anything happens."""

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from voice.gateway.errors import error_body, refuse
from voice.gateway.keys import is_open_path
from voice.gateway.origins import EVERYBODY, OriginPolicy

METHODS = b"GET, HEAD, POST, DELETE, OPTIONS"
EXPOSED = (
    b"location, retry-after, x-request-id, x-should-retry, x-audio-warning, x-ignored-parameters, "
    b"x-voice-attempts, x-voice-fallback, x-voice-model, x-voice-provider"
)
"""What a page may read of an answer, beside its body."""
MAX_AGE_S = b"7200"
"""How long a browser remembers what it asked; none does so for longer."""

Headers = list[tuple[bytes, bytes]]


class Cors:
    """ASGI middleware; it stands before the keys, as a browser asks without one what it may send."""

    def __init__(self, app: ASGIApp, policy: OriginPolicy) -> None:
        self._app = app
        self._policy = policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {ScopeType.HTTP, ScopeType.WEBSOCKET}:
            await self._app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        if problem := self._problem(headers, scope["path"]):
            code, message = problem
            await refuse(scope, send, 403, error_body(message, "permission_error", code=code))
        elif scope["type"] == ScopeType.WEBSOCKET:
            await self._app(scope, receive, send)
        elif scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            await _answer(send, self._permission(headers) + _what_may_be_sent(headers))
        else:
            await self._app(scope, receive, self._telling(send, headers))

    def _problem(self, headers: dict[bytes, str], path: str) -> tuple[str, str] | None:
        """The code and the message of why this request is refused; None for one that is not."""
        policy, host, origin = self._policy, headers.get(b"host", ""), headers.get(b"origin")
        if not policy.admits_name(host):
            return "host_not_allowed", (
                f"This server asks for no key, and so does not answer to the name '{host}', which "
                "could be anybody's: call it localhost or by its address, set AUTH__API_KEYS, or "
                f"set CORS_ALLOWED_ORIGINS=http://{host}."
            )
        if origin is not None and not policy.admits_page(origin, host):
            return "origin_not_allowed", (
                f"Pages of '{origin}' may not use this server; to let them, set "
                f"CORS_ALLOWED_ORIGINS={origin}."
            )
        # Pictures, scripts and frames of a page are asked for without its origin.
        is_foreign = origin is None and headers.get(b"sec-fetch-site") == "cross-site"
        if is_foreign and not policy.is_open and not is_open_path(path):
            return "origin_not_allowed", (
                "Another site's page may not embed or link to this address; open it by itself."
            )
        return None

    def _permission(self, headers: dict[bytes, str]) -> Headers:
        if self._policy.is_open:
            return [(b"access-control-allow-origin", EVERYBODY.encode())]
        given = headers.get(b"origin")
        allowed = [(b"access-control-allow-origin", given.encode("latin-1"))] if given else []
        return [*allowed, (b"vary", b"origin")]

    def _telling(self, send: Send, headers: dict[bytes, str]) -> Send:
        """The `send` of an answer that a page may read."""
        told = [*self._permission(headers), (b"access-control-expose-headers", EXPOSED)]

        async def send_told(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *told]
            await send(message)

        return send_told


def _what_may_be_sent(headers: dict[bytes, str]) -> Headers:
    """Any header: what a page may do, its origin has decided."""
    wanted = headers.get(b"access-control-request-headers", "").encode("latin-1")
    asked = [(b"access-control-allow-headers", wanted)] if wanted else []
    return [
        (b"access-control-allow-methods", METHODS),
        (b"access-control-max-age", MAX_AGE_S),
        (b"vary", b"access-control-request-headers"),
        *asked,
    ]


async def _answer(send: Send, headers: Headers) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
