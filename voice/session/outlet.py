"""Where the speech of a reply leaves: as events that the client plays, or on a line.

On a line the server plays, so it also tells what becomes of the sound: when it starts, when its
last sample has left, and where it was cut.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from typing import Protocol

from voice.audio.formats import WIRE_FORMATS, WireFormat
from voice.realtime.config import SessionConfig
from voice.realtime.errors import WireError
from voice.realtime.response import ResponseStream
from voice.realtime.state import RealtimeState
from voice.session.outbox import Outbox
from voice.session.pace import LinePace, Pace
from voice.transports.transport import Line

LINE_FORMAT = WIRE_FORMATS["audio/pcm"]
"""What is spoken on a line, and heard from it, whatever the session says of formats."""


class Outlet(Protocol):
    wire: WireFormat
    pace: Pace

    def turn(self) -> AbstractAsyncContextManager[None]:
        """To be held while a reply is sent, so that no other is sent over it."""

    async def send(self, stream: ResponseStream, frame: bytes) -> bytes:
        """Send 20 ms of PCM at the rate of the wire; gives them as they were sent."""

    async def finish(self, stream: ResponseStream) -> None:
        """Return when all that was sent has been played, as far as that is known here."""

    def cut(self, stream: ResponseStream, heard_ms: int) -> None:
        """Break off what was sent and has not sounded."""


class EventOutlet:
    """Speech in `response.output_audio.delta`, in the output format of the session."""

    def __init__(
        self,
        outbox: Outbox,
        config: SessionConfig,
        pace: Pace,
        revoked: Callable[[], bool],
    ) -> None:
        self.wire = WIRE_FORMATS[config.audio.output.format.type]
        self.pace = pace
        self._outbox = outbox
        self._revoked = revoked

    def turn(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    async def send(self, stream: ResponseStream, frame: bytes) -> bytes:
        await self._outbox.room()
        encoded = self.wire.encode(frame)
        self._outbox.emit(stream.audio(encoded), revoked=self._revoked)
        return encoded

    async def finish(self, stream: ResponseStream) -> None:
        """Nobody knows here what a client plays."""

    def cut(self, stream: ResponseStream, heard_ms: int) -> None:
        """What was sent is the client's; it will say where it has stopped."""


class LineOutlet:
    """Speech on a line, with the events that tell of it."""

    wire = LINE_FORMAT

    def __init__(self, outbox: Outbox, state: RealtimeState, line: Line) -> None:
        self.pace: Pace = LinePace(line)
        self._emit = outbox.emit
        self._state = state
        self._line = line
        self._sounds = False

    def turn(self) -> AbstractAsyncContextManager[None]:
        return self._line.turn

    async def send(self, stream: ResponseStream, frame: bytes) -> bytes:
        self._emit(stream.voiced())
        if not self._sounds:
            self._sounds = True
            self._emit(self._state.output_audio_buffer("started", stream.id))
        self._line.play(frame)
        return frame

    async def finish(self, stream: ResponseStream) -> None:
        if self._sounds:
            await self._line.room(1)
            self._sounds = False
            self._emit(self._state.output_audio_buffer("stopped", stream.id))

    def cut(self, stream: ResponseStream, heard_ms: int) -> None:
        if not self._sounds:
            return
        self._sounds = False
        self._line.clear()
        self._emit(self._state.output_audio_buffer("cleared", stream.id))
        item = stream.current_item
        if item is not None and self._state.conversation.get(item.id) is item:
            # The client may have deleted it; and a response out of band has none there.
            with suppress(WireError):
                self._emit(self._state.truncated(item.id, 0, heard_ms))
