"""A real server on a free port of this machine, and a plain WebSocket to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.conformance.wire import check_wire
from tests.session.conversation import Conversation
from voice.cli.hosting import hosting
from voice.config import (
    AuthSettings,
    EngineSettings,
    RtcSettings,
    SearchSettings,
    ServerSettings,
    SessionSettings,
    Settings,
)
from voice.engines.fakes import FakeLanguageModel, FakeSpeechToText, FakeTextToSpeech
from voice.engines.registry import Choice, EngineSet, open_engines
from voice.groups import ungrouped
from voice.server import Server

KEY = "sk-conformance"
MAX_FRAME_BYTES = 2**20
"""What the pickiest client takes."""


@dataclass(frozen=True)
class Live:
    """A server that runs; `engines` are the fakes behind it."""

    address: str
    """host:port"""
    stt: FakeSpeechToText
    llm: FakeLanguageModel
    tts: FakeTextToSpeech

    @property
    def http_url(self) -> str:
        return f"http://{self.address}/v1"

    @property
    def ws_url(self) -> str:
        return f"ws://{self.address}/v1/realtime"


class Line:
    """The client's end of a WebSocket; to `Conversation` it is a transport in memory."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.sent: list[dict] = []
        self.sent_at_s: list[float] = []
        self.closed: int | None = None

    async def say(self, event: dict | str | bytes) -> None:
        frame = event if isinstance(event, str | bytes) else msgspec.json.encode(event).decode()
        await self.socket.send(frame)

    async def read(self) -> None:
        try:
            async for frame in self.socket:
                assert isinstance(frame, str)
                self.sent.append(msgspec.json.decode(frame))
                self.sent_at_s.append(asyncio.get_running_loop().time())
        except ConnectionClosed:
            pass
        self.closed = self.socket.close_code


class Call(Conversation):
    """A conversation whose other side is a server."""

    def __init__(self, line: Line) -> None:
        self.transport = line


@asynccontextmanager
async def dial(url: str, *, in_call: bool = False, **options) -> AsyncIterator[Call]:
    """Connect as a client that shows its key in a header, unless `options` say otherwise."""
    options.setdefault("additional_headers", {"Authorization": f"Bearer {KEY}"})
    async with connect(url, max_size=MAX_FRAME_BYTES, compression=None, **options) as socket:
        line = Line(socket)
        with ungrouped():
            async with asyncio.TaskGroup() as group:
                reading = group.create_task(line.read())
                yield Call(line)
                reading.cancel()
    check_wire(line.sent, in_call=in_call)


@asynccontextmanager
async def serving(
    opener=open_engines,
    *,
    keys: tuple[str, ...] = (KEY,),
    engines: EngineSettings | None = None,
    rtc: RtcSettings | None = None,
    search: SearchSettings | None = None,
    **session: object,
) -> AsyncIterator[str]:
    """Run a server over the engines that `opener` gives while the block runs; gives host:port."""
    settings = Settings(
        server=ServerSettings(port=0),
        auth=AuthSettings(api_keys=keys),
        session=SessionSettings(**session),
        engines=engines or EngineSettings(),
        rtc=rtc or RtcSettings(),
        search=search or SearchSettings(),
    )
    async with hosting(settings, server=Server(settings, opener)) as hosted:
        yield hosted.url.removeprefix("http://")


def scripted(stt, llm, tts):
    """An opener of engines that gives these."""

    @asynccontextmanager
    async def open_them(_settings):
        choices = tuple(
            Choice(role, "fake", "a test wants it", "") for role in ("stt", "llm", "tts")
        )
        yield EngineSet(stt, llm, tts, choices, ())

    return open_them
