"""A server that gives one answer in one piece, whatever it is asked."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from aiohttp import web


@pytest.fixture
def aiohttp_handler() -> Callable[[object], AbstractAsyncContextManager[str]]:
    @asynccontextmanager
    async def serving(body: object) -> AsyncIterator[str]:
        async def handler(request: web.Request) -> web.Response:
            return web.json_response(body)

        app = web.Application()
        app.router.add_post("/{path:.*}", handler)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        await runner.cleanup()

    return serving
