"""Anthropic's models answer like OpenAI's: whole, streamed and in trouble; the servers are real."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import msgspec
import pytest

from tests.providers.fake_upstream import FakeUpstream, Script
from tests.providers.faults import with_told
from voice.providers.anthropic import API_VERSION, AnthropicProvider
from voice.providers.anthropic_answer import WRAPPED
from voice.providers.protocol import Call, ProviderError

KEY = "sk-ant-secret"
MODEL = "claude-sonnet-4-6"
MESSAGES = [{"role": "user", "content": "Hi"}]
BODY = {"messages": MESSAGES}


def chat(**fields: object) -> Call:
    return Call("chat/completions", MODEL, {"model": "alias", **BODY, **fields})


STREAMED = chat(stream=True)


@asynccontextmanager
async def serving(
    *scripts: Script, **options: object
) -> AsyncIterator[tuple[AnthropicProvider, FakeUpstream]]:
    async with FakeUpstream("anthropic", *scripts) as upstream:
        provider = AnthropicProvider("claude", upstream.url, KEY, **options)
        try:
            yield provider, upstream
        finally:
            await provider.aclose()


async def events(provider: AnthropicProvider, call: Call = STREAMED) -> list[dict]:
    async with aclosing(provider.stream(call)) as stream:
        whole = b"".join([block async for block in stream])
    assert whole.endswith(b"data: [DONE]\n\n")
    return [msgspec.json.decode(event[6:]) for event in whole.split(b"\n\n")[:-2]]


async def choices(provider: AnthropicProvider, call: Call = STREAMED) -> list[dict]:
    return [choice for event in await events(provider, call) for choice in event["choices"]]


async def failure(provider: AnthropicProvider, call: Call = STREAMED) -> ProviderError:
    work = events(provider, call) if call.streams else provider.answer(call)
    with pytest.raises(ProviderError) as caught:
        await work
    assert KEY not in caught.value.message
    return caught.value


USAGE = {
    "prompt_tokens": 114,
    "completion_tokens": 3,
    "total_tokens": 117,
    "prompt_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 10},
}


# ---------------------------------------------------------------- answers


async def test_an_answer_is_a_completion():
    async with serving(Script(finish="end_turn")) as (provider, upstream):
        answer = msgspec.json.decode(await provider.answer(chat()))
    message = {"role": "assistant", "content": "Hello there.", "refusal": None}
    assert isinstance(answer.pop("created"), int)
    assert answer == {
        "id": "msg_1",
        "object": "chat.completion",
        "model": MODEL,
        "choices": [{"index": 0, "logprobs": None, "finish_reason": "stop", "message": message}],
        "usage": USAGE,
    }
    sent = upstream.received[0]
    assert sent.headers["x-api-key"] == KEY
    assert sent.headers["anthropic-version"] == API_VERSION
    assert "Authorization" not in sent.headers
    text = [{"type": "text", "text": "Hi"}]
    assert sent.body == {
        "model": MODEL,
        "max_tokens": 64_000,
        "messages": [{"role": "user", "content": text}],
    }


async def test_a_stream_is_one_of_chunks():
    """The role first, then the words, then why it ended; no totals, since nobody asked."""
    async with serving(Script(finish="max_tokens")) as (provider, upstream):
        stream = await events(provider)
    assert {event["object"] for event in stream} == {"chat.completion.chunk"}
    assert [event["choices"][0]["delta"] for event in stream] == [
        {"role": "assistant", "content": ""},
        {"content": "Hello"},
        {"content": " there"},
        {"content": "."},
        {},
    ]
    reasons = [event["choices"][0]["finish_reason"] for event in stream]
    assert reasons == [None, None, None, None, "length"]
    assert not any("usage" in event for event in stream)
    assert upstream.received[0].body["stream"] is True


async def test_totals_come_to_those_who_ask():
    """What was read from the cache, and written to it, is a part of the prompt."""
    async with serving() as (provider, _):
        call = chat(stream=True, stream_options={"include_usage": True})
        *chunks, last = await events(provider, call)
    assert all(chunk["usage"] is None for chunk in chunks)
    assert last["choices"] == []
    assert last["usage"] == USAGE | {"completion_tokens_details": {"reasoning_tokens": 1}}


CALLS = Script(words=("So",), calls=(("time", '{"zone": "UTC"}'), ("now", "")), finish="tool_use")


async def test_tool_calls_come_in_fragments():
    """A call without arguments gets an empty object, which clients parse."""
    async with serving(CALLS) as (provider, _):
        stream = await choices(provider)
    calls: dict[int, dict] = {}
    for choice in stream:
        for part in choice["delta"].get("tool_calls", ()):
            if "id" in part:
                calls[part["index"]] = part
            else:
                calls[part["index"]]["function"]["arguments"] += part["function"]["arguments"]
    assert [(call["id"], call["type"], call["function"]) for call in calls.values()] == [
        ("toolu_0", "function", {"name": "time", "arguments": '{"zone": "UTC"}'}),
        ("toolu_1", "function", {"name": "now", "arguments": "{}"}),
    ]
    assert stream[-1]["finish_reason"] == "tool_calls"


async def test_tool_calls_come_whole():
    async with serving(CALLS) as (provider, _):
        answer = msgspec.json.decode(await provider.answer(chat()))
    choice = answer["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    first, second = choice["message"]["tool_calls"]
    assert msgspec.json.decode(first["function"]["arguments"]) == {"zone": "UTC"}
    assert second["function"] == {"name": "now", "arguments": "{}"}


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
async def test_thoughts_have_the_name_that_was_set(name: str):
    """They are no part of the text."""
    async with serving(Script(thinking="hm"), reasoning=name) as (provider, _):
        stream = await choices(provider)
        answer = msgspec.json.decode(await provider.answer(chat()))
    assert stream[1]["delta"] == {name: "hm"}
    message = answer["choices"][0]["message"]
    assert (message[name], message["content"]) == ("hm", "Hello there.")


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("invented", "stop"),
    ],
)
async def test_every_reason_to_stop_has_its_name(reason: str, expected: str):
    async with serving(Script(finish=reason)) as (provider, _):
        stream = await choices(provider)
        answer = msgspec.json.decode(await provider.answer(chat()))
    assert stream[-1]["finish_reason"] == expected
    assert answer["choices"][0]["finish_reason"] == expected


async def test_an_answer_of_nothing_is_an_answer():
    """The model may have nothing to add."""
    async with serving(Script(words=(), finish="end_turn")) as (provider, _):
        stream = await choices(provider)
    assert [choice["delta"] for choice in stream] == [{"role": "assistant", "content": ""}, {}]


async def test_the_types_of_the_stock_client_fit_every_answer():
    """Strictly: its own lenient reading would hide a mistake."""
    types = pytest.importorskip("openai.types")
    chats = pytest.importorskip("openai.types.chat")
    call = chat(stream=True, stream_options={"include_usage": True})
    script = Script(thinking="hm", calls=(("now", ""),), finish="tool_use")
    async with serving(script, Script(finish="end_turn")) as (provider, _):
        whole = await provider.answer(call)
        text = await provider.answer(Call("completions", MODEL, {"prompt": "Hi"}))
        stream = await events(provider, call)
    chats.ChatCompletion.model_validate_json(whole, strict=True)
    types.Completion.model_validate_json(text, strict=True)
    *chunks, totals = [chats.ChatCompletionChunk.model_validate(each) for each in stream]
    assert all(each.usage is None for each in chunks)
    assert totals.usage.total_tokens == 117


async def test_a_text_completion_is_a_message_and_says_so():
    prompt = Call("completions", MODEL, {"prompt": "Once"})
    async with serving() as (provider, upstream):
        answer = msgspec.json.decode(await provider.answer(prompt))
        stream = await events(provider, Call("completions", MODEL, {"prompt": "A", "stream": True}))
    assert upstream.received[0].body["messages"][0]["content"][0]["text"] == "Once"
    assert (answer["object"], answer["choices"][0]["text"]) == ("text_completion", "Hello there.")
    assert answer["warnings"] == [WRAPPED]
    assert "".join(event["choices"][0]["text"] for event in stream) == "Hello there."
    assert {event["object"] for event in stream} == {"text_completion"}
    assert all(event["warnings"] == [WRAPPED] for event in stream)


async def test_a_limit_can_be_set_for_those_who_set_none():
    async with serving(max_tokens=100) as (provider, upstream):
        await provider.answer(chat())
        await provider.answer(chat(max_tokens=5))
    assert [each.body["max_tokens"] for each in upstream.received] == [100, 5]


def test_the_address_may_lack_its_version():
    """The vendor's own clients take it so."""
    for url in ("https://api.anthropic.com", "https://api.anthropic.com/v1/"):
        provider = AnthropicProvider("claude", url, KEY)
        assert provider._upstream._server.base_url == "https://api.anthropic.com/v1"


