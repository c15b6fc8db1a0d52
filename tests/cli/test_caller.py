import asyncio
import base64
from collections.abc import AsyncIterator

import msgspec
import pytest

from tests.virtual_time import run
from voice.cli.caller import FRAME_BYTES, Caller, realtime_address

SECOND = 48_000


class FakeConnection:
    """A server that sends what it is told to, and keeps what the caller sends."""

    def __init__(self) -> None:
        self.sent: list[dict[str, object]] = []
        self._coming: asyncio.Queue[bytes] = asyncio.Queue()

    async def send(self, text: str) -> None:
        self.sent.append(msgspec.json.decode(text))

    def give(self, kind: str, **fields: object) -> None:
        self._coming.put_nowait(msgspec.json.encode({"type": kind, **fields}))

    def give_audio(self, item_id: str, seconds: float) -> None:
        pcm = b"\1\0" * int(seconds * SECOND / 2)
        delta = base64.b64encode(pcm).decode()
        self.give("response.output_audio.delta", item_id=item_id, delta=delta)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield await self._coming.get()


def calling(scenario) -> None:
    """Run a scenario of a caller and its server on virtual time."""

    async def main() -> None:
        connection = FakeConnection()
        caller = Caller(connection, lambda _: None)
        tasks = [asyncio.create_task(caller._listen()), asyncio.create_task(caller._tick())]
        await scenario(caller, connection)
        for task in tasks:
            task.cancel()

    run(main())


def test_both_tracks_are_as_long_as_the_call():
    async def scenario(caller: Caller, _server: FakeConnection) -> None:
        await asyncio.sleep(1.001)
        assert len(caller.spoken) == len(caller.heard) == 51 * FRAME_BYTES

    calling(scenario)


def test_played_counts_the_latest_answer_and_not_the_silence_after_the_one_before():
    async def scenario(caller: Caller, server: FakeConnection) -> None:
        server.give("response.created")
        server.give_audio("item_1", 1)
        server.give("response.done")
        await asyncio.sleep(5)
        server.give("response.created")
        await caller.event("response.created", 2)
        waiting = asyncio.create_task(caller.played(400))
        await asyncio.sleep(1)
        assert not waiting.done()
        server.give_audio("item_2", 1)
        await waiting
        assert 400 <= caller.playing_ms < 440

    calling(scenario)


def test_an_answer_shorter_than_what_was_waited_for_ends_the_wait():
    async def scenario(caller: Caller, server: FakeConnection) -> None:
        server.give("response.created")
        server.give_audio("item_1", 0.5)
        server.give("response.done")
        await caller.event("response.done")
        await caller.played(2000)
        assert caller.buffered_ms == 0

    calling(scenario)


def test_speech_of_the_user_silences_the_player_and_tells_what_was_heard():
    async def scenario(caller: Caller, server: FakeConnection) -> None:
        server.give("response.created")
        server.give_audio("item_1", 3)
        await caller.event("response.created")
        await caller.played(1000)
        server.give("input_audio_buffer.speech_started")
        await caller.event("input_audio_buffer.speech_started")
        assert caller.buffered_ms == 0
        (truncate,) = (e for e in server.sent if e["type"] == "conversation.item.truncate")
        assert truncate["item_id"] == "item_1"
        assert 1000 <= truncate["audio_end_ms"] < 1040

    calling(scenario)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:8000", "ws://127.0.0.1:8000/v1/realtime"),
        ("https://voice.example.org/", "wss://voice.example.org/v1/realtime"),
        ("http://[::1]:8000/v1", "ws://[::1]:8000/v1/realtime"),
        ("ws://127.0.0.1:8000", "ws://127.0.0.1:8000/v1/realtime"),
        ("wss://example.org/voice/v1/realtime", "wss://example.org/voice/v1/realtime"),
    ],
)
def test_any_address_of_a_server_leads_to_its_conversations(url, address):
    assert realtime_address(url) == address


@pytest.mark.parametrize("url", ["", "localhost:8000", "127.0.0.1", "ftp://host", "http://"])
def test_what_is_no_address_is_told_how_one_is_written(url):
    with pytest.raises(ValueError, match="write it like http://127"):
        realtime_address(url)
