"""A provider behind Anthropic's Messages API."""

import time
from collections.abc import AsyncGenerator

from voice.engines.remote import RemoteServer
from voice.gateway.errors import ApiError
from voice.providers.answers import as_stream, wants_usage
from voice.providers.anthropic_answer import Form, MessageStream, completion
from voice.providers.anthropic_request import request_of
from voice.providers.protocol import Call
from voice.providers.reasoning import ReasoningField
from voice.providers.troubles import ANTHROPIC
from voice.providers.upstream import Upstream

API_VERSION = "2023-06-01"
"""The one that older models and other servers of this wire share; later ones refuse `temperature`
for every model.
"""

PATH = "messages"


class AnthropicProvider:
    """Implements `Provider`. Raises `ValueError` for an address that cannot be one.

    `timeout_s` is the longest silence from the server. `max_tokens` is the limit of an answer where
    the client set none, in place of the model's own. Thinking text goes by the name `reasoning`.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        api_key: str | None,
        *,
        timeout_s: float = 60.0,
        connections: int = 0,
        max_tokens: int | None = None,
        reasoning: ReasoningField = "reasoning_content",
    ) -> None:
        address = base_url.rstrip("/")
        # This vendor's own clients are given the address without the version.
        address = address if address.endswith("/v1") else f"{address}/v1"
        server = RemoteServer(name, address, api_key, timeout_s)
        key = {"x-api-key": server.key} if server.key else {}
        headers = {"anthropic-version": API_VERSION, **key}
        self.name = name
        self._max_tokens = max_tokens
        self._reasoning = reasoning
        self._upstream = Upstream(server, ANTHROPIC, headers=headers, connections=connections)

    def refusal(self, call: Call) -> ApiError | None:
        try:
            request_of(call, self._max_tokens)
        except ApiError as error:
            return error
        return None

    async def answer(self, call: Call) -> bytes:
        request = request_of(call, self._max_tokens)
        return self._whole(call, await self._upstream.whole(PATH, request))

    def stream(self, call: Call) -> AsyncGenerator[bytes, None]:
        request = request_of(call, self._max_tokens) | {"stream": True}
        reader = MessageStream(self._form(call))
        return self._upstream.streamed(
            PATH, request, reader, lambda answer: as_stream(call, self._whole(call, answer))
        )

    async def aclose(self) -> None:
        await self._upstream.aclose()

    def _whole(self, call: Call, answer: bytes) -> bytes:
        with self._upstream.explained():
            return completion(answer, self._form(call))

    def _form(self, call: Call) -> Form:
        return Form(call.operation, int(time.time()), self._reasoning, wants_usage(call))
