"""A stand-in for a server of speech and transcripts: a real one on loopback, which fails on cue."""

import asyncio
from dataclasses import dataclass, field

import msgspec
from aiohttp import web

from tests.providers.loopback import Act, Loopback, fail

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
    act: Act | None = None
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


class AudioUpstream(Loopback[Received]):
    """The scripts are used up one by one; the last one stays."""

    def __init__(self, *scripts: Script) -> None:
        super().__init__(["audio/{name}"], _read, self._played)
        self.scripts = list(scripts) or [Script()]

    async def _played(self, request: web.Request, _: Received) -> web.StreamResponse:
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        if script.act and script.after is None:
            await fail(request, script.act)
        headers = {"Content-Type": script.media_type, **script.headers}
        response = web.StreamResponse(status=script.status, headers=headers)
        await response.prepare(request)
        for number, block in enumerate((*script.blocks, b"")):
            if script.act and number == script.after:
                await fail(request, script.act)
            await response.write(block)
            await asyncio.sleep(0.01)  # so that each is sent by itself
        return response


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
