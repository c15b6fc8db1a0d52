"""The conversation over WebRTC: JSON text on a data channel, sound on a track of its own."""

import asyncio
from contextlib import suppress

import structlog

from voice.config import RtcSettings
from voice.realtime.errors import WireError
from voice.realtime.events import encode
from voice.rtc.inbox import Inbox
from voice.rtc.line import SpeechLine
from voice.rtc.peer import Peer
from voice.rtc.sideband import Sideband
from voice.transports.transport import Sound

log = structlog.get_logger()

CONNECT_S = 30.0
LINGER_S = 0.2
"""What was sent last still needs a moment to arrive before the connection is closed."""


class WebRtcTransport:
    """A `Transport` over one peer connection, which sidebands can listen to and speak into."""

    def __init__(self, settings: RtcSettings) -> None:
        self.line = SpeechLine()
        self.sidebands: list[Sideband] = []
        self._inbox = Inbox()
        self._peer = Peer(settings, self.line, self._inbox)

    @property
    def max_frame_bytes(self) -> int:
        return self._peer.max_message_bytes

    @property
    def late_frames(self) -> int:
        """How many frames left more than 20 ms after their time."""
        return self._peer.clock.late

    async def answer(self, offer: str) -> str:
        """The SDP answer to an offer. Raises `ApiError`."""
        return await self._peer.answer(offer)

    async def opened(self) -> bool:
        """Wait for the client to be there; False when it has gone or did not come in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CONNECT_S):
                await self._peer.settled.wait()
        return self._peer.is_open

    async def receive(self) -> str | bytes | Sound | None:
        return await self._inbox.get()

    def take(self, event: str | bytes) -> None:
        """Let the session have an event of somebody else than its client."""
        self._peer.take(event)

    async def send(self, text: str) -> None:
        for sideband in self.sidebands:
            sideband.tell(text)
        if len(text.encode()) > self.max_frame_bytes:
            text = encode(_too_large(text).to_event())
        await self._peer.send(text)

    async def close(self, code: int, reason: str) -> None:
        """End the call once what was sent last has had the time to arrive."""
        log.info("call closed", code=code, reason=reason)
        if self._peer.is_open:
            await asyncio.sleep(LINGER_S)
        await self._peer.close()

    async def hang_up(self) -> None:
        """End the call now; for the session its client has left."""
        await self._peer.close()


def _too_large(text: str) -> WireError:
    return WireError(
        f"An event of {len(text.encode())} bytes is larger than what a data channel takes.",
        code="event_too_large",
        type="server_error",
    )
