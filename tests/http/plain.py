"""The plain doors of a server on a router that has one local model."""

import json
from contextlib import asynccontextmanager
from types import SimpleNamespace

from litestar import Litestar
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.testing import AsyncTestClient

from voice.engines.fakes import FakeLanguageModel
from voice.gateway.requests import answer_error
from voice.http.simple import chat, chat_stream, generate, generate_stream, list_llms
from voice.http.token_stream import token_stream
from voice.http.ws_stream import ws_stream
from voice.providers.local_chat import LocalChat
from voice.providers.protocol import Call
from voice.routing.journey import Routed
from voice.routing.registry import model_not_found

HEADERS = {"x-voice-provider": "local"}


class PlainRouter:
    """Knows one model, by the names `fake` and none."""

    def __init__(self, model: FakeLanguageModel) -> None:
        self.model = model
        self.bodies: list[dict] = []
        self._chat = LocalChat(model)

    def models(self, _kind=None):
        return ["fake", "vectors"]

    async def answer(self, model, operation, body):
        return Routed(await self._chat.answer(self._call(model, operation, body)), HEADERS)

    async def stream(self, model, operation, body):
        return Routed(self._chat.stream(self._call(model, operation, body)), HEADERS)

    def _call(self, model, operation, body):
        self.bodies.append(dict(body))
        if model not in {"", "fake"}:
            raise model_not_found(model, self.models())
        call = Call(operation, "fake", body)
        if refused := self._chat.refusal(call):
            raise refused
        return call


def plain_app(router) -> Litestar:
    engines = SimpleNamespace(embed=SimpleNamespace(name="vectors"))
    return Litestar(
        [generate, generate_stream, chat, chat_stream, list_llms, token_stream, ws_stream],
        state=State({"router": router, "server": SimpleNamespace(engines=engines)}),
        exception_handlers={Exception: answer_error, HTTPException: answer_error},
        openapi_config=None,
        logging_config=None,
    )


@asynccontextmanager
async def serving(answer="It is open. Come in."):
    router = PlainRouter(FakeLanguageModel(answer))
    async with AsyncTestClient(plain_app(router)) as client:
        client.router = router
        yield client


def named_events(text: str) -> list[tuple[str, dict]]:
    """The events of a stream that has nothing but named ones."""
    *found, rest = text.split("\n\n")
    assert rest == ""
    pairs = [each.split("\n") for each in found]
    return [
        (name.removeprefix("event: "), json.loads(data.removeprefix("data: ")))
        for name, data in pairs
    ]
