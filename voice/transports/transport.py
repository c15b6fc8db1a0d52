"""What a session asks of the connection to its client."""

from typing import Protocol


class Transport(Protocol):
    """A two-way stream of JSON text frames."""

    async def receive(self) -> str | bytes | None:
        """The next frame, or None when the client is gone."""

    async def send(self, text: str) -> None:
        """Send one frame; waits while the connection is full, returns quietly once it is closed."""

    async def close(self, code: int, reason: str) -> None: ...
