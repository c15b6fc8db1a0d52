"""Running the server inside a command."""

import asyncio
import errno
import logging
import signal
import socket
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TypeVar

import click
import uvicorn

from voice.app import build_app
from voice.cli.http1 import Http1
from voice.cli.open_files import allow_many
from voice.cli.tls import Tls
from voice.config import Settings
from voice.engines.protocols import EngineError
from voice.gateway.errors import ApiError
from voice.groups import ungrouped
from voice.server import Server

T = TypeVar("T")

MAX_FRAME_BYTES = 22 * 1024 * 1024
"""An append carries up to 15 MiB of audio, which is 20 MiB of base64."""
GRACE_S, LAST_WORDS_S = 2, 1
"""How long answers may go on when the server stops, and how long to say that they do not."""


def _is_news(record: logging.LogRecord) -> bool:
    """Whether the log does not know it yet, as it does of each answer that is broken off."""
    error = record.exc_info[1] if record.exc_info else None
    return not (error and isinstance(error.__cause__, ApiError))


logging.getLogger("uvicorn.error").addFilter(_is_news)


class _Uvicorn(uvicorn.Server):
    """Uvicorn without signal handlers of its own: the command owns Ctrl-C."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(frozen=True, slots=True)
class Hosted:
    """A server that answers at `url`."""

    url: str
    server: Server
    stopping: asyncio.Event

    async def until_stopped(self) -> None:
        """Wait for Ctrl-C, a termination signal, or engines that cannot be opened."""
        await self.stopping.wait()
        if self.server.failure:
            raise click.ClickException(self.server.failure)

    async def unless_stopped(self, work: Coroutine[object, object, T]) -> T | None:
        """Do the work; None when it was stopped before its end."""
        with ungrouped():
            async with asyncio.TaskGroup() as group:
                doing = group.create_task(work)
                stop = group.create_task(self.stopping.wait())
                await asyncio.wait([doing, stop], return_when=asyncio.FIRST_COMPLETED)
                stop.cancel()
                doing.cancel()
        return None if doing.cancelled() else doing.result()


@asynccontextmanager
async def hosting(
    settings: Settings, *, warm: bool = True, server: Server | None = None, tls: Tls | None = None
) -> AsyncIterator[Hosted]:
    """Serve while the block runs; with `warm`, enter it once the engines are ready.

    With `tls` it speaks HTTPS; what a command serves to itself alone needs none.

    Raises:
        click.ClickException: the port is taken, the host may not be listened on without keys, or
            the engines cannot be opened.
    """
    allow_many()
    listening = _listen(settings.server.host, settings.server.port)
    server, stopping = server or Server(settings), asyncio.Event()
    server.on_failure = lambda _: stopping.set()
    config = uvicorn.Config(
        build_app(settings, server, closing := asyncio.Event()),
        # Not httptools, though it is faster: it takes heads of any size from anybody, and loses the
        # bodies of clients that offer HTTP/2 by an upgrade, as those in Java do.
        http=Http1,
        ws="websockets-sansio",
        ws_max_size=MAX_FRAME_BYTES,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=GRACE_S + LAST_WORDS_S,
        ssl_certfile=tls.certificate if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )
    host, port = listening.getsockname()[:2]
    scheme = "https" if tls else "http"
    shown = f"[{host}]" if ":" in host else host
    web = _Uvicorn(config)
    with ungrouped():
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(web.serve(sockets=[listening]))
            try:
                with _signals(stopping):
                    if warm:
                        await _warm(server)
                    yield Hosted(f"{scheme}://{shown}:{port}", server, stopping)
            finally:
                web.should_exit = True
                await asyncio.wait([serving], timeout=GRACE_S)
                closing.set()
                await asyncio.wait([serving])


async def _warm(server: Server) -> None:
    try:
        await server.warm()
    except EngineError as error:
        raise click.ClickException(str(error)) from error


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, or asyncio leaves Nagle's algorithm on, and answers wait for the client's next frame.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(256)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise click.ClickException(
                f"port {port} on {host} is in use: stop what listens there, or choose another "
                "with --port (0 takes a free one)"
            ) from error
        raise click.ClickException(f"cannot listen on {host}:{port}: {error.strerror}") from error
    listening.setblocking(False)
    return listening


@contextmanager
def _signals(stopping: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
