import asyncio
from types import SimpleNamespace

import msgspec
import pytest

from tests.virtual_time import run
from voice.engines.protocols import EngineError
from voice.gateway.errors import ApiError
from voice.http.answering import DONE, HOLD_S, PING, PING_S, Body, Stream, answering


class Client:
    """One request: what its client got, and when it leaves."""

    def __init__(self, leaves_after_s: float = float("inf"), closes_after_s: float = 1e7) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.blocks: list[tuple[float, bytes]] = []
        self.ended = False
        self._leaves_after_s = leaves_after_s
        self._closes_after_s = closes_after_s

    @property
    def body(self) -> bytes:
        return b"".join(block for _, block in self.blocks)

    async def receive(self):
        await asyncio.sleep(self._leaves_after_s)
        return {"type": "http.disconnect"}

    async def send(self, message) -> None:
        if message["type"] == "http.response.start":
            assert not self.status, "the answer began twice"
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            assert self.status
            assert not self.ended
            self.blocks.append((asyncio.get_running_loop().time() - 1000, message["body"]))
            self.ended = not message["more_body"]

    async def ask(self, work, *, events: bool = False) -> "Client":
        closing = asyncio.Event()
        asyncio.get_running_loop().call_later(self._closes_after_s, closing.set)
        scope = {"path": "/", "app": SimpleNamespace(state={"closing": closing})}
        await answering(work, events=events)(scope, self.receive, self.send)
        return self


def asked(work, *, events: bool = False, leaves_after_s: float = 1e6) -> Client:
    return run(Client(leaves_after_s).ask(work, events=events))


def streaming(*steps: float | bytes | Exception):
    """Work whose stream waits for numbers of seconds, gives bytes, and raises exceptions."""

    async def blocks():
        for step in steps:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, bytes):
                yield step
            else:
                await asyncio.sleep(step)

    async def work() -> Stream:
        return Stream(blocks())

    return work


def test_a_whole_answer_has_its_length_and_type():
    async def work() -> Body:
        return Body(b"{}", headers={"x-voice-provider": "local"})

    client = asked(work)
    assert (client.status, client.body, client.ended) == (200, b"{}", True)
    assert client.headers["content-type"] == "application/json"
    assert client.headers["content-length"] == "2"
    assert client.headers["x-voice-provider"] == "local"


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (ApiError("No.", status=404, code="model_not_found"), 404, "invalid_request_error"),
        (EngineError("The worker died."), 503, "server_error"),
        (ZeroDivisionError("secret"), 500, "server_error"),
    ],
)
@pytest.mark.parametrize("streams", [True, False])
def test_an_error_before_the_first_byte_has_its_status_and_the_one_shape(
    error, status, kind, streams
):
    async def fail() -> Body:
        raise error

    work = streaming(error) if streams else fail
    client = asked(work, events=streams)
    body = msgspec.json.decode(client.body)["error"]
    assert (client.status, body["type"]) == (status, kind)
    assert body.keys() == {"message", "type", "param", "code"}
    assert "secret" not in body["message"]


def test_a_stream_goes_out_block_by_block():
    client = asked(streaming(b"data: 1\n\n", 2.0, b"data: 2\n\n", DONE), events=True)
    assert client.body == b"data: 1\n\ndata: 2\n\n" + DONE
    assert client.headers["content-type"] == "text/event-stream"
    assert client.headers["cache-control"] == "no-cache, no-transform"
    assert client.blocks[1][0] - client.blocks[0][0] == pytest.approx(2.0, abs=0.01)


def test_an_error_within_an_event_stream_is_an_event_and_the_end():
    broken = ApiError("It broke off.", status=502, kind="server_error")
    client = asked(streaming(b"data: 1\n\n", broken), events=True)
    events = client.body.split(b"\n\n")
    assert events[0] == b"data: 1"
    assert msgspec.json.decode(events[1][6:])["error"]["message"] == "It broke off."
    assert events[2] == b"data: [DONE]"
    assert client.ended


