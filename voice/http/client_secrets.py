"""`POST /v1/realtime/client_secrets`: keys that may be given to a browser."""

from time import time
from typing import Any

import msgspec
from litestar import Request, Response, post
from litestar.datastructures import State

from voice.gateway.errors import ApiError
from voice.http.body import json_body
from voice.http.opening import requested_config, warm_engines, with_model
from voice.http.secret_types import ExpiresAfter, SecretRequest
from voice.realtime.events import new_id
from voice.server import Server
from voice.session.voices import known_voices

MAX_SESSION_BYTES = 256 * 1024
"""Beyond this, the frame in which a session is told of its configuration is too large for some."""


@post("/v1/realtime/client_secrets", status_code=200)
async def client_secrets(request: Request[Any, Any, Any], state: State) -> Response[object]:
    """A secret for conversations with this configuration."""
    wanted = SecretRequest()
    if await request.body():
        wanted, _ = await json_body(request, SecretRequest)
    server: Server = state.server
    engines = await warm_engines(server)
    config = requested_config(wanted.session, known_voices(engines.tts.voices))
    if len(msgspec.json.encode(config)) > MAX_SESSION_BYTES:
        message = f"The session is larger than {MAX_SESSION_BYTES // 1024} KiB."
        raise ApiError(message, status=413, code="request_too_large", param="session")
    lifetime = wanted.expires_after or ExpiresAfter()
    secret = server.secrets.mint(config, lifetime.seconds, time())
    session = with_model(config).to_wire(new_id("sess_"))
    return Response({"value": secret.value, "expires_at": secret.expires_at, "session": session})
