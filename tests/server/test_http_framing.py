"""What may come over a connection before it is a request."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from voice.bench.engines import FakeEngines
from voice.cli.hosting import hosting
from voice.config import ServerSettings, Settings
from voice.server import Server

pytestmark = pytest.mark.server

MIB = 2**20


@asynccontextmanager
async def connected():
    """A connection to a server."""
    settings = Settings(server=ServerSettings(port=0))
    async with hosting(settings, server=Server(settings, FakeEngines(0).open)) as hosted:
        host, port = hosted.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        async with asyncio.timeout(20):
            yield reader, writer
        writer.transport.abort()


@pytest.mark.parametrize(
    "line", [b"x-%d: " + b"a" * 1000 + b"\r\n", b"a" * 1000], ids=["many lines", "one line"]
)
async def test_a_head_without_end_is_cut_off(line):
    sent = 0
    async with connected() as (_, writer):
        writer.write(b"GET /health HTTP/1.1\r\nhost: x\r\n" + b"y: ")
        with pytest.raises(ConnectionError):  # noqa: PT012 - whichever write it is
            while sent < 64 * MIB:
                writer.write(line.replace(b"%d", b"%d" % sent))
                await writer.drain()
                sent += len(line)
    assert sent < 64 * MIB


async def test_the_body_of_a_client_that_offers_http_2_is_read():
    body = b'{"model": "no-such-model", "messages": [{"role": "user", "content": "Hello"}]}'
    head = (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"
        b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQ\r\n"
        b"content-length: %d\r\n\r\n"
    )
    async with connected() as (reader, writer):
        writer.write(head % len(body) + body)
        assert await reader.readline() == b"HTTP/1.1 404 Not Found\r\n"
        assert b"no-such-model" in await reader.readuntil(b'"model_not_found"}}')
