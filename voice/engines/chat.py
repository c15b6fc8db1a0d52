"""A language model behind any OpenAI-compatible `/chat/completions` server."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

import aiohttp
import msgspec

from voice.engines.chat_answer import ChatAnswer
from voice.engines.chat_wire import REQUEST_FIELDS, request_body
from voice.engines.protocols import Piece, Prompt
from voice.engines.remote import RemoteServer

CONTEXT_TOKENS = 32_768
"""What a server that says nothing is taken to hold; too small only forgets a bit sooner."""

DRAIN_S = 0.5
"""How long the end of a finished stream is waited for, so that its connection can be reused."""

HEADERS = {
    "Content-Type": "application/json",
    "Accept": "text/event-stream",
    # A compressing server would hold tokens back to fill a block.
    "Accept-Encoding": "identity",
}


class RemoteChat:
    """Implements `LanguageModel`; `aclose` closes its connections.

    `timeout_s` is the longest silence from the server, not the length of an answer.
    """

    accepts = REQUEST_FIELDS

    def __init__(
        self,
        name: str,
        base_url: str,
        api_key: str | None,
        model: str,
        *,
        timeout_s: float = 60.0,
        context_tokens: int = CONTEXT_TOKENS,
    ) -> None:
        self.name = name
        self.context_tokens = context_tokens
        self._model = model
        self._server = RemoteServer(name, base_url, api_key, timeout_s)
        # Only OpenAI itself has dropped `max_tokens`; few others know the name that replaced it.
        openai = self._server.host.endswith("openai.com")
        self._max_tokens_field = "max_completion_tokens" if openai else "max_tokens"
        self._session: aiohttp.ClientSession | None = None

    async def generate(self, prompt: Prompt) -> AsyncGenerator[Piece, None]:
        """Stream an answer; closing the iterator closes the connection. Raises `EngineError`."""
        body = request_body(prompt, self._model, self._max_tokens_field)
        response: aiohttp.ClientResponse | None = None
        try:
            response = await self._post(msgspec.json.encode(body))
            if response.content_type == "text/html":
                raise self._server.error("answered with a web page; most base_urls end in /v1")
            # Some servers take `stream` for a wish and answer in one piece.
            whole = response.content_type == "application/json"
            answer = ChatAnswer(self._server.error, whole=whole)
            async for data in response.content.iter_any():
                for piece in answer.feed(data):
                    yield piece
                if answer.done:
                    break
            for piece in answer.finish():
                yield piece
            await _drain(response)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self._server.failure(error) from error
        finally:
            if response is not None:
                response.close()

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _post(self, body: bytes) -> aiohttp.ClientResponse:
        if self._session is None:
            self._session = self._server.connect()
        response = await self._server.post(self._session, "chat/completions", lambda: body, HEADERS)
        if response.status == 200:
            return response
        try:
            raise await self._server.refusal(response, self._model)
        finally:
            response.close()


async def _drain(response: aiohttp.ClientResponse) -> None:
    with suppress(TimeoutError, aiohttp.ClientError):
        async with asyncio.timeout(DRAIN_S):
            async for _ in response.content.iter_any():
                pass
