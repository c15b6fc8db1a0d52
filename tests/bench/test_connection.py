import asyncio
from contextlib import asynccontextmanager

import pytest

from voice.bench.connection import ExchangeError, door

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


class Script(asyncio.Protocol):
    """Answers every request with the same bytes, a number of them at a time."""

    def __init__(self, answer, size, *, close):
        self.answer, self.size, self.close = answer, size, close
        self.requests = []

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.requests.append(data)
        for at in range(0, len(self.answer), self.size):
            self.transport.write(self.answer[at : at + self.size])
        if self.close:
            self.transport.close()


@asynccontextmanager
async def answering(answer, *, size=10_000, close=False):
    """A door to a server that follows a script, and all its connections."""
    connections = []

    def connection():
        connections.append(Script(answer, size, close=close))
        return connections[-1]

    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, door(f"http://127.0.0.1:{port}/v1", "secret") as opened:
        yield opened, connections


@pytest.mark.parametrize("size", [1, 2, 3, 7, 10_000])
@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (OK + b"content-length: 5\r\n\r\nhello", b"hello"),
        (OK + b"Content-Length: 0\r\n\r\n", b""),
        (CHUNKED + b"5\r\nhello\r\nA;x=1\r\n\r\n world\r\n\r\n0\r\n\r\n", b"hello\r\n world\r\n"),
        (CHUNKED + b"0\r\n\r\n", b""),
    ],
)
async def test_an_answer_is_whole_however_it_is_cut(answer, body, size):
    async with answering(answer, size=size) as (opened, connections):
        for _ in range(2):
            reply = await opened.send(opened.request("/x", b"{}"))
            assert (reply.status, bytes(reply.body)) == (200, body)
    assert len(connections) == 1  # it was used again


async def test_without_a_length_the_end_of_the_connection_is_the_end():
    async with answering(OK + b"\r\nhello", close=True) as (opened, _):
        assert (await opened.send(opened.request("/x", b""))).body == b"hello"


async def test_a_request_tells_length_path_key_and_kind():
    async with answering(OK + b"content-length: 0\r\n\r\n") as (opened, connections):
        await opened.send(opened.request("/audio/speech", b"{}", "text/x"))
    (sent,) = connections[0].requests
    head, _, body = sent.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/audio/speech HTTP/1.1\r\nhost: 127.0.0.1:")
    assert b"authorization: Bearer secret" in head
    assert b"content-type: text/x" in head
    assert b"content-length: 2" in head
    assert body == b"{}"


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (b"HTTP/1.1 503 Busy\r\ncontent-length: 4\r\n\r\nbusy", "status 503: b'busy'"),
        (OK + b"content-length: 50\r\n\r\nhello", "broke off after 5 bytes"),
        (CHUNKED + b"5\r\nhel", "broke off after 0 bytes"),
        (CHUNKED + b"5\r\nhello\r\n", "broke off after 5 bytes"),
        (b"", "broke off after 0 bytes"),
    ],
)
async def test_what_is_no_whole_answer_fails(answer, complaint):
    async with answering(answer, close=True) as (opened, _):
        with pytest.raises(ExchangeError, match=complaint):
            await opened.send(opened.request("/x", b""))


async def test_patience_ends():
    async with answering(OK) as (opened, _):
        with pytest.raises(ExchangeError, match=r"no whole answer within 0\.01 s"):
            await opened.send(opened.request("/x", b""), patience_s=0.01)


async def test_a_server_that_is_not_there_is_named():
    async with answering(b"") as (opened, _):
        pass
    with pytest.raises(ExchangeError, match=r"no connection to 127\.0\.0\.1"):
        await opened.send(opened.request("/x", b""))
