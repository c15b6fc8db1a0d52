"""`/v1/realtime/calls`: conversations over WebRTC, begun by an offer and ended by a request."""

import asyncio
from contextlib import ExitStack
from importlib import import_module
from typing import Any

from litestar import Request, Response, WebSocket, delete, post
from litestar.datastructures import State
from litestar.params import FromPath

from voice.gateway.errors import ApiError
from voice.gateway.keys import secret_config
from voice.http.call_offer import MAX_BYTES, SDP, read_offer
from voice.http.opening import (
    opening_config,
    seat,
    session_options,
    session_type,
    warm_engines,
)
from voice.http.session_engines import session_engines
from voice.rtc.calls import Call
from voice.server import Server
from voice.session.session import Session
from voice.session.voices import known_voices
from voice.transports.websocket import SUBPROTOCOL, WebSocketTransport

BASES = ["/v1/realtime/calls", "/realtime/calls", "/openai/v1/realtime/calls"]
ONE = [f"{base}/{{call_id:str}}" for base in BASES]
TELEPHONY = ("accept", "reject", "refer")


@post(BASES, status_code=201, request_max_body_size=MAX_BYTES)
async def create_call(request: Request[Any, Any, Any], state: State) -> Response[str]:
    """Answer an offer; the conversation begins when the client has connected."""
    server: Server = state.server
    offer, session = await read_offer(request)
    query, secret = request.query_params, secret_config(request.scope)
    engines = await warm_engines(server)
    # In a thread, as the first call would otherwise keep all others waiting.
    await asyncio.to_thread(import_module, "voice.transports.webrtc")
    from voice.transports.webrtc import WebRtcTransport  # noqa: PLC0415

    with ExitStack() as held:
        hold = await server.resumable.take(
            query.get("resume"), session_type(query, secret, session)
        )
        held.callback(server.resumable.release, hold)
        held.enter_context(seat(server))
        config = opening_config(
            query,
            known_voices(engines.tts.voices),
            secret=secret,
            session=session,
            resumed=hold.kept_config if hold else None,
        )
        chosen = await session_engines(server, engines, config.model)
        transport = WebRtcTransport(server.settings.rtc)
        try:
            answer = await transport.answer(offer)
            conversation = Session(
                transport, chosen, config, session_options(server.settings), hold
            )
            call = Call(conversation, transport, held.pop_all())
            server.calls.start(call)
        except BaseException:
            await transport.hang_up()
            raise
    location = f"{request.url.path.rstrip('/')}/{call.id}"
    return Response(answer, media_type=SDP, headers={"location": location})


@post([f"{path}/hangup" for path in ONE], status_code=200)
async def hang_up(call_id: FromPath[str], state: State) -> Response[bytes]:
    """End a call; it has ended when this is answered."""
    server: Server = state.server
    await server.calls.find(call_id).hang_up()
    return Response(b"")


@delete(ONE, status_code=200)
async def delete_call(call_id: FromPath[str], state: State) -> Response[bytes]:
    """The same, by the method that fits."""
    server: Server = state.server
    await server.calls.find(call_id).hang_up()
    return Response(b"")


@post([f"{path}/{action}" for path in ONE for action in TELEPHONY], status_code=200)
async def telephone(request: Request[Any, Any, Any], call_id: FromPath[str], state: State) -> None:
    """What can be done with a call that came by telephone, as none does here."""
    server: Server = state.server
    server.calls.find(call_id)
    action = request.url.path.rpartition("/")[2]
    raise ApiError(
        f"A call over WebRTC cannot be told to '{action}': that is for telephone calls, which "
        "this server does not take.",
        status=501,
        kind="server_error",
        code="not_implemented",
    )


async def join_call(socket: WebSocket[Any, Any, Any], server: Server, call_id: str) -> None:
    """Let a WebSocket take part in a running call. Raises `ApiError`."""
    call = server.calls.find(call_id)
    offered = socket.scope.get("subprotocols") or []
    await socket.accept(subprotocols=SUBPROTOCOL if SUBPROTOCOL in offered else None)
    await call.attend(WebSocketTransport(socket))
