"""Stand-ins for upstream servers: real ones on loopback, which answer by a script and fail on cue.

They keep what they were asked and know which requests are open, so that one can see that a caller
who goes away lets go of them.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Self

import msgspec
from aiohttp import web

from tests.providers.upstream_shapes import SHAPES, Asked, Json, Script

Act = Literal["hang", "die"]


@dataclass(frozen=True)
class Received:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: Json
    connection: object
    """Equal for requests that came over the same connection."""


class FakeUpstream:
    """A server in the shape of `openai`, `vllm` or `anthropic`, while it is entered.

    `scripts` are used up one by one; the last one stays.
    """

    def __init__(self, shape: str = "openai", *scripts: Script) -> None:
        self.scripts = list(scripts) or [Script()]
        self.received: list[Received] = []
        self.open = 0
        """How many requests are being answered."""
        self.abandoned = 0
        """How many were given up by those who had sent them."""
        self.url = ""
        """To be used as a base URL."""
        self._shape = SHAPES[shape]
        self._changed = asyncio.Condition()
        app = web.Application(client_max_size=64 * 1024 * 1024)
        for path in self._shape.paths:
            app.router.add_post(f"/v1/{path}", self._answer)
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

    async def asked(self, times: int = 1) -> None:
        """Wait until so many requests have come."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.received) >= times)

    async def idle(self) -> None:
        """Wait until no request is open."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self.open)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = msgspec.json.decode(await request.read(), type=Json)
        asked = Asked(request.path.removeprefix("/v1/"), body)
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        peer = request.transport.get_extra_info("peername") if request.transport else None
        self.received.append(Received(asked.path, dict(request.headers), body, peer))
        self.open += 1
        try:
            await self._notify()
            return await self._played(request, script, asked)
        except asyncio.CancelledError:
            self.abandoned += 1
            raise
        finally:
            self.open -= 1
            await self._notify()

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _played(
        self, request: web.Request, script: Script, asked: Asked
    ) -> web.StreamResponse:
        if script.fault in {"hang", "die"}:
            await _act(request, "hang" if script.fault == "hang" else "die")
        if script.fault == "page":
            return web.Response(text="<html>Welcome</html>", content_type="text/html")
        if script.status >= 300:
            error = msgspec.json.encode(self._shape.error(script))
            return web.Response(
                body=error,
                status=script.status,
                headers=script.headers,
                content_type="application/json",
            )
        streams = asked.body.get("stream") is True
        media_type = "text/event-stream" if streams else "application/json"
        steps = self._streamed if streams else self._whole
        response = web.StreamResponse(headers={"Content-Type": media_type})
        await response.prepare(request)
        for step in steps(script, asked):
            if isinstance(step, bytes):
                await response.write(step)
                await asyncio.sleep(script.interval_s)
            else:
                await _act(request, step)
        return response

    def _whole(self, script: Script, asked: Asked) -> Iterator[bytes | Act]:
        answer = msgspec.json.encode(self._shape.whole(script, asked))
        match script.fault:
            case "hang_silent" | "hang_within":
                yield "hang"
            case "die_silent" | "die_within" | "cut":
                yield answer[: len(answer) // 2]
                yield "die"
            case "garbage" | "garbage_within":
                yield b"{nonsense"
            case "error" | "error_within":
                yield msgspec.json.encode(self._shape.error(script))
            case "empty":
                return
            case _:
                yield answer

    def _streamed(self, script: Script, asked: Asked) -> Iterator[bytes | Act]:
        shape, fault = self._shape, script.fault
        early: dict[str | None, bytes | Act] = {
            "hang_silent": "hang",
            "die_silent": "die",
            "empty": b"",
            "garbage": shape.garbage,
            "error": shape.in_band(script),
            "no_choices": shape.nothing(),
        }
        within: dict[str | None, bytes | Act] = {
            "hang_within": "hang",
            "die_within": "die",
            "garbage_within": shape.garbage,
            "error_within": shape.in_band(script),
        }
        if fault in early:
            yield early[fault]
            return
        opening, words, ending = shape.stream(script, asked)
        yield from opening
        for number, word in enumerate(words):
            yield word
            if number == 0 and fault in within:
                yield within[fault]
        if fault != "cut":
            yield from ending
            if fault != "no_done":
                yield shape.last


async def _act(request: web.Request, act: Act) -> None:
    if act == "hang":
        await asyncio.Event().wait()
    if request.transport is not None:
        request.transport.abort()
    await asyncio.sleep(0)  # the connection is lost in the next turn of the loop
