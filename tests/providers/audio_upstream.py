"""A stand-in for a server of speech and transcripts: a real one on loopback, which fails on cue."""

import asyncio
from dataclasses import dataclass, field
from typing import Self

import msgspec
from aiohttp import web

TEXT = "Where is the heron?"
TRANSCRIPT = {"text": TEXT, "usage": {"type": "duration", "seconds": 2}}
SPEECH = (b"ID3 one", b" two", b" three")


def event(**fields: object) -> bytes:
    return b"data: " + msgspec.json.encode(fields) + b"\r\n\r\n"


SPEECH_EVENTS = (
    event(type="speech.audio.delta", audio="SUQz"),
    event(type="speech.audio.done", usage={"total_tokens": 3}),
)
TRANSCRIPT_EVENTS = (
    event(type="transcript.text.delta", delta="Where is"),
    event(type="transcript.text.delta", delta=" the heron?"),
    event(type="transcript.text.done", text=TEXT),
)


@dataclass(frozen=True)
class Script:
    """One answer: blocks of a type, and after how many of them it hangs or dies."""

    blocks: tuple[bytes, ...] = SPEECH
    media_type: str = "audio/mpeg"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    act: str = ""
    """`hang` or `die`."""
    after: int | None = None
    """None acts before the headers."""


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    fields: list[tuple[str, str]]
    """Those of a form, in their order; or of JSON, each as its JSON."""
    file: bytes = b""
    file_name: str = ""


class AudioUpstream:
    """The scripts are used up one by one; the last one stays."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts) or [Script()]
        self.received: list[Received] = []
        self.abandoned = 0
        self.url = ""
        self._open = 0
        self._changed = asyncio.Condition()
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/v1/audio/{name}", self._answer)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)

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

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.received.append(await _read(request))
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        self._open += 1
        try:
            await self._notify()
            return await _played(request, script)
        except asyncio.CancelledError:
            self.abandoned += 1
            raise
        finally:
            self._open -= 1
            await self._notify()

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


async def _read(request: web.Request) -> Received:
    head = request.match_info["name"], dict(request.headers)
    if request.content_type == "application/json":
        body = await request.json()
        return Received(*head, [(k, msgspec.json.encode(v).decode()) for k, v in body.items()])
    fields, file, name = [], b"", ""
    async for part in await request.multipart():
        if part.filename:
            file, name = bytes(await part.read()), part.filename
        else:
            fields.append((part.name, await part.text()))
    return Received(*head, fields, file, name)


async def _played(request: web.Request, script: Script) -> web.StreamResponse:
    if script.act and script.after is None:
        await _act(request, script.act)
    headers = {"Content-Type": script.media_type, **script.headers}
    response = web.StreamResponse(status=script.status, headers=headers)
    await response.prepare(request)
    for number, block in enumerate((*script.blocks, b"")):
        if script.act and number == script.after:
            await _act(request, script.act)
        await response.write(block)
        await asyncio.sleep(0.01)  # so that each is sent by itself
    return response


async def _act(request: web.Request, act: str) -> None:
    if act == "hang":
        await asyncio.Event().wait()
    if request.transport is not None:
        request.transport.abort()
    await asyncio.sleep(0)  # the connection is lost in the next turn of the loop
