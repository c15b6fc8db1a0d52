"""Answers over a WebSocket, most of them on virtual time and a transport in memory."""

import asyncio

import msgspec
import pytest

from tests.http.plain import PlainRouter, serving
from tests.virtual_time import run
from voice.engines.fakes import FakeLanguageModel
from voice.engines.protocols import EngineError, Finished, TextDelta
from voice.http.token_buffer import CAPACITY_TOKENS
from voice.http.ws_stream import STALL_S, TokenConnection

ASK = {"type": "inference", "model": "fake", "prompt": "Is it open?"}
CANCEL = {"type": "cancel"}
ANSWER = "It is open. Come in."


class Client:
    """The other end of a connection: it takes `takes_s` over each frame, or `stalls`."""

    def __init__(self, takes_s: float = 0.0) -> None:
        self.takes_s = takes_s
        self.stalls = False
        self.sent: list[dict] = []
        self.sent_at_s: list[float] = []
        self.closed: tuple[int, str] | None = None
        self._arrived = asyncio.Condition()
        self._frames: asyncio.Queue = asyncio.Queue(maxsize=100)

    async def say(self, *frames) -> None:
        for frame in frames:
            text = frame if isinstance(frame, str | bytes) else msgspec.json.encode(frame).decode()
            await self._frames.put(text)

    async def leave(self) -> None:
        await self._frames.put(None)

    async def until(self, kind: str, count: int = 1) -> dict:
        """The message of this type that comes as the `count`-th."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.all(kind)) >= count)
        return self.all(kind)[count - 1]

    def all(self, kind: str) -> list[dict]:
        return [message for message in self.sent if message["type"] == kind]

    async def receive(self):
        return await self._frames.get()

    async def send(self, text: str) -> None:
        if self.stalls:
            await asyncio.sleep(1e6)
        await asyncio.sleep(self.takes_s)
        self.sent.append(msgspec.json.decode(text))
        self.sent_at_s.append(asyncio.get_running_loop().time() - 1000)
        async with self._arrived:
            self._arrived.notify_all()

    async def close(self, code: int, reason: str) -> None:
        self.closed = code, reason


def connected(talk, model: FakeLanguageModel | None = None, *, takes_s: float = 0.0) -> Client:
    """The client after it held its side of a connection, on virtual time."""

    async def both() -> Client:
        client = Client(takes_s)
        router = PlainRouter(model or FakeLanguageModel(ANSWER))
        async with asyncio.TaskGroup() as group:
            group.create_task(TokenConnection(client, router).run())
            await talk(client)
            await client.leave()
        return client

    return run(both())


async def one_answer(client: Client) -> None:
    await client.say(ASK)
    await client.until("complete")


class Counter(FakeLanguageModel):
    """Says numbers as fast as they are taken, and how many were."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        self.made = 0

    async def generate(self, prompt):
        for number in range(self.count):
            self.made += 1
            yield TextDelta(f"{number} ")
            await asyncio.sleep(0)
        yield Finished("stop", output_tokens=self.count)


# ---------------------------------------------------------------- an answer


def test_an_answer_is_start_tokens_and_complete():
    client = connected(one_answer)
    start, *tokens, complete = client.sent
    assert start.keys() == {"type", "request_id", "model"}
    assert (start["type"], start["model"]) == ("start", "fake")
    assert start["request_id"].startswith("req_")
    assert tokens == [
        {"type": "token", "token": "It is open.", "accumulated": "It is open."},
        {"type": "token", "token": " Come in.", "accumulated": "It is open. Come in."},
    ]
    assert complete == {"type": "complete", "total_tokens": 5, "finish_reason": "stop"}


def test_the_params_and_the_system_prompt_reach_the_model():
    model = FakeLanguageModel(ANSWER)

    async def talk(client):
        await client.say(
            {"type": "inference", "prompt": "Open?", "system": "Be brief."}
            | {"params": {"max_tokens": 2, "temperature": 0.1}}
        )
        await client.until("complete")

    client = connected(talk, model)
    assert client.sent[-1] == {"type": "complete", "total_tokens": 2, "finish_reason": "length"}
    (prompt,) = model.prompts
    assert [message.content for message in prompt.messages] == ["Be brief.", "Open?"]
    assert (prompt.max_tokens, prompt.temperature) == (2, 0.1)


