"""The events of a conversation, whatever carries them, and how long they take."""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

Event = dict[str, Any]

ROUND_TRIPS = 20
ANSWER_S = 5.0
FIRST_AUDIO_S = 45.0
"""A large model on a small machine takes its time."""
TAIL_S = 3.0
"""An answer that is complete has begun to sound by then."""
AUDIBLE = 200
"""Of 32767: what codecs make of silence is less."""
RATE_HZ = 24_000
HEARD = "heard"
QUESTION = {
    "type": "message",
    "role": "user",
    "content": [{"type": "input_text", "text": "What time is it?"}],
}
# Nobody listens here: what a microphone hears must not become a turn.
SESSION = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}


class ProbeError(Exception):
    """The conversation did not go as it must; the message says why."""


class RoundTrips(NamedTuple):
    middle_ms: float
    worst_ms: float

    def __str__(self) -> str:
        return f"{self.middle_ms:.1f} ms there and back, {self.worst_ms:.1f} ms at worst"


class Wire:
    """One conversation: send events, wait for others, and know when a sound was heard."""

    def __init__(self, send: Callable[[str], Awaitable[None]]) -> None:
        self._send = send
        self._events: asyncio.Queue[Event | None] = asyncio.Queue(maxsize=100_000)
        self._silent_s = 0.0
        self._first_s: float | None = None
        self._heard = False

    def take(self, text: str | bytes) -> None:
        """Take a frame from the server."""
        event: Event = msgspec.json.decode(text)
        if event["type"] == "response.output_audio.delta":
            self.hear(np.frombuffer(base64.b64decode(event["delta"]), "<i2"), RATE_HZ)
        else:
            self._events.put_nowait(event)

    def hear(self, samples: npt.NDArray[np.int16], rate_hz: int, *, live: bool = False) -> None:
        """Take sound (n_samples,): played from when it came, or `live`, when it is played as it comes."""
        if self._heard:
            return
        if live or self._first_s is None:
            self._first_s, self._silent_s = time.monotonic(), 0.0
        loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > AUDIBLE)
        self._silent_s += (int(loud[0]) if loud.size else len(samples)) / rate_hz
        if loud.size:
            self._heard = True
            at_s = self._first_s + (0.0 if live else self._silent_s)
            self._events.put_nowait({"type": HEARD, "at_s": at_s})

    def end(self) -> None:
        """Nothing comes any more."""
        self._events.put_nowait(None)

    async def send(self, kind: str, **fields: object) -> None:
        await self._send(msgspec.json.encode({"type": kind, **fields}).decode())

    async def next(self, *kinds: str, seconds: float = ANSWER_S) -> Event:
        """The next event of one of these types. Raises `ProbeError`."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    event = await self._events.get()
                    if event is None:
                        raise ProbeError("the server ended the conversation")
                    if event["type"] == "error":
                        raise ProbeError(event["error"]["message"])
                    if event["type"] in kinds:
                        return event
        except TimeoutError:
            raise ProbeError(f"the server sent no {kinds[0]} within {seconds:.0f} s") from None

    async def round_trips(self) -> RoundTrips:
        took_ms = []
        for _ in range(ROUND_TRIPS):
            began_s = time.monotonic()
            await self.send("input_audio_buffer.clear")
            await self.next("input_audio_buffer.cleared")
            took_ms.append((time.monotonic() - began_s) * 1000)
        return RoundTrips(median(took_ms), max(took_ms))

    async def first_audio_ms(self) -> float:
        """Ask in text, and wait for the first sample that can be heard."""
        await self.send("session.update", session=SESSION)
        await self.next("session.updated")
        await self.send("conversation.item.create", item=QUESTION)
        began_s = time.monotonic()
        await self.send("response.create")
        event = await self.next(HEARD, "response.done", seconds=FIRST_AUDIO_S)
        if event["type"] == HEARD:
            await self.send("response.cancel")
        else:
            _check_end(event)
            event = await self.next(HEARD, seconds=TAIL_S)
        return float(event["at_s"] - began_s) * 1000


def _check_end(event: Event) -> None:
    response = event["response"]
    if response["status"] == "failed":
        reason = ((response.get("status_details") or {}).get("error") or {}).get("message")
        raise ProbeError(f"the answer failed: {reason or 'the log of the server says why'}")
