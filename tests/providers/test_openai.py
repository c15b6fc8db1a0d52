"""A compatible server is relayed, left in peace and explained; the servers are real."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager

import msgspec
import pytest

from tests.providers.fake_upstream import FakeUpstream, Script
from tests.providers.faults import with_told
from voice.providers.dialects import DIALECTS
from voice.providers.openai import OpenAIProvider
from voice.providers.protocol import Call, ProviderError

KEY = "sk-secret"
MESSAGES = [{"role": "user", "content": "Hi"}]


def chat(**fields: object) -> Call:
    return Call("chat/completions", "tiny", {"model": "alias", "messages": MESSAGES, **fields})


STREAMED = chat(stream=True)


@asynccontextmanager
async def serving(
    *scripts: Script, shape: str = "openai", **options: object
) -> AsyncIterator[tuple[OpenAIProvider, FakeUpstream]]:
    async with FakeUpstream(shape, *scripts) as upstream:
        provider = OpenAIProvider("chat", upstream.url, KEY, **options)
        try:
            yield provider, upstream
        finally:
            await provider.aclose()


async def blocks(provider: OpenAIProvider, call: Call = STREAMED) -> list[bytes]:
    async with aclosing(provider.stream(call)) as stream:
        return [block async for block in stream]


def events(stream: bytes) -> list[dict]:
    assert stream.endswith(b"data: [DONE]\n\n")
    return [msgspec.json.decode(event[6:]) for event in stream.split(b"\n\n")[:-2]]


def text_of(stream: bytes) -> str:
    choices = (choice for event in events(stream) for choice in event["choices"])
    return "".join(choice.get("delta", choice).get("content") or "" for choice in choices)


async def failure(provider: OpenAIProvider, call: Call = STREAMED) -> ProviderError:
    work = blocks(provider, call) if call.streams else provider.answer(call)
    with pytest.raises(ProviderError) as caught:
        await work
    assert caught.value.message.startswith("chat ")
    assert "127.0.0.1" not in caught.value.message
    assert KEY not in caught.value.message
    return caught.value


# ---------------------------------------------------------------- answers


async def test_an_answer_comes_back_as_the_server_wrote_it():
    async with serving() as (provider, _):
        answer = msgspec.json.decode(await provider.answer(chat()))
    assert answer["choices"][0]["message"]["content"] == "Hello there."
    assert answer["model"] == "tiny-served"


async def test_a_stream_comes_back_as_the_server_wrote_it():
    async with serving() as (provider, _):
        stream = b"".join(await blocks(provider))
    assert text_of(stream) == "Hello there."
    assert events(stream)[0]["choices"][0]["delta"]["role"] == "assistant"


async def test_only_the_model_is_replaced():
    """Nothing is added that the client left open."""
    async with serving() as (provider, upstream):
        await provider.answer(chat(temperature=0.5, top_k=3))
        await blocks(provider, chat(stream=True, seed=None))
    whole, streamed = upstream.received
    assert whole.body == {"model": "tiny", "messages": MESSAGES, "temperature": 0.5, "top_k": 3}
    assert streamed.body == {"model": "tiny", "messages": MESSAGES, "stream": True, "seed": None}
    assert whole.headers["Authorization"] == f"Bearer {KEY}"
    assert streamed.headers["Accept-Encoding"] == "identity"


async def test_a_streaming_call_can_be_answered_whole():
    """Whoever collects the answer need not rewrite the call."""
    async with serving() as (provider, upstream):
        await provider.answer(chat(stream=True, stream_options={"include_usage": True}))
    assert upstream.received[0].body == {"model": "tiny", "messages": MESSAGES}


async def test_totals_are_relayed_to_those_who_ask():
    async with serving() as (provider, _):
        call = chat(stream=True, stream_options={"include_usage": True})
        last = events(b"".join(await blocks(provider, call)))[-1]
    assert (last["choices"], last["usage"]["total_tokens"]) == ([], 7)


async def test_completions_and_embeddings_have_their_paths():
    async with serving() as (provider, upstream):
        completion = await provider.answer(Call("completions", "tiny", {"prompt": "Hi"}))
        vectors = await provider.answer(Call("embeddings", "tiny", {"input": ["a", "b"]}))
    assert msgspec.json.decode(completion)["choices"][0]["text"] == "Hello there."
    assert len(msgspec.json.decode(vectors)["data"]) == 2
    assert [each.path for each in upstream.received] == ["completions", "embeddings"]


async def test_completions_stream():
    async with serving() as (provider, _):
        call = Call("completions", "tiny", {"prompt": "Hi", "stream": True})
        said = [
            each["choices"][0]["text"] for each in events(b"".join(await blocks(provider, call)))
        ]
    assert "".join(said) == "Hello there."


async def test_tool_calls_are_relayed():
    script = Script(words=(), calls=(("time", '{"zone": "UTC"}'),), finish="tool_calls")
    async with serving(script) as (provider, _):
        stream = events(b"".join(await blocks(provider)))
    assert stream[1]["choices"][0]["delta"]["tool_calls"][0]["function"]["name"] == "time"


@pytest.mark.parametrize("shape", ["openai", "vllm"])
async def test_thinking_text_has_one_name(shape: str):
    """Streamed or not, whatever the server calls it."""
    script = Script(thinking="hm")
    async with serving(script, shape=shape, reasoning="reasoning_content") as (provider, _):
        stream = events(b"".join(await blocks(provider)))
        answer = msgspec.json.decode(await provider.answer(chat()))
    assert stream[1]["choices"][0]["delta"] == {"reasoning_content": "hm"}
    assert answer["choices"][0]["message"]["reasoning_content"] == "hm"


async def test_guided_choice_reaches_vllm_under_its_present_name():
    """The old names are ignored there, under the status of success."""
    async with serving(shape="vllm", dialect=DIALECTS["vllm"]) as (provider, upstream):
        answer = await provider.answer(chat(guided_choice=["yes", "no"]))
    assert upstream.received[0].body["structured_outputs"] == {"choice": ["yes", "no"]}
    assert msgspec.json.decode(answer)["choices"][0]["message"]["content"] == "yes"


# ---------------------------------------------------------------- connections


async def test_calls_share_one_connection():
    """Streamed ones too: their ends are read."""
    async with serving() as (provider, upstream):
        await blocks(provider)
        await blocks(provider)
        await provider.answer(chat())
    assert len({each.connection for each in upstream.received}) == 1


async def test_the_first_words_do_not_wait_for_the_last():
    async with (
        serving(Script(fault="hang_within")) as (provider, _),
        aclosing(provider.stream(STREAMED)) as stream,
    ):
        assert b"Hello" in await anext(stream)


async def test_closing_a_stream_closes_its_connection():
    async with serving(Script(fault="hang_within")) as (provider, upstream):
        async with aclosing(provider.stream(STREAMED)) as stream:
            await anext(stream)
        async with asyncio.timeout(1):
            await upstream.idle()
        assert upstream.abandoned == 1


@pytest.mark.parametrize("fault", ["hang", "hang_silent"])
@pytest.mark.parametrize("streams", [True, False])
async def test_cancelling_closes_the_connection(fault: str, streams: bool):
    """A client may leave while the server is still silent."""
    async with serving(Script(fault=fault)) as (provider, upstream):
        work = blocks(provider) if streams else provider.answer(chat())
        async with asyncio.TaskGroup() as group:
            task = group.create_task(work)
            await upstream.asked()
            task.cancel()
        async with asyncio.timeout(1):
            await upstream.idle()
        assert upstream.abandoned == 1


async def test_a_request_over_a_fresh_connection_is_not_repeated():
    """To repeat it is for the router to decide."""
    async with serving(Script(fault="die"), Script()) as (provider, upstream):
        await failure(provider)
    assert len(upstream.received) == 1


# ---------------------------------------------------------------- failures


@pytest.mark.parametrize(("fault", "trouble", "status"), with_told(502))
@pytest.mark.parametrize("streams", [True, False])
@pytest.mark.parametrize("shape", ["openai", "vllm"])
async def test_every_fault_is_an_error(
    fault: str, trouble: str, status: int, streams: bool, shape: str
):
    """Whether streamed or not, and no connection is left behind."""
    timeout_s = 0.1 if fault.startswith("hang") else 10.0
    async with serving(Script(fault=fault), shape=shape, timeout_s=timeout_s) as (
        provider,
        upstream,
    ):
        error = await failure(provider, chat(stream=streams))
        assert (error.trouble, error.status) == (trouble, status)
        async with asyncio.timeout(1):
            await upstream.idle()


async def test_a_missing_mark_of_the_end_is_added():
    async with serving(Script(fault="no_done")) as (provider, _):
        assert text_of(b"".join(await blocks(provider))) == "Hello there."


REFUSALS = [
    (400, "bad value", None, {}, "request", 400, None),
    (422, "bad value", None, {}, "request", 400, None),
    (400, "too long", "context_length_exceeded", {}, "context", 400, "context_length_exceeded"),
    (400, "maximum context length is 5", None, {}, "context", 400, "context_length_exceeded"),
    (401, "Incorrect key sk-secret", None, {}, "auth", 502, "provider_auth_failed"),
    (403, "no", None, {}, "auth", 502, "provider_auth_failed"),
    (404, "no such model", None, {}, "unavailable", 404, "model_not_found"),
    (413, "too much", None, {}, "request", 413, "request_too_large"),
    (429, "slow down", None, {"Retry-After": "7"}, "rate_limit", 429, "rate_limit_exceeded"),
    (429, "pay", "insufficient_quota", {}, "quota", 429, "insufficient_quota"),
    (500, "oops", None, {}, "unavailable", 502, "provider_error"),
    (501, "cannot", None, {}, "unavailable", 501, "not_supported"),
    (503, "loading", None, {"Retry-After": "2"}, "unavailable", 503, "provider_unavailable"),
    (504, "slow", None, {}, "timeout", 504, "provider_timeout"),
    (529, "busy", None, {}, "unavailable", 503, "provider_unavailable"),
    (307, "", None, {"Location": "https://b/v1"}, "unavailable", 502, "provider_error"),
]


@pytest.mark.parametrize(
    ("status", "words", "code", "headers", "trouble", "answered", "named"), REFUSALS
)
@pytest.mark.parametrize("streams", [True, False])
async def test_a_refusal_is_understood(
    status: int,
    words: str,
    code: str | None,
    headers: dict[str, str],
    trouble: str,
    answered: int,
    named: str | None,
    streams: bool,
):
    """By its status, its code or its words; the server's reason is told."""
    script = Script(status=status, error=words, error_code=code, headers=headers)
    async with serving(script) as (provider, _):
        error = await failure(provider, chat(stream=streams))
    assert (error.trouble, error.status, error.code) == (trouble, answered, named)
    assert words.replace(KEY, "***") in error.message
    told = headers.get("Retry-After")
    assert error.retry_after_s == (float(told) if told else None)
    assert error.headers.get("Retry-After") == told


