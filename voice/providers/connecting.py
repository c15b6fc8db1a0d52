"""How a request came by its connection, which tells some of its failures from the server's own."""

import asyncio
from dataclasses import dataclass
from types import SimpleNamespace

import aiohttp
import structlog

log = structlog.get_logger()

LONG_WAIT_S = 1.0
"""Whoever waits for a connection this long should have more of them."""


@dataclass(slots=True)
class Connecting:
    """Of one request, as far as it has come."""

    server: str
    reused: bool = False
    """Whether the connection was idle in the pool, where the server may have closed it."""
    waits: bool = False
    """Whether all connections are in use."""
    since_s: float = 0.0


async def _reused(
    _session: aiohttp.ClientSession,
    context: SimpleNamespace,
    _params: aiohttp.TraceConnectionReuseconnParams,
) -> None:
    context.trace_request_ctx.reused = True


async def _queued(
    _session: aiohttp.ClientSession,
    context: SimpleNamespace,
    _params: aiohttp.TraceConnectionQueuedStartParams,
) -> None:
    connecting: Connecting = context.trace_request_ctx
    connecting.waits = True
    connecting.since_s = asyncio.get_running_loop().time()


async def _served(
    _session: aiohttp.ClientSession,
    context: SimpleNamespace,
    _params: aiohttp.TraceConnectionQueuedEndParams,
) -> None:
    connecting: Connecting = context.trace_request_ctx
    connecting.waits = False
    waited_s = asyncio.get_running_loop().time() - connecting.since_s
    if waited_s >= LONG_WAIT_S:
        log.warning("waited for a connection", server=connecting.server, waited_s=waited_s)


TRACE = aiohttp.TraceConfig()
"""Fills in the `Connecting` that a request has for its `trace_request_ctx`."""
TRACE.on_connection_reuseconn.append(_reused)
TRACE.on_connection_queued_start.append(_queued)
TRACE.on_connection_queued_end.append(_served)
TRACE.freeze()