def test_an_error_within_another_stream_breaks_the_connection_off():
    with pytest.raises(ApiError, match="It broke off"):
        asked(streaming(b"RIFF", ApiError("It broke off.")))


def test_an_event_stream_that_is_slow_to_begin_opens_and_is_kept_alive():
    client = asked(streaming(HOLD_S + 2 * PING_S + 1, b"data: 1\n\n"), events=True)
    assert [block for _, block in client.blocks] == [PING, PING, PING, b"data: 1\n\n", b""]
    assert client.blocks[0][0] == pytest.approx(HOLD_S, abs=0.01)


def test_an_error_after_the_headers_had_to_go_is_told_in_band():
    client = asked(streaming(HOLD_S + 1, ApiError("Too late.", status=503)), events=True)
    assert client.status == 200
    assert b'"message":"Too late."' in client.body
    assert client.body.endswith(DONE)


def test_a_quick_stream_is_not_pinged():
    steps = [step for _ in range(10) for step in (PING_S / 2, b"data: 1\n\n")]
    assert PING not in asked(streaming(*steps), events=True).body


def test_a_client_that_leaves_ends_the_work():
    ended: list[float] = []

    async def work() -> Body:
        try:
            await asyncio.sleep(1e5)
        finally:
            ended.append(asyncio.get_running_loop().time() - 1000)
        return Body(b"{}")

    client = asked(work, leaves_after_s=3)
    assert ended == [pytest.approx(3, abs=0.01)]
    assert client.status == 0


def test_a_client_that_leaves_closes_the_stream():
    ended: list[float] = []

    async def blocks():
        try:
            yield b"data: 1\n\n"
            await asyncio.sleep(1e5)
        finally:
            ended.append(asyncio.get_running_loop().time() - 1000)

    async def work() -> Stream:
        return Stream(blocks())

    client = asked(work, events=True, leaves_after_s=3)
    assert ended == [pytest.approx(3, abs=0.01)]
    assert client.body == b"data: 1\n\n"


def test_a_client_that_takes_nothing_is_not_pinged_meanwhile():
    class Slow(Client):
        async def send(self, message) -> None:
            if message.get("body") == b"data: 1\n\n":
                await asyncio.sleep(3 * PING_S)
            await super().send(message)

    client = run(Slow(1e6).ask(streaming(b"data: 1\n\n", b"data: 2\n\n"), events=True))
    assert client.body == b"data: 1\n\ndata: 2\n\n"


def test_nothing_follows_the_end_of_a_stream_that_is_slow_to_leave():
    class Slow(Client):
        async def send(self, message) -> None:
            await super().send(message)
            if self.ended:
                await asyncio.sleep(3 * PING_S)

    client = run(Slow(1e6).ask(streaming(b"data: 1\n\n"), events=True))
    assert client.blocks[-1][1] == b""


# ---------------------------------------------------------------- a server that stops


def test_a_stream_that_the_server_ends_says_why():
    client = run(Client(1e6, closes_after_s=5).ask(streaming(b"data: 1\n\n", 1e5), events=True))
    told = client.body.removeprefix(b"data: 1\n\ndata: ").removesuffix(b"\n\n" + DONE)
    assert msgspec.json.decode(told)["error"]["code"] == "server_shutting_down"
    assert client.ended


def test_work_that_the_server_ends_before_its_answer_is_a_503():
    client = run(Client(1e6, closes_after_s=5).ask(streaming(1e5)))
    assert (client.status, client.ended) == (503, True)
    assert msgspec.json.decode(client.body)["error"]["message"] == "The server is shutting down."


def test_audio_that_the_server_ends_is_broken_off():
    async def work() -> Stream:
        stream = await streaming(b"ID3", 1e5)()
        return Stream(stream.blocks, "audio/mpeg")

    client = Client(1e6, closes_after_s=5)
    with pytest.raises(ApiError, match="shutting down"):
        run(client.ask(work))
    assert (client.body, client.ended) == (b"ID3", False)
