"""One answer on its way over a WebSocket, at the pace of its client."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from math import isinf
from typing import Any
from uuid import uuid4

from voice.groups import ungrouped
from voice.http.token_buffer import TokenBuffer
from voice.http.tokens import Complete, Item, Started, Token

Json = dict[str, Any]
Send = Callable[[Json], Awaitable[None]]


class Delivery:
    """Sends `start` and `token` messages; whoever asked sends the message that ends the answer."""

    def __init__(self, send: Send) -> None:
        self.delivered = 0
        """How many tokens were sent."""
        self._send = send
        self._text = ""
        self._buffer = TokenBuffer()
        self._came = asyncio.Event()
        self._went = asyncio.Event()
        self._now = asyncio.get_running_loop().time

    async def run(self, items: AsyncGenerator[Item, None]) -> Complete:
        """Send the answer as it comes. Raises what the items raise, after the tokens before it."""
        with ungrouped():
            async with asyncio.TaskGroup() as group:
                reading = group.create_task(self._read(items))
                await self._write()
        result = reading.result()
        if isinstance(result, Exception):
            raise result
        return result

    async def _read(self, items: AsyncGenerator[Item, None]) -> Complete | Exception:
        """Take what comes as long as there is room; gives how it ended."""
        end: Complete | Exception = Complete(0, "stop")
        try:
            async for item in items:
                match item:
                    case Started(model):
                        request_id = f"req_{uuid4().hex}"
                        await self._send(
                            {"type": "start", "request_id": request_id, "model": model}
                        )
                    case Token(text):
                        self._buffer.put(text, self._now())
                        self._came.set()
                        await self._room()
                    case Complete():
                        end = item
        except Exception as error:  # noqa: BLE001 - told after the tokens that came before it
            end = error
        self._buffer.close()
        self._came.set()
        return end

    async def _room(self) -> None:
        while self._buffer.level == "critical":
            self._went.clear()
            await self._went.wait()

    async def _write(self) -> None:
        while not self._buffer.closed or len(self._buffer):
            await self._due()
            if tokens := self._buffer.take(self._now()):
                self._went.set()
                self._text += "".join(tokens)
                await self._send(
                    {"type": "token", "token": "".join(tokens), "accumulated": self._text}
                )
                self.delivered += len(tokens)

    async def _due(self) -> None:
        """Wait until a message may leave, or something came that may make it leave earlier."""
        self._came.clear()
        due_s = self._buffer.due_s
        if due_s > self._now() and not self._buffer.closed:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(None if isinf(due_s) else due_s):
                    await self._came.wait()