async def test_the_servers_own_key_is_named_as_such():
    """The client must not look for the mistake in its own key."""
    async with serving(Script(status=401)) as (provider, _):
        error = await failure(provider)
    assert "refused the API key; set the right one for chat" in error.message
    assert "the key of the server, not yours" in error.message


async def test_an_error_in_band_keeps_its_meaning():
    """Its status is that of success, whatever it says."""
    script = Script(fault="error", error_type="rate_limit_error")
    async with serving(script) as (provider, _):
        assert (await failure(provider)).trouble == "rate_limit"


async def test_a_server_that_is_not_there_is_unavailable():
    async with serving() as (provider, _):
        pass
    error = await failure(provider)
    assert (error.trouble, error.status) == ("unavailable", 503)
    assert "cannot be reached" in error.message
    await provider.aclose()


async def test_a_server_that_does_not_stream_is_streamed(aiohttp_handler: Callable):
    """Some take `stream` for a wish."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    message = {"role": "assistant", "content": "Hi", "tool_calls": [call]}
    whole = {"object": "chat.completion", "usage": {"total_tokens": 2}}
    body = whole | {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    async with aiohttp_handler(body) as url:
        provider = OpenAIProvider("chat", url, KEY)
        wanting = chat(stream=True, stream_options={"include_usage": True})
        stream = events(b"".join(await blocks(provider, wanting)))
        await provider.aclose()
    assert stream[0]["object"] == "chat.completion.chunk"
    assert stream[0]["choices"][0]["delta"]["tool_calls"] == [{**call, "index": 0}]
    assert stream[1] == {
        "object": "chat.completion.chunk",
        "choices": [],
        "usage": {"total_tokens": 2},
    }


@pytest.mark.parametrize(
    "body",
    [
        5,
        {},
        {"choices": []},
        {"choices": [5]},
        {"choices": [{"message": 5}]},
        {"choices": [{"message": {"tool_calls": [5]}}]},
    ],
)
@pytest.mark.parametrize("streams", [True, False])
async def test_an_answer_of_another_shape_is_none(
    aiohttp_handler: Callable, body: object, streams: bool
):
    async with aiohttp_handler(body) as url:
        provider = OpenAIProvider("chat", url, KEY, reasoning="reasoning")
        assert (await failure(provider, chat(stream=streams))).status == 502
        await provider.aclose()


def test_the_host_decides_on_the_dialect():
    assert OpenAIProvider("a", "https://api.openai.com/v1", KEY).dialect is DIALECTS["openai"]
    assert OpenAIProvider("a", "http://box:8000/v1", KEY).dialect is DIALECTS["compatible"]
