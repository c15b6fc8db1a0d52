"""What may come over a connection before it is a request."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

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


@pytest.mark.parametrize(
    "sent",
    [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nhost: x\r\nbad name: y\r\n\r\n", b"\x16\x03\x01\x02\x00" * 99],
    ids=["no request", "no header", "HTTPS"],
)  # fmt: skip
async def test_what_is_no_request_gets_an_error_in_the_shape_of_all_others(sent):
    async with connected() as (reader, writer):
        writer.write(sent)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request")
    assert b"x-request-id: req_" in head
    error = json.loads(body)["error"]
    assert error["type"] == "invalid_request_error"
    assert "HTTP/1.1" in error["message"]


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/models", "/v1/realtime/calls"])
async def test_a_websocket_to_where_none_is_gets_404(path):
    settings = Settings(server=ServerSettings(port=0))
    async with hosting(settings, server=Server(settings, FakeEngines(0).open)) as hosted:
        with pytest.raises(InvalidStatus) as refused:
            await connect(hosted.url.replace("http", "ws") + path)
    assert refused.value.response.status_code == 404
    assert "/v1/realtime" in json.loads(refused.value.response.body)["error"]["message"]


async def test_a_body_that_stops_making_sense_after_its_answer_ends_the_connection(caplog):
    """Of a body that is too large the answer is sent before all of it has come."""
    head = b"POST /v1/audio/speech HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    chunk = b"%x\r\n" % (11 * MIB) + b" " * (11 * MIB) + b"\r\n"
    async with connected() as (reader, writer):
        writer.write(head + chunk)
        assert await reader.readline() == b"HTTP/1.1 413 Request Entity Too Large\r\n"
        writer.write(b"nonsense\r\n")
        answer = await reader.read()
    assert answer.count(b"request_too_large") == 1
    assert [each for each in caplog.records if each.levelname == "ERROR"] == []
