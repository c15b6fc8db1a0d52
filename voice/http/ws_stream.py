"""`WS /ws/stream`: answers token by token, one after the other on a connection."""

import asyncio
from contextlib import aclosing
from typing import Any

import msgspec
import structlog
from litestar import WebSocket, asgi
from litestar.enums import ScopeType
from litestar.types import Receive, Scope, Send

from voice.gateway.errors import ApiError, api_error, error_body, refuse
from voice.gateway.keys import SUBPROTOCOL_PREFIX
from voice.groups import ungrouped
from voice.http.delivery import Delivery
from voice.http.tokens import Complete, stream_answer, tokens_of
from voice.http.ws_types import Cancel, Inference, error_message, read_message
from voice.routing.router import Router
from voice.transports.websocket import WebSocketTransport

Json = dict[str, Any]

log = structlog.get_logger()

STALL_S = 30.0
"""A client that takes nothing for so long is let go."""
POLICY_VIOLATION = 1008


class ClientStalledError(Exception):
    """The client has stopped reading."""


@asgi("/ws/stream", is_mount=False, copy_scope=False)
async def ws_stream(scope: Scope, receive: Receive, send: Send) -> None:
    """Accept a WebSocket and answer over it until it closes."""
    if scope["type"] != ScopeType.WEBSOCKET:
        message = "This endpoint speaks WebSocket: connect with ws://."
        await refuse(scope, send, 426, error_body(message, "invalid_request_error"))
        return
    socket: WebSocket[Any, Any, Any] = WebSocket(scope, receive, send)
    offered = scope.get("subprotocols") or []
    # A browser that offered some wants one of them back, and a key is not to be repeated.
    plain = (each for each in offered if not each.startswith(SUBPROTOCOL_PREFIX))
    await socket.accept(subprotocols=next(plain, None))
    await TokenConnection(WebSocketTransport(socket), scope["app"].state.router).run()


class TokenConnection:
    """Answers what one client asks, one answer at a time."""

    def __init__(self, transport: WebSocketTransport, router: Router) -> None:
        self._transport = transport
        self._router = router
        self._under_way: tuple[asyncio.Task[None], Delivery] | None = None

    async def run(self) -> None:
        """Answer until the client leaves or stalls; what is under way then is dropped."""
        try:
            with ungrouped():
                async with asyncio.TaskGroup() as group:
                    while (frame := await self._transport.receive()) is not None:
                        await self._obey(frame, group)
                    if self._under_way:
                        self._under_way[0].cancel()
        except ClientStalledError as stalled:
            log.warning("token stream ended", reason=str(stalled))
            await self._transport.close(POLICY_VIOLATION, str(stalled))

    async def _obey(self, frame: str | bytes, group: asyncio.TaskGroup) -> None:
        try:
            match read_message(frame):
                case Inference() as asked:
                    self._begin(asked, group)
                case Cancel():
                    await self._cancel()
        except ApiError as error:
            await self._send(error_message(error))

    def _begin(self, asked: Inference, group: asyncio.TaskGroup) -> None:
        if self._under_way:
            raise ApiError(
                'An answer is under way: wait for its \'complete\', or send {"type": "cancel"}.',
                code="inference_in_progress",
            )
        delivery = Delivery(self._send)
        self._under_way = group.create_task(self._infer(asked, delivery)), delivery

    async def _cancel(self) -> None:
        if self._under_way is None:
            raise ApiError("There is nothing to cancel.", code="no_inference")
        work, delivery = self._under_way
        work.cancel()
        await asyncio.wait([work])
        self._under_way = None
        await self._send(_complete(Complete(delivery.delivered, "cancelled")))

    async def _infer(self, asked: Inference, delivery: Delivery) -> None:
        try:
            ending = _complete(await self._answer(asked, delivery))
        except ClientStalledError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the client is told
            ending = error_message(api_error(error))
        # Once the client has read this it may ask for more.
        self._under_way = None
        await self._send(ending)

    async def _answer(self, asked: Inference, delivery: Delivery) -> Complete:
        routed = await stream_answer(self._router, asked.chat())
        async with aclosing(tokens_of(routed.value)) as items:
            return await delivery.run(items)

    async def _send(self, message: Json) -> None:
        try:
            async with asyncio.timeout(STALL_S):
                await self._transport.send(msgspec.json.encode(message).decode())
        except TimeoutError:
            raise ClientStalledError(f"the client took nothing for {STALL_S:.0f} s") from None


def _complete(end: Complete) -> Json:
    return {
        "type": "complete",
        "total_tokens": end.total_tokens,
        "finish_reason": end.finish_reason,
    }
