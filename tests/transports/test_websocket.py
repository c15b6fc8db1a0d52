import pytest
from litestar.exceptions import WebSocketDisconnect

from voice.transports.websocket import WebSocketTransport


class Gone:
    """A socket that fails, and counts what it was asked."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.asked = 0

    async def send(self, _message) -> None:
        self.asked += 1
        raise self.error

    async def close(self, _code, _reason) -> None:
        self.asked += 1
        raise self.error


@pytest.mark.parametrize(
    "error",
    [
        WebSocketDisconnect(detail="gone"),
        ConnectionResetError(),
        RuntimeError("Unexpected ASGI message 'websocket.send', after sending 'websocket.close'."),
    ],
)
async def test_what_cannot_be_sent_any_more_is_dropped(error):
    """The web server closes a connection itself for a frame that is none, or an unanswered ping."""
    gone = Gone(error)
    transport = WebSocketTransport(gone)
    await transport.send("{}")
    await transport.send("{}")
    await transport.close(1000, "")
    assert gone.asked == 1