# ---------------------------------------------------------------- failures


@pytest.mark.parametrize(("fault", "trouble", "status"), with_told(503))
@pytest.mark.parametrize("streams", [True, False])
async def test_every_fault_is_an_error(fault: str, trouble: str, status: int, streams: bool):
    """Whether streamed or not, and no connection is left behind."""
    script = Script(fault=fault, error="Overloaded", error_type="overloaded_error")
    timeout_s = 0.1 if fault.startswith("hang") else 10.0
    async with serving(script, timeout_s=timeout_s) as (provider, upstream):
        error = await failure(provider, chat(stream=streams))
        assert (error.trouble, error.status) == (trouble, status)
        async with asyncio.timeout(1):
            await upstream.idle()


async def test_a_stream_may_lack_its_last_mark():
    """The reason to stop is end enough."""
    async with serving(Script(fault="no_done", finish="end_turn")) as (provider, _):
        assert (await choices(provider))[-1]["finish_reason"] == "stop"


@pytest.mark.parametrize(
    ("status", "kind", "words", "trouble", "answered", "code"),
    [
        (400, "invalid_request_error", "bad", "request", 400, None),
        (400, "invalid_request_error", "prompt is too long: 9", "context", 400, None),
        (400, "invalid_request_error", "credit balance is too low", "quota", 429, None),
        (401, "authentication_error", "bad key", "auth", 502, "provider_auth_failed"),
        (402, "billing_error", "pay", "quota", 429, "insufficient_quota"),
        (403, "permission_error", "no", "auth", 502, None),
        (404, "not_found_error", "model: x", "unavailable", 404, "model_not_found"),
        (413, "request_too_large", "big", "request", 413, "request_too_large"),
        (429, "rate_limit_error", "slow", "rate_limit", 429, "rate_limit_exceeded"),
        (500, "api_error", "oops", "unavailable", 502, None),
        (504, "timeout_error", "slow", "timeout", 504, None),
        (529, "overloaded_error", "busy", "unavailable", 503, "provider_unavailable"),
    ],
)
async def test_a_refusal_is_understood(
    status: int, kind: str, words: str, trouble: str, answered: int, code: str | None
):
    headers = {"Retry-After": "3"}
    script = Script(status=status, error=words, error_type=kind, headers=headers)
    async with serving(script) as (provider, _):
        error = await failure(provider)
    assert (error.trouble, error.status, error.retry_after_s) == (trouble, answered, 3.0)
    assert words in error.message
    if code:
        assert error.code == code


async def test_closing_a_stream_closes_its_connection():
    async with serving(Script(fault="hang_within")) as (provider, upstream):
        async with aclosing(provider.stream(STREAMED)) as stream:
            assert b"Hello" in await anext(stream)
        async with asyncio.timeout(1):
            await upstream.idle()
        assert upstream.abandoned == 1


async def test_what_cannot_be_asked_is_refused_before_anybody_is_asked():
    async with serving() as (provider, upstream):
        refusal = provider.refusal(chat(n=2))
        assert refusal is not None
        assert (refusal.code, refusal.param) == ("unsupported_parameter", "n")
        assert provider.refusal(chat(n=1)) is None
    assert not upstream.received
