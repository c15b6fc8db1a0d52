"""Real servers on loopback that know what they were asked, and who has let go of them."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Literal, Self, TypeVar

from aiohttp import web

Act = Literal["hang", "die"]
Taken = TypeVar("Taken")


class Loopback(Generic[Taken]):
    """Takes each request and then answers it, while it is entered."""

    def __init__(
        self,
        paths: Sequence[str],
        take: Callable[[web.Request], Awaitable[Taken]],
        answer: Callable[[web.Request, Taken], Awaitable[web.StreamResponse]],
    ) -> None:
        self.url = ""
        """To be used as a base URL."""
        self.received: list[Taken] = []
        self.abandoned = 0
        """How many requests were given up by those who had sent them."""
        self._take = take
        self._answer = answer
        self._open = 0
        self._changed = asyncio.Condition()
        app = web.Application(client_max_size=64 * 1024 * 1024)
        for path in paths:
            app.router.add_post(f"/v1/{path}", self._serve)
        self._runner = web.AppRunner(
            app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None
        )

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def asked(self) -> None:
        """Wait until a request has come."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.received)

    async def idle(self) -> None:
        """Wait until no request is open."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._open)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.received.append(taken := await self._take(request))
        self._open += 1
        try:
            await self._notify()
            return await self._answer(request, taken)
        except asyncio.CancelledError:
            self.abandoned += 1
            raise
        finally:
            self._open -= 1
            await self._notify()

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


async def fail(request: web.Request, act: Act) -> None:
    """Say nothing until the other side goes, or break the connection."""
    if act == "hang":
        await asyncio.Event().wait()
    if request.transport is not None:
        request.transport.abort()
    await asyncio.sleep(0)  # the connection is lost in the next turn of the loop
