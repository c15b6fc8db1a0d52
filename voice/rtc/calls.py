"""The calls of a server: each one runs from its answer to its end, whoever ends it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from voice.gateway.errors import ApiError
from voice.realtime.events import encode, new_id
from voice.rtc.sideband import Sideband
from voice.session.session import Session
from voice.transports.transport import Transport

if TYPE_CHECKING:  # it takes a tenth of a second to import, and many servers never get a call
    from voice.transports.webrtc import WebRtcTransport

log = structlog.get_logger()


class Call:
    """A session over WebRTC that has a name; `held` is given back when it ends."""

    def __init__(self, session: Session, transport: "WebRtcTransport", held: ExitStack) -> None:
        self.id = new_id("rtc_")
        self._session = session
        self._transport = transport
        self._held = held
        self._talks = False
        self.ended = asyncio.Event()

    @property
    def late_frames(self) -> int:
        return self._transport.late_frames

    async def run(self) -> None:
        """Wait for the client, converse with it, and leave nothing behind."""
        with self._held, structlog.contextvars.bound_contextvars(call=self.id):
            try:
                if await self._transport.opened():
                    self._talks = True
                    await self._session.run()
                else:
                    log.info("call ended", reason="the client did not connect")
            except Exception:
                log.exception("call failed")
            finally:
                await self._transport.hang_up()
                for sideband in self._transport.sidebands:
                    sideband.end()
                self.ended.set()

    async def hang_up(self) -> None:
        """End the call, and return when it has ended."""
        await self._transport.hang_up()
        await self.ended.wait()

    async def attend(self, transport: Transport) -> None:
        """Let somebody else take part, until it leaves or the call ends."""
        sideband = Sideband(transport)
        if self._talks:
            for event in self._session.state.opening():
                sideband.tell(encode(event))
        self._transport.sidebands.append(sideband)
        if self.ended.is_set():
            sideband.end()
        try:
            await sideband.run(self._transport.take)
        finally:
            self._transport.sidebands.remove(sideband)


class Calls:
    """All calls of a server by their ids; `running` is their life."""

    def __init__(self) -> None:
        self._calls: dict[str, Call] = {}
        self._past_late_frames = 0
        self._group: asyncio.TaskGroup | None = None

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def late_frames(self) -> int:
        """How many frames of all calls left more than 20 ms after their time."""
        return self._past_late_frames + sum(call.late_frames for call in self._calls.values())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Let calls be while the block runs, and end those that are left then."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                yield
            finally:
                self._group = None
                for call in list(self._calls.values()):
                    group.create_task(call.hang_up())

    def start(self, call: Call) -> None:
        """Run a call that has been answered. Raises `ApiError` when the server is stopping."""
        if self._group is None:
            raise ApiError("The server is shutting down.", status=503, kind="server_error")
        self._calls[call.id] = call
        self._group.create_task(self._run(call))

    def find(self, call_id: str) -> Call:
        """A running call. Raises `ApiError`."""
        call = self._calls.get(call_id)
        if call is None:
            message = f"There is no call '{call_id}'; it has ended, or never was."
            raise ApiError(message, status=404, kind="not_found_error", code="call_not_found")
        return call

    async def _run(self, call: Call) -> None:
        try:
            await call.run()
        finally:
            del self._calls[call.id]
            self._past_late_frames += call.late_frames
