"""`WS /v1/realtime`: the door to a conversation."""

import asyncio
from functools import partial

import structlog
from litestar import WebSocket, asgi
from litestar.enums import ScopeType
from litestar.types import Receive, Scope, Send

from voice.config import Settings
from voice.engines.protocols import EngineError, Prompt
from voice.engines.registry import EngineSet
from voice.engines.vad import open_detector
from voice.gateway.errors import error_body, refuse
from voice.realtime.config import SessionConfig
from voice.server import Server
from voice.session.session import Session, SessionEngines, SessionOptions
from voice.transports.websocket import SUBPROTOCOL, WebSocketTransport

log = structlog.get_logger()

PATHS = ["/v1/realtime", "/realtime", "/openai/v1/realtime"]
WARM_S = 60.0
"""How long a handshake waits for engines that are still loading."""
INSTRUCTIONS = (
    "You are a helpful voice assistant. Your words are spoken aloud: answer in one to three short "
    "sentences of plain speech, without lists or markup."
)


class _RefusedError(Exception):
    """A handshake that gets an HTTP status instead of a conversation."""

    def __init__(self, status: int, kind: str, message: str, **details: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = error_body(message, kind, **details)


@asgi(PATHS, is_mount=False, copy_scope=False)
async def realtime(scope: Scope, receive: Receive, send: Send) -> None:
    """Accept a WebSocket and converse over it until it closes."""
    server: Server = scope["app"].state.server
    if scope["type"] != ScopeType.WEBSOCKET:
        message = "This endpoint speaks WebSocket: connect with ws://."
        await refuse(scope, send, 426, error_body(message, "invalid_request_error"))
        return
    try:
        await _converse(WebSocket(scope, receive, send), server)
    except _RefusedError as refusal:
        await refuse(scope, send, refusal.status, refusal.body)


async def _converse(socket: WebSocket, server: Server) -> None:  # type: ignore[type-arg]
    config = _initial_config(socket)
    engines = await _warm_engines(server)
    limit = server.settings.session.max_sessions
    if limit and server.sessions >= limit:
        raise _RefusedError(
            503, "server_error", f"All {limit} sessions of this server are taken; try again later."
        )
    server.sessions += 1
    try:
        offered = socket.scope.get("subprotocols") or []
        await socket.accept(subprotocols=SUBPROTOCOL if SUBPROTOCOL in offered else None)
        session = Session(
            WebSocketTransport(socket),
            SessionEngines(engines.stt, engines.llm, engines.tts, engines.busy),
            config,
            session_options(server.settings),
        )
        await session.run()
    finally:
        server.sessions -= 1


def _initial_config(socket: WebSocket) -> SessionConfig:  # type: ignore[type-arg]
    query = socket.query_params
    model = query.get("model", "")
    if query.get("intent") != "transcription":
        return SessionConfig(model=model or "gpt-realtime", instructions=INSTRUCTIONS)
    if model:
        raise _RefusedError(
            400,
            "invalid_request_error",
            "You must not provide a model parameter for transcription sessions",
            param="model",
        )
    return SessionConfig(type="transcription")


async def _warm_engines(server: Server) -> EngineSet:
    try:
        async with asyncio.timeout(WARM_S):
            return await server.warm()
    except TimeoutError:
        message = f"The engines were not ready within {WARM_S:.0f} s."
        raise _RefusedError(503, "server_error", message) from None
    except EngineError as error:
        raise _RefusedError(503, "server_error", str(error)) from error


def session_options(settings: Settings) -> SessionOptions:
    """What the settings say about conversations."""
    session = settings.session
    given = {name: getattr(settings, name) for name in settings.model_fields_set}
    return SessionOptions(
        open_detector=partial(open_detector, settings.engines.vad),
        lead_ms=session.lead_ms,
        speculate=session.speculate,
        max_minutes=session.max_minutes,
        defaults=Prompt(
            messages=(),
            temperature=given.get("llm_default_temperature"),
            top_p=given.get("llm_default_top_p"),
            max_tokens=given.get("llm_default_max_tokens"),
        ),
    )
