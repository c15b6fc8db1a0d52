"""A remote chat model streams, closes and fails as a session needs it; the server is real."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager

import msgspec
import pytest
from aiohttp import web

from voice.engines.chat import RemoteChat
from voice.engines.protocols import (
    CallDelta,
    CallStarted,
    EngineError,
    Finished,
    Message,
    Piece,
    Prompt,
    TextDelta,
)

KEY = "sk-secret"
PROMPT = Prompt(messages=(Message(role="user", content="Hi"),))
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler, **options: object) -> AsyncIterator[RemoteChat]:
    """A model whose server answers every chat completion with `handler`."""
    app = web.Application()
    app.router.add_post("/v1/chat/completions", handler)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    model = RemoteChat("chat:tiny", f"http://127.0.0.1:{port}/v1/", KEY, "tiny", **options)
    try:
        yield model
    finally:
        await model.aclose()
        await runner.cleanup()


async def stream(request: web.Request, *events: object) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for event in events:
        data = event if isinstance(event, str) else msgspec.json.encode(event).decode()
        await response.write(f"data: {data}\n\n".encode())
    return response


def text(content: str) -> dict[str, object]:
    return {"choices": [{"delta": {"content": content}}]}


def end(reason: str = "stop") -> dict[str, object]:
    return {"choices": [{"delta": {}, "finish_reason": reason}]}


def answering(*events: object) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        return await stream(request, *events)

    return handler


async def hello(request: web.Request) -> web.StreamResponse:
    usage = {"choices": [], "usage": {"prompt_tokens": 4, "completion_tokens": 2}}
    return await stream(request, text("Hel"), text("lo"), end(), usage, "[DONE]")


def refusing(status: int, body: str = "", **headers: str) -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, text=body, headers=named)

    return handler


async def answer(model: RemoteChat, prompt: Prompt = PROMPT) -> list[Piece]:
    return [piece async for piece in model.generate(prompt)]


async def failure(model: RemoteChat) -> str:
    with pytest.raises(EngineError) as caught:
        await answer(model)
    assert str(caught.value).startswith("chat:tiny ")
    assert KEY not in str(caught.value)
    assert "127.0.0.1" not in str(caught.value)
    return str(caught.value)


# ---------------------------------------------------------------- answers


async def test_an_answer_is_streamed_with_its_usage():
    """Text as it comes, then why it ended and what it cost."""
    async with serving(hello) as model:
        assert await answer(model) == [TextDelta("Hel"), TextDelta("lo"), Finished("stop", 4, 2)]


async def test_the_request_carries_the_key_and_the_model():
    """The key goes in the header, everything else in the body."""
    seen: list[web.Request] = []
    bodies: list[object] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.append(request)
        bodies.append(await request.json())
        return await hello(request)

    async with serving(handler) as model:
        await answer(model)
    assert seen[0].headers["Authorization"] == f"Bearer {KEY}"
    assert bodies[0] == {
        "model": "tiny",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def test_a_piece_is_passed_on_before_the_answer_is_complete():
    """The first words must not wait for the last."""
    heard = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        response = await stream(request, text("Hel"))
        await heard.wait()
        await response.write(b'data: {"choices": [{"finish_reason": "stop"}]}\n\n')
        return response

    async with serving(handler) as model, aclosing(model.generate(PROMPT)) as pieces:
        assert await anext(pieces) == TextDelta("Hel")
        heard.set()
        assert await anext(pieces) == Finished("stop")


async def test_tool_calls_are_streamed():
    """A call arrives as a start and its arguments."""
    function = {"name": "time", "arguments": ""}
    started = {
        "choices": [{"delta": {"tool_calls": [{"index": 0, "id": "c", "function": function}]}}]
    }
    more = {"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}}]}
    async with serving(answering(started, more, end("tool_calls"), "[DONE]")) as model:
        assert await answer(model) == [
            CallStarted("c", "time"),
            CallDelta("{}"),
            Finished("tool_calls"),
        ]


async def test_thoughts_are_not_spoken():
    """A reasoning model behind a plain server thinks within its text."""
    events = [text("<thi"), text("nk>hm</think>\n\n"), text("Yes."), end(), "[DONE]"]
    async with serving(answering(*events)) as model:
        assert await answer(model) == [TextDelta("Yes."), Finished("stop")]


async def test_a_server_that_does_not_stream_is_understood():
    """The answer comes in one piece then."""

    async def handler(request: web.Request) -> web.StreamResponse:
        message = {"message": {"content": "Hello"}, "finish_reason": "stop"}
        return web.json_response({"choices": [message], "usage": {"prompt_tokens": 4}})

    async with serving(handler) as model:
        assert await answer(model) == [TextDelta("Hello"), Finished("stop", 4, 0)]


async def test_a_stream_may_end_without_the_done_mark():
    """A finish reason is end enough."""
    async with serving(answering(text("Hi"), end("length"))) as model:
        assert await answer(model) == [TextDelta("Hi"), Finished("length")]


# ---------------------------------------------------------------- connections


async def test_two_answers_share_one_connection():
    """A new handshake per turn would cost its round trips each time."""
    ports: list[object] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        ports.append(request.transport.get_extra_info("peername"))
        return await hello(request)

    async with serving(handler) as model:
        await answer(model)
        await answer(model)
    assert len(ports) == 2
    assert len(set(ports)) == 1


async def test_closing_the_iterator_closes_the_connection_at_once():
    """The server must stop generating when the user interrupts."""
    stopped = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        try:
            await stream(request, text("Hel"))
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async with serving(handler) as model:
        async with aclosing(model.generate(PROMPT)) as pieces:
            assert await anext(pieces) == TextDelta("Hel")
        await asyncio.wait_for(stopped.wait(), 5)


async def test_cancelling_before_the_first_piece_closes_the_connection():
    """An interruption may come while the server still reads the prompt."""
    arrived, stopped = asyncio.Event(), asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        arrived.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    async with serving(handler) as model:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(answer(model))
            await arrived.wait()
            task.cancel()
        await asyncio.wait_for(stopped.wait(), 5)
        assert task.cancelled()


async def test_a_pooled_connection_that_the_server_closed_is_replaced():
    """An idle connection may close just as it is taken; nobody should hear of it."""
    requests = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal requests
        requests += 1
        if requests == 2:
            request.transport.close()
        return await hello(request)

    async with serving(handler) as model:
        await answer(model)
        assert (await answer(model))[-1] == Finished("stop", 4, 2)
    assert requests == 3


async def test_the_model_can_be_used_again_after_it_was_closed():
    """Closing frees the connections; the next answer opens new ones."""
    async with serving(hello) as model:
        await answer(model)
        await model.aclose()
        assert (await answer(model))[-1] == Finished("stop", 4, 2)


# ---------------------------------------------------------------- failures


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (
            refusing(401, '{"error": {"message": "Incorrect API key: sk-secret"}}'),
            "refused the API key; set the right one for chat:tiny (401): Incorrect API key: ***",
        ),
        (refusing(403), "refused the API key; set the right one for chat:tiny (403)"),
        (
            refusing(404, '{"error": "no such model"}'),
            "has no model 'tiny', or nothing is served at",
        ),
        (refusing(429, Retry_After="7"), "is over its limit for this key (429); try again in 7 s"),
        (refusing(429, Retry_After="Fri, 31 Dec 2027 23:59:59 GMT"), "again after Fri, 31 Dec"),
        (refusing(429, "slow down"), "(429): slow down; try again later"),
        (
            refusing(400, '{"error": {"message": "too long"}}'),
            "rejected the request (400): too long",
        ),
        (refusing(503, "<html>"), "failed (503); try again, and see its log if that goes on"),
        (refusing(307, Location="https://b/v1"), "redirects elsewhere; set the base_url"),
        (
            refusing(200, "<html>Welcome", Content_Type="text/html"),
            "answered with a web page; most base_urls end in /v1",
        ),
    ],
)
async def test_a_refusal_is_explained(handler: Handler, words: str):
    """Each status says what went wrong and what to do about it."""
    async with serving(handler) as model:
        assert words in await failure(model)


async def test_a_missing_key_is_called_missing():
    """Nobody should look for a typing error in a key that was never set."""
    async with serving(refusing(401)) as model:
        base_url = model._server.base_url
        keyless = RemoteChat("chat:tiny", base_url, None, "tiny")
        assert "wants an API key; set one for chat:tiny (401)" in await failure(keyless)
        await keyless.aclose()


async def test_a_server_that_is_not_there_is_named():
    """The port of a server that just closed refuses connections."""
    async with serving(hello) as model:
        pass
    assert "cannot be reached (Connect" in await failure(model)
    await model.aclose()


@pytest.mark.parametrize("words", [(), (text("Hel"),)])
async def test_a_silent_server_is_given_up(words: tuple[object, ...]):
    """The limit holds before the answer and within it."""

    async def handler(request: web.Request) -> web.StreamResponse:
        await stream(request, *words) if words else None
        await asyncio.Event().wait()

    async with serving(handler, timeout_s=0.05) as model:
        assert "sent nothing for 0.05 s" in await failure(model)


async def test_a_stream_without_an_end_is_an_error():
    """Half an answer must not pass for a whole one."""
    async with serving(answering(text("Hel"))) as model:
        assert "broke off in the middle of its answer" in await failure(model)


async def test_a_connection_that_breaks_within_the_answer_is_an_error():
    """The same when the transport dies instead of the stream ending early."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = await stream(request, text("Hel"))
        request.transport.abort()
        return response

    async with serving(handler) as model:
        assert "broke off the connection" in await failure(model)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"error": {"message": "CUDA out of memory"}}, "middle of its answer: CUDA out of memory"),
        ("{nonsense", "sent no chat completion (JSON is malformed"),
        ({"choices": 5}, "sent no chat completion (Expected `array"),
        ("x" * 4_000_000, "an event has more than"),
        ({"choices": [{"finish_reason": "content_filter"}]}, "withheld the answer"),
    ],
)
async def test_a_failure_within_the_stream_is_explained(event: object, words: str):
    """A server that fails after its headers can only say so in the stream."""
    async with serving(answering(event)) as model:
        assert words in await failure(model)
