"""`WS /v1/realtime`: the door to a conversation."""

from litestar import WebSocket, asgi
from litestar.enums import ScopeType
from litestar.types import Receive, Scope, Send

from voice.gateway.errors import ApiError, error_body, refuse
from voice.gateway.keys import secret_config
from voice.http.opening import (
    opening_config,
    seat,
    session_options,
    session_type,
    warm_engines,
)
from voice.http.rtc_calls import join_call
from voice.http.session_engines import session_engines
from voice.server import Server
from voice.session.session import Session
from voice.session.voices import known_voices
from voice.transports.websocket import SUBPROTOCOL, WebSocketTransport

PATHS = ["/v1/realtime", "/realtime", "/openai/v1/realtime"]


@asgi(PATHS, is_mount=False, copy_scope=False)
async def realtime(scope: Scope, receive: Receive, send: Send) -> None:
    """Accept a WebSocket and converse over it until it closes."""
    server: Server = scope["app"].state.server
    if scope["type"] != ScopeType.WEBSOCKET:
        message = "This endpoint speaks WebSocket: connect with ws://."
        await refuse(scope, send, 426, error_body(message, "invalid_request_error"))
        return
    socket: WebSocket = WebSocket(scope, receive, send)  # type: ignore[type-arg]
    try:
        if call_id := socket.query_params.get("call_id"):
            await join_call(socket, server, call_id)
        else:
            await _converse(socket, server)
    except ApiError as refusal:
        await refuse(scope, send, refusal.status, refusal.body(), refusal.headers)


async def _converse(socket: WebSocket, server: Server) -> None:  # type: ignore[type-arg]
    query, secret = socket.query_params, secret_config(socket.scope)
    engines = await warm_engines(server)
    voices = known_voices(engines.tts.voices)
    hold = await server.resumable.take(query.get("resume"), session_type(query, secret))
    try:
        kept = hold.kept_config if hold else None
        config = opening_config(query, voices, secret=secret, resumed=kept)
        chosen = await session_engines(server, engines, config.model)
        with seat(server):
            offered = socket.scope.get("subprotocols") or []
            await socket.accept(subprotocols=SUBPROTOCOL if SUBPROTOCOL in offered else None)
            transport, options = WebSocketTransport(socket), session_options(server.settings)
            await Session(transport, chosen, config, options, hold).run()
    finally:
        server.resumable.release(hold)
