"""A transport that ends in the same process, for tests."""

import asyncio

import msgspec

from voice.transports.transport import Line, Sound

RECEIVE_FRAMES = 1000


class MemoryTransport:
    """A `Transport` whose other end is this object: `say` to the session, read `sent`."""

    max_frame_bytes = 2**20

    def __init__(self, *, reads: bool = True, line: Line | None = None) -> None:
        self.line = line
        self.sent: list[dict[str, object]] = []
        """Every event the session sent, in order."""
        self.sent_at_s: list[float] = []
        """When each of them was sent, on the loop's clock."""
        self.closed: tuple[int, str] | None = None
        self._reads = reads
        self._left = asyncio.Event()
        self._incoming: asyncio.Queue[str | bytes | Sound | None] = asyncio.Queue(
            maxsize=RECEIVE_FRAMES
        )

    async def say(self, event: dict[str, object] | str | bytes) -> None:
        """Send the session an event, or a raw frame."""
        frame = event if isinstance(event, str | bytes) else msgspec.json.encode(event).decode()
        await self._incoming.put(frame)

    async def speak(self, pcm: bytes) -> None:
        """Let the session hear audio that is in no event."""
        await self._incoming.put(Sound(pcm))

    async def leave(self) -> None:
        """Go away as a client does that closes its socket."""
        self._left.set()
        await self._incoming.put(None)

    async def receive(self) -> str | bytes | Sound | None:
        return await self._incoming.get()

    async def send(self, text: str) -> None:
        if not self._reads:
            await self._left.wait()
            return
        self.sent.append(msgspec.json.decode(text))
        self.sent_at_s.append(asyncio.get_running_loop().time())

    async def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)
