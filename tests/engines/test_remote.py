"""Errors of remote servers say who failed, why and what to do, and never show the key."""

import ssl

import aiohttp
import pytest
import structlog
from aiohttp.client_reqrep import ConnectionKey

from voice.engines.remote import RemoteServer, error_detail


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b'{"error": {"message": "No such model", "code": "x"}}', "No such model"),
        (b'{"error": "model not found"}', "model not found"),
        (b'{"detail": "Not authenticated"}', "Not authenticated"),
        (b'{"object": "error", "message": "too long"}', "too long"),
        (b'{"error": {"code": 3}}', ""),
        (b"upstream\n  timed out", "upstream timed out"),
        (b"<html><body>502</body></html>", ""),
        (b"", ""),
        (b"\xff", "\ufffd"),
        (b"x" * 400, "x" * 300 + "..."),
    ],
)
def test_the_reason_is_found_in_every_usual_error_body(body: bytes, detail: str):
    """Servers agree on no shape; a web page is no reason."""
    assert error_detail(body) == detail


@pytest.mark.parametrize("url", ["", "localhost:8000/v1", "ftp://x/v1", "http:///v1"])
def test_an_address_that_cannot_be_one_is_refused(url: str):
    """The mistake is named when the server is configured, not when it is first used."""
    with pytest.raises(ValueError, match="base_url must be like https://host/v1"):
        RemoteServer("chat:m", url, None, 60.0)


def test_a_password_in_the_address_is_refused_without_showing_it():
    """It would end up in every error message."""
    with pytest.raises(ValueError, match="API key") as caught:
        RemoteServer("chat:m", "https://me:hunter2@host/v1", None, 60.0)
    assert "hunter2" not in str(caught.value)


def test_a_key_in_the_words_is_masked():
    """Some servers echo the key that they refuse."""
    server = RemoteServer("chat:m", "https://host/v1", " sk-secret\n", 60.0)
    assert str(server.error("hates sk-secret")) == "chat:m hates ***"
    assert "sk-secret" not in repr(server)


KEY = ConnectionKey("host", 443, True, True, None, None, None)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            aiohttp.ClientConnectorDNSError(KEY, OSError("no such name")),
            "cannot be found: its name has no address; check the base_url",
        ),
        (
            aiohttp.ClientConnectorCertificateError(KEY, ssl.SSLCertVerificationError("expired")),
            "has no secure connection to offer",
        ),
        (
            aiohttp.ClientConnectorError(KEY, OSError(111, "Connection refused")),
            "cannot be reached (Connection refused); is it running",
        ),
        (aiohttp.ConnectionTimeoutError(), "did not accept a connection within 10 s"),
        (aiohttp.SocketTimeoutError(), "sent nothing for 60 s"),
        (aiohttp.ClientPayloadError(), "broke off the connection (ClientPayloadError); try again"),
    ],
)
def test_each_way_a_connection_fails_is_explained(error: Exception, words: str):
    """The words name the likely cause and the remedy."""
    server = RemoteServer("chat:m", "https://host/v1", None, 60.0)
    assert str(server.failure(error)).startswith(f"chat:m {words}")


def test_where_a_server_is_goes_to_the_log_alone():
    """The clients of this server are often not those who run it."""
    server = RemoteServer("chat:m", "http://10.1.2.3:8001/v1", None, 60.0)
    cause = aiohttp.ClientConnectorError(
        ConnectionKey("10.1.2.3", 8001, False, True, None, None, None),
        OSError(111, "Connect call failed ('10.1.2.3', 8001)"),
    )
    with structlog.testing.capture_logs() as lines:
        told = [str(server.failure(cause)), str(server.error("is not at http://10.1.2.3:8001"))]
    assert told == [
        "chat:m cannot be reached (Connection refused); is it running, and the base_url right?",
        "chat:m is not at it",
    ]
    assert [line["at"] for line in lines] == ["http://10.1.2.3:8001"] * 2
    assert "Connect call failed" in lines[0]["cause"]
