"""Answering a request while its client is there: whole, or as a stream that is kept alive.

A handler returns `answering(work)`. The work runs beside a watch on the connection, and ends with
it. What goes wrong before the first byte is an HTTP error; in an event stream what goes wrong later
is an event of its own.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

import structlog
from litestar.types import ASGIApp, Receive, Scope, Send

from voice.gateway.errors import ApiError, api_error
from voice.groups import ungrouped

log = structlog.get_logger()

JSON, EVENT_STREAM = "application/json", "text/event-stream"

HOLD_S = 10.0
"""How long the headers of an event stream wait for its first block, which may yet be an error."""
PING_S = 15.0
"""Proxies cut a connection that is silent for a minute, some for half of one."""
PING = b": ping\n\n"
DONE = b"data: [DONE]\n\n"
SHUTTING_DOWN = ApiError(
    "The server is shutting down.", status=503, kind="server_error", code="server_shutting_down"
)
STREAM_HEADERS = {"cache-control": "no-cache, no-transform", "x-accel-buffering": "no"}


@dataclass(frozen=True, slots=True)
class Body:
    """An answer that is there as a whole."""

    content: bytes
    media_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer that comes in blocks; those of an event stream are whole events."""

    blocks: AsyncGenerator[bytes, None]
    media_type: str = EVENT_STREAM
    headers: Mapping[str, str] = field(default_factory=dict)


Work = Callable[[], Awaitable[Body | Stream]]


def answering(work: Work, *, events: bool = False) -> ASGIApp:
    """The answer to a request, for a handler to return; work that gives an event stream says so.

    The work may raise `ApiError` and `EngineError`, and so may the blocks of a stream. When the
    client leaves, the work is cancelled, or the blocks are closed.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        with ungrouped():
            async with asyncio.TaskGroup() as group:
                answer = _Answer(send, scope["path"], events=events)
                doing = group.create_task(answer.run(work))
                ends = [doing, *map(group.create_task, (_departure(receive), _closing(scope)))]
                others = [group.create_task(answer.keep_alive())] if events else []
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
                is_closing = ends[-1].done()
                for task in (*ends, *others):
                    task.cancel()
                if is_closing:
                    await asyncio.wait([doing])
                    await answer.close()

    return answer


async def _closing(scope: Scope) -> None:
    """Wait until the server wants no answer to go on; `closing` is an event in its state."""
    closing: asyncio.Event | None = scope["app"].state.get("closing")
    await (closing or asyncio.Event()).wait()


async def _departure(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class _Answer:
    """One answer on its way out."""

    def __init__(self, send: Send, path: str, *, events: bool) -> None:
        self._send = send
        self._path = path
        self._events = events
        self._started = False
        self._ended = False
        self._sending = 0
        self._sent_s = 0.0

    async def run(self, work: Work) -> None:
        try:
            reply = await work()
            if isinstance(reply, Body):
                await self._whole(reply)
            else:
                await self._stream(reply)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client is told
            await self._fail(api_error(error))

    async def keep_alive(self) -> None:
        """Open an event stream whose beginning takes long, and break its silences."""
        now = asyncio.get_running_loop().time
        await asyncio.sleep(HOLD_S)
        if not self._started:
            await self._start(200, EVENT_STREAM, STREAM_HEADERS)
            await self._block(PING)
        while not self._ended:
            silence_s = now() - self._sent_s
            if silence_s < PING_S:
                await asyncio.sleep(PING_S - silence_s)
            elif self._sending:
                # Its client does not even take what there is.
                await asyncio.sleep(PING_S)
            else:
                await self._block(PING)

    async def close(self) -> None:
        """Say of an answer that was cancelled why nothing more comes."""
        if not self._ended:
            await self._fail(SHUTTING_DOWN)

    async def _whole(self, body: Body) -> None:
        headers = {**body.headers, "content-length": str(len(body.content))}
        await self._start(body.status, body.media_type, headers)
        await self._block(body.content, last=True)

    async def _stream(self, stream: Stream) -> None:
        async with aclosing(stream.blocks) as blocks:
            async for block in blocks:
                await self._open(stream)
                await self._block(block)
        await self._open(stream)
        await self._block(b"", last=True)

    async def _open(self, stream: Stream) -> None:
        if not self._started:
            await self._start(200, stream.media_type, {**STREAM_HEADERS, **stream.headers})

    async def _fail(self, error: ApiError) -> None:
        if not self._started:
            await self._whole(Body(error.body(), headers=error.headers, status=error.status))
        elif self._events:
            await self._block(b"data: " + error.body() + b"\n\n" + DONE, last=True)
        else:
            # Cut short without the end of the body, which a client can see; more cannot be told.
            log.warning("answer broken off", path=self._path, reason=error.message)
            raise error

    async def _start(self, status: int, media_type: str, headers: Mapping[str, str]) -> None:
        self._started = True
        lines = {**headers, "content-type": media_type}
        encoded = [(name.lower().encode(), value.encode()) for name, value in lines.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})

    async def _block(self, block: bytes, *, last: bool = False) -> None:
        self._sent_s = asyncio.get_running_loop().time()
        self._ended = last
        self._sending += 1
        await self._send({"type": "http.response.body", "body": block, "more_body": not last})
        self._sending -= 1
