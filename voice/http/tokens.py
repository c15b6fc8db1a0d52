"""A model's answer as plain words: whole, or token by token, for doors that do not speak OpenAI's.

A token is what the model's server sends at a time; it may hold several of the model's own.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import msgspec

from voice.http.spoken_answer import chunks_of
from voice.providers.protocol import Operation
from voice.routing.journey import Routed
from voice.routing.router import Router

Json = dict[str, Any]

CHAT: Operation = "chat/completions"
STREAMED: Json = {"stream": True, "stream_options": {"include_usage": True}}


@dataclass(frozen=True, slots=True)
class Started:
    model: str
    """As whoever answers calls it."""


@dataclass(frozen=True, slots=True)
class Token:
    text: str


@dataclass(frozen=True, slots=True)
class Complete:
    total_tokens: int
    """What the model counted; where it does not say, how many tokens came."""
    finish_reason: str


Item = Started | Token | Complete


class Whole(msgspec.Struct, frozen=True):
    """An answer that is there as a whole; `usage` as the provider tells it, if it does."""

    model: str
    text: str
    finish_reason: str
    usage: Json | None


async def whole_answer(router: Router, chat: Json) -> Routed[Whole]:
    """Ask a chat. Raises `ApiError`."""
    routed = await router.answer(chat["model"], CHAT, chat)
    answer: Json = msgspec.json.decode(routed.value)
    (choice, *_) = answer["choices"]
    whole = Whole(
        answer.get("model") or chat["model"],
        _words(choice["message"]),
        choice.get("finish_reason") or "stop",
        answer.get("usage"),
    )
    return Routed(whole, routed.headers)


async def stream_answer(router: Router, chat: Json) -> Routed[AsyncGenerator[bytes, None]]:
    """Ask a chat for its blocks, which `tokens_of` reads. Raises `ApiError`."""
    return await router.stream(chat["model"], CHAT, chat | STREAMED)


async def tokens_of(blocks: AsyncGenerator[bytes, None]) -> AsyncGenerator[Item, None]:
    """What the blocks say: who answers, each token, and how it ended. Closing it closes them."""
    started, count, usage, reason = False, 0, None, ""
    async with aclosing(blocks), aclosing(chunks_of(blocks)) as chunks:
        async for chunk in chunks:
            if not started:
                started = True
                yield Started(chunk.get("model") or "")
            usage = chunk.get("usage") or usage
            for choice in chunk.get("choices") or ():
                reason = choice.get("finish_reason") or reason
                if text := _words(choice.get("delta") or {}):
                    count += 1
                    yield Token(text)
    yield Complete((usage or {}).get("completion_tokens") or count, reason or "stop")


def _words(message: Json) -> str:
    return message.get("content") or message.get("refusal") or ""
