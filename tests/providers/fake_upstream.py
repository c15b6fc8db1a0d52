"""Stand-ins for upstream servers: real ones on loopback, which answer by a script and fail on cue.

They keep what they were asked and know which requests are open, so that one can see that a caller
who goes away lets go of them.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
from aiohttp import web

from tests.providers.loopback import Act, Loopback, fail
from tests.providers.upstream_shapes import SHAPES, Asked, Json, Script


@dataclass(frozen=True)
class Received:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: Json
    connection: object
    """Equal for requests that came over the same connection."""


class FakeUpstream(Loopback[Received]):
    """A server in the shape of `openai`, `vllm` or `anthropic`, while it is entered.

    `scripts` are used up one by one; the last one stays.
    """

    def __init__(self, shape: str = "openai", *scripts: Script) -> None:
        self._shape = SHAPES[shape]
        super().__init__(self._shape.paths, _read, self._played)
        self.scripts = list(scripts) or [Script()]

    async def _played(self, request: web.Request, received: Received) -> web.StreamResponse:
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        asked = Asked(received.path, received.body)
        if script.fault in {"hang", "die"}:
            await fail(request, "hang" if script.fault == "hang" else "die")
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
                await fail(request, step)
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


async def _read(request: web.Request) -> Received:
    body = msgspec.json.decode(await request.read(), type=Json)
    peer = request.transport.get_extra_info("peername") if request.transport else None
    return Received(request.path.removeprefix("/v1/"), dict(request.headers), body, peer)
