"""The endpoints whose JSON goes to a model through the router: chat, text, and many chats at once."""

import asyncio
from typing import Any

import msgspec
from litestar import Request, post
from litestar.datastructures import State
from litestar.types import ASGIApp

from voice.gateway.errors import ApiError, api_error
from voice.http.answering import Body, Stream, answering
from voice.http.body import converted, json_array, json_body
from voice.http.chat_audio import chat
from voice.http.chat_types import ChatRequest, CompletionRequest
from voice.routing.router import Router

Json = dict[str, Any]

MAX_BODY_BYTES = 64 * 2**20
"""A chat may carry pictures and recordings as base64."""
MOST_CHATS = 1000
CHATS_AT_A_TIME = 8


@post("/v1/chat/completions", status_code=200, request_max_body_size=MAX_BODY_BYTES)
async def chat_completions(request: Request[Any, Any, Any], state: State) -> ASGIApp:
    """A chat with any model: local or remote, whole or streamed, in text or aloud."""
    asked, fields = await json_body(request, ChatRequest)
    return answering(
        lambda: chat(state.server, state.router, asked, fields), events=bool(asked.stream)
    )


@post("/v1/completions", status_code=200, request_max_body_size=MAX_BODY_BYTES)
async def completions(request: Request[Any, Any, Any], state: State) -> ASGIApp:
    """Text that goes on from a prompt, in the older way of OpenAI's."""
    asked, fields = await json_body(request, CompletionRequest)
    router: Router = state.router

    async def work() -> Body | Stream:
        if asked.stream:
            streamed = await router.stream(asked.model, "completions", fields)
            return Stream(streamed.value, headers=streamed.headers)
        answered = await router.answer(asked.model, "completions", fields)
        return Body(answered.value, headers=answered.headers)

    return answering(work, events=bool(asked.stream))


@post("/v1/batch/chat/completions", status_code=200, request_max_body_size=MAX_BODY_BYTES)
async def batch_chat_completions(request: Request[Any, Any, Any], state: State) -> ASGIApp:
    """An array of chats in, their answers out in the same order, errors in their places."""
    chats = await json_array(request)
    if len(chats) > MOST_CHATS:
        raise ApiError(f"A batch holds at most {MOST_CHATS} chats, not {len(chats)}.")
    return answering(lambda: _batch(state, chats))


async def _batch(state: State, chats: list[object]) -> Body:
    places = asyncio.Semaphore(CHATS_AT_A_TIME)

    async def one(fields: object) -> msgspec.Raw:
        async with places:
            try:
                return msgspec.Raw(await _chat_of_batch(state, fields))
            except Exception as error:  # noqa: BLE001 - one that fails is told in its place
                return msgspec.Raw(api_error(error).body())

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(each)) for each in chats]
    return Body(msgspec.json.encode({"results": [task.result() for task in tasks]}))


async def _chat_of_batch(state: State, fields: object) -> bytes:
    if not isinstance(fields, dict):
        raise ApiError("Each chat of a batch must be a JSON object.")
    asked = converted(fields, ChatRequest)
    if asked.stream:
        raise ApiError("A chat of a batch cannot be streamed.", param="stream")
    answer = await chat(state.server, state.router, asked, fields)
    assert isinstance(answer, Body)  # noqa: S101 - what is not streamed is whole
    return answer.content
