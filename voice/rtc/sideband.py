"""A second client of a call: it gets what the first one gets, and may send any event."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from voice.groups import ungrouped
from voice.session.outbox import ClientStalledError, Outbox
from voice.transports.transport import Sound, Transport

NORMAL, POLICY_VIOLATION = 1000, 1008


class _OverError(Exception):
    """The client has left, or the call is over."""


class Sideband:
    """One such connection; a slow one is let go, and the call never waits for it."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._outbox = Outbox(transport)
        self._over = asyncio.Event()
        self._end = (NORMAL, "the call is over")

    def tell(self, text: str) -> None:
        try:
            self._outbox.put(text)
        except ClientStalledError as stalled:
            self._end = (POLICY_VIOLATION, str(stalled))
            self.end()

    def end(self) -> None:
        self._over.set()

    async def run(self, take: Callable[[str | bytes], None]) -> None:
        """Carry events both ways until the client leaves or `end` is called."""
        with suppress(_OverError), ungrouped():
            async with asyncio.TaskGroup() as group:
                group.create_task(self._send())
                group.create_task(self._listen(take))
                await self._over.wait()
                raise _OverError
        await self._transport.close(*self._end)

    async def _send(self) -> None:
        try:
            await self._outbox.run()
        except ClientStalledError as stalled:
            self._end = (POLICY_VIOLATION, str(stalled))
            self.end()

    async def _listen(self, take: Callable[[str | bytes], None]) -> None:
        while (frame := await self._transport.receive()) is not None:
            if not isinstance(frame, Sound):
                take(frame)
        self.end()
