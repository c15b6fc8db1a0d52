import zlib

import brotli
import pytest

from voice.gateway.compression import SMALL_BYTES, Compression, negotiated

TEXT = b'{"text":"' + b"again and " * 200 + b'"}'


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("", None),
        ("identity", None),
        ("gzip", "gzip"),
        ("gzip, deflate", "gzip"),
        ("deflate", "deflate"),
        ("gzip, deflate, br", "br"),
        ("gzip;q=1.0, br;q=0.5", "gzip"),
        ("br;q=0, gzip;q=0, *", "deflate"),
        ("*", "br"),
        ("*;q=0", None),
        ("gzip;q=0", None),
        ("gzip;q=0.2, identity;q=0.5", None),
        ("gzip;q=0.5, identity;q=0.5", "gzip"),
        ("GZIP ; q=0.8", "gzip"),
        ("gzip;q=nonsense", None),
        ("zstd, compress", None),
    ],
)
def test_the_clients_weights_choose_the_encoding(accepted, encoding):
    assert negotiated(accepted) == encoding


async def answered(accepted: str, *blocks: bytes, kind: str = "application/json", headers=()):
    """The status line's headers and the blocks as they leave."""
    sent = []

    async def app(_scope, _receive, send):
        lines = [(b"content-type", kind.encode()), *headers]
        await send({"type": "http.response.start", "status": 200, "headers": lines})
        for number, block in enumerate(blocks, 1):
            more = number < len(blocks)
            await send({"type": "http.response.body", "body": block, "more_body": more})

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "headers": [(b"accept-encoding", accepted.encode())]}
    await Compression(app)(scope, None, send)
    start, *bodies = sent
    return dict(start["headers"]), [body["body"] for body in bodies]


def readers(encoding: str):
    if encoding == "br":
        return brotli.Decompressor().process
    return zlib.decompressobj(31 if encoding == "gzip" else 15).decompress


@pytest.mark.parametrize("encoding", ["br", "gzip", "deflate"])
async def test_a_whole_answer_is_compressed_and_its_length_forgotten(encoding):
    length = (b"content-length", str(len(TEXT)).encode())
    headers, blocks = await answered(encoding, TEXT, headers=[length])
    assert headers[b"content-encoding"] == encoding.encode()
    assert headers[b"vary"] == b"accept-encoding"
    assert b"content-length" not in headers
    assert readers(encoding)(b"".join(blocks)) == TEXT
    assert len(b"".join(blocks)) < len(TEXT) / 2.5


@pytest.mark.parametrize("encoding", ["br", "gzip", "deflate"])
async def test_each_event_can_be_read_as_soon_as_it_is_sent(encoding):
    events = [f'data: {{"n":{n}}}\n\n'.encode() for n in range(5)]
    _, blocks = await answered(encoding, *events, b"", kind="text/event-stream")
    read = readers(encoding)
    assert [read(block) for block in blocks[:5]] == events
    assert len(blocks) == 6


@pytest.mark.parametrize(
    ("kind", "body", "headers"),
    [
        ("application/json", b"x" * (SMALL_BYTES - 1), ()),
        ("audio/mpeg", TEXT, ()),
        ("application/json", TEXT, ((b"content-encoding", b"gzip"),)),
    ],
)
async def test_what_would_not_get_smaller_is_left_alone(kind, body, headers):
    _, blocks = await answered("gzip", body, kind=kind, headers=headers)
    assert blocks == [body]


async def test_who_accepts_nothing_gets_it_plain():
    headers, blocks = await answered("identity", TEXT)
    assert blocks == [TEXT]
    assert b"content-encoding" not in headers