def test_null_is_the_same_as_unset():
    async def talk(client):
        await client.say(ASK | {"model": None, "system": None, "params": None})
        await client.until("complete")

    assert connected(talk).all("error") == []


def test_tokens_share_a_message_for_50_ms_at_most():
    client = connected(one_answer, FakeLanguageModel(ANSWER, token_interval_s=0.03))
    assert [message["token"] for message in client.all("token")] == ["It is", " open. Come", " in."]
    assert client.sent_at_s[1:4] == pytest.approx([0.05, 0.11, 0.15], abs=0.001)


def test_a_slow_model_is_heard_token_by_token():
    client = connected(one_answer, FakeLanguageModel("a b c", token_interval_s=1.0))
    assert [message["token"] for message in client.all("token")] == ["a", " b", " c"]
    assert client.sent_at_s[1:4] == pytest.approx([0.05, 1.05, 2.05], abs=0.001)


def test_one_connection_has_many_answers_one_after_the_other():
    async def talk(client):
        for number in range(1, 4):
            await client.say(ASK)
            await client.until("complete", number)

    client = connected(talk)
    assert len({start["request_id"] for start in client.all("start")}) == 3
    accumulated = [message["accumulated"] for message in client.all("token")]
    assert accumulated == ["It is open.", "It is open. Come in."] * 3


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("frame", "param", "words"),
    [
        ("{", None, "not valid JSON"),
        (b"\xff\xfe", None, "not valid JSON"),
        ("[1]", None, "must be a JSON object"),
        ({"prompt": "Open?"}, "type", "type"),
        ({"type": "infer", "prompt": "Open?"}, "type", "'inference'"),
        ({"type": "inference"}, "prompt", "prompt"),
        ({"type": "inference", "prompt": ""}, "prompt", "prompt"),
        (ASK | {"temperature": 1}, "temperature", "Unknown parameter"),
        (ASK | {"params": {"temperature": 3}}, "params.temperature", "2"),
        (ASK | {"params": {"warmth": 3}}, "params.warmth", "Unknown parameter"),
        (ASK | {"params": {"top_k": 3}}, "top_k", "not supported"),
        (ASK | {"model": "other"}, "model", "'other' does not exist"),
        (CANCEL, None, "nothing to cancel"),
    ],
)
def test_what_is_wrong_is_told_and_the_connection_goes_on(frame, param, words):
    async def talk(client):
        await client.say(frame)
        await client.until("error")
        await one_answer(client)

    client = connected(talk)
    assert client.sent[0].keys() == {"type", "error"}
    error = client.sent[0]["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert error["param"] == param
    assert words in error["message"]
    assert client.sent[-1]["type"] == "complete"


def test_a_model_that_fails_in_the_middle_is_told_after_its_words():
    scripts = [[TextDelta("It is"), EngineError("The worker died.")], ANSWER]

    async def talk(client):
        await client.say(ASK)
        await client.until("error")
        await one_answer(client)

    client = connected(talk, FakeLanguageModel(lambda _: scripts.pop(0)))
    kinds = [message["type"] for message in client.sent]
    assert kinds == ["start", "token", "error", "start", "token", "token", "complete"]
    assert client.sent[2]["error"]["message"] == "The worker died."


def test_one_answer_at_a_time():
    async def talk(client):
        await client.say(ASK, ASK)
        await client.until("complete")

    client = connected(talk, FakeLanguageModel(ANSWER, delay_s=1.0))
    kinds = [message["type"] for message in client.sent]
    assert kinds == ["error", "start", "token", "token", "complete"]
    assert client.sent[0]["error"]["code"] == "inference_in_progress"


# ---------------------------------------------------------------- ends


def test_a_cancelled_answer_is_complete_and_the_next_one_is_answered():
    model = FakeLanguageModel(ANSWER, token_interval_s=1.0)

    async def talk(client):
        await client.say(ASK)
        await client.until("token", 2)
        await client.say(CANCEL)
        cancelled = await client.until("complete")
        assert cancelled == {"type": "complete", "total_tokens": 2, "finish_reason": "cancelled"}
        assert model.abandoned == 1
        await client.say(ASK)
        assert (await client.until("complete", 2))["finish_reason"] == "stop"

    client = connected(talk, model)
    assert client.sent[-1]["total_tokens"] == 5


def test_an_answer_is_cancelled_before_it_began():
    model = FakeLanguageModel(ANSWER, delay_s=100.0)

    async def talk(client):
        await client.say(ASK)
        await asyncio.sleep(5)
        await client.say(CANCEL)
        await client.until("complete")

    client = connected(talk, model)
    assert client.sent == [{"type": "complete", "total_tokens": 0, "finish_reason": "cancelled"}]
    assert client.sent_at_s[0] == pytest.approx(5, abs=0.1)
    assert model.abandoned == 1


def test_a_client_that_leaves_ends_the_work_at_once():
    model = FakeLanguageModel(ANSWER, token_interval_s=100.0)
    ended_s = []

    async def talk(client):
        await client.say(ASK)
        await client.until("token")
        await client.leave()
        ended_s.append(asyncio.get_running_loop().time())

    async def both():
        client = Client()
        await asyncio.gather(TokenConnection(client, PlainRouter(model)).run(), talk(client))
        assert asyncio.get_running_loop().time() - ended_s[0] < 0.01

    run(both())
    assert model.abandoned == 1


def test_a_client_that_takes_nothing_for_30_s_is_let_go():
    model = FakeLanguageModel(ANSWER, token_interval_s=100.0)

    async def both():
        client = Client()
        client.stalls = True
        await client.say(ASK)
        began_s = asyncio.get_running_loop().time()
        await TokenConnection(client, PlainRouter(model)).run()
        assert asyncio.get_running_loop().time() - began_s == pytest.approx(STALL_S, abs=0.1)
        assert client.closed == (1008, "the client took nothing for 30 s")

    run(both())
    assert model.abandoned == 1


# ---------------------------------------------------------------- back-pressure


def test_a_slow_client_gets_fewer_and_larger_messages_and_every_word():
    model = Counter(3000)
    client = connected(one_answer, model, takes_s=0.5)
    tokens = [message["token"] for message in client.all("token")]
    everything = "".join(f"{number} " for number in range(3000))
    assert "".join(tokens) == everything
    assert client.all("token")[-1]["accumulated"] == everything
    assert client.sent[-1]["total_tokens"] == 3000
    sizes = [token.count(" ") for token in tokens]
    assert max(sizes) > 0.9 * CAPACITY_TOKENS
    assert len(sizes) < 3000 / 80


def test_the_model_is_not_read_on_while_the_client_takes_nothing():
    model = Counter(3000)

    async def talk(client):
        await client.say(ASK)
        await client.until("token")
        client.stalls = True
        await asyncio.sleep(20)
        assert model.made <= CAPACITY_TOKENS + 10
        made = model.made
        await asyncio.sleep(5)
        assert model.made == made

    connected(talk, model)


def test_a_client_that_is_a_little_slow_still_gets_three_tokens_at_a_time():
    model = FakeLanguageModel("one " * 59 + "one", token_interval_s=0.01)
    client = connected(one_answer, model, takes_s=0.04)
    sizes = [message["token"].count("one") for message in client.all("token")]
    assert set(sizes[:-1]) == {3}
    assert sum(sizes) == 60


# ---------------------------------------------------------------- the handshake


async def test_a_websocket_is_accepted_and_a_plain_request_refused():
    async with serving() as client:
        refused = await client.get("/ws/stream")
        assert refused.status_code == 426
        assert "ws://" in refused.json()["error"]["message"]
        offered = ["openai-insecure-api-key.secret", "tokens"]
        with await client.websocket_connect("/ws/stream", subprotocols=offered) as socket:
            assert socket.accepted_subprotocol == "tokens"
            socket.send_json(ASK)
            kinds = [socket.receive_json()["type"] for _ in range(4)]
    assert kinds == ["start", "token", "token", "complete"]
